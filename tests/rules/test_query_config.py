"""The file of ``--query.config.file``: what it means, and what is said of one that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.config.problem import ConfigError
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND
from alertrouter.rules.model import Dialect
from alertrouter.rules.query_config import QueryConfig, alerts_url, load_query_config

COMPLETE = """\
urls: [http://one:9090/p, "https://user:${WORD}@two"]
type: victoriametrics
method: GET
timeout: 20s
tenant: ${TEAM}
params: {nocache: ["1"], extra_label: [a=b, c=d]}
concurrency: 16
compression: false
basic_auth: {username: u, password_file: secrets/password}
tls_config: {ca_file: ca.pem}
external_labels: {cluster: "${TEAM}-1", replica: 0}
alert_relabel_configs:
- {regex: replica, action: labeldrop}
remote_write:
- url: http://one/api/v1/write
  name: first
  bearer_token: abc
  timeout: 5s
  queue_config: {capacity: 10, max_samples_per_send: 5, min_backoff: 1s, max_backoff: 1m}
  write_relabel_configs: [{source_labels: [__name__], regex: ALERTS.*, action: drop}]
- url: http://two/api/v1/push
  tenant: other
  tenant_header: THANOS-TENANT
  tls_config: {ca_file: /abs/ca.pem}
alertmanagers:
- urls: [http://am1:9093/prefix/, "http://am2/api/v2/alerts"]
- scheme: https
  path_prefix: /am
  api_version: v2
  timeout: 3s
  authorization: {credentials_file: token}
  static_configs: [{targets: ["am3:9093", "[::1]:9093"], labels: {dc: a}}]
  dns_sd_configs: [{names: [am.test], type: a, port: 9093, refresh_interval: 1m}]
  alert_relabel_configs: [{target_label: seen, replacement: "yes"}]
"""


def load(
    tmp_path: Path, text: str, environ: Mapping[str, str] = {"WORD": "hunter22", "TEAM": "blue"}
) -> QueryConfig:
    path = tmp_path / "query.yml"
    path.write_text(dedent(text))
    return load_query_config(path, environ=environ)


def test_a_complete_file(tmp_path: Path) -> None:
    config = load(tmp_path, COMPLETE)

    assert config.query_urls == ["http://one:9090/p", "https://user:hunter22@two"]
    assert (config.method, config.timeout, config.concurrency) == ("GET", 20 * SECOND, 16)
    assert (config.expression_dialect, config.usual_query_offset) == (Dialect.METRICSQL, 30 * SECOND)
    assert config.tenant_headers == {"X-Scope-OrgID": "blue"}
    assert config.params == {"nocache": ("1",), "extra_label": ("a=b", "c=d")}
    assert config.external_labels == {"cluster": "blue-1", "replica": "0"}
    assert config.basic_auth is not None
    assert config.basic_auth.password_file == str(tmp_path / "secrets/password")
    assert config.tls_config.ca_file == str(tmp_path / "ca.pem")

    first, second = config.remote_write
    assert first.url.reveal() == "http://one/api/v1/write"
    assert first.authorization is not None
    assert first.authorization.credentials.reveal() == "abc"
    assert (first.queue_config.capacity, first.queue_config.max_backoff) == (10, MINUTE)
    assert second.tenant_headers == {"THANOS-TENANT": "other"}
    assert (second.tls_config.ca_file, second.timeout) == ("/abs/ca.pem", 30 * SECOND)
    assert (second.queue_config.capacity, second.queue_config.min_backoff) == (100_000, 30 * MILLISECOND)

    plain, fancy = config.alertmanagers
    assert plain.fixed_urls() == ["http://am1:9093/prefix/api/v2/alerts", "http://am2/api/v2/alerts"]
    assert (plain.timeout, fancy.timeout) == (10 * SECOND, 3 * SECOND)
    assert fancy.fixed_urls() == ["https://am3:9093/am/api/v2/alerts", "https://[::1]:9093/am/api/v2/alerts"]
    assert fancy.authorization is not None
    assert fancy.authorization.credentials_file == str(tmp_path / "token")
    assert (fancy.dns_sd_configs[0].type, fancy.dns_sd_configs[0].refresh_interval) == ("A", MINUTE)


def test_no_secret_shows_when_a_configuration_is_printed(tmp_path: Path) -> None:
    printed = repr(load(tmp_path, COMPLETE))

    assert "hunter22" not in printed
    assert "abc" not in printed


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n"])
def test_an_empty_file_has_the_defaults(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, text)

    assert config == QueryConfig()
    assert (config.method, config.timeout, config.expression_dialect) == ("POST", 0, Dialect.PROMETHEUS)
    assert (config.usual_query_offset, config.tenant_headers, config.query_urls) == (0, {}, [])


def test_a_backend_of_one_kind_may_read_the_other_dialect(tmp_path: Path) -> None:
    assert load(tmp_path, "{type: mimir, dialect: metricsql}").expression_dialect is Dialect.METRICSQL
    assert load(tmp_path, "type: mimir").usual_query_offset == MINUTE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("urll: x", "1:1: urll: field urll not found in type query configuration (did you mean 'url'?)"),
        ("- a", "1:1: this is no mapping with keys such as url and basic_auth"),
        ("a: b: c", "1:5: yaml: mapping values are not allowed in this context"),
        ("url: ftp://x", '1:6: url: unsupported scheme "ftp" for URL'),
        ("url: http://user:pass word@x", '1:6: url: parse "<secret>": net/url: invalid userinfo'),
        ("{url: http://a, urls: [http://b]}", "at most one of url & urls must be configured"),
        ("type: promethius", "1:7: type: unsupported type \"promethius\" (did you mean 'prometheus'?)"),
        ("dialect: sql", '1:10: dialect: unsupported dialect "sql"'),
        ("method: PUT", '1:9: method: unsupported method "PUT" (one of POST, GET)'),
        ("params: {time: [x]}", "1:10: params.time: the parameter time is the rule's own"),
        ("params: {a: b}", "1:13: params.a: cannot unmarshal !!str `b` into []string"),
        ("concurrency: 0", "concurrency must be greater than 0"),
        ("timeout: 5", 'not a valid duration string: "5"'),
        ("tenant: ${NOBODY}", "1:9: tenant: the environment variable NOBODY is not set"),
        ("tls_config: {cert_file: x}", "exactly one of key or key_file must be configured"),
        ("remote_write: [{name: x}]", "1:16: remote_write[0]: url for remote_write is empty (add url:)"),
        ("remote_write: [{url: http://x, queue_config: {capacity: -1}}]", "capacity must be greater than 0"),
        ("remote_write: {url: http://x}", "cannot unmarshal !!map into []"),
        ("alertmanagers: [{scheme: ftp, urls: [http://x]}]", 'unsupported scheme "ftp"'),
        ("alertmanagers: [{api_version: v1, urls: [http://x]}]", 'unsupported api_version "v1"'),
        ("alertmanagers: [{timeout: 1s}]", "no Alertmanager is named"),
        ("alertmanagers: [{timeout: 0s, urls: [http://x]}]", "timeout must be greater than 0"),
        (
            "alertmanagers: [{static_configs: [{targets: [http://x]}]}]",
            '1:46: alertmanagers[0].static_configs[0].targets[0]: "http://x" is not a valid hostname',
        ),
        (
            "alertmanagers: [{dns_sd_configs: [{names: [x], type: MX, port: 1}]}]",
            "of type MX are not asked for",
        ),
        ("alertmanagers: [{dns_sd_configs: [{names: [x], type: A}]}]", "a port is required"),
        (
            "alertmanagers: [{file_sd_configs: [{files: [x]}], urls: [http://x]}]",
            "field file_sd_configs not found",
        ),
        ("alertmanagers: [{dns_sd_configs: [{port: 1}]}]", "must contain at least one"),
        (
            "alertmanagers: [{dns_sd_configs: [{names: [x], port: 1, refresh_interval: 0s}]}]",
            "refresh_interval must be greater than 0",
        ),
        ("alert_relabel_configs: [{action: labeldorp}]", "(did you mean 'labeldrop'?)"),
        ("alert_relabel_configs: [{regex: (, action: labeldrop}]", "missing closing )"),
        ("alert_relabel_configs: [{action: hashmod, target_label: a}]", "requires non-zero modulus"),
        ("alert_relabel_configs: [{action: lowercase}]", "lowercase action requires 'target_label' value"),
        ("alert_relabel_configs: [{action: labeldrop, target_label: a}]", "requires only 'regex'"),
        (
            "alert_relabel_configs: [{action: keepequal, target_label: a, regex: b}]",
            "keepequal action requires only 'source_labels' and 'target_label', and no other fields",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'query.yml'}:1:")
    assert said in line
    assert "pass word" not in line


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            tmp_path,
            "method: PUT\nbasic_auth: {user: x}\nremote_write:\n- url: nope\n- {url: http://x, a: 1}\n",
        )

    assert [problem.line for problem in caught.value.problems] == [1, 2, 4, 5]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"open .*nothing\.yml: no such file or directory"):
        load_query_config(tmp_path / "nothing.yml")


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_any_bytes_are_a_configuration_or_an_error_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    said = ""
    try:
        load_query_config(path, environ={})
    except ConfigError as error:
        said = str(error)
    assert not said or said.startswith(str(path))


@pytest.mark.parametrize(
    ("base", "prefix", "url"),
    [
        ("http://a", "", "http://a/api/v2/alerts"),
        ("http://a/", "/", "http://a/api/v2/alerts"),
        ("http://a:1/b/", "c/", "http://a:1/b/c/api/v2/alerts"),
        ("http://a/api/v2/alerts?k=v", "", "http://a/api/v2/alerts?k=v"),
    ],
)
def test_the_address_of_the_alerts_api(base: str, prefix: str, url: str) -> None:
    assert alerts_url(base, prefix) == url
