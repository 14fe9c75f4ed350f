"""Relabelling, action by action."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.rules.relabel import RelabelConfig, Relabeling


def relabeled(labels: dict[str, str], *steps: dict[str, Any]) -> dict[str, str] | None:
    before = dict(labels)
    after = Relabeling([RelabelConfig.model_validate(step) for step in steps]).apply(labels)
    assert labels == before, "the labels that were given do not change"
    return None if after is None else dict(after)


LABELS = {"a": "foo", "b": "bar", "c": "baz"}


@pytest.mark.parametrize(
    ("step", "after"),
    [
        pytest.param(
            {"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"},
            {**LABELS, "d": "choo-choo"},
            id="replace puts groups in place",
        ),
        pytest.param(
            {
                "source_labels": ["a", "b"],
                "regex": "f(.*);(.*)r",
                "target_label": "a",
                "replacement": "b${1}${2}m",
            },
            {**LABELS, "a": "boobam"},
            id="source labels are joined",
        ),
        pytest.param(
            {"source_labels": ["a", "b"], "separator": "-", "target_label": "d"},
            {**LABELS, "d": "foo-bar"},
            id="the separator is free",
        ),
        pytest.param(
            {"source_labels": ["a"], "regex": "o", "target_label": "d", "replacement": "x"},
            LABELS,
            id="a part of the text is no match",
        ),
        pytest.param(
            {"target_label": "d", "replacement": "static"}, {**LABELS, "d": "static"}, id="a plain text"
        ),
        pytest.param(
            {"source_labels": ["nothing"], "target_label": "a"},
            {"b": "bar", "c": "baz"},
            id="an empty result deletes the target",
        ),
        pytest.param(
            {"source_labels": ["a"], "regex": "(f).*", "target_label": "${1}_label", "replacement": "$1"},
            {**LABELS, "f_label": "f"},
            id="the target may have groups, too",
        ),
        pytest.param(
            {
                "source_labels": ["a"],
                "regex": "(?P<first>f).*",
                "target_label": "d",
                "replacement": "$first$$",
            },
            {**LABELS, "d": "f$"},
            id="groups may have names",
        ),
        pytest.param(
            {"source_labels": ["a"], "regex": "(f)oo", "target_label": "d", "replacement": "$1x"},
            LABELS,
            id="a name goes as far as it can",
        ),
        pytest.param({"source_labels": ["a"], "regex": "fo+", "action": "keep"}, LABELS, id="kept"),
        pytest.param({"source_labels": ["a"], "regex": "bar", "action": "keep"}, None, id="not kept"),
        pytest.param({"source_labels": ["a"], "regex": "foo|x", "action": "drop"}, None, id="dropped"),
        pytest.param({"source_labels": ["a"], "regex": "f", "action": "drop"}, LABELS, id="not dropped"),
        pytest.param(
            {"source_labels": ["a"], "target_label": "b", "action": "keepequal"},
            None,
            id="unequal is not kept",
        ),
        pytest.param(
            {"source_labels": ["x"], "target_label": "y", "action": "keepequal"},
            LABELS,
            id="both missing is equal",
        ),
        pytest.param(
            {"source_labels": ["a"], "target_label": "a", "action": "dropequal"}, None, id="equal is dropped"
        ),
        pytest.param(
            {"source_labels": ["a"], "target_label": "b", "action": "DropEqual"},
            LABELS,
            id="actions in any case",
        ),
        pytest.param(
            {"source_labels": ["c"], "target_label": "d", "action": "hashmod", "modulus": 1000},
            {**LABELS, "d": "976"},
            id="hashmod takes the last eight bytes of MD5",
        ),
        pytest.param(
            {"source_labels": ["a"], "target_label": "d", "action": "uppercase"},
            {**LABELS, "d": "FOO"},
            id="upper case",
        ),
        pytest.param(
            {"source_labels": ["a"], "target_label": "a", "action": "lowercase"}, LABELS, id="lower case"
        ),
        pytest.param(
            {"regex": "(a|b)", "action": "labelmap", "replacement": "my_${1}"},
            {**LABELS, "my_a": "foo", "my_b": "bar"},
            id="labelmap copies",
        ),
        pytest.param({"regex": "a|b", "action": "labeldrop"}, {"c": "baz"}, id="labels are dropped"),
        pytest.param({"regex": "a|b", "action": "labelkeep"}, {"a": "foo", "b": "bar"}, id="labels are kept"),
        pytest.param({"regex": ".*", "action": "labeldrop"}, None, id="nothing is left"),
    ],
)
def test_actions(step: dict[str, Any], after: dict[str, str] | None) -> None:
    assert relabeled(LABELS, step) == after


def test_a_dot_stands_for_a_line_break_too() -> None:
    assert relabeled({"a": "x\ny"}, {"source_labels": ["a"], "regex": "x.y", "action": "drop"}) is None


def test_steps_see_what_those_before_have_done() -> None:
    assert relabeled(
        LABELS,
        {"source_labels": ["a"], "target_label": "d"},
        {"source_labels": ["d"], "regex": "foo", "target_label": "e", "replacement": "seen"},
        {"regex": "[a-d]", "action": "labeldrop"},
    ) == {"e": "seen"}


def test_without_steps_the_labels_are_those_that_were_given() -> None:
    relabeling = Relabeling()

    assert not relabeling
    assert relabeling.apply(LABELS) is LABELS


texts = st.text("ab$1{};", max_size=6)


@given(
    labels=st.dictionaries(st.sampled_from("abc"), texts.filter(bool), min_size=1),
    source=st.lists(st.sampled_from("abcd"), max_size=3),
    replacement=texts,
    target=st.sampled_from(["a", "d", "${1}", "$1x"]),
)
def test_replace_never_leaves_an_empty_label(
    labels: dict[str, str], source: list[str], replacement: str, target: str
) -> None:
    after = relabeled(
        labels,
        {"source_labels": source, "target_label": target, "replacement": replacement, "regex": "(a*).*"},
    )

    assert after is None or all([*after, *after.values()])
