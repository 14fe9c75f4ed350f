"""The web configuration file: who may come in."""

from __future__ import annotations

import base64
from pathlib import Path

import bcrypt
import pytest

from alertrouter.api.web_config import WebConfigError, load_web_config
from alertrouter.settings import Settings
from tests.api.play import Raw
from tests.api.scenes import CONFIG
from tests.api.server import Server

HASH = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{joe: '{HASH}'}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


def serve(file: Path, text: str) -> Server:
    file.write_text(text)
    return Server(CONFIG, settings=Settings(web_config_file=str(file)))


def get(server: Server, path: str, credentials: str | None) -> Raw:
    if credentials is None:
        return server.get(path)
    return server.get(path, authorization="Basic " + base64.b64encode(credentials.encode()).decode())


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/metrics", "/", "/api/v2/alerts", "/nowhere"])
@pytest.mark.parametrize("credentials", [None, "joe:wrong", "nobody:s3cret", "joe", "joe:"])
def test_nobody_gets_anywhere_without_the_password(file: Path, path: str, credentials: str | None) -> None:
    answer = get(serve(file, USERS), path, credentials)
    assert (answer.status, answer.body) == (401, b"Unauthorized\n")
    assert answer.headers["www-authenticate"] == "Basic"


def test_the_password_opens_again_and_again(file: Path) -> None:
    server = serve(file, USERS)
    for _ in range(2):
        assert get(server, "/-/healthy", "joe:s3cret").body == b"OK"
        assert get(server, "/-/healthy", "joe:wrong").status == 401


@pytest.mark.parametrize("header", ["Bearer x", "Basic !", "Basic /w==", "Basic"])
def test_a_strange_header_is_no_password(file: Path, header: str) -> None:
    assert serve(file, USERS).get("/", authorization=header).status == 401


def refused(server: Server, why: str) -> int:
    (line,) = [
        line
        for line in server.metrics.exposition().decode().splitlines()
        if line.startswith(f'alertrouter_http_requests_refused_total{{reason="{why}"}}')
    ]
    return round(float(line.split()[-1]))


def test_who_is_refused_is_counted(file: Path) -> None:
    server = serve(file, USERS)
    assert refused(server, "credentials") == 0
    get(server, "/metrics", None)
    get(server, "/metrics", "joe:wrong")
    get(server, "/metrics", "joe:s3cret")
    assert refused(server, "credentials") == 2
    file.unlink()
    server.get("/metrics")
    assert (refused(server, "web_config"), refused(server, "rate_limit")) == (1, 0)


def test_many_wrong_passwords_change_nothing_for_the_right_one(file: Path) -> None:
    server = serve(file, USERS)
    assert get(server, "/-/healthy", "joe:s3cret").status == 200
    for number in range(120):
        assert get(server, "/-/healthy", f"joe:{number}").status == 401
    assert get(server, "/-/healthy", "joe:s3cret").status == 200


@pytest.mark.parametrize("password", ["", "x" * 100, "s3cret\0", "ü\udcff"])
def test_any_bytes_may_be_a_password(file: Path, password: str) -> None:
    name_and_password = b"joe:" + password.encode("utf-8", "surrogateescape")
    header = "Basic " + base64.b64encode(name_and_password).decode()
    assert serve(file, USERS).get("/", authorization=header).status == 401


def test_a_changed_password_counts_at_once(file: Path) -> None:
    server = serve(file, USERS)
    assert get(server, "/-/healthy", "joe:s3cret").status == 200
    file.write_text(
        USERS.replace(HASH, bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()) + "# changed\n"
    )
    assert get(server, "/-/healthy", "joe:s3cret").status == 401
    assert get(server, "/-/healthy", "joe:another").status == 200


def test_the_file_is_followed_as_it_changes(file: Path) -> None:
    server = serve(file, "")
    assert server.get("/-/healthy").status == 200
    file.write_text(USERS)
    assert server.get("/-/healthy").status == 401
    file.write_text("basic_auth_users: [")
    broken = server.get("/-/healthy")
    assert (broken.status, broken.body) == (500, b"Internal Server Error\n")
    file.unlink()
    assert server.get("/-/healthy").status == 500


def test_headers_are_added_to_every_answer(file: Path) -> None:
    server = serve(
        file, USERS + "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: '1'}}\n"
    )
    for answer in (server.get("/"), get(server, "/api/v2/alerts", "joe:s3cret")):
        assert answer.headers["x-frame-options"] == "deny"
        assert answer.headers["x-xss-protection"] == "1"


def test_too_many_requests_are_refused(file: Path) -> None:
    server = serve(file, "rate_limit: {interval: 1s, burst: 2}\n")
    assert [server.get("/-/healthy").status for _ in range(3)] == [200, 200, 429]
    server.router.pass_time(1)
    assert [server.get("/-/healthy").status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {joe: plain-secret}",
        "unknown: 1",
        "http_server_config: {headers: {X-Frame-Options: sometimes}}",
        "http_server_config: {headers: {Set-Cookie: x}}",
        "tls_server_config: {min_version: TLS9}",
        "rate_limit: {interval: soon}",
        "[",
        "x",
    ],
)
def test_a_bad_file_is_refused_without_telling_secrets(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(WebConfigError) as refused:
        load_web_config(file)
    assert str(refused.value).startswith(str(file))
    assert "plain-secret" not in str(refused.value)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(WebConfigError, match="No such file"):
        load_web_config(file)
