"""The dialogue with an SMTP server: TLS, authentication by the server's order of preference, one mail."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiosmtplib

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import TemporaryError
from alertrouter.http_client.reasons import network_reason
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

    from alertrouter.config.fields import HostPort, Secret

_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
_LONGEST_ANSWER_SHOWN = 300
_LONGEST_GOODBYE = 5  # seconds


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


async def deliver(server: Server, sender: str, recipients: Sequence[str], content: bytes) -> None:
    """Hand one mail to the server; TemporaryError says at which step it failed."""
    smtp = aiosmtplib.SMTP(timeout=None, local_hostname=server.hello or "localhost")
    try:
        await _connect(smtp, server)
        await _start_tls(smtp, server)
        if server.credentials is not None and smtp.supports_extension("auth"):
            await _authenticate(smtp, server, server.credentials)
        await _hand_over(smtp, sender, recipients, content)
        await _take_leave(smtp)
    finally:
        smtp.close()


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


async def _hand_over(smtp: aiosmtplib.SMTP, sender: str, recipients: Sequence[str], content: bytes) -> None:
    international = not all(address.isascii() for address in (sender, *recipients))
    options = ["SMTPUTF8"] if international and smtp.supports_extension("smtputf8") else []
    step = "send MAIL command"
    try:
        await smtp.mail(sender, options=options, encoding="utf-8")
        step = "send RCPT command"
        for recipient in recipients:
            await smtp.rcpt(recipient, encoding="utf-8")
        step = "send DATA command"
        await smtp.data(content)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        kind = MailTooLargeError if _is_too_large(error) else TemporaryError
        raise kind(f"{step}: {_reason(error)}") from None


def _is_too_large(error: BaseException) -> bool:
    # RFC 5321 has one code for a mail that is too large and for a mailbox that is full; RFC 3463 tells them apart.
    if not isinstance(error, aiosmtplib.SMTPResponseException) or error.code != 552:
        return False
    return not error.message.startswith("5.2.2")


async def _take_leave(smtp: aiosmtplib.SMTP) -> None:
    # The mail is accepted: whether the server says good-bye does not matter.
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_LONGEST_GOODBYE):
            await smtp.quit()


def _reason(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = shorten(" ".join(error.message.split()), _LONGEST_ANSWER_SHOWN)
        return f"{error.code} {said}"
    if isinstance(error.__cause__, OSError):
        return network_reason(error.__cause__)
    if isinstance(error, OSError) and not isinstance(error, aiosmtplib.SMTPException):
        return network_reason(error)
    return str(error) or type(error).__name__
