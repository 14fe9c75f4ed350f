"""Receivers and their integrations, as far as routing and deciding need to know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One configured way to notify: an entry of a receiver's ``webhook_configs``, say.

    ``kind`` is the name in metrics and logs (``webhook``), ``index`` the place in the receiver's list of
    that kind, ``name`` the optional name under the integration's ``alertrouter:`` key, which keeps its history
    when the list is reordered. ``config`` is the integration's own configuration model; deciding never looks at it.
    """

    kind: str
    index: int
    name: str = ""
    send_resolved: bool
    announce_muted_resolves: bool = False
    config: object = field(default=None, compare=False, repr=False)
    key: str = field(init=False, compare=False, repr=False)
    """The identity within the receiver: ``webhook/0``, or ``webhook/name`` for a named one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.kind}/{self.name or self.index}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A named set of integrations. One without any is legal: alerts routed to it are told to nobody."""

    name: str
    labels: Labels = field(default_factory=Labels)
    integrations: Sequence[Integration] = ()
