"""What a year of history costs: bytes a transition, and how long filtered questions take.

    python -m benchmarks.history [--days 365] [--a-day 10000] [--distinct]

Builds a SQLite database with the real journal's statements and the real index, then asks it what people ask. With
``--distinct`` no alert ever comes back: the worst case for an index by label. The database is in the page cache, as it
is on a server that has asked before; the first question of each kind is shown apart.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from alertrouter.clock import SystemClock
from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.reason import NotSent, Reason
from alertrouter.core.time import DAY, MINUTE, SECOND
from alertrouter.engine.changes import AlertTransition, Changes, DecisionRecord, Outcome, Transition
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.insight import past
from alertrouter.store import Store
from alertrouter.store.batch import Batch
from alertrouter.store.indexing import next_chunk
from alertrouter.store.retention import size
from alertrouter.store.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from alertrouter.wire.past import Page

BEGIN = 1_760_000_000 * SECOND
QUESTIONS = {
    "alertname, frequent": '{alertname="Alert007"}',
    "alertname and instance": '{alertname="Alert007",instance="host0042:9100"}',
    "one alert of long ago": '{alertname="Rare",instance="only-once"}',
    "nothing": '{alertname="Never"}',
    "regular expression, frequent": '{instance=~"host00[12].*",severity="page"}',
    "regular expression, rare": '{instance=~"only-.*"}',
    "negative": '{alertname!~"Alert.*"}',
}


def alerts(distinct: bool) -> Iterator[Alert]:  # noqa: FBT001 - the flag of the command line
    """Alerts as they come: a few thousand again and again, or always new ones."""
    chance = random.Random(1)
    number = 0
    while True:
        name, host = chance.randrange(100), chance.randrange(1000)
        number += 1
        labels = {
            "alertname": f"Alert{name:03}",
            "instance": f"host{host:04}:9100",
            "job": f"job{name % 17}",
            "severity": ("page", "ticket", "info")[name % 3],
            "team": f"team{name % 7}",
            "cluster": f"cluster{host % 5}",
            "namespace": f"ns{host % 40}",
            "pod": f"pod-{number if distinct else name * host % 3000}",
        }
        yield Alert(
            labels=Labels(labels),
            annotations=Labels(
                {"summary": f"alert {name} on host {host}", "runbook": f"http://runbooks/{name}"}
            ),
            starts_at=BEGIN,
            ends_at=BEGIN + DAY,
            updated_at=BEGIN,
        )


def decided(alert: Alert, at: int, number: int) -> DecisionRecord:
    """One decision about this alert: mostly sent, sometimes silenced."""
    group = GroupId("{}:{}", alert.labels.only(["alertname", "cluster"]))
    silenced = number % 20 == 0
    return DecisionRecord(
        at=at,
        slot=Slot(group, f"receiver{number % 9}", "webhook/0"),
        group_key="{}:{}",
        tick=at,
        flush_number=1,
        outcome=Outcome.NOT_SENT if silenced else Outcome.SENT,
        reason=None if silenced else Reason.FIRST,
        why_not=NotSent.SILENCED if silenced else None,
        firing=() if silenced else (alert.labels.identity,),
        muted={alert.labels.identity: ["silence:9f3"]} if silenced else {},
        attempts=0 if silenced else 1,
    )


def fill(store: Store, days: int, a_day: int, *, distinct: bool) -> int:
    """Three transitions (fired, resolved, forgotten) and two decisions for each alert; how many transitions."""
    kinds = (Transition.FIRED, Transition.RESOLVED, Transition.COLLECTED)
    source = alerts(distinct)
    pause = DAY * len(kinds) // a_day
    made = 0
    numbers = count(1)
    with store.database.writer() as connection:
        statements = Statements(connection.dialect)
        for day in range(days):
            batch = Batch({}, numbers)
            for number in range(a_day // len(kinds)):
                alert = next(source)
                at = BEGIN + day * DAY + number * pause
                if (day, number) == (days // 3, 0):
                    labels = Labels({**alert.labels, "alertname": "Rare", "instance": "only-once"})
                    alert = Alert(
                        labels=labels, annotations=alert.annotations, starts_at=at, ends_at=at, updated_at=at
                    )
                changes = Changes(
                    alerts=[alert],
                    transitions=[
                        AlertTransition(at=at + step * MINUTE // 60, kind=kind, alert=alert)
                        for step, kind in enumerate(kinds)
                    ],
                    collected_alerts=[alert.labels],
                    decisions=[decided(alert, at, number), decided(alert, at + 1, number)],
                )
                batch.add(changes, at)
                made += len(kinds)
            with connection.begin():
                batch.write(connection, statements)
    return made


def index(store: Store) -> list[float]:
    """Index everything; how much time of the processor each chunk took."""
    took: list[float] = []
    while True:
        begun = time.process_time()
        with store.reader() as connection:
            chunk = next_chunk(connection)
        if chunk is None:
            return took
        batch = Batch({}, count())
        batch.index(chunk)
        with store.database.writer() as writer, writer.begin():
            batch.write(writer, Statements(writer.dialect))
        took.append(time.process_time() - begun)


def ask(store: Store, kind: Callable[[Connection, past.Question], Page[Any]], question: past.Question) -> str:
    """How long this takes, by the clock and in time of the processor, and how many lines it gives."""
    took, worked, lines = [], [], 0
    for _ in range(9):
        begun, working = time.perf_counter(), time.process_time()
        with store.reader() as connection:
            lines = len(kind(connection, question).lines)
        took.append((time.perf_counter() - begun) * 1000)
        worked.append((time.process_time() - working) * 1000)
    return (
        f"first {took[0]:.0f} ms, then median {statistics.median(took[1:]):.0f} ms, longest {max(took[1:]):.0f} ms "
        f"({statistics.median(worked):.0f} ms of processor), {lines} lines"
    )


def table_sizes(connection: Connection) -> dict[str, int]:
    """Bytes by table, its indexes included."""
    query = text(
        "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name "
        "WHERE s.aggregate = TRUE GROUP BY 1 ORDER BY 2 DESC"
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--a-day", type=int, default=10_000)
    parser.add_argument("--distinct", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="alertrouter-history-"))
    try:
        with closing(Store.open(folder, SystemClock())) as store:
            begun = time.perf_counter()
            made = fill(store, options.days, options.a_day, distinct=options.distinct)
            print(f"{made} transitions in {time.perf_counter() - begun:.0f} s", flush=True)
            with store.reader() as connection:
                before = size(connection)
            chunks = index(store)
            if chunks:
                print(f"{len(chunks)} chunks, {statistics.median(chunks) * 1000:.0f} ms of processor each")
            with store.reader() as connection:
                whole = size(connection)
                try:
                    for name, taken in table_sizes(connection).items():
                        if taken > whole // 200:
                            print(f"  {name}: {taken / made:.1f} bytes a transition")
                except Exception as error:  # noqa: BLE001 - not every SQLite can tell
                    print(f"  (sizes by table are not to be had: {error})")
            print(f"{whole / made:.0f} bytes a transition, {(whole - before) / made:.0f} of them index")
            for kind in (past.alerts, past.notifications):
                for name, matchers in QUESTIONS.items():
                    question = past.Question(matchers=parse_matchers(matchers, Mode.FALLBACK).matchers)
                    print(f"{kind.__name__}, {name}: {ask(store, kind, question)}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
