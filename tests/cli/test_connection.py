"""How artool reaches the server: URLs, credentials, TLS, proxies, and the time it takes."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from alertrouter.cli.connection import connect, server_url
from alertrouter.cli.errors import Failure
from alertrouter.cli.session import GlobalOptions
from alertrouter.client import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Seen:
    """A server that answers every GET with an empty list, and what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[Seen]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.lines.append(self.requestline.removesuffix(" HTTP/1.1"))
            seen.headers.append(
                {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
            )
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path.startswith("/slow"):
                stopped.wait()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: Any) -> None:
            """Nobody wants to read it."""

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    seen = Seen(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def ask(url: str, file: Path | None = None, seconds: float = 10.0) -> None:
    """Ask the server at this URL for its silences, with this file of options."""
    options = GlobalOptions(url=url, http_config_file=str(file or ""))
    assert connect(options, seconds_left=lambda: seconds).silences() == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("http://SERVER", "/api/v2/silences"),
        ("http://SERVER/", "/api/v2/silences"),
        ("http://SERVER/am", "/am/api/v2/silences"),
        ("http://SERVER/am/", "/am/api/v2/silences"),
        ("//SERVER", "/api/v2/silences"),
        ("SERVER", "/api/v2/silences"),
        ("SERVER/am", "/am/api/v2/silences"),
    ],
)
def test_the_url_is_completed(text: str, path: str) -> None:
    with listening() as seen:
        ask(text.replace("SERVER", seen.address))

    assert seen.lines == [f"GET {path}"]
    assert seen.headers[0]["accept"] == "application/json"
    assert seen.headers[0]["accept-encoding"] == "gzip"
    assert "authorization" not in seen.headers[0]


@pytest.mark.parametrize("text", ["http://[::1", "http://host:port"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is not a URL"):
        server_url(text)


def test_a_user_in_the_url_is_sent_as_basic_authentication() -> None:
    with listening() as seen:
        ask(f"http://u:p%40@{seen.address}/")

    assert seen.headers[0]["authorization"] == "Basic dTpwQA=="


def test_redirects_are_followed() -> None:
    with listening() as seen:
        ask(f"http://{seen.address}/moved")

    assert seen.lines == ["GET /moved/api/v2/silences", "GET /api/v2/silences"]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("basic_auth: {username: u, password: p}", "authorization", "Basic dTpw"),
        ("basic_auth: {username: u, password_file: secret}", "authorization", "Basic dTpmcm9tIGEgZmlsZQ=="),
        ("authorization: {credentials: c}", "authorization", "Bearer c"),
        ("authorization: {type: Token, credentials_file: secret}", "authorization", "Token from a file"),
        ("bearer_token: b", "authorization", "Bearer b"),
        ("http_headers: {X-Scope: {values: [a], secrets: [b]}}", "x-scope", "a, b"),
        ("http_headers: {X-Scope: {files: [secret]}}", "x-scope", "from a file"),
    ],
)
def test_credentials_come_from_the_file(tmp_path: Path, text: str, name: str, value: str) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    file = tmp_path / "http.yml"
    file.write_text(text)

    with listening() as seen:
        ask(f"http://{seen.address}", file)

    assert seen.headers[0][name] == value


def test_a_proxy_is_asked_for_the_whole_url(tmp_path: Path) -> None:
    file = tmp_path / "http.yml"
    with listening() as proxy:
        file.write_text(f"proxy_url: http://{proxy.address}\n")
        ask("http://elsewhere.invalid:9093", file)

    assert proxy.lines == ["GET http://elsewhere.invalid:9093/api/v2/silences"]


def test_the_proxy_of_the_environment_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as proxy, listening() as seen:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        ask("http://elsewhere.invalid:9093")
        ask(f"http://{seen.address}")

    assert proxy.lines == ["GET http://elsewhere.invalid:9093/api/v2/silences"]
    assert seen.lines == ["GET /api/v2/silences"]


def test_tls_trusts_the_authority_of_the_file(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("am.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    file = tmp_path / "http.yml"
    file.write_text("tls_config: {ca_file: ca.pem, server_name: am.example}\n")

    with listening(context) as seen:
        ask(f"https://{seen.address}", file)
        with pytest.raises(ApiError, match=r'^Get "https://.*": tls: failed to verify certificate: x509: '):
            ask(f"https://{seen.address}")
        file.write_text("tls_config: {insecure_skip_verify: true}\n")
        ask(f"https://{seen.address}", file)

    assert len(seen.lines) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("basic_auth: {user: u}", r"http\.yml:1:14: basic_auth\.user: "),
        ("tls_config: {ca_file: none.pem}", r"--http\.config\.file: .*none\.pem"),
        ("authorization: {credentials_file: none}", r"--http\.config\.file: unable to read authorization"),
        ("- a", "a mapping"),
        ("{", r"http\.yml:"),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "http.yml"
    file.write_text(text)

    with pytest.raises(Failure, match=complaint):
        ask("http://127.0.0.1:1", file)


def test_a_user_in_the_url_and_a_file_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="exclude each other"):
        ask("http://u:p@127.0.0.1:1", tmp_path / "http.yml")
    with pytest.raises(Failure, match=r"open .*http\.yml: no such file or directory"):
        ask("http://127.0.0.1:1", tmp_path / "http.yml")


def test_the_whole_command_has_a_time_limit() -> None:
    with listening() as seen:
        for seconds in (2.0, 0.0):
            with pytest.raises(ApiError, match=r'^Get ".*": context deadline exceeded$'):
                ask(f"http://{seen.address}/slow", seconds=seconds)

    assert len(seen.lines) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "dial tcp 127.0.0.1:1: connect: connection refused"),
        ("http://[::1]:1", r"dial tcp \[::1\]:1: connect: "),
        ("http://none.invalid", "dial tcp: lookup none.invalid: no such host"),
        ("ftp://127.0.0.1", 'unsupported protocol scheme "ftp"'),
    ],
)
def test_why_there_is_no_answer(url: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        ask(url)


def test_https_to_a_server_without_tls_is_told() -> None:
    with listening() as seen, pytest.raises(ApiError, match="server gave HTTP response to HTTPS client"):
        ask(f"https://{seen.address}")
