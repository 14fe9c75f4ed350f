"""Rule files as Prometheus 1.x had them: `ALERT name IF expression …` and `name = expression`.

    file   = { alert | record }
    alert  = "ALERT" name "IF" expression [ "FOR" duration ] [ "LABELS" labels ] [ "ANNOTATIONS" labels ]
    record = metric [ labels ] "=" expression
    labels = "{" [ name "=" string { "," name "=" string } [ "," ] ] "}"

Before version 0.17, ``WITH`` stood for ``LABELS``, and ``SUMMARY``, ``DESCRIPTION`` and ``RUNBOOK`` with a string each for
the annotations (`rules.md` 1.9). Keywords may be in small letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from alertrouter.core.duration import parse_duration
from alertrouter.promql.tokens import unquote
from alertrouter.rules.expression import check_expression
from alertrouter.rules.model import RuleError, RuleProblem

_BEGINNING: Final = re.compile(
    r"(?:\s|\#[^\n]*(?:\n|$))*"
    r"(?:ALERT\s+[A-Za-z_]\w*\s+(?:\#[^\n]*\n\s*)*IF\b"
    r"|[A-Za-z_:][\w:]*\s*(?:\{[^{}]*\}\s*)?=(?![=~]))",
    re.ASCII | re.IGNORECASE,
)


def looks_legacy(text: str) -> bool:
    """Whether the text begins as a rule file of Prometheus 1.x does."""
    return _BEGINNING.match(text) is not None


@dataclass(slots=True, kw_only=True)
class LegacyRule:
    """One rule: an alert when ``is_alert``, otherwise a record. ``hold`` is the text of ``FOR``."""

    is_alert: bool
    name: str
    expression: str
    line: int
    hold: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


def read_legacy(text: str, file: str) -> tuple[list[LegacyRule], list[RuleProblem]]:
    """The rules of a text, and what in their expressions newer servers refuse. Raises RuleError where it is wrong."""
    rules = _Reader(text, file).read()
    problems = []
    for number, rule in enumerate(rules, start=1):
        if (found := check_expression(rule.expression)) is not None:
            problems.append(
                RuleProblem(
                    file=file,
                    line=rule.line,
                    column=1,
                    group=file.rpartition("/")[2],
                    rule_number=number,
                    rule=rule.name,
                    message=found.message,
                    hint=_REMOVED_HINT if _REMOVED.search(rule.expression) else "",
                )
            )
    return rules, problems


_REMOVED: Final = re.compile(r"\b(?:drop_common_labels|count_scalar|keep_common)\b", re.IGNORECASE)
_REMOVED_HINT: Final = "Prometheus 2 removed it: write it in another way by hand"


class _Word(NamedTuple):
    kind: str
    text: str
    at: int


_WORD: Final = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<number>[0-9.][0-9A-Za-z_.]*)
      | (?P<mark>==|!=|=~|!~|<=|>=|[^\s])
    """,
    re.VERBOSE | re.ASCII,
)
_CLAUSES: Final = frozenset({"FOR", "LABELS", "ANNOTATIONS", "WITH", "SUMMARY", "DESCRIPTION", "RUNBOOK"})
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


def _words(text: str) -> list[_Word]:
    return [
        _Word(found.lastgroup or "", found[0], found.start())
        for found in _WORD.finditer(text)
        if found.lastgroup != "blank"
    ]


class _Reader:
    """Reads the statements of one file."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._words = _words(text)
        self._at = 0

    def read(self) -> list[LegacyRule]:
        rules = []
        while self._at < len(self._words):
            rules.append(self._alert() if self._is_alert() else self._record())
        return rules

    def _word(self, ahead: int = 0) -> _Word:
        place = self._at + ahead
        return self._words[place] if place < len(self._words) else _Word("end", "", len(self._text))

    def _next(self) -> _Word:
        word = self._word()
        self._at += 1
        return word

    def _error(self, message: str, word: _Word | None = None) -> RuleError:
        at = (word or self._word()).at
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        return RuleError([RuleProblem(file=self._file, line=line, column=column, message=message)])

    def _expected(self, what: str) -> RuleError:
        found = self._word()
        return self._error(f"expected {what}, found {found.text or 'the end of the file'}")

    def _is_keyword(self, *keywords: str, ahead: int = 0) -> bool:
        word = self._word(ahead)
        return word.kind == "name" and word.text.upper() in keywords

    def _is_alert(self, ahead: int = 0) -> bool:
        return (
            self._is_keyword("ALERT", ahead=ahead)
            and self._word(ahead + 1).kind == "name"
            and self._is_keyword("IF", ahead=ahead + 2)
        )

    def _alert(self) -> LegacyRule:
        begin = self._next()
        name = self._next().text
        self._next()
        rule = LegacyRule(
            is_alert=True,
            name=name,
            expression=self._expression(),
            line=self._text.count("\n", 0, begin.at) + 1,
        )
        while self._is_keyword(*_CLAUSES):
            keyword = self._next().text.upper()
            match keyword:
                case "FOR":
                    rule.hold = self._duration()
                case "LABELS" | "WITH":
                    rule.labels |= self._labels()
                case "ANNOTATIONS":
                    rule.annotations |= self._labels()
                case _:
                    rule.annotations[keyword.lower()] = self._string()
        return rule

    def _record(self) -> LegacyRule:
        name = self._word()
        if name.kind != "name":
            raise self._expected("ALERT or the name of a recording rule")
        self._next()
        labels = self._labels() if self._word().text == "{" else {}
        if self._word().text != "=":
            raise self._expected("= after the name of a recording rule")
        self._next()
        line = self._text.count("\n", 0, name.at) + 1
        return LegacyRule(
            is_alert=False, name=name.text, expression=self._expression(), line=line, labels=labels
        )

    def _expression(self) -> str:
        """Everything up to the next clause or statement that is in no bracket."""
        first = self._at
        depth = 0
        while self._at < len(self._words):
            word = self._word()
            is_new = self._at > first and depth == 0
            if is_new and (self._is_keyword(*_CLAUSES) or self._is_alert() or self._begins_record()):
                break
            depth += (word.text in _OPEN) - (word.text in _CLOSE)
            self._at += 1
        if self._at == first:
            raise self._expected("an expression")
        last = self._words[self._at - 1]
        return self._text[self._words[first].at : last.at + len(last.text)]

    def _begins_record(self) -> bool:
        if self._word().kind != "name":
            return False
        ahead = 1
        if self._word(ahead).text == "{":
            while self._word(ahead).kind != "end" and self._word(ahead).text != "}":
                ahead += 1
            ahead += 1
        return self._word(ahead).text == "="

    def _duration(self) -> str:
        word = self._next()
        try:
            return word.text if parse_duration(word.text) else ""
        except ValueError as error:
            raise self._error(str(error), word) from None

    def _labels(self) -> dict[str, str]:
        if self._word().text != "{":
            raise self._expected("{")
        self._next()
        found: dict[str, str] = {}
        while self._word().text != "}":
            name = self._word()
            if name.kind != "name":
                raise self._expected("a name or }")
            self._next()
            if self._word().text != "=":
                raise self._expected("=")
            self._next()
            found[name.text] = self._string()
            if self._word().text == ",":
                self._next()
            elif self._word().text != "}":
                raise self._expected(", or }")
        self._next()
        return found

    def _string(self) -> str:
        word = self._word()
        if word.kind != "string":
            raise self._expected("a string")
        self._next()
        return unquote(word.text)
