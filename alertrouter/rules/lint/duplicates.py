"""Rules of one file that are alike but for their expressions, as promtool finds them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from alertrouter.rules.model import AlertingRule

if TYPE_CHECKING:
    from alertrouter.rules.model import Rule, RuleSet


def duplicates(rules: RuleSet) -> list[str]:
    """What promtool prints of rules with equal name and labels; empty when there are none."""
    keys = sorted((rule.name, labels_of(rule)) for group in rules.groups for rule in group.rules)
    alike = [one for one, other in pairwise(keys) if one == other]
    found = list(dict.fromkeys(alike))
    if not found:
        return []
    lines = [f"lint error {len(found)} duplicate rule(s) found."]
    for name, labels in found:
        lines += [f"Metric: {name}", "Label(s):", *[f"\t{label}: {value}" for label, value in labels]]
    return [*lines, "Might cause inconsistency while recording expressions"]


def labels_of(rule: Rule) -> tuple[tuple[str, str], ...]:
    """The labels of a rule as they stand in the file, by name; an empty one is none."""
    if isinstance(rule, AlertingRule):
        texts = {name: template.text for name, template in rule.labels.items()}
    else:
        texts = dict(rule.labels)
    return tuple(sorted([(name, text) for name, text in texts.items() if text]))
