"""Regular expressions as Go reads them: RE2 syntax, anchored at both ends."""
from __future__ import annotations

import re2


class PatternError(ValueError):
    """The text is no RE2 expression; the message is the one Go would give."""


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class _Answers(dict[str, bool]):
    __slots__ = ("_test",)
    def __init__(self, test) -> None:
        self._test = test

    def __missing__(self, value: str) -> bool:
        if len(self) >= 10000:
            self.clear()
        self[value] = answer = self._test(value)
        return answer


class Pattern:
    __slots__ = ("full_match", "text")

    @classmethod
    def compile(cls, text: str) -> Pattern:
        try:
            compiled = re2.compile(f"^(?:{text})$", _OPTIONS)
        except re2.error as error:
            raise PatternError(str(error)) from None
        pattern = cls()
        pattern.text = text
        pattern.full_match = _Answers(lambda value: compiled.fullmatch(value) is not None).__getitem__
        return pattern
