from __future__ import annotations

import email
import email.policy
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from alertrouter.config.fields import HostPort
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations._mail_text import encoded_words, header_line, parse_addresses, quoted_printable
from alertrouter.integrations.email import EmailConfig, mail
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, NOON, alert, check_golden, message, notification
from tests.receivers import ReceivedMail, SmtpReceiver
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from alertrouter.integrations.email import Mail

pytestmark = pytest.mark.anyio

CONTRACT: dict[str, dict[str, Any]] = {
    "": {
        "to": "a@b.c",
        "from": "a@b.c",
        "smarthost": "{smarthost}",
        "require_tls": False,
        "html": "",
        "text": "x",
    }
}

TEXT = "{{ .Status }} {{ range .Alerts }}{{ .Labels.alertname }}\n{{ end }}"


def config_of(values: dict[str, Any], **global_values: Any) -> EmailConfig:
    config = configure(
        "email", {"to": "ops@example.org", "html": "", "text": TEXT, **values}, **DEFAULTS | global_values
    )
    assert isinstance(config, EmailConfig)
    return config


DEFAULTS: dict[str, Any] = {"smtp_smarthost": "mail:25", "smtp_from": "am@example.org"}


def composed(config: EmailConfig, name: str = "one_firing") -> Mail:
    return mail(config, message(EXAMPLES[name], config), now=NOON, unique="f00d" * 15, hostname="host.test")


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


@pytest.fixture
def zone() -> Iterator[None]:
    """A zone with an offset to show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mail(name: str) -> None:
    config = config_of(
        {"html": "<p>{{ .Status }}</p>", "threading": {"enabled": True, "thread_by_date": "daily"}}
    )

    check_golden("email", name, composed(config, name).content)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_default_mail(name: str) -> None:
    config = config_of({"text": "", "html": EmailConfig.model_fields["html"].default})

    message_of = parsed(composed(config, name).content)

    [part] = list(message_of.iter_parts())
    assert part.get_content_type() == "text/html"
    assert EXAMPLES[name].alerts[0].labels["alertname"].split()[0] in part.get_content()


def test_text_comes_before_html_and_both_survive_any_characters() -> None:
    config = config_of({"text": "zwölf = 12\r\n.\n" + "lang " * 40, "html": "<b>zwölf 💥</b>"})

    made = parsed(composed(config).content)

    assert made["MIME-Version"] == "1.0"
    assert made.get_content_type() == "multipart/alternative"
    text, html = [part.get_content().replace("\r\n", "\n") for part in made.iter_parts()]
    assert text.rstrip("\n") == "zwölf = 12\n.\n" + "lang " * 40
    assert html.rstrip("\n") == "<b>zwölf 💥</b>"
    assert max(map(len, composed(config).content.split(b"\r\n"))) <= 200


def test_every_line_of_quoted_printable_is_short() -> None:
    encoded = quoted_printable("ü" * 500 + "\n" + "x" * 500 + " \n\t\n")

    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert b"\n" not in encoded.replace(b"\r\n", b"")


def test_headers_of_ones_own_replace_the_usual_ones_and_are_templates() -> None:
    config = config_of(
        {"headers": {"subject": "{{ .Status }}!", "x-prio": "1", "message-id": "<mine@x>", "To": "everybody"}}
    )

    made = parsed(composed(config).content)

    assert made["Subject"] == "firing!"
    assert made["X-Prio"] == "1"
    assert made["Message-Id"] == "<mine@x>"
    assert b"\r\nTo: everybody\r\n" in b"\r\n" + composed(config).content
    assert composed(config).recipients == ["ops@example.org"]


def test_a_template_that_fails_costs_no_mail() -> None:
    broken = "{{ (index .Alerts 99).Labels.i }}"
    found = parsed(
        composed(config_of({"text": broken, "headers": {"subject": broken, "x-team": "{{ .Nope }}"}})).content
    )
    assert found["subject"] == "[FIRING:1] DiskFull (db1 critical)"
    assert found["x-team"] == ""
    (part,) = found.iter_parts()
    text = part.get_content().replace("\r\n", "\n")
    assert " - instance = db1\n" in text
    assert "(A template failed, so this is the default wording: template: " in text


def test_a_line_break_in_a_label_cannot_add_a_header() -> None:
    config = config_of({"headers": {"Subject": "{{ .CommonLabels.zeile }}"}})

    made = parsed(composed(config, "odd_unicode").content)

    assert made["Subject"] == "a b\u2028c" or "b" not in {name.lower() for name in made}
    assert "Bcc" not in made
    assert b"=0A" in composed(config, "odd_unicode").content


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("plain", "X: plain\r\n", id="plain"),
        pytest.param("tab\there", "X: tab\there\r\n", id="a tab is printable"),
        pytest.param("Größe_=?", "X: =?utf-8?q?Gr=C3=B6=C3=9Fe=5F=3D=3F?=\r\n", id="encoded"),
        pytest.param("a b\x00", "X: =?utf-8?q?a_b=00?=\r\n", id="control characters are encoded"),
    ],
)
def test_a_header_is_encoded_when_it_must_be(text: str, line: str) -> None:
    assert header_line("X", text) == line


def test_encoded_words_split_between_characters_and_mean_the_same() -> None:
    text = "ein sehr langer Betreff mit Ümläuten 💥 " * 8

    line = encoded_words(text)

    words = line.split("\r\n ")
    assert all(len(word) <= 75 for word in words)
    decoded = email.message_from_string(f"Subject: {line}\n\n", policy=email.policy.default)
    assert decoded["Subject"].rstrip() == text.rstrip()


def test_a_name_with_an_umlaut_leaves_the_address_readable() -> None:
    config = config_of(
        {"from": "Jörg Müller, Ops <am@example.org>".replace(",", ""), "to": "Ä <a@b.c>, d@e.f"}
    )

    made = composed(config)

    assert made.sender == "am@example.org"
    assert made.recipients == ["a@b.c", "d@e.f"]
    shown = parsed(made.content)
    assert [(each.display_name, each.addr_spec) for each in shown["To"].addresses] == [
        ("Ä", "a@b.c"),
        ("", "d@e.f"),
    ]
    assert shown["From"].addresses[0].addr_spec == "am@example.org"


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        pytest.param("a@b.c", ["a@b.c"], id="one"),
        pytest.param("a@b.c, X Y <d@e.f>", ["a@b.c", "d@e.f"], id="several"),
        pytest.param('"Y, X" <d@e.f>', ["d@e.f"], id="a comma in a name"),
        pytest.param('"odd name"@e.f', ['"odd name"@e.f'], id="a quoted local part"),
        pytest.param("a@b.c,, d@e.f,", ["a@b.c", "d@e.f"], id="commas too many"),
        pytest.param("böse@exämple.org", ["böse@exämple.org"], id="international"),
    ],
)
def test_addresses_are_read(text: str, addresses: list[str]) -> None:
    assert parse_addresses(text, "to") == addresses


@pytest.mark.parametrize("text", ["", "  ", "nobody", "a@", "a@b.c,, d e", "<a@b.c"])
def test_what_is_no_list_of_addresses_is_given_up(text: str) -> None:
    with pytest.raises(RejectedError, match="parse 'to' addresses: mail: "):
        parse_addresses(text, "to")


def test_there_is_exactly_one_sender() -> None:
    with pytest.raises(RejectedError, match=r"must be exactly one from address \(got: 2\)"):
        composed(config_of({"from": "a@b.c, d@e.f"}))


def test_mails_of_one_group_and_day_are_one_thread() -> None:
    daily = config_of({"threading": {"enabled": True, "thread_by_date": "daily"}})
    always = config_of({"threading": {"enabled": True, "thread_by_date": "none"}})
    key = EXAMPLES["one_firing"].group_hash[:16]

    shown = parsed(composed(daily).content)
    assert shown["References"] == shown["In-Reply-To"] == f"<alert-{key}-2026-11-18@alertmanager>"
    assert parsed(composed(always).content)["References"] == f"<alert-{key}-@alertmanager>"
    assert parsed(composed(config_of({})).content)["References"] is None


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param({"to": ""}, {}, "missing to address in email config", id="nobody"),
        pytest.param({}, {"smtp_smarthost": ""}, "no global SMTP smarthost set", id="no server"),
        pytest.param({}, {"smtp_from": ""}, "no global SMTP from set", id="no sender"),
        pytest.param(
            {}, {"smtp_from": "", "smtp_smarthost": ""}, "smarthost", id="the server is missed first"
        ),
        pytest.param(
            {"headers": {"subject": "a", "SUBJECT": "b"}},
            {},
            'duplicate header "Subject" in email config',
            id="a header twice",
        ),
        pytest.param(
            {"threading": {"enabled": True}},
            {},
            "threading.thread_by_date must be either 'none' or 'daily'",
            id="threads without a rule",
        ),
        pytest.param(
            {"threading": {"enabled": True, "thread_by_date": "none"}, "headers": {"references": "x"}},
            {},
            "conflicting configuration: threading.enabled conflicts with custom References header",
            id="threads of ones own",
        ),
        pytest.param(
            {"threading": {"enabled": True, "thread_by_date": "none"}, "headers": {"in-reply-to": "x"}},
            {},
            "conflicting configuration: threading.enabled conflicts with custom In-Reply-To header",
            id="replies of ones own",
        ),
        pytest.param({"smarthost": "mail"}, {}, "address mail: missing port in address", id="no port"),
        pytest.param(
            {},
            {"smtp_auth_password": "a", "smtp_auth_password_file": "b"},
            "at most one of smtp_auth_password & smtp_auth_password_file must be configured",
            id="two global passwords",
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config, **global_values)

    assert complaint in str(refused.value)


def test_credentials_fall_back_in_pairs() -> None:
    given = {"smtp_auth_password": "g", "smtp_auth_secret_file": "gf"}

    own = config_of({"auth_password_file": "f", "auth_secret": "s"}, **given)
    assert (own.auth_password.reveal(), own.auth_password_file) == ("", "f")
    assert (own.auth_secret.reveal(), own.auth_secret_file) == ("s", "")
    inherited = config_of({}, **given)
    assert (inherited.auth_password.reveal(), inherited.auth_secret_file) == ("g", "gf")


@pytest.mark.parametrize(
    ("port", "force", "implicit"),
    [("465", None, True), ("587", None, False), ("465", False, False), ("25", True, True)],
)
def test_when_the_connection_begins_with_tls(port: str, force: bool | None, implicit: bool) -> None:
    values: dict[str, Any] = {"smarthost": HostPort("mail", port)}
    if force is not None:
        values["force_implicit_tls"] = force

    assert config_of(values).implicit_tls is implicit


# The dialogue, with a real server


class Certificates:
    """A certificate authority for mail.test, and a server's side of TLS."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.ca_file = str(directory / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self._certificate = authority.issue_cert("mail.test")

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def send(receiver: SmtpReceiver, directory: Path, values: dict[str, Any]) -> ReceivedMail:
    config = {
        "to": "ops@example.org, Two <two@example.org>",
        "from": "am@example.org",
        "smarthost": receiver.smarthost,
        "require_tls": False,
        "html": "",
        "text": "Hello\n.\n..\nend",
        **values,
    }
    async with connected("email", config, directory=directory) as sender:
        await sender.send(message(EXAMPLES["one_firing"]))
    return receiver.mails[-1]


async def test_a_mail_is_handed_over(tmp_path: Path) -> None:
    async with SmtpReceiver() as receiver:
        got = await send(receiver, tmp_path, {"hello": "us.test"})

    assert (got.sender, got.recipients) == ("am@example.org", ["ops@example.org", "two@example.org"])
    assert (got.hello, got.login, got.encrypted) == ("us.test", "", False)
    [part] = list(parsed(got.content).iter_parts())
    assert part.get_content().split() == ["Hello", ".", "..", "end"]


async def test_mails_share_a_connection_until_the_sender_is_closed(tmp_path: Path) -> None:
    config = {"to": "a@b.c", "from": "a@b.c", "require_tls": False, "html": "", "text": "x"}
    async with SmtpReceiver() as receiver:
        async with connected("email", config | {"smarthost": receiver.smarthost}) as sender:
            for _ in range(2):
                await sender.send(message(EXAMPLES["one_firing"]))
            assert (len(receiver.mails), receiver.connections) == (2, 1)
        await until(lambda: not receiver.open)


async def test_a_mail_that_is_too_large_goes_out_shortened_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with SmtpReceiver(largest=20_000) as receiver:
        got = await send(receiver, tmp_path, {"text": "x " * 20_000, "html": "<p>y</p>"})

    mail = parsed(got.content)
    [part] = list(mail.iter_parts())
    assert part.get_content_type() == "text/plain"
    text = part.get_content()
    assert len(text) < 6000
    assert text.startswith("x x x")
    assert text.rstrip().endswith("(Shortened: the mail server refused the whole message as too large.)")
    assert mail["Subject"].startswith("[FIRING:1]")
    assert "A mail was too large for the server and is sent shortened" in caplog.text


async def test_a_mailbox_that_is_full_is_no_reason_to_shorten(tmp_path: Path) -> None:
    async with SmtpReceiver(refusals={"RCPT": "552 5.2.2 mailbox full"}) as receiver:
        with pytest.raises(TemporaryError, match=r"5\.2\.2 mailbox full"):
            await send(receiver, tmp_path, {})
        assert receiver.mails == []


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "PLAIN", "LOGIN"])
async def test_each_way_to_authenticate(mechanism: str, tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=(mechanism,), password="pass word") as receiver:
        got = await send(
            receiver,
            tmp_path,
            {"auth_username": "me", "auth_password": "pass word", "auth_secret": "pass word"},
        )

    assert got.login == f"{mechanism}:me"


@pytest.mark.parametrize(
    ("offered", "given", "used"),
    [
        pytest.param(("LOGIN", "PLAIN"), {"auth_password": "p"}, "LOGIN", id="the server's order counts"),
        pytest.param(("PLAIN", "LOGIN"), {"auth_password": "p"}, "PLAIN", id="in either direction"),
        pytest.param(
            ("CRAM-MD5", "LOGIN"), {"auth_password": "p"}, "LOGIN", id="what it cannot use is skipped"
        ),
        pytest.param(("PLAIN", "CRAM-MD5"), {"auth_secret": "p"}, "CRAM-MD5", id="here too"),
        pytest.param(("XOAUTH2", "PLAIN"), {"auth_password": "p"}, "PLAIN", id="unknown ones are skipped"),
    ],
)
async def test_the_first_mechanism_it_can_use(
    offered: tuple[str, ...], given: dict[str, str], used: str, tmp_path: Path
) -> None:
    async with SmtpReceiver(mechanisms=offered, password="p") as receiver:
        got = await send(receiver, tmp_path, {"auth_username": "me", **given})

    assert got.login == f"{used}:me"


async def test_without_a_user_name_or_an_offer_it_does_not_authenticate(tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=("PLAIN",)) as receiver:
        assert (await send(receiver, tmp_path, {"auth_password": "p"})).login == ""
    async with SmtpReceiver() as receiver:
        assert (await send(receiver, tmp_path, {"auth_username": "me", "auth_password": "p"})).login == ""


async def test_when_no_mechanism_fits_it_says_why(tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=("CRAM-MD5", "PLAIN", "LOGIN", "NTLM")) as receiver:
        with pytest.raises(TemporaryError) as error:
            await send(receiver, tmp_path, {"auth_username": "me"})

    assert str(error.value) == (
        "find auth mechanism: missing secret for CRAM-MD5 auth mechanism; missing password for PLAIN auth mechanism; "
        "missing password for LOGIN auth mechanism; unknown auth mechanism: NTLM"
    )


async def test_login_understands_two_questions_only(tmp_path: Path) -> None:
    prompts = (b"User Name\0", b"Password\0")
    async with SmtpReceiver(mechanisms=("LOGIN",), password="p", login_prompts=prompts) as receiver:
        with pytest.raises(TemporaryError, match="LOGIN auth: unexpected server challenge"):
            await send(receiver, tmp_path, {"auth_username": "me", "auth_password": "p"})


async def test_a_refused_password_is_worth_another_attempt(tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=("PLAIN",), password="right") as receiver:
        with pytest.raises(TemporaryError, match="PLAIN auth: the server refused it with 535") as error:
            await send(receiver, tmp_path, {"auth_username": "me", "auth_password": "wrong"})

    assert error.value.reason is FailureReason.AUTH_ERROR
    assert receiver.mails == []


async def test_passwords_lie_in_files_and_are_read_at_every_send(tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=("PLAIN",), password="new") as receiver:
        (tmp_path / "password").write_text(" new\n")
        values = {"auth_username": "me", "auth_password_file": "password"}
        assert (await send(receiver, tmp_path, values)).login == "PLAIN:me"
        with pytest.raises(TemporaryError, match="could not read gone: No such file"):
            await send(receiver, tmp_path, {"auth_username": "me", "auth_password_file": "gone"})
    async with SmtpReceiver(mechanisms=("CRAM-MD5",), password="new\n") as receiver:
        (tmp_path / "secret").write_text("new\n")
        values = {"auth_username": "me", "auth_secret_file": "secret"}
        # Compat: the file of the secret is taken as it is, with its line end.
        assert (await send(receiver, tmp_path, values)).login == "CRAM-MD5:me"


@pytest.mark.parametrize(
    ("command", "answer", "text"),
    [
        ("MAIL", "550 not you", "send MAIL command: 550 not you"),
        ("RCPT", "450 later", "send RCPT command: 450 later"),
        ("DATA", "554 spam", "send DATA command: 554 spam"),
        ("EHLO", "421 busy", "establish TCP connection to server: "),
    ],
)
async def test_whatever_the_server_refuses_may_go_through_later(
    command: str, answer: str, text: str, tmp_path: Path
) -> None:
    async with SmtpReceiver(refusals={command: answer}) as receiver:
        with pytest.raises(TemporaryError) as error:
            await send(receiver, tmp_path, {})

    assert str(error.value).startswith(text)


async def test_nobody_there(tmp_path: Path) -> None:
    async with SmtpReceiver() as receiver:
        smarthost = receiver.smarthost
    async with connected(
        "email", {"to": "a@b.c", "from": "a@b.c", "smarthost": smarthost, "html": "", "text": "x"}
    ) as sender:
        with pytest.raises(TemporaryError, match="establish TCP connection to server: connection refused"):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_starttls_is_required_unless_told_otherwise(tmp_path: Path) -> None:
    async with SmtpReceiver() as receiver:
        with pytest.raises(TemporaryError) as error:
            await send(receiver, tmp_path, {"require_tls": None})

    assert str(error.value) == (
        f"'require_tls' is true (default) but \"{receiver.smarthost}\" does not advertise the STARTTLS extension"
    )


async def test_the_connection_is_upgraded(certificates: Certificates, tmp_path: Path) -> None:
    async with SmtpReceiver(tls=certificates.server(), mechanisms=("PLAIN",), password="p") as receiver:
        tls = {"ca_file": certificates.ca_file, "server_name": "mail.test"}
        values = {"require_tls": True, "tls_config": tls, "auth_username": "me", "auth_password": "p"}
        got = await send(receiver, tmp_path, values)

    assert (got.encrypted, got.login) == (True, "PLAIN:me")


async def test_the_connection_begins_with_tls(certificates: Certificates, tmp_path: Path) -> None:
    async with SmtpReceiver(tls=certificates.server(), implicit_tls=True) as receiver:
        tls = {"ca_file": certificates.ca_file, "server_name": "mail.test"}
        got = await send(receiver, tmp_path, {"force_implicit_tls": True, "tls_config": tls})

    assert got.encrypted


async def test_a_certificate_for_another_name_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    async with SmtpReceiver(tls=certificates.server(), implicit_tls=True) as receiver:
        tls = {"ca_file": certificates.ca_file, "server_name": "other.test"}
        with pytest.raises(TemporaryError, match="TLS: the certificate is not accepted"):
            await send(receiver, tmp_path, {"force_implicit_tls": True, "tls_config": tls})
        insecure = {"insecure_skip_verify": True}
        got = await send(receiver, tmp_path, {"force_implicit_tls": True, "tls_config": insecure})

    assert got.encrypted


async def test_tls_files_that_cannot_be_read_are_given_up(tmp_path: Path) -> None:
    async with SmtpReceiver() as receiver:
        with pytest.raises(RejectedError, match="parse TLS configuration: unable to read CA cert"):
            await send(receiver, tmp_path, {"tls_config": {"ca_file": str(tmp_path / "none")}})


async def test_a_password_is_not_said_in_the_clear_to_another_host(tmp_path: Path) -> None:
    async with SmtpReceiver(mechanisms=("PLAIN",), password="p", host="127.0.0.2") as receiver:
        with pytest.raises(TemporaryError, match="PLAIN auth: unencrypted connection"):
            await send(receiver, tmp_path, {"auth_username": "me", "auth_password": "p"})

    assert receiver.attempted == []


async def test_international_addresses_say_so(tmp_path: Path) -> None:
    async with SmtpReceiver() as receiver:
        got = await send(receiver, tmp_path, {"to": "böse@exämple.org"})

    assert got.recipients == ["böse@exämple.org"]


def test_two_mails_have_different_ids() -> None:
    one = parsed(composed(config_of({})).content)["Message-Id"]

    assert one == f"<{NOON}.{('f00d' * 15)[:19]}@host.test>"


def test_alerts_of_a_group_are_named() -> None:
    config = config_of({"text": "{{ range .Alerts }}{{ .Labels.instance }},{{ end }}"})
    both = notification(alert(alertname="A", instance="x"), alert(alertname="A", instance="y"))

    made = mail(config, message(both), now=NOON, unique="f" * 60, hostname="h")

    assert b"x,y," in made.content
