"""Regular expressions: what they match, what is refused, and that no short cut changes an answer."""

from __future__ import annotations

import time

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from alertrouter.core.pattern import Pattern, PatternError
from alertrouter.core.pattern_subset import simplify


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("b|c", "b", True),
        ("b|c", "xb", False),
        ("b|c", "b\n", False),
        ("", "", True),
        ("", "a", False),
        (".*", "", True),
        (".*", "a\nb", False),
        ("(?s).*", "a\nb", True),
        (".+", "", False),
        ("a$", "a\n", False),
        (r"\d", "٣", False),
        (r"\d", "3", True),
        (r"\w", "é", False),
        (r"\s", "\v", False),
        (r"\s", "\t", True),
        (r"[^\s]", "\v", True),
        (r"\D", "\n", True),
        ("a{,2}", "aa", False),
        ("a{,2}", "a{,2}", True),
        ("a{2}", "aa", True),
        ("(?i)prod", "PROD", True),
        ("(?i)k", "\N{KELVIN SIGN}", True),
        (r"\pL+", "äß", True),
        ("[[:alpha:]]+", "abc", True),
        (r"\Qa.b\E", "a.b", True),
        (r"a\z", "a", True),
        ("(?P<n>a)(?<m>b)", "ab", True),
        ("^(?:team-(B|C))$", "team-C", True),
        ("^a|b$", "a", True),
        ("^a|b$", "ab", False),
        ("a^", "a", False),
        # Compat: such a text closes the group that anchors it, and Go takes that as it comes.
        ("a)|(?:b", "ax", True),
        ("é.", "é🙂", True),
        ("[]a]", "]", True),
        ("[^]a]", "]", False),
        ("[a-]", "-", True),
        ("[&&]", "&", True),
        (r"[\d-]", "-", True),
        ("(prod|staging)-(eu|us)", "staging-us", True),
        ("(prod|staging)-(eu|us)", "staging-", False),
        ("foo(bar)?", "foo", True),
    ],
)
def test_full_match(text: str, value: str, matches: bool) -> None:
    pattern = Pattern.compile(text)
    assert pattern.full_match(value) is matches
    assert pattern.full_match(value) is matches


REFUSED = [
    ("(", "missing closing ): `^(?:()$`"),
    ("(a", "missing closing ): `^(?:(a)$`"),
    ("a)b", "unexpected ): `^(?:a)b)$`"),
    ("a\\", r"missing closing ): `^(?:a\)$`"),
    ("[", "missing closing ]: `[)$`"),
    ("[b-a]", "invalid character class range: `b-a`"),
    ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
    ("*a", "missing argument to repetition operator: `*`"),
    ("a**", "invalid nested repetition operator: `**`"),
    ("a++", "invalid nested repetition operator: `++`"),
    ("a{1001}", "invalid repeat count: `{1001}`"),
    ("a{2,1}", "invalid repeat count: `{2,1}`"),
    ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
    ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
    ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
    ("(?!x)", "invalid or unsupported Perl syntax: `(?!`"),
    ("(?>x)", "invalid or unsupported Perl syntax: `(?>`"),
    ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
    ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
    ("(?<=x)", "invalid named capture: `(?<=x))$`"),
    ("(?<!x)", "invalid named capture: `(?<!x))$`"),
    ("(?P<>a)", "invalid named capture: `(?P<>`"),
    ("(?P<é>a)", "invalid named capture: `(?P<é>`"),
    (r"\1", r"invalid escape sequence: `\1`"),
    (r"\Z", r"invalid escape sequence: `\Z`"),
    (r"\C", r"invalid escape sequence: `\C`"),
    (r"a\h", r"invalid escape sequence: `\h`"),
    (r"\é", r"invalid escape sequence: `\é`"),
    ("\ud800", "invalid UTF-8: `^(?:?)$`"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_go_refuses_these_and_so_do_we_in_its_words(
    text: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern.compile(text)
    assert str(caught.value) == f"error parsing regexp: {message}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text", [r"\\C", r"\QC\C\E", r"[{99999999999}]", r"\{99999999999}", "a{1000}", r"\x43"]
)
def test_what_only_looks_like_something_refused_is_taken(text: str) -> None:
    assert Pattern.compile(text).text == text


def test_a_pattern_that_would_make_backtracking_explode_is_answered_at_once() -> None:
    value = "a" * 5000 + "!"
    started = time.process_time()
    for text in ("(a+)+", "(a|a)*", ".*a.*a.*a.*b", "(.*)*x", "a?" * 30 + "a{30}"):
        assert Pattern.compile(text).full_match(value) is False
    assert time.process_time() - started < 5


def test_many_different_values_do_not_grow_the_memory_of_a_pattern() -> None:
    full_match = Pattern.compile("pod-[0-9]+x?").full_match
    assert all(full_match(f"pod-{number}") for number in range(2000))
    answers = full_match.__self__  # type: ignore[attr-defined]  # the bound table
    assert len(answers) <= 256


def test_a_choice_of_texts_becomes_a_set() -> None:
    simple = simplify("^(prod|staging)-(?:eu|us)$")
    assert simple is not None
    assert simple.texts == frozenset({"prod-eu", "prod-us", "staging-eu", "staging-us"})


@pytest.mark.parametrize(
    "text", ["(?i)a", r"\pL", r"\bfoo", "[[:alpha:]]", "(?P<n>a)", r"\Qa", "(ab)*", "(" * 25 + ")" * 25]
)
def test_what_is_not_simple_is_left_to_re2(text: str) -> None:
    assert simplify(text) is None


_PIECES = [
    *"ab1_ -.^$|()[]{}*+?,\n/éK",
    *["\\d", "\\w", "\\s", "\\D", "\\S", "\\W", "\\.", "\\-", "\\b", "\\pL", "\\z"],
    *["(?:", "(?i)", "(?s)", "(?m)", "(?P<n>", ".*", ".+", "[a-c]", "[^a]", "[\\d]", "[^\\d-]", "[\\w.]"],
    *["[-a]", "[a-]", "[]a]", "[^^]", "[&&]", "[*+--]", "{2}", "{1,2}", "{,2}", "{2,}"],
    *["a|b", "foo", "(a|b)", "(?:foo|bar)?", "a?", "1{1,2}"],
]
_patterns = st.lists(st.sampled_from(_PIECES), max_size=7).map("".join)
_values = st.lists(st.sampled_from([*"ab1_ -.^$|{}\n\v\té٣KkAZ,]", "foo", "bar"]), max_size=5).map("".join)


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


@given(_patterns | st.text(max_size=6), st.lists(_values | st.text(max_size=4), max_size=8))
@example("a)|(b", ["ax", "xb"])
def test_answers_are_those_of_re2(text: str, values: list[str]) -> None:
    anchored = f"^(?:{text})$"
    try:
        expected = re2.compile(anchored, _quiet())
    except re2.error:
        with pytest.raises(PatternError):
            Pattern.compile(text)
        return
    try:
        pattern = Pattern.compile(text)
    except PatternError as error:
        # The few things that RE2 takes and Go does not.
        assert any(what in str(error) for what in ("escape", "repeat count", "named capture"))  # noqa: PT017
        return
    for value in values:
        assert pattern.full_match(value) is (expected.search(value) is not None)
