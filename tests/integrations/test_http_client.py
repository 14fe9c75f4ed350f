"""What an ``http_config`` does to requests, seen from the server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from alertrouter.clock import SystemClock
from alertrouter.config.http import HttpConfig
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClient, HttpClients
from alertrouter.http_client.response import LONGEST_ANSWER
from tests.receivers import Answer, HttpReceiver, Misbehave

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client(**config: Any) -> AsyncIterator[HttpClient]:
    made = HttpClient(HttpConfig.model_validate(config), SystemClock())
    try:
        yield made
    finally:
        await made.aclose()


async def test_a_plain_request() -> None:
    async with HttpReceiver() as receiver, client() as http:
        receiver.answer_with(Answer(201, b'{"a": 1}', {"X-A": "b"}))
        answer = await http.post(receiver.url("/p?q=1"), content=b"body", headers={"Content-Type": "text/x"})

    assert (answer.status_code, answer.is_success, answer.json(), answer.headers["x-a"]) == (
        201,
        True,
        {"a": 1},
        "b",
    )
    [request] = receiver.requests
    assert (request.method, request.target, request.body) == ("POST", "/p?q=1", b"body")
    assert request.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-type": "text/x",
        "user-agent": "Alertmanager/0.34.0",
        "content-length": "4",
    }


async def test_connections_are_used_again() -> None:
    async with HttpReceiver() as receiver, client() as http:
        for _ in range(5):
            await http.get(receiver.url())

        assert receiver.connections == 1


async def test_a_url_goes_out_as_it_was_written() -> None:
    async with HttpReceiver() as receiver, client() as http:
        for path in ("/a%2Fb/%7Ec?x=%20+&y=a%26b", "/a b/ü"):
            await http.get(receiver.url(path))

    assert [each.target for each in receiver.requests] == ["/a%2Fb/%7Ec?x=%20+&y=a%26b", "/a%20b/%C3%BC"]


@pytest.mark.parametrize("url", ["", "no url", "ftp://h/", "http://", "http://a b/", "http://h:port/"])
async def test_what_is_no_url_is_given_up(url: str) -> None:
    async with client() as http:
        with pytest.raises((RejectedError, TemporaryError), match="<redacted>") as error:
            await http.post(url, content=b"")

    assert not url or url not in str(error.value)


async def test_an_endless_answer_is_cut_off() -> None:
    async with HttpReceiver() as receiver, client() as http:
        receiver.answer_with(Answer(400, b"x" * (3 * LONGEST_ANSWER)), Answer(200))
        assert len((await http.get(receiver.url())).content) == LONGEST_ANSWER
        assert (await http.get(receiver.url())).status_code == 200


async def test_the_headers_of_the_configuration_are_added(tmp_path: Path) -> None:
    (tmp_path / "header").write_text(" from file\n")
    headers = {"X-Many": {"values": ["v1", "v2"], "secrets": ["s"], "files": [str(tmp_path / "header")]}}
    async with HttpReceiver() as receiver, client(http_headers=headers) as http:
        await http.post(receiver.url(), content=b"", headers={"X-Many": "own"})
        (tmp_path / "header").write_text("changed")
        await http.get(receiver.url())

    assert [each.headers["x-many"] for each in receiver.requests] == [
        "own,v1,v2,s,from file",
        "v1,v2,s,changed",
    ]


def encoded(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"basic_auth": {"username": "u", "password": "p:w"}}, encoded("u", "p:w")),
        ({"basic_auth": {}}, encoded("", "")),
        ({"authorization": {"credentials": "c"}}, "Bearer c"),
        ({"authorization": {"type": "Token", "credentials": "c"}}, "Token c"),
        ({"bearer_token": "b"}, "Bearer b"),
    ],
)
async def test_credentials(config: dict[str, Any], expected: str) -> None:
    async with HttpReceiver() as receiver, client(**config) as http:
        await http.get(receiver.url())
        await http.get(receiver.url(), headers={"Authorization": "mine"})

    assert [each.headers["authorization"] for each in receiver.requests] == [expected, "mine"]


async def test_credentials_in_files_are_read_for_each_request(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / name) for name in ("user", "password", "token")}
    for name in paths:
        (tmp_path / name).write_text(f" {name}1 \n")
    async with (
        HttpReceiver() as receiver,
        client(basic_auth={"username_file": paths["user"], "password_file": paths["password"]}) as basic,
        client(bearer_token_file=paths["token"]) as bearer,
    ):
        await basic.get(receiver.url())
        await bearer.get(receiver.url())
        (tmp_path / "token").write_text("token2")
        await bearer.get(receiver.url())
        (tmp_path / "token").unlink()
        with pytest.raises(
            TemporaryError, match=r"unable to read authorization credentials from .*/token: No such"
        ):
            await bearer.get(receiver.url())

    assert [each.headers["authorization"] for each in receiver.requests] == [
        encoded("user1", "password1"),
        "Bearer token1",
        "Bearer token2",
    ]


async def test_credentials_in_the_url() -> None:
    async with HttpReceiver() as receiver, client() as http:
        await http.get(receiver.url().replace("//", "//us%40er:p%3Aw@"))

    assert receiver.requests[0].headers["authorization"] == encoded("us@er", "p:w")


# Redirects


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"text"), (308, "POST", b"text")],
)
async def test_redirects_are_followed_as_go_does(status: int, method: str, body: bytes) -> None:
    async with HttpReceiver() as receiver, client(basic_auth={"username": "u"}) as http:
        receiver.answer_with(Answer(status, headers={"Location": "/there"}), Answer(200, b"done"))
        answer = await http.post(receiver.url("/here"), content=b"text", headers={"Content-Type": "x/y"})

    assert answer.text == "done"
    second = receiver.requests[1]
    assert (second.method, second.target, second.body) == (method, "/there", body)
    assert ("content-type" in second.headers) == (method == "POST")
    assert "authorization" in second.headers


async def test_a_post_again_and_again_to_an_address_that_leads_elsewhere() -> None:
    async with HttpReceiver() as receiver, client() as http:
        receiver.answer_with(
            *[Answer(307, headers={"Location": "there"}), Answer(200), Answer(200), Answer(302)] * 2
        )
        url = receiver.url("/a/here").replace("//", "//user:word@", 1)
        for content in (b"1", b"2"):
            await http.post(url, content=content)
            await http.post(url, content=b"straight")
            with pytest.raises(TemporaryError, match="302 response missing Location header"):
                await http.post(url, content=b"nowhere")

    assert [(each.target, each.body) for each in receiver.requests] == [
        ("/a/here", b"1"),
        ("/a/there", b"1"),
        ("/a/here", b"straight"),
        ("/a/here", b"nowhere"),
        ("/a/here", b"2"),
        ("/a/there", b"2"),
        ("/a/here", b"straight"),
        ("/a/here", b"nowhere"),
    ]
    assert {each.headers["authorization"] for each in receiver.requests if each.target == "/a/here"} == {
        encoded("user", "word")
    }


async def test_credentials_stay_at_the_host_they_are_for() -> None:
    config = {
        "authorization": {"credentials": "c"},
        "http_headers": {"X-Key": {"secrets": ["s"]}, "X-Open": {"values": ["o"]}},
    }
    async with HttpReceiver() as first, HttpReceiver() as second, client(**config) as http:
        first.answer_with(
            Answer(307, headers={"Location": second.url("/away", host="localhost")}), Answer(200)
        )
        second.answer_with(Answer(307, headers={"Location": first.url("/back")}))
        await http.post(first.url(), content=b"", headers={"Cookie": "own"})

    away, back = second.requests[0].headers, first.requests[1].headers
    for headers in (away, back):
        assert not {"authorization", "cookie", "x-key"} & set(headers)
        assert headers["x-open"] == "o"


async def test_ten_requests_are_enough() -> None:
    async with HttpReceiver() as receiver, client() as http:
        receiver.answer_with(Answer(302, headers={"Location": "/again"}))
        with pytest.raises(TemporaryError, match="stopped after 10 redirects"):
            await http.get(receiver.url())

    assert len(receiver.requests) == 10


async def test_redirects_may_be_off() -> None:
    async with HttpReceiver() as receiver, client(follow_redirects=False) as http:
        receiver.answer_with(Answer(302, headers={"Location": "/again"}))

        assert (await http.get(receiver.url())).status_code == 302


async def test_a_redirect_to_nowhere() -> None:
    async with HttpReceiver() as receiver, client() as http:
        receiver.answer_with(Answer(302), Answer(307))
        with pytest.raises(TemporaryError, match="302 response missing Location header"):
            await http.get(receiver.url())
        assert (await http.get(receiver.url())).status_code == 307


# TLS


class Authority:
    def __init__(self, directory: Path, *names: str) -> None:
        self.ca = trustme.CA()
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.directory = directory
        self._certificate = self.ca.issue_cert(*names)

    def server(self, *, asks_for: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        if asks_for is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            asks_for.configure_trust(context)
        return context

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)


async def test_a_certificate_of_ones_own_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "127.0.0.1")
    path = authority.write("ca.pem", authority.ca_pem)
    async with HttpReceiver(authority.server()) as receiver:
        for tls in ({"ca": authority.ca_pem}, {"ca_file": path}, {"insecure_skip_verify": True}):
            async with client(tls_config=tls) as http:
                assert (await http.get(receiver.url())).status_code == 200
        async with client() as http:
            with pytest.raises(TemporaryError, match="TLS: the certificate is not accepted"):
                await http.get(receiver.url())


async def test_the_name_in_the_certificate_may_be_another(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "inside.test")
    async with HttpReceiver(authority.server()) as receiver:
        async with client(tls_config={"ca": authority.ca_pem, "server_name": "inside.test"}) as http:
            assert (await http.get(receiver.url())).status_code == 200
        async with client(tls_config={"ca": authority.ca_pem}) as http:
            with pytest.raises(TemporaryError, match="TLS: the certificate is not accepted"):
                await http.get(receiver.url())


async def test_a_certificate_of_the_client(tmp_path: Path) -> None:
    authority, clients = Authority(tmp_path, "127.0.0.1"), trustme.CA()
    own = clients.issue_cert("us.test")
    cert, key = own.cert_chain_pems[0].bytes().decode(), own.private_key_pem.bytes().decode()
    files = {"cert_file": authority.write("c", cert), "key_file": authority.write("k", key)}
    async with HttpReceiver(authority.server(asks_for=clients)) as receiver:
        for given in ({"cert": cert, "key": key}, files):
            async with client(tls_config={"ca": authority.ca_pem, **given}) as http:
                assert (await http.get(receiver.url())).status_code == 200
        async with client(tls_config={"ca": authority.ca_pem}) as http:
            with pytest.raises(TemporaryError):
                await http.get(receiver.url())


async def test_changed_tls_files_are_taken_up(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "127.0.0.1"), trustme.CA()
    path = authority.write("ca.pem", other.cert_pem.bytes().decode())
    async with HttpReceiver(authority.server()) as receiver, client(tls_config={"ca_file": path}) as http:
        with pytest.raises(TemporaryError):
            await http.get(receiver.url())
        authority.write("ca.pem", authority.ca_pem + "\n")
        assert (await http.get(receiver.url())).status_code == 200
        authority.write("ca.pem", "no certificate any more")
        with pytest.raises(TemporaryError, match="unable to use specified CA cert"):
            await http.get(receiver.url())


async def test_which_versions_of_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "127.0.0.1")
    server = authority.server()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    async with HttpReceiver(server) as receiver:
        async with client(tls_config={"ca": authority.ca_pem, "max_version": "TLS12"}) as http:
            assert (await http.get(receiver.url())).status_code == 200
        async with client(tls_config={"ca": authority.ca_pem, "min_version": "TLS13"}) as http:
            with pytest.raises(TemporaryError, match=r"connection reset by peer|TLS: "):
                await http.get(receiver.url())


@pytest.mark.parametrize(
    ("tls", "complaint"),
    [
        (
            {"ca_file": "/no/ca"},
            "unable to read CA cert: unable to read file /no/ca: No such file or directory",
        ),
        ({"ca": "junk"}, "unable to use specified CA cert (inline)"),
        ({"cert": "junk", "key": "junk"}, "unable to use specified client cert & key"),
        (
            {"min_version": "TLS13", "max_version": "TLS12"},
            "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified",
        ),
        ({"ca_ref": "x"}, "cannot use secret ref without manager"),
    ],
)
def test_tls_options_are_checked_when_the_client_is_made(tls: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        HttpClient(HttpConfig.model_validate({"tls_config": tls}), SystemClock())

    assert complaint in str(refused.value)


# Proxies


async def test_everything_goes_through_the_proxy() -> None:
    async with HttpReceiver() as proxy:
        url = proxy.url().replace("//", "//me:pw@")
        async with client(proxy_url=url, basic_auth={"username": "u"}) as http:
            await http.post("http://far.test/path?q", content=b"text")

    [request] = proxy.requests
    assert (request.method, request.target) == ("POST", "http://far.test/path?q")
    assert request.headers["proxy-authorization"] == encoded("me", "pw")
    assert request.headers["authorization"] == encoded("u", "")


async def test_a_tunnel_through_the_proxy_has_its_own_headers() -> None:
    async with HttpReceiver() as proxy:
        proxy.answer_with(Answer(407))
        config = {"proxy_url": proxy.url(), "proxy_connect_header": {"X-Tunnel": ["a", "b"]}}
        async with client(**config) as http:
            with pytest.raises(TemporaryError, match="the proxy answered 407"):
                await http.get("https://far.test/secret")

    [request] = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "far.test:443")
    assert request.headers["x-tunnel"] == "a,b"


async def test_a_proxy_that_is_not_there() -> None:
    async with HttpReceiver() as proxy:
        url = proxy.url()
    async with client(proxy_url=url) as http:
        with pytest.raises(TemporaryError, match="the proxy cannot be reached: connection refused"):
            await http.get("http://far.test/")


async def test_no_proxy_for_some() -> None:
    async with (
        HttpReceiver() as proxy,
        HttpReceiver() as receiver,
        client(proxy_url=proxy.url(), no_proxy="near.test,10.0.0.0/8") as http,
    ):
        await http.get(receiver.url("/direct"))
        await http.get("http://far.test/")

    assert [each.target for each in proxy.requests] == ["http://far.test/"]
    assert [each.target for each in receiver.requests] == ["/direct"]


async def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpReceiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        async with client(proxy_from_environment=True) as http:
            await http.get("http://far.test/")

    assert [each.target for each in proxy.requests] == ["http://far.test/"]


async def test_a_socks_proxy() -> None:
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        seen.append(await reader.readexactly(4 + 1 + len("far.test") + 2))
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        seen.append(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(proxy_url=f"socks5://127.0.0.1:{port}") as http:
            answer = await http.post("http://far.test/x", content=b"text")

    assert answer.status_code == 204
    assert b"far.test" in seen[0]
    assert seen[1] == b"POST /x HTTP/1.1\r\n"


# OAuth 2.0


def token_server(receiver: HttpReceiver, **answer: Any) -> list[ReceivedRequest]:
    """Let a server hand out the tokens t1, t2, …; the requests for them gather in the list."""
    asked: list[ReceivedRequest] = []

    def behave(request: ReceivedRequest) -> Answer:
        if request.target != "/token":
            return Answer(200)
        asked.append(request)
        fields = {"access_token": f"t{len(asked)}", "token_type": "bearer", **answer}
        return Answer(200, json.dumps(fields).encode())

    receiver.answer_with(behave)
    return asked


def oauth2(receiver: HttpReceiver, **config: Any) -> dict[str, Any]:
    return {"oauth2": {"client_id": "id", "token_url": receiver.url("/token"), **config}}


async def test_a_token_is_fetched_once_and_used_for_all() -> None:
    async with HttpReceiver() as receiver:
        asked = token_server(receiver, expires_in=3600)
        config = oauth2(receiver, client_secret="se cret", scopes=["a", "b"], endpoint_params={"x": "y"})
        async with client(**config) as http:
            await asyncio.gather(*[http.get(receiver.url("/x")) for _ in range(5)])

    [request] = asked
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["a b"],
        "x": ["y"],
    }
    assert request.headers["authorization"] == encoded("id", "se+cret")
    used = [each.headers["authorization"] for each in receiver.requests if each.target == "/x"]
    assert used == ["Bearer t1"] * 5


async def test_a_token_is_renewed_before_it_ends() -> None:
    async with HttpReceiver() as receiver:
        asked = token_server(receiver, expires_in=5)
        async with client(**oauth2(receiver, client_secret="s")) as http:
            await http.get(receiver.url("/x"))
            await http.get(receiver.url("/x"))

    assert len(asked) == 2


async def test_a_changed_secret_file_means_a_new_token(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("one\n")
    async with HttpReceiver() as receiver:
        asked = token_server(receiver, expires_in=3600)
        async with client(**oauth2(receiver, client_secret_file=str(tmp_path / "secret"))) as http:
            await http.get(receiver.url("/x"))
            (tmp_path / "secret").write_text("two")
            await http.get(receiver.url("/x"))

    assert [each.headers["authorization"] for each in asked] == [encoded("id", "one"), encoded("id", "two")]


async def test_a_server_that_wants_the_secret_in_the_form() -> None:
    asked = []

    def behave(request: ReceivedRequest) -> Answer:
        if request.target != "/token":
            return Answer(200)
        asked.append(request)
        if "authorization" in request.headers:
            return Answer(401)
        return Answer(200, b'{"access_token": "t", "expires_in": "1"}')

    async with HttpReceiver() as receiver:
        receiver.answer_with(behave)
        async with client(**oauth2(receiver, client_secret="s")) as http:
            await http.get(receiver.url("/x"))
            await http.get(receiver.url("/x"))

    assert ["authorization" in each.headers for each in asked] == [True, False, False]
    assert parse_qs(asked[2].body.decode())["client_secret"] == ["s"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(500, b"secret"), "oauth2: cannot fetch token: the token server answered 500"),
        (Answer(200, b"{}"), "oauth2: server response missing access_token"),
        (Answer(200, b"junk"), "oauth2: server response missing access_token"),
        (Misbehave.CLOSE, 'oauth2: cannot fetch token: POST "<redacted>": the server closed the connection'),
    ],
)
async def test_no_token_to_be_had(answer: Answer | Misbehave, text: str) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(answer)
        async with client(**oauth2(receiver, client_secret="s")) as http:
            with pytest.raises(TemporaryError) as error:
                await http.get(receiver.url("/x"))

    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
async def test_a_token_for_a_signed_assertion(form: serialization.PrivateFormat, algorithm: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    async with HttpReceiver() as receiver:
        asked = token_server(receiver)
        config = oauth2(
            receiver,
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            client_certificate_key=pem,
            client_certificate_key_id="kid",
            signature_algorithm=algorithm,
            audience="them",
            claims={"extra": 1},
            scopes=["s"],
        )
        async with client(**config) as http:
            await http.get(receiver.url("/x"))

    form_fields = parse_qs(asked[0].body.decode())
    assert form_fields["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    header, claims, signature = form_fields["assertion"][0].split(".")
    assert decoded(header) == {"alg": algorithm, "typ": "JWT", "kid": "kid"}
    said = decoded(claims)
    assert {name: said[name] for name in ("iss", "sub", "aud", "scope", "extra")} == {
        "iss": "id",
        "sub": "id",
        "aud": "them",
        "scope": "s",
        "extra": 1,
    }
    assert said["exp"] - said["iat"] == 600
    used: dict[str, hashes.HashAlgorithm] = {
        "RS256": hashes.SHA256(),
        "RS384": hashes.SHA384(),
        "RS512": hashes.SHA512(),
    }
    key.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{header}.{claims}".encode(),
        padding.PKCS1v15(),
        used[algorithm],
    )


def decoded(part: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return fields


async def test_a_key_that_is_none() -> None:
    async with HttpReceiver() as receiver:
        config = oauth2(
            receiver,
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            client_certificate_key="-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----",
        )
        async with client(**config) as http:
            with pytest.raises(TemporaryError, match="oauth2: the client certificate key cannot be used"):
                await http.get(receiver.url("/x"))


# Sharing


async def test_equal_configurations_share_a_client_and_others_do_not() -> None:
    clients = HttpClients(SystemClock())
    one = clients.client(HttpConfig.model_validate({"bearer_token": "a"}))

    assert clients.client(HttpConfig.model_validate({"bearer_token": "a"})) is one
    assert clients.client(HttpConfig.model_validate({"bearer_token": "b"})) is not one
    assert clients.client(HttpConfig()) is not one
    await clients.aclose()


async def test_a_client_nobody_wants_any_more_finishes_its_requests() -> None:
    clients = HttpClients(SystemClock())
    config = HttpConfig.model_validate({"bearer_token": "a"})
    go_on = asyncio.Event()

    async with HttpReceiver() as receiver:
        http = clients.client(config)
        await http.get(receiver.url())
        request = asyncio.create_task(http.get(receiver.url("/slow")))
        await receiver.wait_for(2)
        await clients.close_unused([HttpConfig()])
        assert clients.client(config) is not http
        go_on.set()
        assert (await request).status_code == 200
        for _ in range(100):
            await asyncio.sleep(0)
        assert receiver.open_connections == 0
    await clients.aclose()


def test_many_requests_at_once_share_no_state() -> None:
    async def run() -> None:
        async with HttpReceiver() as receiver, client() as http:
            receiver.answer_with(
                lambda request: Answer(200, hashlib.sha256(request.body).hexdigest().encode())
            )
            bodies = [str(number).encode() * 100 for number in range(300)]
            answers = await asyncio.gather(*[http.post(receiver.url(), content=body) for body in bodies])
        assert [each.text for each in answers] == [hashlib.sha256(body).hexdigest() for body in bodies]

    asyncio.run(run())
