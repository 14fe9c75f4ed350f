"""The long run: ``python -m tests.crash --runs 500 --seed 1``. Exits with 1 when anything was lost or repeated."""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.chain import Chain, described, plan
from tests.store import postgresql as pg

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def main() -> int:
    """Run chains of lives and tell how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="how many crashes")
    parser.add_argument("--lives", type=int, default=10, help="how many of them on one database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    if options.database == "sqlite":
        return _run(options, contextlib.nullcontext)
    programs = pg.programs()
    if programs is None:
        parser.error("no PostgreSQL server is installed here: install Debian's package postgresql")
    with pg.server(programs) as server:
        return _run(options, server.database)


def _run(options: argparse.Namespace, database: Callable[[], AbstractContextManager[str | None]]) -> int:
    deaths: collections.Counter[str] = collections.Counter()
    steps = plan(options.seed, options.runs)
    broken = alerts = silences = told = 0
    begun = time.monotonic()
    for number, at in enumerate(range(0, options.runs, options.lives)):
        with tempfile.TemporaryDirectory(prefix="crash-") as folder, database() as url:
            chain = Chain(Path(folder), options.seed * 1000 + number, url or "")
            asyncio.run(chain.run(steps[at : at + options.lives]))
        deaths.update(death.step.about if death.step else "from outside" for death in chain.deaths)
        alerts += len(chain.ledger.alerts)
        silences += len(chain.ledger.silences)
        told += len(chain.ledger.told)
        if chain.problems:
            broken += 1
            print(f"chain {number} (seed {options.seed * 1000 + number}):\n{described(chain)}", flush=True)
        print(
            f"{sum(deaths.values())} crashes, {alerts} alerts, {silences} silences, {told} messages, "
            f"{broken} chains with a loss or a repetition, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    for about, count in sorted(deaths.items()):
        print(f"{count:5}  {about}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
