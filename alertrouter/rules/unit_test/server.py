"""Tests of rules on a real metrics server: one to throw away, that takes remote write and has nothing in it yet.

The tests follow each other on its time line, the last one ending now, with pauses so long that no query looks back into the test
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from alertrouter.clock import SystemClock
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.nodes import Range, Selector, Subquery, walk
from alertrouter.promql.parser import parse
from alertrouter.rules.backend import HttpBackend
from alertrouter.rules.query_config import QueryConfig
from alertrouter.rules.write_request import encoded_series, packed_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleSet
    from alertrouter.rules.ports import Point
    from alertrouter.rules.unit_test.case import Case, TestFile

_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class WriteError(Exception):
    """The server does not take the samples of a test; the message has no secret in it."""


class Server:
    """A metrics server for tests. Made within a running event loop; `aclose` ends its connections."""

    def __init__(self, query_url: str, write_url: str) -> None:
        clock = SystemClock()
        self.backend = HttpBackend([query_url], QueryConfig(), clock)
        self.writer = _Writer(write_url, query_url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.backend.aclose()
        await self.writer.aclose()


class ServerEngine:
    """One test on a server, from ``start`` on."""

    def __init__(self, server: Server, case: Case, start: Moment) -> None:
        self.start = start
        self.backend = server.backend
        self.writer = server.writer
        self._case = case
        self._next = 0

    async def reach(self, elapsed: Duration) -> None:
        """Give the server all samples up to this time of the test."""
        interval = self._case.interval
        longest = max([len(each.values) for each in self._case.series], default=0)
        while self._next * interval <= elapsed and self._next < longest:
            for each in self._case.series:
                value = each.values[self._next] if self._next < len(each.values) else None
                if value is not None:
                    self.writer.add(encoded_series(each.labels, self.start + self._next * interval, value))
            self._next += 1
        await self.writer.flush(30 * SECOND)


def starts(test_file: TestFile, rules: RuleSet, now: Moment) -> list[Moment]:
    """When each test of a file begins on the server's time line."""
    lengths = _lengths(test_file, rules)
    begin = now - sum(lengths)
    # On the grid of the interval, as the epoch is, with which promtool begins.
    grid = max(test_file.evaluation_interval, MINUTE)
    found = []
    for each in lengths:
        found.append(begin - begin % grid)
        begin += each
    return found


def length(test_file: TestFile, rules: RuleSet) -> Duration:
    """How much of a server's time line the tests of a file take, the pause before the tests of the next included."""
    return sum(_lengths(test_file, rules))


def _lengths(test_file: TestFile, rules: RuleSet) -> list[Duration]:
    pause = _longest_look_back(test_file, rules) + HOUR
    found = []
    for case in test_file.cases:
        checks = [*[check.at for check in case.checks], *[check.at for check in case.expressions]]
        found.append(max(checks, default=0) + test_file.evaluation_interval + pause)
    return found


def _longest_look_back(test_file: TestFile, rules: RuleSet) -> Duration:
    texts = [rule.expression for group in rules.groups for rule in group.rules]
    texts += [check.expression for case in test_file.cases for check in case.expressions]
    longest = 0.0
    for text in texts:
        try:
            nodes = list(walk(parse(text)))
        except PromqlError:
            continue
        # Ranges lie in each other, so that their sum is the most there can be.
        ranges = [each.seconds or 0.0 for each in nodes if isinstance(each, Range | Subquery)]
        offsets = [abs(each.offset or 0.0) for each in nodes if isinstance(each, Selector)]
        longest = max(longest, sum(ranges) + max(offsets, default=0.0))
    return round(longest * SECOND) + 5 * MINUTE


class _Writer:
    """Sends what is written when it is flushed, and knows that the server has it."""

    def __init__(self, url: str, query_url: str) -> None:
        self._url = url
        self._shown = httpx.URL(url).copy_with(userinfo=b"")
        # VictoriaMetrics shows samples after a while, unless it is asked to at once; others answer 404.
        self._flush_url = query_url.rstrip("/") + "/internal/force_flush"
        self._must_ask = True
        self._http = httpx.AsyncClient(trust_env=False, timeout=30)
        self._waiting: list[bytes] = []

    def add(self, series: bytes) -> None:
        """Keep a sample, encoded, for the next flush."""
        self._waiting.append(series)

    def write(self, points: Sequence[Point]) -> None:
        """Keep samples for the next flush."""
        self._waiting += [encoded_series(point.labels, point.at, point.value) for point in points]

    async def flush(self, timeout: Duration) -> None:  # noqa: ARG002, ASYNC109 - the connection has its own limit
        """Send what is kept. Raises WriteError."""
        if not self._waiting:
            return
        body, self._waiting = packed_request(self._waiting), []
        try:
            answer = await self._http.post(self._url, content=body, headers=_HEADERS)
            if answer.is_success and self._must_ask:
                self._must_ask = (await self._http.get(self._flush_url)).is_success
        except httpx.HTTPError as error:
            raise WriteError(f"{self._shown}: {error}") from None
        if not answer.is_success:
            raise WriteError(
                f"{self._shown} answered {answer.status_code}: {answer.text[:300].strip()} (tests need a server to throw "
                "away, that takes remote write and has nothing in it yet)"
            )

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()
