"""How cost grows with size: ``python -m benchmarks.scale`` prints the figures and draws the plots of docs/performance.md.

Each point is measured in a process of its own, on the engine and what stands directly before it, in processor time: no
network, no disk. ``--quick`` measures the small sizes only.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from alertrouter.api.listing import Listing
from alertrouter.api.query import AlertQuery
from alertrouter.config import load_text
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.silence import Silence
from alertrouter.core.time import HOUR, SECOND
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.intake import Intake
from alertrouter.memory import return_memory
from alertrouter.wire import decode_alerts
from benchmarks.alerts import BATCH, Batches
from benchmarks.plot import Series, plot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from alertrouter.api.router import Router
    from alertrouter.engine.known import Known

Found = dict[str, float]
"""What one point has shown: microseconds of processor time, or bytes, by the name of the curve."""

_SAMPLE = 20_000
_LASTING = timedelta(minutes=20)
_PLOTS = Path(__file__).parent.parent / "docs" / "performance"


class _Timed:
    """How much processor time the block took, in microseconds for each of so many."""

    def __init__(self, count: int) -> None:
        self.each = 0.0
        self._count = count

    def __enter__(self) -> Self:
        self._begun = time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.each = (time.process_time() - self._begun) / self._count * 1e6


class _House:
    """An engine with its door and its lists; it is the part of the `Router` that lists ask."""

    def __init__(self, config: str) -> None:
        self.engine = Engine(load_text(config).routing, EngineSettings())
        self.time = time.time_ns()
        self._intake = Intake(self.engine, Mode.FALLBACK)
        asked: Router = self  # type: ignore[assignment]  # lists ask for the engine and the time only
        self.listing = Listing(asked)

    def now(self) -> int:
        return self.time

    def post(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self.time += 1
            self._intake.take(self._intake.read(decode_alerts(body)), self.time)

    def work_ahead(self) -> None:
        while self.listing.prepare(200):
            pass

    def listed(self) -> int:
        return sum(len(piece) for piece in self.listing.alerts(AlertQuery(), self.time))

    def flush(self) -> int:
        """Flush what is due and take every message as delivered; how many groups it were."""
        count = 0
        while (due := self.engine.next_due()) is not None and due <= self.time:
            flushes, _ = self.engine.flush(self.time, at_most=50)
            for flush in flushes:
                count += 1
                for send in flush.sends:
                    self.engine.delivered(send, self.time)
        return count


def _config(routes: str = "", rules: str = "", group_by: str = "[alertname, cluster]") -> str:
    return (
        f"route:\n  receiver: hook\n  group_by: {group_by}\n  group_wait: 10s\n  group_interval: 5m\n  repeat_interval: 4h\n"
        f"{routes}"
        "receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]\n"
        f"{rules}"
    )


def _bodies(count: int, groups: int, after: timedelta = _LASTING) -> list[bytes]:
    return list(Batches(count, groups).ending(after))


def _resident() -> int:
    gc.collect()
    return_memory()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not tell how much memory is resident")


def alerts(count: int) -> Found:
    """So many alerts in a fiftieth as many groups."""
    house = _House(_config())
    since = datetime.now(UTC)
    before = _resident()
    with _Timed(count) as first:
        for start in range(0, count, 50_000):
            some = Batches(min(50_000, count - start), max(1, count // 50), first=start, since=since)
            bodies = list(some.ending(_LASTING))
            house.post(bodies)
    making = _TimedBodies(count)
    del bodies, some
    known = _resident()
    with _Timed(count) as ahead:
        house.work_ahead()
    with _Timed(count) as listed_first:
        house.listed()
    lists = _resident()
    sample = Batches(min(count, _SAMPLE), max(1, count // 50), since=since)
    again = list(sample.ending(2 * _LASTING))
    with _Timed(sample.count) as beat:
        house.post(again)
    with _Timed(count) as listed:
        house.listed()
    return {
        "first seen": max(0.0, first.each - making.each),
        "heartbeat": beat.each,
        "fingerprint, worked out ahead": ahead.each,
        "list, first": listed_first.each,
        "list, again": listed.each,
        "bytes, known": (known - before) / count,
        "bytes, with lists": (lists - before) / count,
    }


class _TimedBodies:
    """What making the requests costs, which is no cost of the server."""

    def __init__(self, count: int) -> None:
        some = min(count, _SAMPLE)
        with _Timed(some) as made:
            _bodies(some, 1000)
        self.each = made.each


def groups(count: int) -> Found:
    """So many groups of one alert each: first all are told, then nothing has changed, then one in each is resolved."""
    house = _House(_config(group_by="[cluster]"))
    before = _resident()
    batches = Batches(count, count)
    house.post(list(batches.ending(timedelta(hours=2))))
    known = _resident()
    house.time += 11 * SECOND
    with _Timed(count) as told:
        assert house.flush() == count
    house.time += 301 * SECOND
    with _Timed(count) as quiet:
        house.flush()
    house.time += 250 * SECOND
    # By the engine's clock these ends have passed.
    house.post(list(batches.ending(timedelta()))[: max(1, count // 10 // BATCH)])
    house.time += 51 * SECOND
    with _Timed(count) as resolved:
        house.flush()
    return {
        "flush that tells": told.each,
        "flush with nothing new": quiet.each,
        "flush, a tenth resolved": resolved.each,
        "bytes a group": (known - before) / count,
    }


def silences(count: int) -> Found:
    """So many silences, each for one pod, over 20,000 alerts; one in ten is an expression."""
    house = _House(_config())
    house.post(_bodies(_SAMPLE, 1000))
    known = list(house.engine.known.values())
    proposed = [_silence(number, house.time) for number in range(count)]
    with _Timed(count) as saved:
        for number, silence in enumerate(proposed):
            house.engine.save_silence(silence, house.time, f"silence-{number}")
    with _Timed(len(known)) as first:
        _look(known, house.engine, house.time)
    with _Timed(len(known)) as again:
        _look(known, house.engine, house.time)
    house.engine.save_silence(_silence(count, house.time), house.time, "one more")
    with _Timed(len(known)) as after:
        _look(known, house.engine, house.time)
    return {
        "silence taken in": saved.each,
        "first look-up of an alert": first.each,
        "look-up again": again.each,
        "look-up after one more silence": after.each,
    }


def _silence(number: int, now: int) -> Silence:
    pod = f"workload-{number:06d}-5d9c7b6f8d-x2x7q"
    by_pattern = number % 10 == 9
    matchers = [
        Matcher("cluster", MatchType.EQUAL, f"cluster-{number % 1000:05d}"),
        Matcher("pod", MatchType.REGEX, f"workload-{number:06d}-.+")
        if by_pattern
        else Matcher("pod", MatchType.EQUAL, pod),
    ]
    return Silence(
        id="",
        matcher_sets=[Matchers(matchers)],
        starts_at=now,
        ends_at=now + 2 * HOUR,
        updated_at=now,
        created_by="bench",
        comment="a planned change",
    )


def _look(known: Sequence[Known], engine: Engine, now: int) -> None:
    for each in known:
        engine.silenced_by(each, now)


def inhibition(count: int) -> Found:
    """So many rules, each for a cluster of its own; a hundredth of the alerts are sources."""
    rules = "inhibit_rules:\n" + "".join(
        f"- {{source_matchers: ['severity=critical', 'cluster=cluster-{number:05d}'], "
        f"target_matchers: ['severity=~\"warning|info\"', 'cluster=cluster-{number:05d}'], equal: [namespace]}}\n"
        for number in range(count)
    )
    house = _House(_config(rules=rules))
    bodies = _bodies(_SAMPLE, 1000)
    with _Timed(_SAMPLE) as first:
        house.post(bodies)
    known = list(house.engine.known.values())
    found = []
    for _ in range(2):
        with _Timed(len(known)) as look:
            for each in known:
                house.engine.inhibited_by(each, house.time)
        found.append(look.each)
    return {"first seen": first.each, "first look-up of an alert": found[0], "look-up again": found[1]}


def routes(count: int) -> Found:
    """A tree with so many nodes: a child for each team, by its name or a choice of two, five below each fifth."""
    lines = ["  routes:\n"]
    nodes, number = 1, 0
    while nodes < count:
        other = (
            f"'team=~\"platform-{number}|crew-{number}\"'" if number % 3 == 2 else f"'team=platform-{number}'"
        )
        lines.append(f"  - matchers: [{other}]\n")
        nodes += 1
        if number % 5 == 0 and nodes < count:
            lines.append("    routes:\n")
            for place in range(min(5, count - nodes)):
                lines.append(f"    - matchers: ['namespace=team-{place}']\n")
                nodes += 1
        number += 1
    house = _House(_config(routes="".join(lines)))
    bodies = [
        body.replace(b'"platform-', b'"platform-%d' % (place * 37 % max(1, number)))
        for place, body in enumerate(_bodies(_SAMPLE, 1000))
    ]
    with _Timed(_SAMPLE) as first:
        house.post(bodies)
    known = list(house.engine.known)
    with _Timed(len(known)) as routed:
        for labels in known:
            house.engine.grouping.routes_of(labels)
    with _Timed(len(known)) as reloaded:
        house.engine.reconfigure(house.engine.routing, house.time)
    return {
        "first seen": first.each,
        "routed": routed.each,
        "reload, each alert": reloaded.each,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One thing that grows, what is measured at each size, and what its plot is called."""

    title: str
    what: str
    sizes: Sequence[int]
    measure: Callable[[int], Found]


CURVES: Mapping[str, Curve] = {
    "alerts": Curve(
        title="As alerts grow", what="alerts", sizes=(1_000, 10_000, 100_000, 500_000), measure=alerts
    ),
    "groups": Curve(
        title="As aggregation groups grow", what="groups", sizes=(1_000, 10_000, 50_000), measure=groups
    ),
    "silences": Curve(
        title="As silences grow, 20,000 alerts",
        what="silences",
        sizes=(10, 1_000, 10_000),
        measure=silences,
    ),
    "inhibition": Curve(
        title="As inhibition rules grow, 20,000 alerts",
        what="rules",
        sizes=(1, 100, 1_000),
        measure=inhibition,
    ),
    "routes": Curve(
        title="As the routing tree grows, 20,000 alerts",
        what="nodes",
        sizes=(10, 1_000, 5_000),
        measure=routes,
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(CURVES), default=list(CURVES), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="the smaller sizes only; nothing is drawn")
    parser.add_argument("--plots", type=Path, default=_PLOTS, help="where plots go (default: %(default)s)")
    parser.add_argument("--point", nargs=2, metavar=("NAME", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        gc.set_threshold(50_000, 20, 100)
        print(json.dumps(CURVES[options.point[0]].measure(int(options.point[1]))))
        return 0
    for name in options.only:
        curve = CURVES[name]
        sizes = curve.sizes[:2] if options.quick else curve.sizes
        found = {size: _point(name, size) for size in sizes}
        _print(curve, found)
        if not options.quick:
            options.plots.mkdir(parents=True, exist_ok=True)
            _draw(options.plots, name, curve, found)
    return 0


def _point(name: str, size: int) -> Found:
    command = [sys.executable, "-m", "benchmarks.scale", "--point", name, str(size)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Found = json.loads(told.stdout)
    return found


def _print(curve: Curve, found: Mapping[int, Found]) -> None:
    print(f"\n{curve.title}")
    print(f"| {curve.what} | " + " | ".join(f"{size:,}" for size in found) + " |")
    print("|---" * (len(found) + 1) + "|")
    for key in next(iter(found.values())):
        unit = "B" if key.startswith("bytes") else "µs"
        values = " | ".join(
            f"{point[key]:,.0f} {unit}" if unit == "B" else f"{point[key]:.2f} {unit}"
            for point in found.values()
        )
        print(f"| {key} | {values} |", flush=True)


def _draw(folder: Path, name: str, curve: Curve, found: Mapping[int, Found]) -> None:
    keys = next(iter(found.values()))
    for unit, ending, wanted in (
        ("µs", "", [key for key in keys if not key.startswith("bytes")]),
        ("bytes", "-memory", [key for key in keys if key.startswith("bytes")]),
    ):
        series = [
            Series(
                key.removeprefix("bytes, ").removeprefix("bytes "),
                [(size, point[key]) for size, point in found.items()],
            )
            for key in wanted
        ]
        if series:
            text = plot(title=f"{curve.title}: {unit} each", across=curve.what, series=series)
            (folder / f"{name}{ending}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
