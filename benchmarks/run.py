"""Measure, and print the table: ``python -m benchmarks.run --alertmanager PATH``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.alerts import Batches
from benchmarks.figures import medians, table, worse
from benchmarks.load import LoadError, alert_requests, post_all
from benchmarks.processes import Peer
from benchmarks.scenarios import SCENARIOS, Bench, Measured, Scale
from benchmarks.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUICK = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 1 when something could not be measured, 2 when it was asked for badly."""
    options = _options(arguments)
    peers = []
    for name, program in (("alertmanager", options.alertmanager), ("alertrouter", options.alertrouter)):
        found_at = shutil.which(program)
        if found_at is None:
            print(f"there is no program {program!r}: give its path", file=sys.stderr)
            return 2
        # Each server runs in a folder of its own, so a relative path would lead nowhere.
        peers.append(Peer(name, str(Path(found_at).absolute())))
    theirs, ours = peers
    scale = Scale(factor=options.scale)
    print(f"{_version(theirs)}\n{_version(ours)}\n{_machine()}, load × {scale.factor:g}")
    turns: dict[str, list[Measured]] = {theirs.name: [], ours.name: []}
    failed = False
    with tempfile.TemporaryDirectory(prefix="alertrouter-bench-") as name:
        base = Path(name)
        base.chmod(0o755)  # nginx drops its rights, and must still find its way
        with Sink(base / "nginx") as sink:
            ceiling = _ceiling(sink, scale)
            print(f"the generator makes {ceiling:,.0f} alerts/s against nginx\n", flush=True)
            for turn in range(options.repeat):
                for scenario in options.only:
                    for peer in (theirs, ours):
                        print(f"turn {turn + 1}: {scenario}, {peer.name}", file=sys.stderr, flush=True)
                        directory = base / f"{turn}-{scenario}-{peer.name}"
                        bench = Bench(peer=peer, directory=directory, scale=scale, sink=sink)
                        try:
                            turns[peer.name].append(SCENARIOS[scenario](bench))
                        except (LoadError, OSError) as error:
                            failed = True
                            print(f"{scenario}, {peer.name}: {error}{_log_of(directory)}", file=sys.stderr)
                        shutil.rmtree(directory, ignore_errors=True)
    found = {name: medians(measured) for name, measured in turns.items()}
    print(table(found[theirs.name], found[ours.name], (theirs.name, ours.name)))
    missed = worse(found[theirs.name], found[ours.name])
    if missed:
        print("\nbelow what they must be: " + "; ".join(missed))
    elif failed or not found[theirs.name] or not found[ours.name]:
        print("\nnot everything was measured, see above: this says nothing")
    else:
        print("\neverything is as good as it must be")
    if options.json:
        report = {
            "machine": _machine(),
            "scale": scale.factor,
            "generator": ceiling,
            "versions": {peer.name: _version(peer) for peer in (theirs, ours)},
            "medians": found,
            "turns": turns,
        }
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(failed)


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    beside = Path(sys.executable).with_name("alertrouter")
    parser.add_argument(
        "--alertmanager", required=True, metavar="PATH", help="the Alertmanager to compare with"
    )
    parser.add_argument("--alertrouter", default=str(beside), metavar="PATH", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS), metavar="NAME")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="so many turns; medians are shown")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="so much of the full load")
    parser.add_argument(
        "--quick",
        dest="scale",
        action="store_const",
        const=_QUICK,
        help="a tenth of the load: no promise holds for it",
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was found here")
    return parser.parse_args(arguments)


def _ceiling(sink: Sink, scale: Scale) -> float:
    """What the generator itself can do, against a server that only reads and answers."""
    batches = Batches(scale.count(50_000), 1000)
    requests = alert_requests(batches.ending(timedelta(minutes=5)))
    post_all(sink.port, requests)
    return batches.count / post_all(sink.port, requests).seconds


def _version(peer: Peer) -> str:
    told = subprocess.run(
        [peer.program, "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    lines = (told.stdout or told.stderr).splitlines()
    return f"{peer.name}: {lines[0] if lines else 'of an unknown version'}"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _log_of(directory: Path) -> str:
    log = directory / "log"
    return "\n" + log.read_text(encoding="utf-8", errors="replace")[-1000:] if log.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
