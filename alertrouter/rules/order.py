"""Which rules of a group must wait for which (`rules.md` 2.2).

A rule depends on a recording rule whose series it reads. That is found out from the texts alone, on the careful side: a
name that occurs somewhere in an expression is one that it reads, and a selector without a name reads everything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from alertrouter.rules.model import AlertingRule, RecordingRule

if TYPE_CHECKING:
    from alertrouter.rules.model import Rule, RuleGroup

_NAME: Final = re.compile(r"[a-zA-Z_:][\w:.]*")
_NAMELESS: Final = re.compile(r"(?<![\w:])\{|__name__")
_ALERTS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


def dependencies(group: RuleGroup) -> list[frozenset[int]]:
    """For each rule of a group the places of the rules before it whose results it reads."""
    found = []
    for place, rule in enumerate(group.rules):
        before = group.rules[:place]
        if not any(isinstance(each, RecordingRule) for each in before) and "ALERTS" not in rule.expression:
            found.append(frozenset[int]())
            continue
        everything = _NAMELESS.search(rule.expression) is not None
        names = set(_NAME.findall(rule.expression))
        found.append(
            frozenset(at for at, each in enumerate(before) if everything or _makes(each, names, rule))
        )
    return found


def _makes(rule: Rule, names: set[str], reader: Rule) -> bool:
    if isinstance(rule, AlertingRule):
        return bool(names & _ALERTS)
    # A name with other characters than usual stands in quotes, within braces.
    return rule.name in names or (not _NAME.fullmatch(rule.name) and rule.name in reader.expression)
