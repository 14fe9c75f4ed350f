"""Mail over SMTP (`config.md` 8.2). Putting a message together is here; the dialogue is in ``_smtp.py``."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import socket
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    HostPort,
    HtmlTemplateText,
    MapOf,
    Secret,
    TemplateText,
    Text,
)
from alertrouter.config.http import TlsConfig, exclusive
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError
from alertrouter.http_client import WatchedContext
from alertrouter.integrations import Connection, IntegrationConfig, IntegrationKind
from alertrouter.integrations._mail_text import canonical_name, header_line, multipart, parse_addresses
from alertrouter.integrations._smtp import Connections, Credentials, MailTooLargeError, Server
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.templating.message import Message


class EmailGlobals(ConfigModel):
    """What mail adds to the ``global:`` section."""

    smtp_from: TemplateText = ""
    smtp_hello: Text = "localhost"
    smtp_smarthost: HostPort = HostPort()
    smtp_auth_username: Text = ""
    smtp_auth_password: Secret = Secret()
    smtp_auth_password_file: FilePath = ""
    smtp_auth_secret: Secret = Secret()
    smtp_auth_secret_file: FilePath = ""
    smtp_auth_identity: Text = ""
    smtp_require_tls: Bool = True
    smtp_tls_config: TlsConfig = TlsConfig()
    smtp_force_implicit_tls: Bool | None = None

    always_printed: ClassVar[frozenset[str]] = frozenset({"smtp_require_tls", "smtp_tls_config"})

    @model_validator(mode="after")
    def _check_smtp(self) -> Self:
        exclusive(
            {
                "smtp_auth_password": self.smtp_auth_password,
                "smtp_auth_password_file": self.smtp_auth_password_file,
            }
        )
        exclusive(
            {"smtp_auth_secret": self.smtp_auth_secret, "smtp_auth_secret_file": self.smtp_auth_secret_file}
        )
        return self


log = logging.getLogger(__name__)

#: Stands at the end of a mail that the server did not take whole.
SHORTENED = "\n\n(Shortened: the mail server refused the whole message as too large.)\n"
# Of a mail that was too large, so many characters.
_SHORT = 5000
_SUBJECT = '{{ template "email.default.subject" . }}'
# A mail has no default text. This one is for a text that fails.
_TEXT = _SUBJECT + '\n\n{{ template "__text_alert_list" .Alerts }}'


class EmailThreading(ConfigModel):
    """Mails of one group as one thread; by day, or all of them."""

    enabled: Bool = False
    thread_by_date: Text = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.enabled and self.thread_by_date not in {"daily", "none"}:
            raise ConfigProblem(
                "threading.thread_by_date must be either 'none' or 'daily'", at="thread_by_date"
            )
        return self


class EmailConfig(IntegrationConfig):
    """An entry of ``email_configs``."""

    send_resolved: Bool = False
    to: TemplateText = ""
    from_: Annotated[TemplateText, Field(alias="from")] = ""
    hello: Text = ""
    smarthost: HostPort = HostPort()
    auth_username: Text = ""
    auth_password: Secret = Secret()
    auth_password_file: FilePath = ""
    auth_secret: Secret = Secret()
    auth_secret_file: FilePath = ""
    auth_identity: Text = ""
    headers: MapOf[TemplateText] = Field(default_factory=dict)
    html: HtmlTemplateText = '{{ template "email.default.html" . }}'
    text: TemplateText = ""
    require_tls: Bool | None = None
    tls_config: TlsConfig | None = None
    force_implicit_tls: Bool | None = None
    threading: EmailThreading = EmailThreading()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.to:
            raise ConfigProblem("missing to address in email config", at="to")
        seen: set[str] = set()
        for name in map(canonical_name, self.headers):
            if name in seen:
                raise ConfigProblem(f'duplicate header "{name}" in email config', at="headers")
            seen.add(name)
        for name in ("References", "In-Reply-To"):
            if self.threading.enabled and name in seen:
                raise ConfigProblem(
                    f"conflicting configuration: threading.enabled conflicts with custom {name} header",
                    at="headers",
                )
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global server and credentials, and the headers every mail has."""
        config = super().completed(global_config, receiver_name)
        update: dict[str, Any] = {
            "smarthost": config.smarthost or global_config.smtp_smarthost,
            "from_": config.from_ or global_config.smtp_from,
            "hello": config.hello or global_config.smtp_hello,
            "auth_username": config.auth_username or global_config.smtp_auth_username,
            "auth_identity": config.auth_identity or global_config.smtp_auth_identity,
        }
        if not update["smarthost"]:
            raise ConfigProblem(
                "no global SMTP smarthost set", hint="set smarthost here or global.smtp_smarthost"
            )
        if not update["from_"]:
            raise ConfigProblem("no global SMTP from set", hint="set from here or global.smtp_from")
        if not (config.auth_password or config.auth_password_file):
            update["auth_password"] = global_config.smtp_auth_password
            update["auth_password_file"] = global_config.smtp_auth_password_file
        # A secret of its own and the global file are no pair, so neither is taken without the other.
        if not (config.auth_secret or config.auth_secret_file):
            update["auth_secret"] = global_config.smtp_auth_secret
            update["auth_secret_file"] = global_config.smtp_auth_secret_file
        if config.require_tls is None:
            update["require_tls"] = global_config.smtp_require_tls
        if config.tls_config is None:
            update["tls_config"] = global_config.smtp_tls_config
        if config.force_implicit_tls is None:
            update["force_implicit_tls"] = global_config.smtp_force_implicit_tls
        update["headers"] = {
            "Subject": _SUBJECT,
            "To": config.to,
            "From": update["from_"],
        } | {canonical_name(name): value for name, value in config.headers.items()}
        return config.model_copy(update=update)

    @property
    def implicit_tls(self) -> bool:
        """Whether the connection begins with TLS, rather than being upgraded to it."""
        if self.force_implicit_tls is None:
            return self.smarthost.port == "465"
        return self.force_implicit_tls


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail with its envelope."""

    sender: str
    recipients: list[str]
    content: bytes


def mail(
    config: EmailConfig, message: Message, *, now: Moment, unique: str, hostname: str, short: bool = False
) -> Mail:
    """The whole mail, or a short one that says that it is. ``unique`` makes its id and its boundary.

    RejectedError for a bad address.
    """
    senders = parse_addresses(message.text(config.from_), "from")
    if len(senders) != 1:
        raise RejectedError(f"must be exactly one from address (got: {len(senders)})")
    headers = {
        name: message.text(value, fallback=_SUBJECT if name == "Subject" else None)
        for name, value in sorted(config.headers.items())
    }
    headers.setdefault("Message-Id", f"<{now}.{unique[:19]}@{hostname}>")
    if config.threading.enabled:
        headers["References"] = headers["In-Reply-To"] = _thread(config, message, now)
    headers["Date"] = format_datetime(_local(now))
    parts = []
    if short:
        text = message.text(config.text or _TEXT, fallback=_TEXT)
        parts.append(("text/plain", shorten(text, _SHORT) + SHORTENED))
    elif config.text:
        parts.append(("text/plain", message.text(config.text, fallback=_TEXT)))
    if config.html and not short:
        parts.append(("text/html", message.html(config.html)))
    lines = [header_line(name, value) for name, value in headers.items()]
    return Mail(
        sender=senders[0],
        recipients=parse_addresses(message.text(config.to), "to"),
        content="".join(lines).encode() + multipart(parts, boundary=unique),
    )


def _thread(config: EmailConfig, message: Message, now: Moment) -> str:
    day = f"{_local(now):%Y-%m-%d}" if config.threading.thread_by_date == "daily" else ""
    return f"<alert-{message.notification.group_hash[:16]}-{day}@alertmanager>"


def _local(now: Moment) -> dt.datetime:
    return dt.datetime.fromtimestamp(now // SECOND, tz=dt.UTC).astimezone()


class Email:
    """Sends mails through one server, over the same connections while they come one after the other."""

    def __init__(self, config: EmailConfig, connection: Connection) -> None:
        self._config = config
        self._connection = connection
        self._tls: WatchedContext | None = None
        self._connections = Connections()

    async def aclose(self) -> None:
        """End the connections that are kept for the next mail."""
        await self._connections.aclose()

    async def send(self, message: Message) -> None:
        """Send the mail. Whatever the server refuses may go through later, so it is worth another attempt."""
        config = self._config
        composed = self._compose(message)
        try:
            self._tls = self._tls or WatchedContext(config.tls_config or TlsConfig())
            context = self._tls.current()
        except ValueError as error:
            raise RejectedError(f"parse TLS configuration: {error}") from None
        server = Server(
            address=config.smarthost,
            server_name=(config.tls_config.server_name if config.tls_config else "") or config.smarthost.host,
            hello=config.hello,
            context=context,
            implicit_tls=config.implicit_tls,
            require_tls=bool(config.require_tls),
            credentials=self._credentials(),
        )
        try:
            await self._connections.deliver(server, composed.sender, composed.recipients, composed.content)
        except MailTooLargeError as error:
            about = {"err": str(error), "bytes": len(composed.content)}
            log.warning("A mail was too large for the server and is sent shortened", extra=about)
            composed = self._compose(message, short=True)
            await self._connections.deliver(server, composed.sender, composed.recipients, composed.content)

    def _compose(self, message: Message, *, short: bool = False) -> Mail:
        return mail(
            self._config,
            message,
            now=self._connection.clock.now(),
            unique=secrets.token_hex(30),
            hostname=socket.gethostname(),
            short=short,
        )

    def _credentials(self) -> Credentials | None:
        config = self._config
        if not config.auth_username:
            return None
        return Credentials(
            identity=config.auth_identity,
            username=config.auth_username,
            password=config.auth_password,
            password_file=config.auth_password_file,
            secret=config.auth_secret,
            secret_file=config.auth_secret_file,
            directory=self._connection.working_directory,
        )


INTEGRATION = IntegrationKind(name="email", config=EmailConfig, connect=Email, globals=EmailGlobals)
