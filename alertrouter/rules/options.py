"""How rules are evaluated, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.time import HOUR, MINUTE
from alertrouter.rules.missing_policy import AS_PROMETHEUS, MissingData
from alertrouter.rules.model import Dialect, LabelMode
from alertrouter.rules.restore import AfterPause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The terms that all groups share; defaults are Prometheus's (`rules.md` 7.1) but for what is said here.

    ``external_url`` is where links in alerts lead: the backend's pages. ``resend_on_query_error``: while a query fails,
    alerts that fire are told again, for ``longest_resend`` at most, so that they do not resolve by themselves.
    ``tell_when_blind``: a group whose rules the backend has not answered for ``longest_blindness`` is an alert of its own.
    ``resolve_removed``: alerts of a rule that is gone after a reload are told to be resolved. ``concurrency``: how many
    rules of a group are evaluated at once when none reads what another makes. ``read_back``: alerts that the store
    knows nothing of are looked for in ``ALERTS_FOR_STATE``; only then there is a ``grace``. ``update_entries_limit``: how
    many evaluations of a rule are remembered, for people to look at.
    """

    interval: Duration = MINUTE
    query_offset: Duration = 0
    query_timeout: Duration = 2 * MINUTE
    resend_delay: Duration = MINUTE
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    dialect: Dialect = Dialect.PROMETHEUS
    resend_on_query_error: bool = True
    longest_resend: Duration = HOUR
    tell_when_blind: bool = True
    longest_blindness: Duration = 5 * MINUTE
    outage_tolerance: Duration = HOUR
    grace: Duration = 10 * MINUTE
    after_pause: AfterPause = AfterPause.PAUSE
    resolve_removed: bool = False
    read_back: bool = True
    concurrency: int = 4
    update_entries_limit: int = 20
    label_mode: LabelMode = LabelMode.PROMETHEUS
    missing: MissingData = AS_PROMETHEUS
