"""A client of the HTTP API v2, ours or a real Alertmanager's; what `artool` speaks through.

Answers are given back as they came, decoded from JSON and checked to have the members that are declared here. Errors
read like those of amtool, so that scripts that look at them keep working.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")
Query = list[tuple[str, str]]

# Seconds until a stream must be connected, and in which it must give a sign of life.
_CONNECT = 10.0
_SILENCE = 60.0


class Name(TypedDict):
    """A receiver or a time interval by its name."""

    name: str


class AlertStatus(TypedDict):
    """Whether an alert is suppressed, and by what."""

    state: str
    silencedBy: list[str]
    inhibitedBy: list[str]
    mutedBy: NotRequired[list[str]]


class Alert(TypedDict):
    """An alert as the API lists it. Times are texts in RFC 3339."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    updatedAt: str
    fingerprint: str
    status: AlertStatus
    receivers: list[Name]
    generatorURL: NotRequired[str]


class PostedAlert(TypedDict):
    """An alert to add; the zero time means that a time is not set."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: NotRequired[str]


class AlertGroup(TypedDict):
    """An aggregation group with its alerts."""

    labels: dict[str, str]
    receiver: Name
    alerts: list[Alert]
    routeLabels: NotRequired[dict[str, str]]


class SilenceMatcher(TypedDict):
    """One matcher of a silence."""

    name: str
    value: str
    isRegex: bool
    isEqual: NotRequired[bool]


class PostedSilence(TypedDict):
    """A silence to store: a new one, or with an `id` the next state of that one."""

    id: NotRequired[str]
    matchers: list[SilenceMatcher]
    startsAt: str
    endsAt: str
    createdBy: str
    comment: str
    annotations: NotRequired[dict[str, str]]


class SilenceStatus(TypedDict):
    """Where a silence stands: `pending`, `active` or `expired`."""

    state: str


class Silence(PostedSilence):
    """A silence as the API lists it."""

    updatedAt: str
    status: SilenceStatus


class Peer(TypedDict):
    """A member of the cluster."""

    name: str
    address: str


class Cluster(TypedDict):
    """The cluster as one of its members sees it."""

    name: NotRequired[str]
    status: str
    peers: NotRequired[list[Peer]]


class ServerConfig(TypedDict):
    """The configuration in force."""

    original: str


class Status(TypedDict):
    """What a server says of itself."""

    cluster: Cluster
    config: ServerConfig
    uptime: str
    versionInfo: dict[str, str]


class Trial(TypedDict):
    """What one integration answered to a test message; alertrouter only."""

    integration: str
    ok: bool
    error: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A server-sent event; ``data`` is JSON, None for one that only moves the id on."""

    id: str
    kind: str
    data: Any


class HistoryPage(TypedDict):
    """Lines of history, newest first, and the ``before`` of the next page; alertrouter only."""

    lines: list[dict[str, Any]]
    older: str | None


class ApiError(Exception):
    """The server did not do what was asked; the text is amtool's. `status` is 0 when there was no answer.

    ``explained``: the text is the server's own explanation.
    """

    def __init__(self, text: str, *, status: int = 0, explained: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.explained = explained


@dataclass(frozen=True, slots=True)
class _Operation:
    """A call of the API, as its OpenAPI description names it, and the failures declared there."""

    method: str
    path: str
    name: str
    failures: Mapping[int, str] = field(default_factory=dict)
    api: str = "/api/v2"


_BAD_REQUEST = {400: "BadRequest", 500: "InternalServerError"}
_NOT_FOUND = {404: "NotFound", 500: "InternalServerError"}
_GET_STATUS = _Operation("GET", "/status", "getStatus")
_GET_RECEIVERS = _Operation("GET", "/receivers", "getReceivers", _BAD_REQUEST)
_GET_ALERTS = _Operation("GET", "/alerts", "getAlerts", _BAD_REQUEST)
_POST_ALERTS = _Operation("POST", "/alerts", "postAlerts", _BAD_REQUEST)
_GET_GROUPS = _Operation("GET", "/alerts/groups", "getAlertGroups", _BAD_REQUEST)
_GET_SILENCES = _Operation("GET", "/silences", "getSilences", _BAD_REQUEST)
_POST_SILENCES = _Operation("POST", "/silences", "postSilences", {400: "BadRequest", 404: "NotFound"})
_GET_SILENCE = _Operation("GET", "/silence/{silenceID}", "getSilence", _NOT_FOUND)
_TEST_RECEIVER = _Operation("POST", "/receivers/{receiver}/test", "testReceiver", api="/api/alertrouter/v1")
_HISTORY = _Operation("GET", "/history/{kind}", "history", api="/api/alertrouter/v1")
_EXPORT = _Operation("GET", "/history/export", "historyExport", api="/api/alertrouter/v1")
_STREAM = _Operation("GET", "/stream", "stream", api="/api/alertrouter/v1")
_DELETE_SILENCE = _Operation("DELETE", "/silence/{silenceID}", "deleteSilence", _NOT_FOUND)


class Client:
    """Calls the API below a server's URL.

    A user and password in the URL are sent as basic authentication. ``seconds_left`` says how long the next request may
    take. May be used from several threads at once.
    """

    def __init__(self, url: str, http: httpx.Client, *, seconds_left: Callable[[], float]) -> None:
        self._base, self._user = _api_base(url)
        self._http = http
        self._seconds_left = seconds_left

    def status(self) -> Status:
        """Version, configuration and cluster of the server."""
        return self._get(_GET_STATUS, Status)

    def receivers(self, matchers: Sequence[str] = ()) -> list[Name]:
        """The receivers, in the order of the configuration file."""
        return self._get(_GET_RECEIVERS, list[Name], [("receiver_matchers", each) for each in matchers])

    def alerts(self, query: Query) -> list[Alert]:
        """The alerts that the query parameters select, in the server's order."""
        return self._get(_GET_ALERTS, list[Alert], query)

    def alert_groups(self, query: Query) -> list[AlertGroup]:
        """The aggregation groups with the alerts that the query parameters select."""
        return self._get(_GET_GROUPS, list[AlertGroup], query)

    def add_alerts(self, alerts: Sequence[PostedAlert]) -> None:
        """Report alerts. On a refusal those that are valid may have been taken."""
        self._send(_POST_ALERTS, body=alerts)

    def silences(self, filters: Sequence[str] = ()) -> list[Silence]:
        """The silences that contain all these matchers, each with just this text."""
        return self._get(_GET_SILENCES, list[Silence], [("filter", each) for each in filters])

    def silence(self, silence_id: str) -> Silence:
        """One silence; ApiError with the status 404 when there is none."""
        return self._get(_GET_SILENCE, Silence, silence_id=silence_id)

    def save_silence(self, silence: object) -> str:
        """Store a `PostedSilence`; returns the id now in force, which may be new. It is sent as it is."""
        answer = self._send(_POST_SILENCES, body=silence)
        return _decoded(_POST_SILENCES, answer, dict[str, str]).get("silenceID", "")

    def expire_silence(self, silence_id: str) -> None:
        """End a silence now."""
        self._send(_DELETE_SILENCE, silence_id=silence_id)

    def history(self, kind: str, query: Query) -> HistoryPage:
        """A page of history: of alerts, notifications and so on, as ``docs/api.md`` describes them."""
        try:
            answer = self._send(replace(_HISTORY, path=f"/history/{kind}"), query=query)
        except ApiError as error:
            if error.status == 404 and not error.explained:
                raise ApiError(
                    "the server keeps no history, only alertrouter does: is --alertmanager.url that of an Alertmanager?",
                    status=error.status,
                ) from None
            raise
        return _decoded(_HISTORY, answer, HistoryPage)

    def export(self, since: str) -> Iterator[bytes]:
        """The pieces of a file with the record from this moment on, or from so long ago; all when it is empty. ApiError."""
        url = self._base + _EXPORT.api + _EXPORT.path + _query_text([("since", since)] if since else None)
        # It is a file in gzip by itself: nothing is to be unpacked on the way.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        timeout = httpx.Timeout(_CONNECT, read=_SILENCE)
        try:
            with self._http.stream(
                "GET", url, headers=headers, timeout=timeout, auth=self._user or httpx.USE_CLIENT_DEFAULT
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _refusal(_EXPORT, answer)
                yield from answer.iter_raw()
        except httpx.HTTPError as error:
            raise ApiError(f'Get "{url}": {_reason(error)}') from error

    def stream(self, query: Query, after: str) -> Iterator[ServerEvent]:
        """What happens, as it happens, after the event with this id; ends when the connection does. ApiError."""
        url = self._base + _STREAM.api + _STREAM.path + _query_text(query)
        headers = {
            "Accept": "text/event-stream, application/json",
            **({"Last-Event-ID": after} if after else {}),
        }
        # The server gives a sign of life every 15 seconds.
        timeout = httpx.Timeout(_CONNECT, read=_SILENCE)
        try:
            with self._http.stream(
                "GET", url, headers=headers, timeout=timeout, auth=self._user or httpx.USE_CLIENT_DEFAULT
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _refusal(_STREAM, answer)
                yield from _events(answer.iter_lines())
        except httpx.HTTPError as error:
            raise ApiError(f'Get "{url}": {_reason(error)}') from error

    def test_receiver(
        self,
        receiver: str,
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        integration: str = "",
    ) -> list[Trial]:
        """Send a test message through a receiver, or one integration of it; what each answered."""
        body = {"labels": labels, "annotations": annotations, "integration": integration}
        try:
            answer = self._send(_TEST_RECEIVER, body=body, receiver=receiver)
        except ApiError as error:
            if error.status in {404, 405} and not error.explained:
                raise ApiError(
                    "the server cannot test a receiver, only alertrouter can: is --alertmanager.url that of an Alertmanager?",
                    status=error.status,
                ) from None
            raise
        return _decoded(_TEST_RECEIVER, answer, list[Trial])

    def _get(
        self, operation: _Operation, kind: type[T], query: Query | None = None, silence_id: str = ""
    ) -> T:
        return _decoded(operation, self._send(operation, query=query, silence_id=silence_id), kind)

    def _send(
        self,
        operation: _Operation,
        *,
        query: Query | None = None,
        silence_id: str = "",
        receiver: str = "",
        body: object = None,
    ) -> httpx.Response:
        """The answer, if it is a success."""
        path = operation.path.replace("{silenceID}", quote(silence_id, safe=""))
        path = path.replace("{receiver}", quote(receiver, safe=""))
        url = self._base + operation.api + path + _query_text(query)
        content = None if operation.method != "POST" else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        left = self._seconds_left()
        what = f'{operation.method.capitalize()} "{url}"'
        if left <= 0:
            raise ApiError(f"{what}: context deadline exceeded")
        try:
            answer = self._http.request(
                operation.method,
                url,
                content=content,
                headers=headers,
                timeout=left,
                auth=self._user or httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.HTTPError as error:
            raise ApiError(f"{what}: {_reason(error)}") from error
        except (httpx.InvalidURL, ValueError) as error:
            raise ApiError(f'parse "{url}": {error}') from error
        if answer.status_code != 200:
            raise _refusal(operation, answer)
        return answer


def _events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        last = fields.get("id", last)
        if "data" in fields:
            yield ServerEvent(last, fields.get("event", "message"), json.loads(fields["data"]))
        elif "id" in fields:
            yield ServerEvent(last, "", None)
        fields = {}


def _api_base(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL that the paths of the API follow, and the user and password that stood in the server's URL."""
    parts = urlsplit(url)
    user = None
    if parts.username is not None:
        from urllib.parse import unquote

        user = (unquote(parts.username), unquote(parts.password or ""))
    host = parts.netloc.rpartition("@")[2] or "localhost:9093"
    return urlunsplit((parts.scheme or "http", host, parts.path.rstrip("/"), "", "")), user


def _query_text(query: Query | None) -> str:
    return "?" + urlencode(sorted(query, key=lambda pair: pair[0])) if query else ""


def _decoded(operation: _Operation, answer: httpx.Response, kind: type[T]) -> T:
    try:
        raw = msgspec.json.decode(answer.content)
        # Only looked at: members that are not declared here are for the user, too.
        msgspec.convert(raw, kind)
    except msgspec.DecodeError as error:
        what = answer.headers.get("Content-Type", "no content type")
        raise ApiError(
            f"[{operation.method} {operation.path}] the answer is not one of Alertmanager's API ({what}): {error}",
            status=answer.status_code,
        ) from error
    return cast("T", raw)


def _refusal(operation: _Operation, answer: httpx.Response) -> ApiError:
    """What amtool prints of an answer that is not a success."""
    status = answer.status_code
    # What amtool never meets: alertrouter explains itself.
    is_ours = status == 403 or operation.api != "/api/v2"
    if is_ours and (explanation := _explanation(answer)):
        return ApiError(explanation, status=status, explained=True)
    if status not in operation.failures:
        return ApiError(
            f"[{operation.method} {operation.path}] {operation.name} (status {status}): {{}}", status=status
        )
    text = f"[{operation.method} {operation.path}][{status}] {operation.name}{operation.failures[status]}"
    if answer.content.strip():
        text += f" {_payload(answer)}"
    return ApiError(text, status=status)


def _explanation(answer: httpx.Response) -> str:
    """The text of an answer that is alertrouter's; empty when it is somebody else's."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        told = told["message"]
    return told if isinstance(told, str) else ""


def _payload(answer: httpx.Response) -> str:
    try:
        return go_json(answer.json())
    except ValueError:
        return go_json(answer.text)


def go_json(value: object) -> str:
    """JSON in one line as Go writes it, with ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        # All of these stand in strings only.
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _reason(error: httpx.HTTPError) -> str:
    """Why there was no answer, in the words of Go's client where it is one of the usual reasons."""
    text = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        text = "context deadline exceeded"
    elif isinstance(error, httpx.UnsupportedProtocol):
        text = f'unsupported protocol scheme "{error.request.url.scheme}"'
    elif isinstance(error, httpx.RemoteProtocolError) and "disconnected" in text:
        text = "EOF"
    elif isinstance(error, httpx.ConnectError):
        text = _connect_reason(error) or text
    return text


def _connect_reason(error: httpx.ConnectError) -> str:
    url = error.request.url
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"tls: failed to verify certificate: x509: {cause.verify_message}"
            case ssl.SSLError() if cause.reason in {
                "WRONG_VERSION_NUMBER",
                "RECORD_LAYER_FAILURE",
                "HTTP_REQUEST",
            }:
                return "http: server gave HTTP response to HTTPS client"
            case socket.gaierror():
                return f"dial tcp: lookup {url.host}: no such host"
            case OSError() if cause.errno:
                port = url.port or {"https": 443}.get(url.scheme, 80)
                host = f"[{url.host}]" if ":" in url.host else url.host
                return f"dial tcp {host}:{port}: connect: {os.strerror(cause.errno).lower()}"
        cause = cause.__cause__ or cause.__context__
    return ""


def posted(silence: Mapping[str, Any]) -> PostedSilence:
    """The part of a listed silence that can be posted again."""
    members = ("id", "matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations")
    return cast("PostedSilence", {name: silence[name] for name in members if name in silence})
