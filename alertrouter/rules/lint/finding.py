"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from alertrouter.promql.errors import PromqlError
from alertrouter.promql.nodes import depth
from alertrouter.promql.parser import parse

if TYPE_CHECKING:
    from alertrouter.promql.nodes import Node
    from alertrouter.rules.model import Rule, RuleGroup


# Checks go down a tree by calling themselves.
_DEEPEST = 150


class Severity(IntEnum):
    """How bad it is."""

    INFO = 0
    """Worth a thought."""
    WARNING = 1
    """Probably not what was meant."""
    BUG = 2
    """It cannot work."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing, at its place. ``check`` is the name by which it can be switched off."""

    check: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int
    group: str = ""
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        who = f'"{self.rule}": ' if self.rule else ""
        return f"{place}: {self.severity.word}: {who}{self.message} [{self.check}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A rule that is looked at, and the tree of its expression; None where that cannot be read, or is very deep."""

    rule: Rule
    group: RuleGroup
    node: Node | None

    @classmethod
    def of(cls, rule: Rule, group: RuleGroup) -> Subject:
        """The rule, its expression read."""
        try:
            node = parse(rule.expression)
        except PromqlError:
            node = None
        if node is not None and depth(node) > _DEEPEST:
            node = None
        return cls(rule=rule, group=group, node=node)

    def finding(self, check: str, severity: Severity, message: str) -> Finding:
        """What a check found in it."""
        return Finding(
            check=check,
            severity=severity,
            message=message,
            file=self.group.file,
            line=self.rule.line,
            column=self.rule.column,
            group=self.group.name,
            rule=self.rule.name,
        )
