"""Queries over HTTP, as Prometheus, VictoriaMetrics, Mimir and Thanos answer them (`rules.md` 3.1, 3.2)."""

from __future__ import annotations

import asyncio
import shlex
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, urlsplit

from alertrouter import __version__
from alertrouter.config.secret_texts import Scrubber, secrets_of
from alertrouter.core.duration import format_duration
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.delivery.errors import DeliveryError, TemporaryError
from alertrouter.http_client import HttpClient
from alertrouter.rules.answer import read_answer
from alertrouter.rules.model import PartialResponse
from alertrouter.rules.ports import QueryError
from alertrouter.rules.time_limit import TimeLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.time import Duration, Moment
    from alertrouter.http_client import Response
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.ports import Answer
    from alertrouter.rules.query_config import QueryConfig

#: A longer answer is an accident: some 400,000 series.
LONGEST_ANSWER: Final = 128 << 20
USER_AGENT: Final = f"alertrouter/{__version__}"

# A second try waits so long, or as the backend asks with Retry-After.
_PAUSE: Final = 100 * MILLISECOND
_FORM: Final = "application/x-www-form-urlencoded"
_escaped = lru_cache(maxsize=20_000)(quote_plus)


class HttpBackend:
    """Asks one of some backends that all answer the same.

    The one that answered last is asked first; when it cannot be reached, the next. One that stands alone is asked
    a second time, after a moment. No more than ``concurrency`` queries are under way, so that a burst of groups
    does not open a connection for each; waiting counts against a query's time. ValueError when a TLS file cannot
    be used.
    """

    def __init__(self, urls: Sequence[str], config: QueryConfig, clock: Timer) -> None:
        assert urls
        self._urls = [_query_url(url) for url in urls]
        self._names = [shown_url(url) for url in urls]
        self._config = config
        self._clock = clock
        self._http = HttpClient(config, clock, longest_answer=LONGEST_ANSWER)
        self._scrub = Scrubber(secrets_of([config, list(urls)])).scrub
        self._first = 0
        self._limits = TimeLimits()
        self._free = config.concurrency
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._headers = self._base_headers()
        self._posts = [self._http.repeated_post(url, self._headers) for url in self._urls]
        self._parameters = "".join(_parameters(config.params))

    async def query(
        self,
        expression: str,
        at: Moment,
        *,
        timeout: Duration,  # noqa: ASYNC109 - the caller's limit, which is also told to the backend
        group: RuleGroup | None = None,
    ) -> Answer:
        """The answer at that moment, with the parameters and headers of the group.

        QueryError says what went wrong, in words without secrets.
        """
        if self._config.timeout:
            timeout = min(timeout, self._config.timeout)
        parameters, headers = self._parameters, self._headers
        if group is not None:
            parameters, headers = self._group_parameters(group), self._group_headers(group)
        form = (
            f"query={_escaped(expression)}&time={at // SECOND}.{at // MILLISECOND % 1000:03d}"
            f"&timeout={_timeout_text(timeout)}{parameters}"
        )
        task = self._limits.begin(timeout / SECOND)
        try:
            response = await self._in_turn(form, headers, self._clock.now() + timeout)
        except asyncio.CancelledError:
            if not self._limits.end(task):
                raise
            # Another backend may be better off.
            self._first = (self._first + 1) % len(self._urls)
            raise QueryError(
                f"query timed out: no answer within {format_duration(timeout)}", kind="timeout"
            ) from None
        except BaseException:
            self._limits.end(task)
            raise
        self._limits.end(task)
        return read_answer(response, LONGEST_ANSWER, self._scrub)

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        """A command line that asks the same. What may be secret stands there as ``<secret>``, credentials not at all."""
        parts = urlsplit(self._urls[self._first])
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        form = [("query", expression), ("time", f"{at // SECOND}.{at // MILLISECOND % 1000:03d}")]
        form += [(name, "<secret>") for name in self._config.params if name not in group.params]
        form += [(name, value) for name, values in group.params.items() for value in values]
        headers = dict(self._config.tenant_headers)
        if group.source_tenants:
            headers[self._config.tenant_header] = "|".join(group.source_tenants)
        headers |= {name: "<secret>" for name, _ in group.headers}
        words = ["curl", *(["-G"] if self._config.method == "GET" else [])]
        for name, value in headers.items():
            words += ["-H", f"{name}: {value}"]
        for name, value in form:
            words += ["--data-urlencode", f"{name}={value}"]
        return self._scrub(shlex.join([*words, url]))

    async def aclose(self) -> None:
        """Close the connections, each when its query is answered."""
        await self._http.aclose()

    async def _in_turn(self, form: str, headers: Mapping[str, str], deadline: Moment) -> Response:
        """Ask when fewer than ``concurrency`` others do; who came first is first."""
        if self._free:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        try:
            return await self._ask(form, headers, deadline)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Somebody is done: the next may ask."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _ask(self, form: str, headers: Mapping[str, str], deadline: Moment) -> Response:
        """The first answer that is one; the last one, or the last failure, when there is none."""
        attempts = max(2, len(self._urls))
        first = self._first
        for attempt in range(1, attempts + 1):
            place = (first + attempt - 1) % len(self._urls)
            pause = 0 if len(self._urls) > 1 else _PAUSE
            try:
                response = await self._send(place, form, headers)
            except TemporaryError as error:
                failure = error
                if attempt == attempts or self._clock.now() + pause >= deadline:
                    break
            except DeliveryError as error:
                raise QueryError(self._failure(place, error), temporary=False, kind="unreachable") from None
            else:
                if response.status_code not in {429, 502, 503, 504} or attempt == attempts:
                    self._first = place
                    return response
                if response.status_code == 429:
                    pause = response.retry_after or _PAUSE
                if self._clock.now() + pause >= deadline:
                    return response
            if pause:
                await self._clock.sleep_for(pause)
        raise QueryError(self._failure(place, failure), kind="unreachable")

    async def _send(self, place: int, form: str, headers: Mapping[str, str]) -> Response:
        url = self._urls[place]
        if self._config.method == "GET":
            separator = "&" if "?" in url else "?"
            return await self._http.request("GET", f"{url}{separator}{form}", headers=headers)
        if headers is self._headers:
            return await self._posts[place].send(form.encode())
        return await self._http.request("POST", url, content=form.encode(), headers=headers)

    def _failure(self, place: int, error: DeliveryError) -> str:
        what = str(error).partition('"<redacted>": ')[2] or str(error)
        if len(self._urls) > 1 and isinstance(error, TemporaryError):
            return f"no query backend can be reached, at last {self._names[place]}: {self._scrub(what)}"
        return f"{self._names[place]}: {self._scrub(what)}"

    def _base_headers(self) -> Mapping[str, str]:
        headers = {"User-Agent": USER_AGENT, **self._config.tenant_headers}
        if self._config.method == "POST":
            headers["Content-Type"] = _FORM
        if self._config.compression:
            headers["Accept-Encoding"] = "gzip"
        return headers

    def _group_headers(self, group: RuleGroup) -> Mapping[str, str]:
        if not group.headers and not group.source_tenants:
            return self._headers
        headers = dict(self._headers)
        if group.source_tenants:
            headers[self._config.tenant_header] = "|".join(group.source_tenants)
        for name, value in group.headers:
            for known in [each for each in headers if each.lower() == name.lower()]:
                del headers[known]
            headers[name] = value
        return headers

    def _group_parameters(self, group: RuleGroup) -> str:
        form = self._parameters
        if group.params:
            form = "".join(_parameters({**self._config.params, **group.params}))
        if self._config.type == "thanos" and "partial_response" not in group.params:
            # What Thanos does without it is its own setting.
            warns = group.partial_response is PartialResponse.WARN
            form += f"&partial_response={'true' if warns else 'false'}"
        return form


def _parameters(params: Mapping[str, Iterable[str]]) -> list[str]:
    return [f"&{quote_plus(name)}={quote_plus(value)}" for name, values in params.items() for value in values]


@lru_cache(maxsize=100)
def _timeout_text(timeout: Duration) -> str:
    """Whole milliseconds, for that is what every backend reads."""
    return format_duration(max(MILLISECOND, timeout // MILLISECOND * MILLISECOND))


def _query_url(base: str) -> str:
    """The address of the query API below a base URL, which may name it already."""
    url, _, query = base.partition("?")
    url = url.rstrip("/")
    if not url.endswith("/api/v1/query"):
        url += "/api/v1/query"
    return f"{url}?{query}" if query else url


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: its user, its path and its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
