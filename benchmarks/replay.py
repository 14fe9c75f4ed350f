"""How fast a record is replayed, and in how much memory: `python -m benchmarks.replay [TRANSITIONS]`.

A week is lived through first, on a virtual clock, and written to a database as the daemon writes it; then it is verified,
and another configuration is tried on it, each in a process of its own.
"""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from alertrouter.config import load_text
from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.time import DAY, HOUR, LATEST, MINUTE, SECOND
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.engine.milestones import Checkpointed, Reconfigured, Started
from alertrouter.insight.difference import compare
from alertrouter.insight.store_record import StoreRecord
from alertrouter.insight.verify import verify
from alertrouter.store import Store
from alertrouter.store.batch import Batch
from alertrouter.store.reading import reading
from alertrouter.store.statements import Statements

WEEK = 7 * DAY
NAMES = 200
BEGIN = 1_760_000_000 * SECOND

CONFIG = """
route:
  receiver: chat
  group_by: [alertname, cluster]
  routes:
    - matchers: [severity="page"]
      receiver: {pager}
      repeat_interval: 1h
    - matchers: [team=~"db|web"]
      receiver: team
receivers:
  - name: chat
    webhook_configs: [{{url: "http://chat.example/"}}]
  - name: pager
    webhook_configs: [{{url: "http://pager.example/"}}]
  - name: pager-b
    webhook_configs: [{{url: "http://pager-b.example/"}}]
  - name: team
    webhook_configs: [{{url: "http://team.example/"}}]
inhibit_rules:
  - source_matchers: [severity="page"]
    target_matchers: [severity="warn"]
    equal: [cluster, instance]
"""


class _Clock:
    def now(self) -> int:
        return BEGIN

    async def sleep_until(self, moment: int) -> None:
        raise NotImplementedError


def live(folder: Path, transitions: int) -> None:
    """A week in which alerts come and go so many times."""
    chance = random.Random(1)
    store = Store.open(folder, _Clock())
    engine = Engine(
        load_text(CONFIG.format(pager="pager"), file="alertmanager.yml", directory=folder).routing,
        EngineSettings(),
    )
    labels = [
        Labels(
            {
                "alertname": f"Alert{number % NAMES}",
                "cluster": f"c{number % 7}",
                "instance": f"host-{number // 40}",
                "severity": "page" if number % 10 == 0 else "warn",
                "team": ("db", "web", "ops")[number % 3],
                "job": "node",
            }
        )
        for number in range(20_000)
    ]
    groups: dict[tuple[str, str], list[Labels]] = {}
    for each in labels:
        groups.setdefault((each["alertname"], each["cluster"]), []).append(each)
    story = _incidents(chance, list(groups.values()), transitions)
    numbers = count(1)
    batch = Batch({}, numbers)
    batch.milestone(Reconfigured(at=BEGIN, routing=engine.routing))
    then = checkpoint(engine, BEGIN)
    assert then is not None
    batch.milestone(Started(at=BEGIN, settings=engine.settings, checkpoint=then))
    since_written = 0
    last_checkpoint = now = BEGIN
    with store.database.writer() as connection:
        statements = Statements(connection.dialect)
        for now, who, ends_at in story:
            while (due := engine.next_due()) is not None and due <= now:
                flushes, changes = engine.flush(due)
                batch.add(changes, due)
                for flush in flushes:
                    for send in flush.sends:
                        batch.add(engine.delivered(send, due), due)
            alert = Alert(labels=who, annotations=Labels(), starts_at=now, ends_at=ends_at, updated_at=now)
            batch.add(engine.receive([alert], now).changes, now)
            since_written += 1
            if since_written >= 2000:
                batch.add(engine.collect_alerts(now), now)
                if now - last_checkpoint >= 6 * HOUR and (then := checkpoint(engine, now)) is not None:
                    last_checkpoint = now
                    batch.milestone(Checkpointed(at=now, settings=engine.settings, checkpoint=then))
                since_written = 0
                batch.note("seen_at", now)
                with connection.begin():
                    batch.write(connection, statements)
                batch = Batch({}, numbers)
        batch.note("seen_at", now)
        with connection.begin():
            batch.write(connection, statements)
    store.close()


def _incidents(
    chance: random.Random, groups: list[list[Labels]], transitions: int
) -> list[tuple[int, Labels, int]]:
    """Reports, in order: the alerts of a group begin to fire within half a minute, and are over after up to an hour.

    A third of the transitions are those of forgetting them.
    """
    reports: list[tuple[int, Labels, int]] = []
    while len(reports) < transitions * 2 // 3:
        group = chance.choice(groups)
        begin = BEGIN + chance.randrange(WEEK - 2 * HOUR)
        over = begin + 10 * MINUTE + chance.randrange(50 * MINUTE)
        for who in group:
            at = begin + chance.randrange(30 * SECOND)
            reports.append((at, who, at + 300 * DAY))
            end = over + chance.randrange(30 * SECOND)
            reports.append((end, who, end))
    return sorted(reports, key=lambda report: report[0])


def measure(what: str, folder: Path) -> None:
    """Replay it in this process."""
    gc.set_threshold(50_000, 20, 100)  # as artool does
    begun = time.process_time()
    with reading(folder) as connection:
        record = StoreRecord(connection, "the record")
        if what == "verify":
            verdict = verify(record, 0, LATEST)
            assert not verdict.differing, verdict.differences[:3]
            done, messages = verdict.transitions, verdict.messages
        else:
            after = load_text(CONFIG.format(pager="pager-b"), file="new.yml", directory=folder).routing
            before = record.configuration_at(LATEST)
            found = compare(record, before=before, after=after, since=BEGIN, until=LATEST)
            done, messages = found.transitions, sum(pair[0] for pair in found.by_receiver.values())
    seconds = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {done:,} transitions, {messages:,} messages in {seconds:.1f} s of one core "
        f"({seconds / done * 1e6:.0f} µs each), at most {memory:.0f} MiB"
    )


def main() -> None:
    """Live through a week, then replay it."""
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
        return
    transitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="alertrouter-replay-") as folder:
        begun = time.monotonic()
        live(Path(folder), transitions)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
        print(f"lived through a week in {time.monotonic() - begun:.0f} s, {size:.0f} MiB")
        for what in ("verify", "replay"):
            subprocess.run([sys.executable, "-m", "benchmarks.replay", what, folder], check=True)


if __name__ == "__main__":
    main()
