"""Inhibition rules: a source alert mutes its targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.matcher import Matchers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InhibitionRule:
    """While a source fires, targets with the same values of the ``equal`` labels are not notified."""

    name: str = ""
    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()

    def equal_values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """What source and target must have in common; a missing label counts as empty."""
        return tuple([labels.get(name, "") for name in self.equal])
