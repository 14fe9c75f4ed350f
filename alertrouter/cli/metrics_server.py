"""A metrics server as commands ask it: Prometheus, or what speaks its API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from alertrouter.cli.connection import http_for, without_number
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.rules.lint.live import AskError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.session import GlobalOptions
    from alertrouter.core.time import Duration, Moment


class MetricsServer:
    """Asks one server; the methods raise AskError. Its TLS and authentication are those of ``--http.config.file``."""

    def __init__(self, url: str, options: GlobalOptions) -> None:
        """``url`` is where ``/api/v1/query`` is below. Failure when the URL or the file is wrong."""
        self._url = url.rstrip("/")
        self._http = http_for(options, self._url)
        self._timeout = options.timeout / SECOND

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_there(self, expression: str) -> bool:
        """Whether an instant query, now, gives any series."""
        return bool(self._ask("query", {"query": expression}))

    def moments(self, expression: str, start: Moment, end: Moment, step: Duration) -> list[Sequence[Moment]]:
        """For each series of a range query, when it was there."""
        series = self._ask(
            "query_range",
            {
                "query": expression,
                "start": _seconds(start),
                "end": _seconds(end),
                "step": _seconds(step),
            },
        )
        return [
            [
                round(point[0] * 1000) * MILLISECOND
                for point in each.get("values") or each.get("histograms") or ()
            ]
            for each in series
        ]

    def _ask(self, path: str, form: dict[str, str]) -> list[Any]:
        url = f"{self._url}/api/v1/{path}"
        shown = httpx.URL(url).copy_with(userinfo=b"")
        try:
            answer = self._http.post(url, data=form, timeout=self._timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AskError(f"{shown}: {without_number(error)}") from None
        try:
            body = json.loads(answer.content)
            if body["status"] == "success":
                result = body["data"]["result"]
                return [result] if body["data"]["resultType"] in {"scalar", "string"} else list(result)
            said = f"{body['errorType']}: {body['error']}"
        except (ValueError, KeyError, TypeError):
            said = "this is no answer of a metrics server"
        raise AskError(
            f"{shown} answered {answer.status_code}: {said}", is_refusal=answer.status_code in {400, 422}
        )


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // SECOND}.{nanoseconds // MILLISECOND % 1000:03d}"
