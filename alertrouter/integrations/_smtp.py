"""The dialogue with an SMTP server: TLS, authentication by the server's order of preference, one mail after the other."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiosmtplib

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import TemporaryError
from alertrouter.http_client.reasons import network_reason
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Iterator, Sequence
    from pathlib import Path

    from alertrouter.config.fields import HostPort, Secret

_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
_LONGEST_ANSWER_SHOWN = 300
_LONGEST_GOODBYE = 5  # seconds
# So many connections are kept while there is nothing to send, and so many mails go over one.
_MOST_RESTING = 4
_MOST_MAILS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to the server. A file wins over the text, and is read when it is needed."""

    identity: str
    username: str
    password: Secret
    password_file: str
    secret: Secret
    secret_file: str
    directory: Path

    def read_password(self) -> str:
        """The password for PLAIN and LOGIN; empty when there is none."""
        return self._read(self.password_file).strip() if self.password_file else self.password.reveal()

    def read_secret(self) -> str:
        """The secret for CRAM-MD5. Compat: the file's is not trimmed, unlike every other."""
        return self._read(self.secret_file) if self.secret_file else self.secret.reveal()

    def _read(self, path: str) -> str:
        try:
            return (self.directory / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise TemporaryError(f"could not read {path}: {reason}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to deliver mail and how. ``server_name`` is what its certificate must be for."""

    address: HostPort
    server_name: str
    hello: str
    context: ssl.SSLContext
    implicit_tls: bool
    require_tls: bool
    credentials: Credentials | None


class MailTooLargeError(TemporaryError):
    """The server takes no mail of this size."""


class _Line:
    """One open connection. ``wanted`` is set when it is taken up again while nothing is sent."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.smtp = aiosmtplib.SMTP(timeout=None, local_hostname=server.hello or "localhost")
        self.mails = 0
        self.wanted = asyncio.Event()


class Connections:
    """Connections to mail servers; one that a mail went over is kept for a few seconds, for the next.

    ``rest`` is for how long, ``patience`` how long the server may take to answer on one that was kept, in seconds.
    """

    def __init__(self, *, rest: float = 3.0, patience: float = 5.0) -> None:
        self._rest = rest
        self._patience = patience
        self._idle: list[_Line] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def deliver(self, server: Server, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Hand one mail to the server; TemporaryError says at which step it failed."""
        line = await self._addressed(server, sender, recipients)
        if line is None:
            line = _Line(server)
            with _closed_on_error(line):
                await _open_up(line)
                await _address(line.smtp, sender, recipients)
        with _closed_on_error(line):
            await _hand_over(line.smtp, content)
        self._keep(line)

    async def aclose(self) -> None:
        """End the connections that are kept."""
        lines = list(iter(self._take, None))
        await asyncio.gather(*[_take_leave(line.smtp) for line in lines], *self._ending)

    async def _addressed(self, server: Server, sender: str, recipients: Sequence[str]) -> _Line | None:
        """A connection that was kept, on which the server takes a mail of this sender for these recipients.

        It may be broken by now, or have had as many mails as the server likes. None of the mail itself was sent so far:
        whatever is wrong, a new connection may be tried at once, and what the server says there counts.
        """
        while (line := self._take()) is not None:
            if not line.smtp.is_connected or line.server != server:
                line.smtp.close()
                continue
            with contextlib.suppress(TemporaryError, TimeoutError), _closed_on_error(line):
                async with asyncio.timeout(self._patience):
                    await _address(line.smtp, sender, recipients)
                return line
        return None

    def _take(self) -> _Line | None:
        if not self._idle:
            return None
        line = self._idle.pop()
        line.wanted.set()
        return line

    def _keep(self, line: _Line) -> None:
        line.mails += 1
        keeps = line.mails < _MOST_MAILS and len(self._idle) < _MOST_RESTING
        line.wanted = asyncio.Event()
        if keeps:
            self._idle.append(line)
        ending = asyncio.create_task(self._end(line, line.wanted, self._rest if keeps else 0))
        self._ending.add(ending)
        ending.add_done_callback(partial(self._ended, line, line.wanted))

    async def _end(self, line: _Line, wanted: asyncio.Event, after: float) -> None:
        """End a connection after so many seconds, unless it is wanted before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after):
                await wanted.wait()
        if not wanted.is_set():
            if line in self._idle:
                self._idle.remove(line)
            await _take_leave(line.smtp)

    def _ended(self, line: _Line, wanted: asyncio.Event, ending: asyncio.Task[None]) -> None:
        self._ending.discard(ending)
        if not wanted.is_set():
            # It said good-bye, or the event loop ends.
            line.smtp.close()


@contextlib.contextmanager
def _closed_on_error(line: _Line) -> Iterator[None]:
    try:
        yield
    except BaseException:
        line.smtp.close()
        raise


async def _open_up(line: _Line) -> None:
    smtp, server = line.smtp, line.server
    await _connect(smtp, server)
    await _start_tls(smtp, server)
    if server.credentials is not None and smtp.supports_extension("auth"):
        await _authenticate(smtp, server, server.credentials)


async def _connect(smtp: aiosmtplib.SMTP, server: Server) -> None:
    host, port = server.address.host or "localhost", server.address.port
    kind = "TLS" if server.implicit_tls else "TCP"
    try:
        connected = await _open(host, port)
    except OSError as error:
        raise TemporaryError(f"establish {kind} connection to server: {_reason(error)}") from None
    try:
        await smtp.connect(
            sock=connected,
            port=None,
            hostname=server.server_name,
            use_tls=server.implicit_tls,
            start_tls=False,
            tls_context=server.context,
        )
        await _greet(smtp)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        connected.close()
        raise TemporaryError(f"establish {kind} connection to server: {_reason(error)}") from None


async def _open(host: str, port: str) -> socket.socket:
    # Our own socket, because the name a certificate is checked against need not be the host's.
    loop = asyncio.get_running_loop()
    problem: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)  # noqa: FBT003 -- the library's
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem or OSError("no address found")


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        await smtp.helo()


async def _start_tls(smtp: aiosmtplib.SMTP, server: Server) -> None:
    if server.implicit_tls or not server.require_tls:
        return
    if not smtp.supports_extension("starttls"):
        raise TemporaryError(
            f"'require_tls' is true (default) but \"{server.address}\" does not advertise the STARTTLS extension"
        )
    try:
        await smtp.starttls(tls_context=server.context, server_hostname=server.server_name)
        await _greet(smtp)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise TemporaryError(f"send STARTTLS command: {_reason(error)}") from None


async def _authenticate(smtp: aiosmtplib.SMTP, server: Server, credentials: Credentials) -> None:
    """Use the first mechanism of the server's list that we have credentials for."""
    problems: list[str] = []
    for mechanism in dict.fromkeys(name.upper() for name in smtp.server_auth_methods):
        if mechanism == "CRAM-MD5":
            if secret := credentials.read_secret():
                return await _auth(mechanism, _cram_md5(smtp, credentials.username, secret))
            problems.append("missing secret for CRAM-MD5 auth mechanism")
        elif mechanism in {"PLAIN", "LOGIN"}:
            if password := credentials.read_password():
                if mechanism == "LOGIN":
                    return await _auth(mechanism, _login(smtp, credentials.username, password))
                encrypted = smtp.get_transport_info("sslcontext") is not None
                if not encrypted and server.address.host not in _LOCAL_HOSTS:
                    raise TemporaryError(
                        "PLAIN auth: unencrypted connection", reason=FailureReason.AUTH_ERROR
                    )
                return await _auth(mechanism, _plain(smtp, credentials, password))
            problems.append(f"missing password for {mechanism} auth mechanism")
        else:
            problems.append(f"unknown auth mechanism: {mechanism}")
    raise TemporaryError(f"find auth mechanism: {'; '.join(problems)}", reason=FailureReason.AUTH_ERROR)


async def _auth(mechanism: str, dialogue: Awaitable[None]) -> None:
    try:
        await dialogue
    except aiosmtplib.SMTPResponseException as error:
        # What the server says here may repeat what it was sent.
        raise TemporaryError(
            f"{mechanism} auth: the server refused it with {error.code}", reason=FailureReason.AUTH_ERROR
        ) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise TemporaryError(f"{mechanism} auth: {_reason(error)}") from None


async def _cram_md5(smtp: aiosmtplib.SMTP, username: str, secret: str) -> None:
    challenge = await _challenge(smtp, b"AUTH", b"CRAM-MD5")
    digest = hmac.new(secret.encode(), challenge, "md5").hexdigest()
    await _answer(smtp, base64.b64encode(f"{username} {digest}".encode()))


async def _plain(smtp: aiosmtplib.SMTP, credentials: Credentials, password: str) -> None:
    response = f"{credentials.identity}\0{credentials.username}\0{password}".encode()
    await _answer(smtp, b"AUTH", b"PLAIN", base64.b64encode(response))


async def _login(smtp: aiosmtplib.SMTP, username: str, password: str) -> None:
    """Compat: nothing is said before the server asks, and only these two questions are understood."""
    answers = {b"username:": username, b"password:": password}
    question = await _challenge(smtp, b"AUTH", b"LOGIN")
    for _ in answers:
        if (answer := answers.get(question.lower())) is None:
            raise ValueError("unexpected server challenge")
        response = await smtp.execute_command(base64.b64encode(answer.encode()))
        if response.code == 235:
            return
        question = _decoded(response)
    raise ValueError("unexpected server challenge")


async def _challenge(smtp: aiosmtplib.SMTP, *command: bytes) -> bytes:
    return _decoded(await smtp.execute_command(*command))


def _decoded(response: aiosmtplib.SMTPResponse) -> bytes:
    if response.code != 334:
        raise aiosmtplib.SMTPAuthenticationError(response.code, response.message)
    return base64.b64decode(response.message)


async def _answer(smtp: aiosmtplib.SMTP, *command: bytes) -> None:
    response = await smtp.execute_command(*command)
    if response.code != 235:
        raise aiosmtplib.SMTPAuthenticationError(response.code, response.message)


async def _address(smtp: aiosmtplib.SMTP, sender: str, recipients: Sequence[str]) -> None:
    """Say from whom a mail is and to whom; it can be said anew elsewhere."""
    international = not all(address.isascii() for address in (sender, *recipients))
    options = ["SMTPUTF8"] if international and smtp.supports_extension("smtputf8") else []
    step = "send MAIL command"
    try:
        await smtp.mail(sender, options=options, encoding="utf-8")
        step = "send RCPT command"
        for recipient in recipients:
            await smtp.rcpt(recipient, encoding="utf-8")
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _refused(step, error) from None


async def _hand_over(smtp: aiosmtplib.SMTP, content: bytes) -> None:
    """Send the mail itself. When the connection breaks here, the server may have taken it."""
    try:
        await smtp.data(content)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _refused("send DATA command", error) from None


def _refused(step: str, error: BaseException) -> TemporaryError:
    kind = MailTooLargeError if _is_too_large(error) else TemporaryError
    return kind(f"{step}: {_reason(error)}")


def _is_too_large(error: BaseException) -> bool:
    # RFC 5321 has one code for a mail that is too large and for a mailbox that is full; RFC 3463 tells them apart.
    if not isinstance(error, aiosmtplib.SMTPResponseException) or error.code != 552:
        return False
    return not error.message.startswith("5.2.2")


async def _take_leave(smtp: aiosmtplib.SMTP) -> None:
    try:
        # All mails are accepted: whether the server says good-bye does not matter.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(_LONGEST_GOODBYE):
                await smtp.quit()
    finally:
        smtp.close()


def _reason(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = shorten(" ".join(error.message.split()), _LONGEST_ANSWER_SHOWN)
        return f"{error.code} {said}"
    if isinstance(error.__cause__, OSError):
        return network_reason(error.__cause__)
    if isinstance(error, OSError) and not isinstance(error, aiosmtplib.SMTPException):
        return network_reason(error)
    return str(error) or type(error).__name__
