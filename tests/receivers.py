"""A real HTTP server and a real SMTP server, in the test's own event loop, that remember what came.

async with HttpReceiver() as receiver:
    receiver.answer_with(Answer(500), Answer(200))      # in this order; the last one again and again
    ...
    await receiver.wait_for(2)
    assert receiver.requests[0].json()["status"] == "firing"
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.smtp import MISSING, SMTP, AuthResult

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from aiosmtpd.smtp import Envelope, Session


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Content-Length is added."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Misbehave(Enum):
    """What a server does that does not answer."""

    HANG = auto()
    CLOSE = auto()  # take the request and close the connection
    GARBAGE = auto()  # send bytes that are no HTTP
    CUT = auto()  # promise a longer body than it sends, then close


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request as it came; header names in lower case, repeated ones joined by a comma."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Answer | Misbehave
Behaviours = Behaviour | Callable[[ReceivedRequest], Behaviour]


class HttpReceiver:
    """An HTTP/1.1 server on a free port of 127.0.0.1."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.open_connections = 0
        self._tls = tls
        self._behaviours: list[Behaviours] = [Answer()]
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def answer_with(self, *behaviours: Behaviours) -> None:
        """How to answer from now on: each once, the last one always. A function decides by the request."""
        self._behaviours = list(behaviours)

    async def wait_for(self, count: int) -> None:
        """Return when so many requests have come; the test's own time limit bounds the wait."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                async with self._arrived:
                    self.requests.append(request)
                    self._arrived.notify_all()
                if not await self._answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _answer(self, request: ReceivedRequest, writer: asyncio.StreamWriter) -> bool:
        behaviour = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
        if callable(behaviour):
            behaviour = behaviour(request)
        match behaviour:
            case Answer():
                headers = {"Content-Length": str(len(behaviour.body)), **behaviour.headers}
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(f"HTTP/1.1 {behaviour.status} Said so\r\n{lines}\r\n".encode() + behaviour.body)
                await writer.drain()
                return True
            case Misbehave.HANG:
                await asyncio.Event().wait()
            case Misbehave.GARBAGE:
                writer.write(b"\x00\x01 this is no HTTP \xff\r\n\r\n")
                await writer.drain()
            case Misbehave.CUT:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
                await writer.drain()
        return False


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode("latin-1").rstrip("\r\n"):
        name, _, value = header.partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known},{value.strip()}"
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    return ReceivedRequest(method=method, target=target, headers=headers, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """A mail as it came. ``login`` is who authenticated, and how: ``PLAIN:user``; empty for nobody."""

    sender: str
    recipients: list[str]
    content: bytes
    hello: str
    login: str
    encrypted: bool


class SmtpReceiver:
    """An SMTP server on a free port of a loopback address.

    ``mechanisms`` are offered in this order; ``password`` is what PLAIN and LOGIN take from ``user``, and the
    secret of CRAM-MD5. A mail with more than ``largest`` bytes is refused. ``refusals`` maps a command (MAIL, RCPT, DATA, AUTH, EHLO) to the line it is answered with.
    After ``most_mails`` over one connection it answers MAIL with ``tired`` there, or not at all. While ``rude``, it hangs up
    instead of saying that it has taken a mail. ``connections`` counts all there were, ``open`` are those there are.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        mechanisms: tuple[str, ...] = (),
        password: str = "",
        login_prompts: tuple[bytes, bytes] = (b"Username:", b"Password:"),
        refusals: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        largest: int = 1 << 25,
        most_mails: int = 1 << 25,
        tired: str | None = None,
    ) -> None:
        self.host = host
        self.most_mails = most_mails
        self.tired = tired
        self.rude = False
        self.connections = 0
        self.open: set[SMTP] = set()
        self.largest = largest
        self.mails: list[ReceivedMail] = []
        self.attempted: list[str] = []
        self.refusals = dict(refusals or {})
        self._tls = tls
        self._implicit_tls = implicit_tls
        self._handler = _Handler(self, mechanisms, password, login_prompts)
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._new_session, self.host, 0, ssl=self._tls if self._implicit_tls else None
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        # Sessions end when their client hangs up; let them.
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def smarthost(self) -> str:
        return f"{self.host}:{self.port}"

    async def wait_for(self, count: int) -> None:
        """Return when so many mails have come."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.mails) >= count)

    def hang_up(self) -> None:
        """End all connections without a word."""
        for session in self.open:
            assert isinstance(session.transport, asyncio.WriteTransport)
            session.transport.abort()

    def _new_session(self) -> SMTP:
        self.connections += 1
        return _SmtpSession(
            self,
            self._handler,
            loop=asyncio.get_running_loop(),
            hostname="mail.test",
            ident="test",
            data_size_limit=self.largest,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            tls_context=None if self._implicit_tls else self._tls,
            auth_exclude_mechanism=() if self._handler.mechanisms else ("PLAIN", "LOGIN", "CRAM-MD5"),
        )

    async def remember(self, mail: ReceivedMail) -> None:
        async with self._arrived:
            self.mails.append(mail)
            self._arrived.notify_all()


class _SmtpSession(SMTP):
    """One connection. ``mails`` came over it."""

    def __init__(self, receiver: SmtpReceiver, handler: object, **options: Any) -> None:
        super().__init__(handler, **options)
        self._receiver = receiver
        self.mails = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._receiver.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.open.discard(self)
        super().connection_lost(error)


class _Handler:
    """What aiosmtpd asks at each step; the names of the methods are its own."""

    def __init__(
        self,
        receiver: SmtpReceiver,
        mechanisms: tuple[str, ...],
        password: str,
        login_prompts: tuple[bytes, bytes],
    ) -> None:
        self.receiver = receiver
        self.mechanisms = mechanisms
        self._password = password.encode()
        self._prompts = login_prompts

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        if "EHLO" in self.receiver.refusals:
            return [self.receiver.refusals["EHLO"]]
        session.host_name = hostname
        kept = [line for line in responses if not line.startswith("250-AUTH")]
        if self.mechanisms:
            kept.insert(1, "250-AUTH " + " ".join(self.mechanisms))
        return kept

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        assert isinstance(server, _SmtpSession)
        if server.mails >= self.receiver.most_mails:
            never: asyncio.Future[str] = asyncio.Future()
            return self.receiver.tired or await never
        return self.receiver.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.receiver.refusals.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.receiver.refusals:
            return self.receiver.refusals["DATA"]
        await self.receiver.remember(
            ReceivedMail(
                sender=envelope.mail_from or "",
                recipients=[str(address) for address in envelope.rcpt_tos],
                content=envelope.original_content or b"",
                hello=session.host_name or "",
                login=_login_of(session),
                encrypted=_is_encrypted(server),
            )
        )
        assert isinstance(server, _SmtpSession)
        server.mails += 1
        if self.receiver.rude:
            self.receiver.hang_up()
        return "250 OK"

    async def handle_AUTH(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, args: list[str]
    ) -> Any:
        self.receiver.attempted.append(args[0])
        return self.receiver.refusals.get("AUTH", MISSING)

    async def auth_PLAIN(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        _, user, password = base64.b64decode(args[1]).split(b"\0")
        return self._judge("PLAIN", user, password == self._password)

    async def auth_LOGIN(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        if len(args) > 1:
            return AuthResult(success=False, handled=False)
        user = await _ask(server, self._prompts[0])
        password = await _ask(server, self._prompts[1])
        return self._judge("LOGIN", user, password == self._password)

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        challenge = b"<1896.697170952@mail.test>"
        user, _, digest = (await _ask(server, challenge)).rpartition(b" ")
        right = hmac.new(self._password, challenge, "md5").hexdigest().encode()
        return self._judge("CRAM-MD5", user, digest == right)

    @staticmethod
    def _judge(mechanism: str, user: bytes, accepted: bool) -> AuthResult:
        return AuthResult(
            success=accepted, handled=False, auth_data=f"{mechanism}:{user.decode()}" if accepted else None
        )


async def _ask(server: SMTP, question: bytes) -> bytes:
    answer = await server.challenge_auth(question)
    return answer if isinstance(answer, bytes) else b""


def _is_encrypted(server: SMTP) -> bool:
    transport = server.transport
    return transport is not None and transport.get_extra_info("sslcontext") is not None


def _login_of(session: Session) -> str:
    login: object = session.auth_data
    return login if isinstance(login, str) else ""
