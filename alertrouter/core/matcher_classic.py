"""The classic matcher syntax, the only one before Alertmanager 0.27."""

from __future__ import annotations

import re

from alertrouter.core.matcher import WHITE_SPACE, Matcher, MatcherSyntaxError, MatchType
from alertrouter.core.pattern import PatternError

# White space in here is RE2's \s: of ASCII all but the vertical tab.
_MATCHER = re.compile(
    r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*(.*?)[\t\n\f\r ]*", re.DOTALL
)
_ESCAPE_OR_QUOTE = re.compile(r'\\(.)|"', re.DOTALL)
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


def matchers(text: str) -> list[Matcher]:
    """matchers = [ "{" ] [ matcher { "," matcher } [ "," ] ] [ "}" ]

    The braces need not balance, but must be the very first and last characters. A comma in double quotes
    does not separate.
    """
    return [matcher(part) for part in _split(text.removeprefix("{").removesuffix("}"))]


def _split(text: str) -> list[str]:
    parts = []
    start = 0
    quoted = escaped = False
    for position, character in enumerate(text):
        if character == "," and not quoted:
            parts.append(text[start:position])
            start = position + 1
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
    last = text[start:].strip(_TRIMMED)
    return [*parts, last] if last else parts


_TRIMMED = "".join(WHITE_SPACE)


def matcher(text: str) -> Matcher:
    """matcher = name ( "=~" | "=" | "!=" | "!~" ) value

    A name is one or more ASCII letters, digits, `_` and `:`, not beginning with a digit. White space around
    the three parts does not count.
    """
    if (found := _MATCHER.fullmatch(text)) is None:
        raise MatcherSyntaxError(f"bad matcher format: {text}")
    name, operator, raw = found.groups()
    try:
        return Matcher(name, MatchType(operator), _value(raw))
    except PatternError as error:
        raise MatcherSyntaxError(str(error)) from None


def _value(raw: str) -> str:
    r"""value = '"' { character } '"' | { character }

    A character is any but `"` and `\`, or one of the escapes `\"`, `\n` and `\\`. A backslash before anything
    else stands for itself.
    """
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise MatcherSyntaxError(f"matcher value not valid UTF-8: {raw}") from None
    inner = raw
    if raw.startswith('"'):
        # An escaped quote at the end is not a closing one.
        backslashes = len(raw) - 1 - len(raw[:-1].rstrip("\\"))
        if len(raw) == 1 or raw[-1] != '"' or backslashes % 2:
            raise _unescaped_quote(raw)
        inner = raw[1:-1]

    def unescape(found: re.Match[str]) -> str:
        if found[0] == '"':
            raise _unescaped_quote(raw)
        return _ESCAPED.get(found[1], found[0])

    return _ESCAPE_OR_QUOTE.sub(unescape, inner)


def _unescaped_quote(raw: str) -> MatcherSyntaxError:
    return MatcherSyntaxError(f"matcher value contains unescaped double quote: {raw}")
