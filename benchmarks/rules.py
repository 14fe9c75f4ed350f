"""What evaluating rules costs, here and in vmalert: ``python -m benchmarks.rules --vmalert PATH``."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.figures import Figure, medians, table
from benchmarks.load import HOST, LoadError, get
from benchmarks.processes import cpu_seconds, free_port, memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_START_WITHIN = 60.0
_UNTIL_FIRING = 75.0
# A shorter interval, in seconds, is a test of the benchmark itself.
_REAL = 10

FIGURES = (
    Figure(key="rule_cpu", title="CPU of a rule whose answer is empty", unit="µs", at_least=1, aim=1.5),
    Figure(key="alert_cpu", title="  more for each active alert", unit="µs"),
    Figure(key="rules_memory", title="memory with all rules, nothing active", unit="MB"),
    Figure(key="alert_memory", title="  more for each active alert", unit="KB", at_least=1, aim=1.5),
    Figure(key="missed", title="iterations missed", unit="", own_limit=0),
    Figure(key="missed_active", title="  with active alerts", unit="", own_limit=0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many rules in so many groups, each with so many active alerts, evaluated so often, watched for so long."""

    rules: int
    groups: int
    interval: int
    seconds: float

    def write(self, directory: Path, series: int) -> None:
        """Write the rule files, one for each group."""
        directory.mkdir(parents=True, exist_ok=True)
        each = self.rules // self.groups
        for group in range(self.groups):
            rules = [_rule(group * each + number, series) for number in range(each)]
            text = f"groups:\n- name: group-{group}\n  interval: {self.interval}s\n  rules:\n{''.join(rules)}"
            (directory / f"{group:03d}.yml").write_text(text, encoding="utf-8")


def _rule(number: int, series: int) -> str:
    return f"""\
  - alert: Bench{number}
    expr: sum by (instance, job, cluster, namespace, pod) (rate(bench_{number}{{series="{series}"}}[5m])) > {number}
    for: 1m
    labels: {{severity: warning, team: "{{{{ $labels.namespace }}}}"}}
    annotations:
      summary: "{{{{ $labels.instance }}}} of {{{{ $labels.job }}}} has {{{{ $value | humanize }}}} errors a second"
      runbook_url: "https://runbooks.example/bench/{number}"
"""


class Stub:
    """The backend, and the Alertmanager. To be used as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.query_stub"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def queries(self) -> int:
        """How many were asked so far."""
        found: dict[str, int] = json.loads(get(self.port, "/counts").body)
        return found["queries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """A program that evaluates rules; ``missed`` is the metric that counts missed iterations."""

    name: str
    program: str
    flags: Callable[[Path, Stub, int, Load], list[str]]
    missed: str


def _vmalert_flags(directory: Path, stub: Stub, port: int, load: Load) -> list[str]:
    return [
        f"-rule={directory}/rules/*.yml",
        f"-datasource.url={stub.url}",
        f"-notifier.url={stub.url}",
        f"-httpListenAddr={HOST}:{port}",
        f"-evaluationInterval={load.interval}s",
        # As often as we say it again, and as Prometheus does.
        "-rule.resendDelay=1m",
        "-loggerLevel=ERROR",
    ]


def _alertrouter_flags(directory: Path, stub: Stub, port: int, load: Load) -> list[str]:
    return [
        "evaluate",
        f"--rules.file={directory}/rules/*.yml",
        f"--query.url={stub.url}",
        f"--alertmanager.url={stub.url}",
        f"--web.listen-address={HOST}:{port}",
        f"--evaluation.interval={load.interval}s",
        f"--storage.path={directory}/data",
        "--log.level=error",
    ]


def measure(evaluator: Evaluator, directory: Path, load: Load) -> dict[str, float]:
    """All figures of one evaluator."""
    quiet, quiet_rate = _run(evaluator, directory / "quiet", load, 0)
    active, _ = _run(evaluator, directory / "active", load, _SERIES)
    alerts = load.rules * _SERIES
    return {
        "rule_cpu": quiet["cpu"] * 1e6,
        "alert_cpu": (active["cpu"] - quiet["cpu"]) / _SERIES * 1e6,
        "rules_memory": quiet["memory"],
        "alert_memory": (active["memory"] - quiet["memory"]) * 1024 / alerts,
        "missed": quiet["missed"],
        "missed_active": active["missed"],
        "rate": quiet_rate,
    }


# How long an evaluator may take to ask anything, in seconds.
_PATIENCE = 60
# Active alerts of each rule.
_SERIES = 5


def _run(evaluator: Evaluator, directory: Path, load: Load, series: int) -> tuple[dict[str, float], float]:
    load.write(directory / "rules", series)
    port = free_port()
    with Stub() as stub, (directory / "log").open("wb") as log:
        command = [evaluator.program, *evaluator.flags(directory, stub, port, load)]
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
        try:
            _wait_ready(process, port, directory)
            # Groups start one after the other within the first interval; alerts fire after a minute.
            time.sleep(load.interval * 1.5 + (_UNTIL_FIRING if series and load.interval >= _REAL else 0))
            asked, used, begun = stub.queries(), cpu_seconds(process.pid), time.monotonic()
            time.sleep(load.seconds)
            while not (evaluations := stub.queries() - asked) and time.monotonic() - begun < _PATIENCE:
                time.sleep(load.interval)
            if not evaluations:
                raise LoadError(f"{evaluator.name} asked nothing: {_end_of(directory)}")
            return (
                {
                    "cpu": (cpu_seconds(process.pid) - used) / evaluations,
                    "memory": memory(process.pid),
                    "missed": _missed(port, evaluator.missed),
                },
                evaluations / (time.monotonic() - begun),
            )
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_ready(process: subprocess.Popen[bytes], port: int, directory: Path) -> None:
    end = time.monotonic() + _START_WITHIN
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            if get(port, "/metrics").status == 200:
                return
        time.sleep(0.05)
    raise LoadError(f"it did not get ready: {_end_of(directory)}")


def _end_of(directory: Path) -> str:
    return (directory / "log").read_text(encoding="utf-8", errors="replace")[-2000:]


def _missed(port: int, metric: str) -> float:
    lines = get(port, "/metrics").body.decode()
    return sum(
        float(found[1]) for found in re.finditer(rf"^{metric}(?:\{{.*\}})? (\S+)$", lines, re.MULTILINE)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both, and print the table; 2 when a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    beside = Path(sys.executable).with_name("alertrouter")
    parser.add_argument("--vmalert", required=True, metavar="PATH", help="the vmalert to compare with")
    parser.add_argument("--alertrouter", default=str(beside), metavar="PATH", help="default: %(default)s")
    parser.add_argument("--rules", type=int, default=10_000, metavar="N")
    parser.add_argument("--groups", type=int, default=200, metavar="N")
    parser.add_argument("--interval", type=int, default=15, metavar="SECONDS")
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long each is watched", metavar="SECONDS"
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="so many turns; medians are shown")
    parser.add_argument("--json", metavar="FILE", help="write everything that was found here")
    options: Any = parser.parse_args(arguments)
    programs: list[str] = []
    for program in (options.vmalert, options.alertrouter):
        found_at = shutil.which(program)
        if found_at is None:
            print(f"there is no program {program!r}: give its path", file=sys.stderr)
            return 2
        # Each runs in a directory of its own.
        programs.append(str(Path(found_at).absolute()))
    evaluators = [
        Evaluator(
            name="vmalert",
            program=programs[0],
            flags=_vmalert_flags,
            missed="vmalert_iteration_missed_total",
        ),
        Evaluator(
            name="alertrouter",
            program=programs[1],
            flags=_alertrouter_flags,
            missed="prometheus_rule_group_iterations_missed_total",
        ),
    ]
    load = Load(
        rules=options.rules, groups=options.groups, interval=options.interval, seconds=options.seconds
    )
    turns: dict[str, list[dict[str, float]]] = {evaluator.name: [] for evaluator in evaluators}
    with tempfile.TemporaryDirectory(prefix="alertrouter-bench-") as name:
        for turn in range(options.repeat):
            for evaluator in evaluators:
                print(f"turn {turn + 1}: {evaluator.name}", file=sys.stderr, flush=True)
                directory = Path(name) / f"{turn}-{evaluator.name}"
                turns[evaluator.name].append(measure(evaluator, directory, load))
    found = {name: medians(each) for name, each in turns.items()}
    theirs, ours = (found[evaluator.name] for evaluator in evaluators)
    print(f"{load.rules:,} rules in {load.groups} groups every {load.interval} s")
    print(table(theirs, ours, ("vmalert", "alertrouter"), FIGURES))
    if options.json:
        Path(options.json).write_text(
            json.dumps({"medians": found, "turns": turns}, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
