"""`artool rules`: what to do with rule files before and while they are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.cli import rules_check, rules_convert, rules_lint, rules_show, rules_test

if TYPE_CHECKING:
    from alertrouter.cli.command import Command


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("rules", "Check, try, convert and show Prometheus rule files.")
    for each in (rules_check, rules_lint, rules_test, rules_convert, rules_show):
        each.register(group)
