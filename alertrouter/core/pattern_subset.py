"""Regular expressions that Python's engine, or a set of texts, can answer as RE2 would.

RE2 is always right but costs some 3 µs an answer through its binding. Most patterns people write are so
simple that a look-up in a set or Python's ``re`` says the same in a tenth of the time. This module knows the
part of the syntax for which that is true, and how much backtracking ``re`` may do on it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

# More texts than this are left to a regular expression.
_MOST_TEXTS = 10_000
# How many steps Python's engine may at worst need for one answer, about a millisecond.
_MOST_STEPS = 20_000
_FEW_WAYS = 16
_DEEPEST = 20

_PUNCTUATION = re.escape(r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~""")
_IN_CLASS = rf"(?:\\[{_PUNCTUATION}]|[^\[\]\\-])"
_CLASS_ITEM = rf"(?:\\[dws](?!-[^\]])|{_IN_CLASS}(?:-{_IN_CLASS})?)"
_TOKEN = re.compile(
    rf"""
    (?P<escaped> \\[{_PUNCTUATION}] )
    | (?P<perl_class> \\[dDsSwW] )
    | (?P<char_class> \[(?:\^|(?!\^))-?{_CLASS_ITEM}+-?\] )
    | (?P<repeat> (?:[*+?]|\{{[0-9]+(?:,[0-9]*)?\}})\?? )
    | (?P<open> \((?:\?:)?(?!\?) )
    | (?P<special> [.^$|)] )
    | (?P<literal> [^\\\[(] (?: [^\\\[\](){{}}.*+?|^$]* (?![*+?{{]) )? )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS_PART = re.compile(rf"\\([dws])|({_IN_CLASS})(?:-({_IN_CLASS}))?|-", re.DOTALL)
# Python's own classes differ from RE2's even with the ASCII flag: its \s has the vertical tab.
_PERL_CLASS = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """What an expression, or a part of one, comes to."""

    texts: frozenset[str] | None
    """All texts it matches, when they are few."""

    expression: str
    """The same for Python's ``re.fullmatch``, without flags."""

    repeats: int = 0
    """How many unbounded repetitions follow each other; backtracking may try a text's length to this power."""

    ways: int = 1
    """In how many other ways backtracking may at worst come past it."""

    @property
    def longest(self) -> int:
        """The longest value that Python's engine is sure to be quick with."""
        if self.repeats <= 1 and self.ways <= _FEW_WAYS:
            return sys.maxsize  # linear, as RE2 is
        return int((_MOST_STEPS / self.ways) ** (1 / max(self.repeats, 1)))


def simplify(text: str) -> Simple | None:
    """The expression in simpler terms; None when it goes beyond them. It must be valid RE2."""
    tokens = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            return None
        tokens.append((str(found.lastgroup), found[0]))
        position = found.end()
    reader = _Reader(tokens)
    try:
        simple = reader.alternatives(depth=0)
    except _BeyondError:
        return None
    return simple if reader.at_end() else None


class _BeyondError(Exception):
    """The expression needs RE2."""


_NOTHING = Simple(texts=frozenset({""}), expression="")


class _Reader:
    """Reads tokens from left to right; each method takes in what its rule says."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._position = 0

    def at_end(self) -> bool:
        return self._kind == "end"

    @property
    def _kind(self) -> str:
        return self._tokens[self._position][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._position][1]

    def _at_end_of_sequence(self) -> bool:
        return self.at_end() or (self._kind == "special" and self._text in "|)")

    def _take(self) -> str:
        text = self._text
        self._position += 1
        return text

    def alternatives(self, depth: int) -> Simple:
        """alternatives = sequence { "|" sequence }"""
        if depth > _DEEPEST:
            raise _BeyondError
        parts = [self._sequence(depth)]
        while self._kind == "special" and self._text == "|":
            self._position += 1
            parts.append(self._sequence(depth))
        if len(parts) == 1:
            return parts[0]
        return Simple(
            texts=_union([part.texts for part in parts]),
            expression="(?:" + "|".join([part.expression for part in parts]) + ")",
            repeats=max(part.repeats for part in parts),
            ways=sum(part.ways for part in parts),
        )

    def _sequence(self, depth: int) -> Simple:
        """sequence = { "^" | "$" | atom [ repeat ] }"""
        parts: list[Simple] = []
        while not self._at_end_of_sequence():
            if self._kind == "special" and self._text in "^$":
                parts.append(self._anchor(depth, is_first=not parts))
            else:
                parts.append(self._repeated(depth))
        ways = 1
        for part in parts:
            ways *= part.ways
        return Simple(
            texts=_product([part.texts for part in parts]),
            expression="".join([part.expression for part in parts]),
            repeats=sum(part.repeats for part in parts),
            ways=ways,
        )

    def _anchor(self, depth: int, *, is_first: bool) -> Simple:
        """At the outer ends of the whole expression an anchor says nothing new."""
        start = self._take() == "^"
        if self._kind == "repeat":
            raise _BeyondError
        if depth == 0 and (is_first if start else self._at_end_of_sequence()):
            return _NOTHING
        return Simple(texts=None, expression=r"\A" if start else r"\Z")

    def _repeated(self, depth: int) -> Simple:
        """atom [ "*" | "+" | "?" | "{" number [ "," [ number ] ] "}" ], each perhaps with a "?" for lazy"""
        is_group = self._kind == "open"
        atom = self._atom(depth)
        if self._kind != "repeat":
            return atom
        repeat = self._take()
        optional = repeat.startswith("?")
        # Repeating a group could make backtracking exponential; RE2 refuses a repeat of a repeat.
        if (is_group and not optional) or self._kind == "repeat":
            raise _BeyondError
        return Simple(
            texts=_union([atom.texts, _NOTHING.texts]) if optional else None,
            expression=f"(?:{atom.expression}){repeat}",
            repeats=atom.repeats if optional else 1,
            ways=atom.ways + 1 if optional else atom.ways,
        )

    def _atom(self, depth: int) -> Simple:
        """atom = character | "." | class | ( "(" | "(?:" ) alternatives ")" """
        kind, text = self._kind, self._take()
        match kind:
            case "literal":
                return Simple(texts=frozenset({text}), expression=re.escape(text))
            case "escaped":
                return Simple(texts=frozenset({text[1]}), expression=re.escape(text[1]))
            case "perl_class":
                return Simple(texts=None, expression=_perl_class(text[1]))
            case "char_class":
                return Simple(texts=None, expression=_char_class(text))
            case "special" if text == ".":
                return Simple(texts=None, expression=".")
            case "open":
                inner = self.alternatives(depth + 1)
                if self._take() != ")":
                    raise _BeyondError
                return inner
        raise _BeyondError


def _perl_class(letter: str) -> str:
    negation = "^" if letter.isupper() else ""
    return f"[{negation}{_PERL_CLASS[letter.lower()]}]"


def _char_class(text: str) -> str:
    """class = "[" [ "^" ] [ "-" ] item { item } [ "-" ] "]" with item = character [ "-" character ]"""
    negation = "^" if text[1] == "^" else ""
    parts = []
    for part in _CLASS_PART.finditer(text, 1 + len(negation), len(text) - 1):
        perl_class, low, high = part.groups()
        if perl_class:
            parts.append(_PERL_CLASS[perl_class])
        else:
            # Escaping all punctuation keeps Python from warning of set operations it plans.
            parts.append("-".join([re.escape(end[-1]) for end in (low or "-", high) if end]))
    return f"[{negation}{''.join(parts)}]"


def _union(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    texts: set[str] = set()
    for part in parts:
        if part is None or len(texts) > _MOST_TEXTS:
            return None
        texts |= part
    return frozenset(texts)


def _product(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    texts = [""]
    fixed: list[str] = []
    for part in parts:
        if part is None or len(texts) * len(part) > _MOST_TEXTS:
            return None
        if len(part) == 1:
            fixed.extend(part)
        else:
            text = "".join(fixed)
            fixed.clear()
            texts = [head + text + tail for head in texts for tail in part]
    text = "".join(fixed)
    return frozenset([head + text for head in texts])
