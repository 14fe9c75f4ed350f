"""Stand-ins for Slack, PagerDuty, a webhook and a mail server, which show what they are sent, and for a Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
from collections import Counter
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from alertrouter.demo.metrics_backend import MetricsBackend
    from alertrouter.demo.screen import Screen

_CONFIGURATION = """\
global:
  smtp_smarthost: 127.0.0.1:{smtp}
  smtp_from: alertrouter@example.org
  smtp_require_tls: false

route:
  receiver: audit
  group_wait: 2s
  group_interval: 5s
  repeat_interval: 4h
  group_by: [alertname, cluster]
  routes:
    # Everything is kept by the audit webhook; the routes below are tried, too.
    - receiver: audit
      continue: true
    - receiver: on-call
      matchers: [severity="critical"]
    - receiver: team-chat
      matchers: [severity="warning"]

inhibit_rules:
  - name: broken-switch
    source_matchers: [alertname="SwitchDown"]
    target_matchers: [alertname="HostUnreachable"]
    equal: [cluster]

receivers:
  - name: audit
    webhook_configs:
      - url: http://127.0.0.1:{http}/webhook
  - name: on-call
    pagerduty_configs:
      - routing_key: demo-key
        url: http://127.0.0.1:{http}/pagerduty
    email_configs:
      - to: on-call@example.org
        send_resolved: true
        text: '{{{{ range .Alerts }}}}{{{{ .Status }}}}: {{{{ .Annotations.summary }}}}{{{{ "\\n" }}}}{{{{ end }}}}'
  - name: team-chat
    slack_configs:
      - api_url: http://127.0.0.1:{http}/slack
        channel: '#alerts'
        send_resolved: true
        text: '{{{{ range .Alerts }}}}• {{{{ .Annotations.summary }}}}{{{{ "\\n" }}}}{{{{ end }}}}'
"""


class StandIns:
    """The servers, while the demo runs. ``counts`` says how many messages each of them took."""

    def __init__(self, screen: Screen, metrics: MetricsBackend) -> None:
        self.counts: Counter[str] = Counter()
        self._screen = screen
        self._metrics = metrics
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        for serve in (self._http, self._smtp):
            self._servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()

    def configuration(self) -> str:
        """An `alertmanager.yml` that sends everything here."""
        http, smtp = (server.sockets[0].getsockname()[1] for server in self._servers)
        return _CONFIGURATION.format(http=http, smtp=smtp)

    @property
    def metrics_url(self) -> str:
        """Where the metrics are asked for."""
        return f"http://127.0.0.1:{self._servers[0].sockets[0].getsockname()[1]}"

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *lines = head.decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, answer = self._take(request.split(" ")[1], body)
                writer.write(
                    b"HTTP/1.1 %d OK\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer), answer)
                )
                await writer.drain()

    def _take(self, path: str, body: bytes) -> tuple[int, bytes]:
        match path:
            case "/api/v1/query":
                return self._metrics.answer(body.decode())
            case "/slack":
                self.counts["Slack"] += 1
                self._screen.slack(json.loads(body))
                return 200, b"ok"
            case "/pagerduty":
                self.counts["PagerDuty"] += 1
                self._screen.pagerduty(json.loads(body))
            case _:
                self.counts["webhook"] += 1
                self._screen.webhook(json.loads(body))
        return 200, b"{}"

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            writer.write(b"220 demo ESMTP\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self._mail(await self._message(reader))
                    writer.write(b"250 taken\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    break
                else:
                    writer.write(b"250 ok\r\n")
                await writer.drain()

    @staticmethod
    async def _message(reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _mail(self, text: bytes) -> None:
        self.counts["email"] += 1
        self._screen.mail(email.message_from_bytes(text, policy=email.policy.default))
