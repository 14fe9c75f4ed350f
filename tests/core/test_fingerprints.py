"""Fingerprints one by one and of many at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels, know_fingerprints

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@pytest.mark.parametrize(
    ("labels", "fingerprint"),
    [
        ({}, "cbf29ce484222325"),
        ({"alertname": "HighCPU"}, "b5160f6bd9249a48"),
        ({"alertname": "Größe", "city": "Zürich", "emoji": "🙂"}, "70ad4ad57943e4a7"),
        ({"a": "1", "B": "2", "_c": "3", "alertname": "Case"}, "914f7cdb54247b89"),
    ],
)
def test_fingerprints_are_those_of_alertmanager(labels: dict[str, str], fingerprint: str) -> None:
    assert Labels(labels).fingerprint_text == fingerprint
    many = [Labels(labels) for _ in range(3)]
    know_fingerprints(many)
    assert {each.fingerprint_text for each in many} == {fingerprint}


@given(st.lists(st.dictionaries(TEXT, TEXT, max_size=3), max_size=30))
def test_many_at_once_are_the_same_as_one_by_one(label_sets: list[dict[str, str]]) -> None:
    many = [Labels(each) for each in label_sets]
    know_fingerprints(many)
    assert all(labels.knows_fingerprint for labels in many)
    assert [labels.fingerprint for labels in many] == [Labels(each).fingerprint for each in label_sets]


@given(st.dictionaries(TEXT, TEXT, max_size=5))
def test_a_fingerprint_is_fnv_1a(pairs: dict[str, str]) -> None:
    value = 14695981039346656037
    for name in sorted(pairs):
        for byte in b"%b\xff%b\xff" % (name.encode(), pairs[name].encode()):
            value = (value ^ byte) * 1099511628211 % 2**64
    assert Labels(pairs).fingerprint == value
