"""Label sets: identity, order and text, to the byte."""

from __future__ import annotations

import json
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import (
    Labels,
    label_set_order,
    order_for_display,
    order_of_like,
    pack,
    unpack,
)
from tests.strategies import labels

FINGERPRINTS = [
    ({}, "cbf29ce484222325"),
    ({"alertname": "test"}, "1f56cb8f931d1bd4"),
    ({"foo": "bar"}, "3fff2c2d7595e046"),
    ({"job": "foo", "severity": "warning"}, "9266ef3da838ad95"),
    ({"job": "foo", "severity": "critical"}, "3b15fd163d36582e"),
    ({"job": "bar", "severity": "critical"}, "c7e68cb08e3e67f9"),
    ({"alertname": "alert1", "severity": "critical"}, "0223b772b51c29e1"),
    ({"alertname": "HighCPU"}, "b5160f6bd9249a48"),
    (
        {"alertname": "HighCPU", "instance": "web-1:9100", "job": "node", "severity": "critical"},
        "ab906f89a7cb9bdc",
    ),
    ({"alertname": "Größe", "city": "Zürich", "emoji": "🙂"}, "70ad4ad57943e4a7"),
    ({"a": "1", "B": "2", "_c": "3", "alertname": "Case"}, "914f7cdb54247b89"),
    (json.loads(r'{"alertname":"Quote \"q\" \\ <&> \n nl","path":"/var/log"}'), "af2a4566630a8ed1"),
    ({"alertname": "UTF8Name", "host.name": "x", "温度": "high"}, "ae7b36df01b2b25f"),
    ({"alertname": "Zero"}, "3545b905e7f12852"),
]


@pytest.mark.parametrize(("pairs", "fingerprint"), FINGERPRINTS)
def test_b158_fingerprints_are_alertmanagers(pairs: dict[str, str], fingerprint: str) -> None:
    assert Labels(pairs).fingerprint_text == fingerprint


@pytest.mark.parametrize(
    ("pairs", "identity"),
    [({"alertname": "test"}, 15940052760790000619), ({"foo": "bar"}, 652657311551584548)],
)
def test_identities_are_those_of_alertmanagers_notification_log(pairs: dict[str, str], identity: int) -> None:
    assert Labels(pairs).identity == identity


def test_b4_empty_labels_have_no_influence() -> None:
    assert Labels({"alertname": "Zero", "empty": ""}).without_empty().fingerprint_text == "3545b905e7f12852"


@given(labels, st.randoms(use_true_random=False))
def test_the_order_in_which_labels_come_makes_no_difference(pairs: dict[str, str], random: object) -> None:
    shuffled = list(pairs.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Labels(pairs), Labels(shuffled)
    assert one == other
    assert hash(one) == hash(other)
    assert (one.fingerprint, one.identity, one.text()) == (other.fingerprint, other.identity, other.text())
    assert list(one) == sorted(pairs)


@given(labels, labels)
def test_different_labels_are_different_alerts(one: dict[str, str], other: dict[str, str]) -> None:
    assert (Labels(one).fingerprint == Labels(other).fingerprint) is (one == other)
    assert (Labels(one).identity == Labels(other).identity) is (one == other)


def test_a_label_set_does_not_change() -> None:
    found = Labels({"a": "1"})
    with pytest.raises(TypeError):
        found["a"] = "2"
    with pytest.raises(TypeError):
        del found["a"]
    with pytest.raises(TypeError):
        found |= {"b": "2"}


def before(one: dict[str, str], other: dict[str, str]) -> bool:
    """The order of label sets, as `semantics.md` 3.5 tells it."""
    if len(one) != len(other):
        return len(one) < len(other)
    for name in sorted(set(one) | set(other)):
        if name not in one or name not in other:
            return name not in one
        if one[name] != other[name]:
            return one[name] < other[name]
    return False


@given(st.lists(labels, max_size=6))
def test_label_sets_are_in_alertmanagers_order(sets: list[dict[str, str]]) -> None:
    def compare(one: dict[str, str], other: dict[str, str]) -> int:
        return before(other, one) - before(one, other)

    assert sorted(sets, key=label_set_order) == sorted(sets, key=cmp_to_key(compare))


@given(st.lists(st.fixed_dictionaries({"job": st.text(max_size=2), "x": st.text(max_size=2)}), max_size=6))
def test_the_order_of_sets_with_equal_names_is_the_same_order(sets: list[dict[str, str]]) -> None:
    alike = [Labels(each) for each in sets]
    assert sorted(alike, key=order_of_like({"job", "x"})) == sorted(alike, key=order_for_display)


def test_alerts_with_a_job_come_before_those_without() -> None:
    sets = [{"a": "1"}, {"instance": "i"}, {"job": "j2"}, {"job": "j1"}, {"job": "j1", "instance": "i"}]
    assert sorted(sets, key=order_for_display) == [
        {"job": "j1", "instance": "i"},
        {"job": "j1"},
        {"job": "j2"},
        {"instance": "i"},
        {"a": "1"},
    ]


@given(labels)
def test_what_was_packed_comes_out_as_it_was(pairs: dict[str, str]) -> None:
    assert list(unpack(pack(Labels(pairs))).items()) == list(Labels(pairs).items())


def test_packed_label_sets_are_alike_only_if_names_and_values_are() -> None:
    assert pack(Labels({"a": "1"})) == pack(Labels({"a": "1"}))
    assert len({pack(Labels(each)) for each in ({}, {"a": "1"}, {"b": "1"}, {"a": "2"})}) == 4


def test_a_label_set_that_is_no_unicode_can_be_a_key() -> None:
    assert {Labels({"a": "\ud800"}): 1}[Labels({"a": "\ud800"})] == 1
