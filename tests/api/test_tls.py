"""TLS as the web configuration file has it, over real connections."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from alertrouter.api.tls import server_context
from alertrouter.api.web_config import WebConfigError

HELLO = b"hello"


class Place:
    """A folder with a web configuration file, and the certificates it may name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "web.yml"
        self.authority = trustme.CA()
        self.clients = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "authority.pem")
        self.clients.cert_pem.write_to_path(folder / "clients.pem")
        self.new_certificate("localhost")

    def new_certificate(self, name: str) -> None:
        certificate = self.authority.issue_cert(name)
        for part, text in (
            ("key", certificate.private_key_pem.bytes()),
            ("cert", certificate.cert_chain_pems[0].bytes()),
        ):
            (self.folder / f"{part}.new").write_bytes(text)
            (self.folder / f"{part}.new").replace(self.folder / f"{part}.pem")

    def write(self, **tls: Any) -> Path:
        self.file.write_text(
            json.dumps({"tls_server_config": {"cert_file": "cert.pem", "key_file": "key.pem", **tls}})
        )
        return self.file

    def client(self, by: trustme.CA | None = None, name: str = "somebody@example.com") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "authority.pem"))
        if by is not None:
            by.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@asynccontextmanager
async def listening(file: Path) -> Any:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context(file))
    async with server:
        yield server.sockets[0].getsockname()[1]


async def greeted(port: int, client: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject | None:
    """The connection, if the server took us; None if it did not."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        said = await reader.read()
    except (ssl.SSLError, ConnectionError):
        return None
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return connection if said == HELLO else None


Listening = Callable[[Path], AbstractAsyncContextManager[int]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.SelectorEventLoop

    def run(story: Any) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(story)

    return run


@pytest.mark.parametrize(
    ("client_auth_type", "without", "unknown", "known"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("RequireAnyClientCert", False, True, True),
        ("RequireClientCert", False, True, True),
        ("VerifyClientCertIfGiven", True, False, True),
        ("RequireAndVerifyClientCert", False, False, True),
    ],
)
def test_clients_are_asked_for_certificates(
    run: Callable[[Any], None],
    place: Place,
    client_auth_type: str,
    without: bool,
    unknown: bool,
    known: bool,
) -> None:
    authority = {} if client_auth_type == "NoClientCert" else {"client_ca_file": "clients.pem"}
    file = place.write(client_auth_type=client_auth_type, **authority)

    async def story() -> None:
        async with listening(file) as port:
            for client, expected in (
                (place.client(), without),
                (place.client(trustme.CA()), unknown),
                (place.client(place.clients), known),
            ):
                assert (await greeted(port, client) is not None) is expected

    run(story())


def test_certificates_and_keys_may_stand_in_the_file(run: Callable[[Any], None], place: Place) -> None:
    file = place.write(
        cert_file="",
        key_file="",
        cert=(place.folder / "cert.pem").read_text(),
        key=(place.folder / "key.pem").read_text(),
        client_ca=(place.folder / "clients.pem").read_text(),
        client_auth_type="RequireAndVerifyClientCert",
    )
    left = set(Path("/tmp").iterdir()) if os.name == "posix" else set()

    async def story() -> None:
        async with listening(file) as port:
            assert await greeted(port, place.client(place.clients))
            assert await greeted(port, place.client()) is None

    run(story())
    assert not [each for each in set(Path("/tmp").iterdir()) - left if "PRIVATE" in _text(each)]


def _text(path: Path) -> str:
    try:
        return path.read_text() if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["somebody@example.com"], True),
        (["x", "somebody@example.com"], True),
        (["somebody"], False),
        (["other@example.com"], False),
    ],
)
def test_clients_must_bear_an_allowed_name(
    run: Callable[[Any], None],
    place: Place,
    names: list[str],
    taken: bool,
) -> None:
    file = place.write(
        client_auth_type="RequireAndVerifyClientCert", client_ca_file="clients.pem", client_allowed_sans=names
    )

    async def story() -> None:
        async with listening(file) as port:
            assert (await greeted(port, place.client(place.clients)) is not None) is taken

    run(story())


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "host.example"])
def test_addresses_and_hosts_are_names_too(place: Place, name: str) -> None:
    file = place.write(
        client_auth_type="RequireAndVerifyClientCert",
        client_ca_file="clients.pem",
        client_allowed_sans=[name],
    )

    async def story() -> None:
        async with listening(file) as port:
            assert await greeted(port, place.client(place.clients, name))
            assert await greeted(port, place.client(place.clients, "elsewhere.example")) is None

    asyncio.run(story())


def test_new_connections_see_new_certificates(run: Callable[[Any], None], place: Place) -> None:
    file = place.write(client_auth_type="RequireAndVerifyClientCert", client_ca_file="clients.pem")

    async def story() -> None:
        async with listening(file) as port:
            client = place.client(place.clients)
            assert await greeted(port, client)
            place.new_certificate("other.example")
            assert await greeted(port, client) is None
            assert await greeted(port, client, "other.example")
            # Others may come in, and those who might no longer.
            newcomers = trustme.CA()
            newcomers.cert_pem.write_to_path(place.folder / "clients.pem")
            assert await greeted(port, client, "other.example") is None
            assert await greeted(port, place.client(newcomers), "other.example")
            # And the file itself is followed.
            place.write()
            assert await greeted(port, place.client(), "other.example")

    run(story())


def test_in_the_middle_of_a_change_the_old_certificate_goes_on(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    file = place.write()

    async def story() -> None:
        async with listening(file) as port:
            for broken in ("cert.pem", "web.yml"):
                text = (place.folder / broken).read_text()
                for content in ("", "[", text[:40]):
                    (place.folder / broken).write_text(content)
                    assert await greeted(port, place.client())
                (place.folder / broken).write_text(text)
            (place.folder / "key.pem").unlink()
            for _ in range(3):
                assert await greeted(port, place.client())

    asyncio.run(story())
    said = [record.getMessage() for record in caplog.records]
    assert set(said) == {"TLS goes on with the certificates it had"}
    assert 0 < len(said) < 9


@pytest.mark.parametrize(
    ("chosen", "client", "agreed"),
    [
        (["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"], "DEFAULT", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"], "ECDHE-ECDSA-AES128-GCM-SHA256", None),
        (
            ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"],
            "DEFAULT",
            "ECDHE-ECDSA-AES128-SHA",
        ),
        (["TLS_AES_128_GCM_SHA256"], "DEFAULT", None),
    ],
)
def test_ciphers_are_those_of_the_file(
    place: Place, chosen: list[str], client: str, agreed: str | None
) -> None:
    file = place.write(cipher_suites=chosen)

    async def story() -> None:
        context = place.client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(client)
        async with listening(file) as port:
            connection = await greeted(port, context)
        cipher = connection.cipher() if connection else None
        assert (cipher[0] if cipher else None) == agreed

    asyncio.run(story())


def test_groups_are_those_of_the_file(place: Place) -> None:
    file = place.write(curve_preferences=["CurveP384", "CurveP521"])

    async def story() -> None:
        async with listening(file) as port:
            for group, taken in (("secp384r1", True), ("secp521r1", True), ("prime256v1", False)):
                context = place.client()
                context.set_ecdh_curve(group)
                assert (await greeted(port, context) is not None) is taken

    asyncio.run(story())


def test_versions_are_those_of_the_file(place: Place) -> None:
    file = place.write(min_version="TLS13")

    async def story() -> None:
        old = place.client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with listening(file) as port:
            assert await greeted(port, old) is None
            connection = await greeted(port, place.client())
            assert connection is not None
            assert connection.version() == "TLSv1.3"

    asyncio.run(story())


@pytest.mark.parametrize("text", ["", "tls_server_config:", "tls_server_config: {}"])
def test_without_certificates_there_is_no_tls(place: Place, text: str) -> None:
    place.file.write_text(text)
    assert server_context(place.file) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"key_file": ""}, "missing one of key or key_file"),
        ({"cert_file": ""}, "missing one of cert or cert_file"),
        ({"cert_file": "nowhere.pem"}, "nowhere.pem: No such file"),
        ({"cert_file": "web.yml"}, "certificate and key cannot be used"),
        ({"key": "secret text", "key_file": ""}, "certificate and key cannot be used"),
        ({"client_ca_file": "clients.pem"}, "a client CA without a client_auth_type"),
        (
            {"client_ca_file": "nowhere.pem", "client_auth_type": "VerifyClientCertIfGiven"},
            "the client CA cannot be used: No such file",
        ),
        (
            {"client_ca": "x", "client_auth_type": "VerifyClientCertIfGiven"},
            "the client CA cannot be used",
        ),
        ({"client_auth_type": "Sometimes"}, "client_auth_type"),
        ({"cipher_suites": ["TLS_RSA_WITH_RC4_128_SHA"]}, "unknown cipher suite 'TLS_RSA_WITH_RC4_128_SHA'"),
        ({"curve_preferences": ["CurveP1"]}, "unknown curve 'CurveP1'"),
        ({"min_version": "SSL30"}, "min_version"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_start(
    place: Place, change: dict[str, Any], complaint: str
) -> None:
    place.write(**change)
    with pytest.raises(WebConfigError) as refused:
        server_context(place.file)
    assert str(refused.value).startswith(str(place.file))
    assert complaint in str(refused.value)
    assert "secret text" not in str(refused.value)


@pytest.mark.filterwarnings("error")
def test_old_versions_can_be_had(place: Place) -> None:
    assert server_context(place.write(min_version="TLS10", max_version="TLS11")) is not None
