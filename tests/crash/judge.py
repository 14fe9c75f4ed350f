"""Whether every alert was told of that was due, and nothing twice without a mark."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.clock import SystemClock
from alertrouter.core.time import SECOND
from alertrouter.engine.changes import Outcome
from alertrouter.store import Store, history
from tests.crash.ledger import State, team_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.engine.changes import DecisionRecord
    from tests.crash.ledger import Ledger, Told

_PATHS = {"/both/0": "ab", "/both/1": "ab", "/one/0": "b"}  # and the teams whose alerts go there
# How long after a receiver took a message its outcome may be written, on a busy machine.
_SOON = 5.0


class Verdict(NamedTuple):
    """``missing``: what was due and was not told; ``repeated``: what was told again without need or mark."""

    missing: list[str]
    repeated: list[str]


def judge(ledger: Ledger, died_at: Sequence[float], *, record: str | Path = "") -> Verdict:
    """Compare what was promised with what was told, and with the record in this database, which nobody may be using."""
    missing = [problem for path in _PATHS for problem in _missing(ledger, path)]
    if not record:
        return Verdict(missing, [])
    return Verdict(missing, _false_pages(ledger) + _repeated(ledger, _sent(record), died_at))


def _missing(ledger: Ledger, path: str) -> list[str]:
    last: dict[str, str] = {}
    for told in ledger.told:
        if told.path == path:
            last.update(told.status)
    problems = []
    for name, promise in ledger.alerts.items():
        if team_of(name) not in _PATHS[path]:
            continue
        silence = ledger.silences.get(name.split("/")[0])
        if silence is not None and silence.state is not State.OFF:
            continue
        if promise.state is State.ON and last.get(name) != "firing":
            problems.append(f"{path} does not know that {name} fires: {last.get(name, 'never heard of it')}")
        if promise.state is State.OFF and last.get(name) == "firing":
            problems.append(f"{path} does not know that {name} is over")
    return problems


def _false_pages(ledger: Ledger) -> list[str]:
    told = {name for message in ledger.told for name in message.status}
    return [
        f"{name} was told of although it was silenced"
        for name, silence in ledger.silences.items()
        if silence.state is State.ON and not silence.ever_ended and f"{name}/0" in told
    ]


def _sent(record: str | Path) -> list[DecisionRecord]:
    with contextlib.closing(Store.open(record, SystemClock())) as store, store.reader() as reader:
        page = history.decision_records(reader, history.Span(limit=1_000_000))
    return [line for line in page.lines if line.outcome is Outcome.SENT]


def _repeated(ledger: Ledger, sent: Sequence[DecisionRecord], died_at: Sequence[float]) -> list[str]:
    decisions: dict[tuple[str, str], list[DecisionRecord]] = defaultdict(list)
    for decision in sent:
        path = f"/{decision.slot.receiver}/{decision.slot.integration.rpartition('/')[2] or 0}"
        decisions[path, decision.group_key].append(decision)
    problems = []
    last: dict[tuple[str, str], Told] = {}
    for told in ledger.told:
        where = (told.path, told.group_key)
        before, last[where] = last.get(where), told
        if before is None or before.status != told.status:
            continue
        soon_after = (each for each in decisions[where] if 0 <= each.at / SECOND - told.at + 0.01 < _SOON)
        marks = [each.possible_duplicate for each in sorted(soon_after, key=lambda each: each.at)]
        if before.life == told.life:
            problems.append(f"{told.path} was told twice within one life: {dict(told.status)}")
        elif marks and not marks[0]:
            problems.append(f"{told.path} was told again, and it is not marked: {dict(told.status)}")
        elif not marks and not any(0 <= died - told.at < _SOON for died in died_at):
            problems.append(f"{told.path} was told again, and there is no record of it: {dict(told.status)}")
    return problems
