"""The ``http_config`` block; what is refused in it is in the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alertrouter.config import load_text
from alertrouter.config.fields import Secret
from alertrouter.config.http import Authorization, HttpConfig


def test_bearer_tokens_are_an_authorization() -> None:
    assert HttpConfig(bearer_token=Secret("x")) == HttpConfig(
        authorization=Authorization(type="Bearer", credentials=Secret("x"))
    )
    assert HttpConfig(bearer_token_file="f") == HttpConfig(authorization=Authorization(credentials_file="f"))


def test_the_type_of_an_authorization_is_trimmed_and_bearer_by_default() -> None:
    assert Authorization(type=" Token ").type == "Token"
    assert Authorization().type == "Bearer"


def test_relative_paths_start_at_the_files_directory() -> None:
    config = load_text(
        """
global:
  http_config:
    basic_auth: {username_file: u, password_file: /abs/p}
    http_headers: {X-A: {files: [h]}}
    tls_config: {ca_file: ca, cert_file: cert, key_file: key}
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - url: http://x
    http_config:
      oauth2: {client_id: a, token_url: b, client_secret_file: s, tls_config: {ca_file: ca}}
  - url_file: url
    http_config: {authorization: {credentials_file: c}}
""",
        directory=Path("/etc/am"),
        environ={},
    )
    client = config.http_config
    assert client.basic_auth is not None
    assert (client.basic_auth.username_file, client.basic_auth.password_file) == ("/etc/am/u", "/abs/p")
    assert client.http_headers["X-A"].files == ("/etc/am/h",)
    tls = client.tls_config
    assert (tls.ca_file, tls.cert_file, tls.key_file) == ("/etc/am/ca", "/etc/am/cert", "/etc/am/key")
    first: Any
    second: Any
    first, second = [each.config for each in config.routing.receivers["r"].integrations]
    oauth2 = first.http_config.oauth2
    assert (oauth2.client_secret_file, oauth2.tls_config.ca_file) == ("/etc/am/s", "/etc/am/ca")
    assert second.http_config.authorization.credentials_file == "/etc/am/c"
    assert second.url_file == "url"


def test_an_integration_without_a_client_has_the_global_one_whole() -> None:
    config = load_text(
        """
global: {http_config: {follow_redirects: false, proxy_url: 'http://proxy'}}
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - url: http://x
  - url: http://x
    http_config: {enable_http2: false}
""",
        environ={},
    )
    first: Any
    second: Any
    first, second = [each.config for each in config.routing.receivers["r"].integrations]
    assert first.http_config == config.http_config
    assert (second.http_config.follow_redirects, second.http_config.proxy_url) == (True, "")
