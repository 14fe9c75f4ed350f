"""The values of a rule file as their types, with Go's words for what is of another type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from alertrouter.config.merge import is_merge_key
from alertrouter.config.node import Kind, Mapping, Node, Scalar, Sequence, describe
from alertrouter.config.problem import did_you_mean
from alertrouter.core.duration import parse_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.time import DAY, HOUR, LATEST, MILLISECOND, MINUTE, SECOND
from alertrouter.rules.model import Dialect, RuleProblem, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from alertrouter.core.time import Duration

Value = TypeVar("Value")


class Entry(NamedTuple):
    """The value of a key, and the key as it stands in the file."""

    key: Scalar
    value: Node


class Decoder:
    """Reads the values of one file; what is wrong gathers in ``problems``."""

    def __init__(self, file: str, dialect: Dialect, *, takes_any_key: bool = False) -> None:
        self._file = file
        self._takes_any_key = takes_any_key
        self._parse_duration = parse_metricsql_duration if dialect is Dialect.METRICSQL else parse_duration
        self.problems: list[RuleProblem] = []

    def complain(self, node: Node, message: str, hint: str = "", *, stage: Stage = Stage.TYPE) -> None:
        """Note what is wrong with a node."""
        self.problems.append(
            RuleProblem(
                file=self._file,
                line=node.line,
                column=node.column,
                message=message,
                hint=hint,
                stage=stage,
            )
        )

    def object(
        self, node: Node, go_type: str, keys: Collection[str], hints: dict[str, str]
    ) -> dict[str, Entry] | None:
        """The entries of a mapping that may have these keys alone; None when it is no mapping.

        ``hints`` says something about keys that might be expected and are not known.
        """
        if not isinstance(node, Mapping):
            self.complain(node, f"cannot unmarshal {_described(node)} into {go_type}")
            return None
        entries = self.entries(node)
        for name, entry in entries.items():
            if name not in keys and not self._takes_any_key:
                self.complain(
                    entry.key,
                    f"field {name} not found in type {go_type}",
                    hints.get(name) or did_you_mean(name, keys),
                    stage=Stage.KEY,
                )
        return {name: entry for name, entry in entries.items() if name in keys}

    def entries(self, mapping: Mapping) -> dict[str, Entry]:
        """What a mapping says: a key that is written out wins over one that ``<<`` brings in."""
        merged: dict[str, Entry] = {}
        written: dict[str, Entry] = {}
        for key, value in mapping.entries:
            if is_merge_key(key):
                for each in self._merged(value):
                    merged |= self.entries(each)
            elif not isinstance(key, Scalar):
                self.complain(key, f"cannot unmarshal {_described(key)} into string")
            elif key.text in written:
                self.complain(
                    key,
                    f"mapping key {quote(key.text)} already defined at line {written[key.text].key.line}",
                )
            else:
                written[key.text] = Entry(key, value)
        return merged | written

    def _merged(self, value: Node) -> Iterator[Mapping]:
        for each in reversed(value) if isinstance(value, Sequence) else (value,):
            if isinstance(each, Mapping):
                yield each
            else:
                self.complain(
                    each, "yaml: map merge requires map or sequence of maps as the value", stage=Stage.SYNTAX
                )

    def text(self, node: Node, stage: Stage = Stage.TYPE) -> str:
        """Any scalar as it was written; null is the empty text."""
        if isinstance(node, Scalar):
            return "" if node.is_null else node.text
        self.complain(node, f"cannot unmarshal {_described(node)} into string", stage=stage)
        return ""

    def texts(self, node: Node) -> tuple[str, ...]:
        """A list of texts."""
        return tuple([self.text(each) for each in self.items(node, "[]string")])

    def items(self, node: Node, go_type: str) -> list[Node]:
        """The members of a list; those that are null are left out, as Go does it. Null is the empty list."""
        if isinstance(node, Sequence):
            return [each for each in node if not _is_null(each)]
        if not _is_null(node):
            self.complain(node, f"cannot unmarshal {_described(node)} into {go_type}")
        return []

    def map(self, node: Node, go_type: str, read: Callable[[Node], Value]) -> dict[str, tuple[Entry, Value]]:
        """The entries of a map whose keys are free, each with its value as ``read`` gives it."""
        if isinstance(node, Mapping):
            return {name: (entry, read(entry.value)) for name, entry in self.entries(node).items()}
        if not _is_null(node):
            self.complain(node, f"cannot unmarshal {_described(node)} into {go_type}")
        return {}

    def integer(self, node: Node, default: int | None = 0) -> int | None:
        """A whole number; a fraction is cut off."""
        if isinstance(node, Scalar):
            if node.is_null:
                return default
            if node.kind in {Kind.INT, Kind.FLOAT}:
                number = node.value
                if isinstance(number, int) or (isinstance(number, float) and abs(number) < 2**63):
                    return int(number)
        self.complain(node, f"cannot unmarshal {_described(node)} into int")
        return default

    def boolean(self, node: Node) -> bool | None:
        """A truth value; None for null."""
        if isinstance(node, Scalar):
            if node.is_null:
                return None
            if node.kind is Kind.BOOL:
                return node.value is True
        self.complain(node, f"cannot unmarshal {_described(node)} into bool")
        return None

    def duration(self, node: Node, *, signed: bool = False) -> Duration | None:
        """A duration; None for null, and where it is wrong."""
        if not isinstance(node, Scalar):
            self.complain(node, f"cannot unmarshal {_described(node)} into string")
            return None
        if node.is_null:
            return None
        is_negative = signed and node.text.startswith("-")
        try:
            read = self._parse_duration(node.text[1:] if is_negative else node.text)
        except ValueError as error:
            self.complain(node, str(error), _duration_hint(node.text), stage=Stage.VALUE)
            return None
        return -read if is_negative else read


def _described(node: Node) -> str:
    # Compat: rule files are read by YAML 1.2's words for truth, where yes and off are texts unless a truth value is wanted.
    if isinstance(node, Scalar) and node.kind is Kind.BOOL and node.text.lower() not in {"true", "false"}:
        return describe(node).replace(Kind.BOOL.value, "!!str", 1)
    return describe(node)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


_FRACTION_OR_BARE = re.compile(r"\d+(?:\.\d+)?(?:ms|[smhdwy])?")


def _duration_hint(text: str) -> str:
    if _FRACTION_OR_BARE.fullmatch(text):
        return "write whole numbers with a unit, such as 90s or 1h30m"
    return "write it like 30s, 5m or 1h30m: from big to small units out of y w d h m s ms"


_METRICSQL_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|[smhdwy]?)", re.ASCII)
_METRICSQL_UNITS = {
    "": SECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
    "y": 365 * DAY,
}


def parse_metricsql_duration(text: str) -> Duration:
    """A duration as VictoriaMetrics reads it: fractions, units in any order, seconds where there is no unit.

    ValueError says what is wrong.
    """
    if not text:
        raise ValueError("empty duration string")
    total = 0.0
    position = 0
    while position < len(text):
        found = _METRICSQL_PART.match(text, position)
        if found is None:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        total += float(found[1]) * _METRICSQL_UNITS[found[2].lower()]
        position = found.end()
    if total > LATEST:
        raise ValueError("duration out of range")
    return round(total)
