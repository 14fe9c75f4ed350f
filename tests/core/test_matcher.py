"""Matchers: what they match, how they print, how they sort."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.matcher_syntax import Mode, parse_matcher, parse_matchers
from alertrouter.core.pattern import PatternError

EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = MatchType


@pytest.mark.parametrize(
    ("matcher", "value", "matches"),
    [
        (Matcher("a", EQUAL, "x"), "x", True),
        (Matcher("a", EQUAL, "x"), "X", False),
        (Matcher("a", EQUAL, ""), "", True),
        (Matcher("a", NOT_EQUAL, "x"), "y", True),
        (Matcher("a", NOT_EQUAL, "x"), "x", False),
        (Matcher("a", REGEX, "b|c"), "b", True),
        (Matcher("a", REGEX, "b|c"), "xb", False),
        (Matcher("a", REGEX, "b|c"), "b\n", False),
        (Matcher("a", NOT_REGEX, "b|c"), "b", False),
        (Matcher("a", NOT_REGEX, "b|c"), "xb", True),
    ],
    ids=str,
)
def test_matches(matcher: Matcher, value: str, matches: bool) -> None:
    assert matcher.matches(value) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('team=""', True),
        ('team!="x"', True),
        ('team!~"x"', True),
        ('team=~".*"', True),
        ('team=~".+"', False),
        ('team="x"', False),
        ('team!=""', False),
    ],
)
def test_b31_a_missing_label_is_an_empty_one(text: str, matches: bool) -> None:
    matchers = parse_matchers(text, Mode.UTF8).matchers
    assert matchers.match({"alertname": "x"}) is matches
    assert matchers.match({"alertname": "x", "team": ""}) is matches
    assert matchers[0].matches_empty is matches


@given(
    st.lists(
        st.builds(
            Matcher, st.sampled_from("abc"), st.sampled_from(MatchType), st.sampled_from(["", "x", "y"])
        ),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y", "z"])),
)
def test_matchers_match_when_each_does(matchers: list[Matcher], labels: dict[str, str]) -> None:
    expected = all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)
    assert Matchers(matchers).match(labels) is expected


@pytest.mark.parametrize(
    ("matcher", "text"),
    [
        (Matcher("a", EQUAL, "b"), 'a="b"'),
        (Matcher("a", NOT_REGEX, "b|c"), 'a!~"b|c"'),
        (Matcher("a", EQUAL, ""), 'a=""'),
        (Matcher("a", EQUAL, 'a"b\\c\n'), r'a="a\"b\\c\n"'),
        (Matcher("a", EQUAL, "tab\tand é"), 'a="tab\tand é"'),
        (Matcher("foo bar", EQUAL, "x"), '"foo bar"="x"'),
        (Matcher("foo bar", EQUAL, "tab\tand é"), r'"foo bar"="tab\tand é"'),
        (Matcher("foo🙂", EQUAL, "x"), 'foo🙂="x"'),
        (Matcher("a.b-c", EQUAL, "x"), 'a.b-c="x"'),
        (Matcher("a{", EQUAL, "x"), '"a{"="x"'),
        (Matcher("a\u2003b", EQUAL, "x"), r'"a\u2003b"="x"'),
        (Matcher("a'b", EQUAL, "x"), '"a\'b"="x"'),
        (Matcher("a\x1fb", EQUAL, "x"), 'a\x1fb="x"'),
    ],
)
def test_b37_canonical_text(matcher: Matcher, text: str) -> None:
    assert str(matcher) == text


def test_b35_matchers_print_sorted_by_name_value_and_operator() -> None:
    matchers = Matchers([Matcher("b", EQUAL, "2"), Matcher("a", NOT_EQUAL, "1"), Matcher("a", EQUAL, "1")])
    assert matchers.text() == '{a="1",a!="1",b="2"}'
    assert [matcher.name for matcher in matchers] == ["b", "a", "a"]


def test_operators_sort_in_alertmanagers_order() -> None:
    matchers = [Matcher("a", match_type, "1") for match_type in (NOT_REGEX, REGEX, NOT_EQUAL, EQUAL)]
    assert [matcher.type for matcher in sorted(matchers)] == [EQUAL, NOT_EQUAL, REGEX, NOT_REGEX]
    assert min([Matcher("a", EQUAL, "2"), Matcher("a", NOT_REGEX, "1")]).type is NOT_REGEX


def test_b36_a_legacy_expression_shows_its_anchors() -> None:
    legacy = Matcher.legacy_regex("owner", "b|c")
    assert Matchers([legacy]).text() == '{owner=~"^(?:b|c)$"}'
    assert Matchers([Matcher("owner", REGEX, "b|c")]).text() == '{owner=~"b|c"}'
    assert legacy.matches("c")
    assert not legacy.matches("xb")


def test_the_complaint_about_a_legacy_expression_shows_what_was_written() -> None:
    with pytest.raises(PatternError, match=r"`\^\(\?:\(\)\$`$"):
        Matcher.legacy_regex("owner", "(")


def test_no_matchers_match_everything() -> None:
    assert Matchers().match({})
    assert Matchers().text() == "{}"


def test_equality_is_by_what_was_written() -> None:
    one = parse_matchers('a="1",b=~"2|3"', Mode.UTF8).matchers
    other = Matchers([Matcher("a", EQUAL, "1"), Matcher("b", REGEX, "2|3")])
    assert one == other
    assert hash(one) == hash(other)
    assert one != Matchers(reversed(other))
    assert one[1:] == (other[1],)


def test_matchers_can_be_copied_and_pickled() -> None:
    matchers = parse_matchers('a=~"x.*",b!="y"', Mode.UTF8).matchers
    for twin in (copy.deepcopy(matchers), pickle.loads(pickle.dumps(matchers))):
        assert twin == matchers
        assert twin.match({"a": "xy"})


_texts = st.text(max_size=8)
_names = st.text(min_size=1, max_size=8)
_literal = st.sampled_from([EQUAL, NOT_EQUAL])


@given(_names, _literal, _texts)
def test_a_printed_matcher_reads_back_the_same(name: str, match_type: MatchType, value: str) -> None:
    matcher = Matcher(name, match_type, value)
    text = str(matcher)
    assert list(parse_matchers(text, Mode.UTF8).matchers) == [matcher]
    assert list(parse_matchers(f"{{{text}}}", Mode.UTF8).matchers) == [matcher]


@given(st.from_regex("[a-zA-Z_:][a-zA-Z0-9_:]*", fullmatch=True), _literal, _texts)
def test_a_printed_matcher_with_a_classic_name_reads_back_in_every_mode(
    name: str, match_type: MatchType, value: str
) -> None:
    matcher = Matcher(name, match_type, value)
    for mode in Mode:
        parsed = parse_matcher(str(matcher), mode)
        assert list(parsed.matchers) == [matcher]
        assert parsed.warnings == ()
