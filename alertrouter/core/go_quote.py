"""Go's way to quote a text, as in group keys and in matchers."""

from __future__ import annotations

_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def quote(text: str) -> str:
    """The text as Go's ``strconv.Quote`` writes it: printable characters as they are, others escaped.

    Printable are letters, marks, numbers, punctuation, symbols, and of all white space the ASCII space
    alone: that is also what ``str.isprintable`` says, each by the Unicode tables it was built with. Go's
    ``\\xNN`` for a byte that is no UTF-8 is never written, for a str has no such bytes; a lone surrogate is
    written as U+FFFD, which is what Go would make of it.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join([_escape(character) for character in text]) + '"'


def _escape(character: str) -> str:
    if escape := _ESCAPES.get(character):
        return escape
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
