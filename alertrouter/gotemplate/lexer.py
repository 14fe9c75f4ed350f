"""Cuts the text of a template into tokens: literal text, delimiters, and the words between them."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, NamedTuple

from alertrouter.gotemplate.quoting import quote
from alertrouter.gotemplate.utf8 import is_stray

_SPACE: Final = " \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"\w*")
_QUOTED = {
    '"': re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'),
    "'": re.compile(r"'(?:[^'\\\n]|\\[^\n])*'"),
    "`": re.compile(r"`[^`]*`"),
}
_UNTERMINATED: Final = {
    '"': "unterminated quoted string",
    "'": "unterminated character constant",
    "`": "unterminated raw quoted string",
}
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?[\d_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?"
    r"|0[bB][01_]*(?:\.[01_]*)?"
    r"|[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?)i?",
    re.ASCII,
)


class Word(Enum):
    """What a token is."""

    ERROR = auto()
    END_OF_TEXT = auto()
    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    IDENTIFIER = auto()
    KEYWORD = auto()
    FIELD = auto()
    VARIABLE = auto()
    DOT = auto()
    BOOL = auto()
    NIL = auto()
    NUMBER = auto()
    COMPLEX = auto()
    CHARACTER = auto()
    STRING = auto()
    RAW_STRING = auto()
    ASSIGN = auto()
    DECLARE = auto()
    PIPE = auto()
    LEFT_PAREN = auto()
    RIGHT_PAREN = auto()
    OTHER = auto()


class Token(NamedTuple):
    """A piece of the text. `text` is the piece itself, or the message of an ERROR."""

    word: Word
    text: str
    position: int

    def __str__(self) -> str:
        """As it appears in messages."""
        if self.word is Word.END_OF_TEXT:
            return "EOF"
        if self.word is Word.ERROR:
            return self.text
        if self.word in (Word.KEYWORD, Word.NIL, Word.DOT):
            return f"<{self.text}>"
        return (
            quote(self.text[:10]) + "..."
            if len(self.text.encode(errors="replace")) > 10
            else quote(self.text)
        )


_RESERVED: Final = {
    **dict.fromkeys(
        ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"),
        Word.KEYWORD,
    ),
    "nil": Word.NIL,
    "true": Word.BOOL,
    "false": Word.BOOL,
}
_PUNCTUATION: Final = {"=": Word.ASSIGN, "|": Word.PIPE}
_FOLLOWS_WORD: Final = r"(?=[ \t\r\n.,|:()]|\}\})"
# The plain forms, which are nearly all there are; whatever they leave is looked at character by character.
_PLAIN = re.compile(
    rf"""(?P<SPACE>[ ](?![ \t\r\n-]))
    |(?P<FIELD>\.[A-Za-z_]\w*){_FOLLOWS_WORD}
    |(?P<IDENTIFIER>[A-Za-z_]\w*){_FOLLOWS_WORD}
    |(?P<VARIABLE>\$\w*){_FOLLOWS_WORD}
    |(?P<STRING>"[^"\\\n]*")
    |(?P<PIPE>\|)
    |(?P<DECLARE>:=)
    """,
    re.ASCII | re.VERBOSE,
)


_PLAIN_WORDS: Final[dict[str | None, Word]] = {name: Word[name] for name in _PLAIN.groupindex}


def tokens(text: str) -> list[Token]:
    """The tokens of a template, to the first lexical error or the end of the text."""
    return _Lexer(text).run()


def character_name(character: str) -> str:
    """U+0041 'A', and without the picture when there is none."""
    if is_stray(character):
        character = "\ufffd"
    name = f"U+{ord(character):04X}"
    return f"{name} '{character}'" if character.isprintable() else name


class _Fault(Exception):  # noqa: N818  # a way out of the lexer, not an error of its own
    pass


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.start = 0
        self.depth = 0
        self.found: list[Token] = []

    def run(self) -> list[Token]:
        try:
            self._run()
        except _Fault as fault:
            self.found.append(Token(Word.ERROR, str(fault), self.start))
        return self.found

    def _run(self) -> None:
        text, found = self.text, self.found
        while (opening := text.find("{{", self.position)) >= 0:
            trimmed = text[opening + 2 : opening + 3] == "-" and text[opening + 3 : opening + 4] in (*_SPACE,)
            literal = text[self.position : opening]
            if trimmed:
                literal = literal.rstrip(_SPACE)
            if literal:
                found.append(Token(Word.TEXT, literal, self.position))
            inside = opening + 2 + 2 * trimmed
            if text.startswith("/*", inside):
                self._comment(inside)
                continue
            found.append(Token(Word.LEFT, "{{", opening))
            self.position = inside
            self.depth = 0
            self._action()
        if self.position < len(text):
            found.append(Token(Word.TEXT, text[self.position :], self.position))
        found.append(Token(Word.END_OF_TEXT, "", len(text)))

    def _comment(self, start: int) -> None:
        self.start = start
        closing = self.text.find("*/", start + 2)
        if closing < 0:
            raise _Fault("unclosed comment")
        self.position = closing + 2
        if not self._at_right():
            raise _Fault("comment ends before closing delimiter")
        self._skip_right()

    def _at_right(self) -> bool:
        return self.text.startswith("}}", self.position) or self._at_trimmed_right(self.position)

    def _at_trimmed_right(self, position: int) -> bool:
        return self.text.startswith("-}}", position + 1) and self.text[position] in _SPACE

    def _skip_right(self) -> None:
        """Past the closing delimiter, and past the space after it when it trims."""
        if self.text.startswith("}}", self.position):
            self.position += 2
            return
        self.position += 4
        if space := _SPACES.match(self.text, self.position):
            self.position = space.end()

    def _action(self) -> None:
        text, found, position = self.text, self.found, self.position
        while True:
            match = _PLAIN.match(text, position)
            if match is not None:
                word = match[0]
                kind = _PLAIN_WORDS[match.lastgroup]
                if kind is Word.IDENTIFIER:
                    kind = _RESERVED.get(word, kind)
                found.append(Token(kind, word, position))
                position = match.end()
                continue
            self.start = self.position = position
            if self._at_right():
                if self.depth:
                    raise _Fault("unclosed left paren")
                found.append(Token(Word.RIGHT, "}}", position))
                self._skip_right()
                return
            token = self._next()
            found.append(token)
            position += len(token.text)

    def _next(self) -> Token:  # noqa: C901, PLR0911, PLR0912  # one line for each first character
        if self.start >= len(self.text):
            raise _Fault("unclosed action")
        first = self.text[self.start]
        if first in _SPACE:
            return self._space()
        if first in _QUOTED:
            return self._quoted(first)
        if first.isalpha() or first == "_":
            return self._identifier()
        if first == ".":
            following = self.text[self.start + 1 : self.start + 2]
            return self._number() if following and following in "0123456789" else self._field()
        if first == "$":
            return self._token(Word.VARIABLE, self._name_end())
        if first in "+-" or first.isdecimal():
            # Compat: a word may also begin with a digit that is not ASCII.
            return self._number() if first.isascii() else self._identifier()
        if first == ":":
            if not self.text.startswith(":=", self.start):
                raise _Fault("expected :=")
            return self._token(Word.DECLARE, self.start + 2)
        if first == "(":
            self.depth += 1
            return self._token(Word.LEFT_PAREN, self.start + 1)
        if first == ")":
            self.depth -= 1
            if self.depth < 0:
                raise _Fault("unexpected right paren")
            return self._token(Word.RIGHT_PAREN, self.start + 1)
        if first in _PUNCTUATION:
            return self._token(_PUNCTUATION[first], self.start + 1)
        if first.isascii() and first.isprintable():
            return self._token(Word.OTHER, self.start + 1)
        raise _Fault(f"unrecognized character in action: {character_name(first)}")

    def _token(self, word: Word, end: int) -> Token:
        return Token(word, self.text[self.start : end], self.start)

    def _space(self) -> Token:
        match = _SPACES.match(self.text, self.start)
        end = match.end() if match else self.start
        # The last one may belong to a trimming delimiter.
        return self._token(Word.SPACE, end - 1 if self._at_trimmed_right(end - 1) else end)

    def _quoted(self, mark: str) -> Token:
        match = _QUOTED[mark].match(self.text, self.start)
        if match is None:
            raise _Fault(_UNTERMINATED[mark])
        word = {"'": Word.CHARACTER, "`": Word.RAW_STRING}.get(mark, Word.STRING)
        return self._token(word, match.end())

    def _name_end(self) -> int:
        """The end of the letters and digits that follow the first character, which a separator must follow."""
        match = _WORD.match(self.text, self.start + 1)
        end = match.end() if match else self.start + 1
        name = self.text[self.start + 1 : end]
        if not name.isascii():  # Python counts more characters as parts of words
            name_end = next(
                (i for i, c in enumerate(name) if not (c == "_" or c.isalpha() or c.isdecimal())), len(name)
            )
            end = self.start + 1 + name_end
        following = self.text[end : end + 1]
        if following and following not in " \t\r\n.,|:)(" and not self.text.startswith("}}", end):
            raise _Fault(f"bad character {character_name(following)}")
        return end

    def _field(self) -> Token:
        token = self._token(Word.FIELD, self._name_end())
        return token if len(token.text) > 1 else token._replace(word=Word.DOT)

    def _identifier(self) -> Token:
        token = self._token(Word.IDENTIFIER, self._name_end())
        return token._replace(word=_RESERVED.get(token.text, token.word))

    def _number(self) -> Token:
        end = self._number_end(self.start)
        following = self.text[end : end + 1]
        if following and following in "+-":
            end = self._number_end(end)
            if self.text[end - 1] != "i":
                raise _Fault(f"bad number syntax: {quote(self.text[self.start : end])}")
            return self._token(Word.COMPLEX, end)
        return self._token(Word.NUMBER, end)

    def _number_end(self, start: int) -> int:
        match = _NUMBER.match(self.text, start)
        end = match.end() if match else start
        following = self.text[end : end + 1]
        if following == "_" or following.isalpha() or following.isdecimal():
            raise _Fault(f"bad number syntax: {quote(self.text[self.start : end + 1])}")
        return end
