"""The two matcher syntaxes and the mode that reconciles them.

The rows follow `api-and-cli.md` 4.3 and `config.md` 5.3; each was also put to an Alertmanager.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.matcher_syntax import (
    MatcherSyntaxError,
    Mode,
    Parsed,
    is_valid_label_name,
    parse_matcher,
    parse_matchers,
)

FALLBACK, CLASSIC, UTF8 = Mode

OPERATOR = "expected an operator such as '=', '!=', '=~' or '!~'"


def one(text: str, mode: Mode) -> str:
    """The matcher in canonical text, or the complaint."""
    try:
        return "".join(map(str, parse_matcher(text, mode).matchers))
    except MatcherSyntaxError as error:
        return f"error: {error}"


def several(text: str, mode: Mode) -> str:
    """The matchers in canonical text, or the complaint."""
    try:
        return ",".join(map(str, parse_matchers(text, mode).matchers))
    except MatcherSyntaxError as error:
        return f"error: {error}"


# Text, fallback, classic, UTF-8; None is "as in fallback".
ONE: list[tuple[str, str, str | None, str | None]] = [
    ("team=db", 'team="db"', None, None),
    (" team = db ", 'team="db"', None, None),
    ('team="db"', 'team="db"', None, None),
    ("team=~db|web", 'team=~"db|web"', None, None),
    ("team!=db", 'team!="db"', None, None),
    ("team!~db", 'team!~"db"', None, None),
    ("a:b=c", 'a:b="c"', None, None),
    ("bad-name=x", 'bad-name="x"', "error: bad matcher format: bad-name=x", None),
    ('"a b"="c d"', '"a b"="c d"', 'error: bad matcher format: "a b"="c d"', None),
    ("ünï=x", 'ünï="x"', "error: bad matcher format: ünï=x", None),
    ("1a=b", '1a="b"', "error: bad matcher format: 1a=b", None),
    ("foo=", 'foo=""', None, "error: end of input: expected label value"),
    ("team=db,", 'team="db,"', None, 'team="db"'),
    ("team='db'", "team=\"'db'\"", None, "error: 5:6: ': invalid input: expected label value"),
    ("team=db web", 'team="db web"', None, "error: 8:11: unexpected web: expected a comma or close brace"),
    ("foo=bar=baz", 'foo="bar=baz"', None, "error: 7:8: unexpected =: expected a comma or close brace"),
    (
        "foo=!",
        'foo="!"',
        None,
        "error: 4:5: unexpected end of input, expected one of '=~': expected label value",
    ),
    (r'foo="a\.b"', r'foo="a\\.b"', None, r'error: 4:10: "a\.b": invalid input'),
    (r'foo="\t"', r'foo="\\t"', None, 'foo="\t"'),
    (r'foo="\u00fc"', r'foo="\\u00fc"', None, 'foo="ü"'),
    ("foo", "error: bad matcher format: foo", None, f"error: end of input: {OPERATOR}"),
    ("", "error: bad matcher format: ", None, "error: no matchers"),
    (
        '{team="db"}',
        'error: unexpected open or close brace: {team="db"}',
        'error: bad matcher format: {team="db"}',
        None,
    ),
    ("{", "error: unexpected open or close brace: {", "error: bad matcher format: {", None),
    ("team=db}", "error: unexpected open or close brace: team=db}", 'team="db}"', None),
    (
        'team="db",severity="critical"',
        'error: matcher value contains unescaped double quote: "db",severity="critical"',
        None,
        "error: expected 1 matcher, found 2",
    ),
    (
        'foo="x',
        'error: matcher value contains unescaped double quote: "x',
        None,
        'error: 4:6: "x: missing end ": expected label value',
    ),
    (
        "foo=~(",
        "error: error parsing regexp: missing closing ): `^(?:()$`",
        None,
        "error: failed to create matcher: error parsing regexp: missing closing ): `^(?:()$`",
    ),
    (
        'foo=~"(?=x)"',
        "error: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
        None,
        "error: failed to create matcher: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
    ),
    (
        'foo=~"a{1001}"',
        "error: error parsing regexp: invalid repeat count: `{1001}`",
        None,
        "error: failed to create matcher: error parsing regexp: invalid repeat count: `{1001}`",
    ),
    ("foo=a\\", r'foo="a\\"', None, r"error: 5:6: \: invalid input: expected a comma or close brace"),
    ('foo="\\\\"', r'foo="\\"', None, None),
    (
        'foo="a\\"',
        'error: matcher value contains unescaped double quote: "a\\"',
        None,
        'error: 4:8: "a\\": missing end ": expected label value',
    ),
    (
        'foo="',
        'error: matcher value contains unescaped double quote: "',
        None,
        'error: 4:5: ": missing end ": expected label value',
    ),
    ("foo=\ud800", "error: matcher value not valid UTF-8: \ud800", None, "error: 4:5: \ud800: invalid input"),
]


@pytest.mark.parametrize(("text", "fallback", "classic", "utf8"), ONE)
def test_one_matcher(text: str, fallback: str, classic: str | None, utf8: str | None) -> None:
    assert one(text, FALLBACK) == fallback
    assert one(text, CLASSIC) == (fallback if classic is None else classic)
    assert one(text, UTF8) == (fallback if utf8 is None else utf8)


UNESCAPED = "error: matcher value contains unescaped double quote: "

# Text, UTF-8, classic, fallback; in the third place None is "as in UTF-8", in the last "as in classic".
SEVERAL: list[tuple[str, str, str | None, str | None]] = [
    ("", "", None, None),
    ("{}", "", None, None),
    ("a = b", 'a="b"', None, None),
    ("a=b,c=d", 'a="b",c="d"', None, None),
    ("{a=b,}", 'a="b"', None, None),
    ('"a"="b"', 'a="b"', 'error: bad matcher format: "a"="b"', 'a="b"'),
    ("été=x", 'été="x"', "error: bad matcher format: été=x", 'été="x"'),
    ("a.b=c", 'a.b="c"', "error: bad matcher format: a.b=c", 'a.b="c"'),
    ("a-b=c", 'a-b="c"', "error: bad matcher format: a-b=c", 'a-b="c"'),
    ("a=", "error: end of input: expected label value", 'a=""', None),
    ("a==b", "error: 2:3: unexpected =: expected label value", 'a="=b"', None),
    ("a=b=c", "error: 3:4: unexpected =: expected a comma or close brace", 'a="b=c"', None),
    ("a=b c", "error: 4:5: unexpected c: expected a comma or close brace", 'a="b c"', None),
    ("a=it's", "error: 4:5: ': invalid input: expected a comma or close brace", 'a="it\'s"', None),
    ("a=`b`", "error: 2:3: `: invalid input: expected label value", 'a="`b`"', None),
    (r"a=~\d+", r"error: 3:4: \: invalid input: expected label value", r'a=~"\\d+"', None),
    (r'a=~"\d+"', r'error: 3:8: "\d+": invalid input', r'a=~"\\d+"', None),
    (r'a=~"\\d+"', r'a=~"\\d+"', None, None),
    (r'a="\x41"', 'a="A"', r'a="\\x41"', None),
    (r'a="\101"', 'a="A"', r'a="\\101"', None),
    (r'a="\u00e9"', 'a="é"', r'a="\\u00e9"', None),
    (r'a="\U0001f642"', 'a="🙂"', r'a="\\U0001f642"', None),
    (r'a="\xc3\xa9"', 'a="é"', r'a="\\xc3\\xa9"', None),
    (r'a="\xff"', r'error: 2:8: "\xff": invalid input', r'a="\\xff"', None),
    (r'a="\400"', r'error: 2:8: "\400": invalid input', r'a="\\400"', None),
    (r'a="\ud800"', r'error: 2:10: "\ud800": invalid input', r'a="\\ud800"', None),
    (r'a="\U00110000"', r'error: 2:14: "\U00110000": invalid input', r'a="\\U00110000"', None),
    ('a="\\\'"', 'error: 2:6: "\\\'": invalid input', 'a="\\\\\'"', None),
    ('a="x\ny"', 'error: 2:7: "x\ny": invalid input', r'a="x\ny"', None),
    ("{a=b", "error: 0:4: end of input: expected close brace", 'a="b"', None),
    ("a=b}", "error: 0:4: }: expected opening brace", 'a="b"', None),
    ("{a=b}\n", 'a="b"', 'a="b}"', None),
    ('{a="b"}\n', 'a="b"', UNESCAPED + '"b"}', 'a="b"'),
    (
        "a=~foo{1,2}",
        "error: 6:7: unexpected {: expected a comma or close brace",
        "error: bad matcher format: 2",
        None,
    ),
    ('a=~"foo{1,2}"', 'a=~"foo{1,2}"', None, None),
    ('a="b', 'error: 2:4: "b: missing end ": expected label value', UNESCAPED + '"b', None),
    ('a=b"c', 'error: 3:5: "c: missing end ": expected a comma or close brace', UNESCAPED + 'b"c', None),
    ("'a'='b'", "error: 0:1: ': invalid input", "error: bad matcher format: 'a'='b'", None),
    ("=b", "error: 0:1: unexpected =: expected label name", "error: bad matcher format: =b", None),
    ("a", f"error: end of input: {OPERATOR}", "error: bad matcher format: a", None),
    ("a !b", f"error: 2:3: !: expected one of '=~': {OPERATOR}", "error: bad matcher format: a !b", None),
    ("a~b", f"error: 1:2: ~: invalid input: {OPERATOR}", "error: bad matcher format: a~b", None),
    ("{{a=b}}", "error: 1:2: unexpected {: expected label name", "error: bad matcher format: {a=b}", None),
    (
        "a=b,,c=d",
        "error: 4:5: unexpected ,: expected a matcher or close brace after comma",
        "error: bad matcher format: ",
        None,
    ),
    (",", "error: 0:1: unexpected ,: expected label name", "error: bad matcher format: ", None),
    ("{", "error: 0:1: end of input: expected close brace", "", None),
    ("}", "error: 0:1: }: expected opening brace", "", None),
    ("{a=b,", "error: 0:5: end of input: expected close brace", 'a="b"', None),
    ("{a=b}x", "error: 5:6: x: expected end of input", 'a="b}x"', None),
    ("{a=b}~", "error: 5:6: ~: invalid input: expected end of input", 'a="b}~"', None),
    ("!", "error: 0:1: unexpected end of input, expected one of '=~'", "error: bad matcher format: !", None),
    (r'"\xff"', r'error: 0:6: "\xff": invalid input', r'error: bad matcher format: "\xff"', None),
    ('"a"b', f"error: 3:4: unexpected b: {OPERATOR}", 'error: bad matcher format: "a"b', None),
    ('é"x', f'error: 1:3: "x: missing end ": {OPERATOR}', 'error: bad matcher format: é"x', None),
    ("\ta\n=\u2003b\u3000", 'a="b"', 'a="\u2003b"', None),
    ('a="b,c",d=e', 'a="b,c",d="e"', None, None),
    (r'a="b\",c",d=e', r'a="b\",c",d="e"', None, None),
    ("(a)=(b)", '(a)="(b)"', "error: bad matcher format: (a)=(b)", '(a)="(b)"'),
    ("a=b#c", 'a="b#c"', None, None),
]


@pytest.mark.parametrize(("text", "utf8", "classic", "fallback"), SEVERAL)
def test_several_matchers(text: str, utf8: str, classic: str | None, fallback: str | None) -> None:
    classic = utf8 if classic is None else classic
    assert several(text, UTF8) == utf8
    assert several(text, CLASSIC) == classic
    assert several(text, FALLBACK) == (classic if fallback is None else fallback)


def test_a_classic_reading_where_the_other_syntax_refuses_comes_with_a_suggestion() -> None:
    parsed = parse_matchers("a=b c,d=", FALLBACK)
    (warning,) = parsed.warnings
    assert "4:5: unexpected c" in warning
    assert warning.endswith('write a="b c",d=""')
    for mode in Mode:
        assert parse_matchers('a="b c",d=""', mode) == Parsed(parsed.matchers)


def test_a_disagreement_comes_with_both_readings() -> None:
    (warning,) = parse_matchers(r'a="\t"', FALLBACK).warnings
    assert r'mean a="\\t" in the classic syntax' in warning
    assert 'a="\t" in the UTF-8 one' in warning


@pytest.mark.parametrize("text", ["", "{}", "a=b", '"a b"=c'])
def test_agreement_is_silent(text: str) -> None:
    assert parse_matchers(text, FALLBACK).warnings == ()


@pytest.mark.parametrize(
    ("name", "classic", "utf8"),
    [
        ("alertname", True, True),
        ("_a9", True, True),
        ("9a", False, True),
        ("a:b", False, True),
        ("a-b", False, True),
        ("é", False, True),
        ("a b\n", False, True),
        ("", False, False),
        ("\ud800", False, False),
        ("a\n", False, True),
    ],
)
def test_label_names(name: str, classic: bool, utf8: bool) -> None:
    assert is_valid_label_name(name, CLASSIC) is classic
    assert is_valid_label_name(name, UTF8) is utf8
    assert is_valid_label_name(name, FALLBACK) is utf8


_PIECES = [
    *"{},=!~\"ab é.\n\\'`1()",
    "=~",
    "!~",
    "!=",
    '"b c"',
    '"\\x41"',
    '"\\xff"',
    'a="b"',
    "\ud800",
    "\u2003",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join) | st.text(), st.sampled_from(Mode))
def test_any_text_gives_matchers_or_a_syntax_error(text: str, mode: Mode) -> None:
    for parse in (parse_matcher, parse_matchers):
        try:
            parsed = parse(text, mode)
        except MatcherSyntaxError:
            continue
        assert parsed.matchers.match({}) in {True, False}
        # What was understood can be written down, and then means the same.
        if "\ud800" not in text:
            again = parse_matchers(parsed.matchers.text(), UTF8).matchers
            assert sorted(again) == sorted(parsed.matchers)
