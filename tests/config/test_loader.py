"""What loading says about a bad file, and what it makes of a good one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.config import ConfigError, Problem, load, load_text, summary
from alertrouter.config.original import to_yaml
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.time import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.config import Configuration


def read(text: str, *, mode: Mode = Mode.FALLBACK, environ: Mapping[str, str] | None = None) -> Configuration:
    return load_text(dedent(text), mode=mode, environ=environ or {})


def complaints(
    text: str, *, mode: Mode = Mode.FALLBACK, environ: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, mode=mode, environ=environ)
    return str(caught.value).splitlines()


def test_all_problems_are_told_at_once_with_place_path_and_remedy() -> None:
    assert complaints("""\
        global:
          resolve_timeot: 5m
          pagerduty_url: ftp://events
        route:
          receiver: ops
          group_by: alertname
          routes:
          - receiver: ops-slak
            group_wait: 30
            mute_time_intervals: [weekends]
          - matchers: ['severity']
            continue: "true"
        receivers:
        - name: ops-slack
          slack_config: []
          webhook_configs:
          - url: localhost
          - max_alerts: -1
            url: http://localhost
        - name: ops-slack
        time_intervals:
        - name: weekend
          time_intervals:
          - weekdays: [sat]
    """) == [
        (
            "alertmanager.yml:2:3: global.resolve_timeot: field resolve_timeot not found in type config.plain"
            " (did you mean 'resolve_timeout'?)"
        ),
        (
            'alertmanager.yml:3:18: global.pagerduty_url: unsupported scheme "ftp" for URL'
            " (a URL begins with https:// or http://)"
        ),
        (
            'alertmanager.yml:5:13: route.receiver: undefined receiver "ops" used in route'
            " (define it under receivers:)"
        ),
        (
            "alertmanager.yml:6:13: route.group_by: cannot unmarshal !!str `alertname` into []string"
            " (write it as a list: [...])"
        ),
        (
            'alertmanager.yml:8:15: route.routes[0].receiver: undefined receiver "ops-slak" used in route'
            " (did you mean 'ops-slack'?)"
        ),
        (
            'alertmanager.yml:9:17: route.routes[0].group_wait: not a valid duration string: "30"'
            " (add a unit: 30s)"
        ),
        (
            'alertmanager.yml:10:27: route.routes[0].mute_time_intervals[0]: undefined time interval "weekends"'
            " used in route (did you mean 'weekend'?)"
        ),
        "alertmanager.yml:11:16: route.routes[1].matchers[0]: bad matcher format: severity",
        (
            "alertmanager.yml:12:15: route.routes[1].continue: cannot unmarshal !!str `true` into bool"
            " (write true without quotes)"
        ),
        (
            "alertmanager.yml:15:3: receivers[0].slack_config: field slack_config not found in type config.plain"
            " (did you mean 'slack_configs'?)"
        ),
        'alertmanager.yml:17:10: receivers[0].webhook_configs[0].url: invalid URL: unsupported scheme "" for URL',
        "alertmanager.yml:18:17: receivers[0].webhook_configs[1].max_alerts: cannot unmarshal !!int `-1` into uint64",
        (
            'alertmanager.yml:20:9: receivers[1].name: notification config name "ops-slack" is not unique'
            " (give it another name)"
        ),
        (
            "alertmanager.yml:24:16: time_intervals[0].time_intervals[0].weekdays[0]: sat is not a valid weekday"
            " (English names in full: monday, or a range monday:friday)"
        ),
    ]


def test_the_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "am.yml"
    file.write_text("route: {}\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file}:1:8: route.receiver: root route must specify a default receiver (add receiver:)"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"am\.yml: no such file or directory$"):
        load(tmp_path / "am.yml")


def test_an_alias_cannot_make_a_route_its_own_child() -> None:
    assert complaints("""\
        route: &root
          receiver: r
          routes:
          - matchers: [a=b]
            routes: [*root]
    """) == ["alertmanager.yml:5:14: yaml: anchor 'root' value contains itself"]


def test_aliases_that_unfold_without_end_are_refused_before_they_are_unfolded() -> None:
    lines = ["route: {receiver: r}", "receivers: [{name: r}]", "a0: &a0 [x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 30)]
    with pytest.raises(ConfigError, match="document contains excessive aliasing"):
        load_text("\n".join(lines))


def test_nesting_has_an_end() -> None:
    with pytest.raises(ConfigError, match="nested deeper than 200 levels"):
        load_text("[" * 100_000)


def test_a_secret_that_is_wrong_is_not_shown() -> None:
    said = complaints("""\
        global:
          slack_api_url: hunter2://hunter2/hunter2
          http_config:
            proxy_url: http://user:hunter2@proxy:hunter2
        route: {receiver: r}
        receivers:
        - name: r
          slack_configs:
          - api_url: https://hunter2.example:hunter2/
          - api_url: https://hunter2/%hunter2
          webhook_configs:
          - url: hunter2
          pagerduty_configs:
          - routing_key: [hunter2]
    """)
    assert len(said) == 6
    assert "hunter2" not in "".join(said)


GOOD = "route: {receiver: r}\nreceivers: [{name: r}]\n"


def test_the_environment_fills_secrets_and_our_own_keys_alone() -> None:
    configuration = read(
        """\
        alertrouter:
          close_orphaned_groups: ${CLOSE}
          delivery:
            concurrency: ${COUNT}
            drain_timeout: ${COUNT}s
        route:
          receiver: ${KEY}
          alertrouter: {name: "root of ${KEY}"}
        receivers:
        - name: ${KEY}
          pagerduty_configs:
          - routing_key: ${KEY}-$${KEY}-$KEY
            client: ${KEY}
            alertrouter: {name: "${KEY}"}
        """,
        environ={"CLOSE": "yes", "COUNT": "5", "KEY": "s3cret"},
    )
    assert configuration.routing.close_orphaned_groups
    assert configuration.options.delivery.concurrency == 5
    assert configuration.options.delivery.drain_timeout == 5 * SECOND
    assert configuration.routing.route.name == "root of s3cret"
    (integration,) = configuration.routing.receivers["${KEY}"].integrations
    assert integration.name == "s3cret"
    config: Any = integration.config
    assert config.client == "${KEY}"
    assert config.routing_key.reveal() == "s3cret-${KEY}-$KEY"
    assert "s3cret" not in configuration.original


def test_a_variable_that_is_not_set_is_a_problem_with_its_name() -> None:
    assert complaints(
        """\
        alertrouter: {delivery: {drain_timeout: "${DRAIN}"}}
        route: {receiver: r}
        receivers:
        - name: r
          pagerduty_configs:
          - routing_key: ${PAGERDUTY_KY}
        """,
        environ={"PAGERDUTY_KEY": "x"},
    ) == [
        (
            "alertmanager.yml:1:41: alertrouter.delivery.drain_timeout: the environment variable DRAIN is not set"
            " (set it, or write $${DRAIN} for the text itself)"
        ),
        (
            "alertmanager.yml:6:18: receivers[0].pagerduty_configs[0].routing_key: the environment variable"
            " PAGERDUTY_KY is not set (did you mean 'PAGERDUTY_KEY'?)"
        ),
    ]


def test_without_an_environment_text_stays_as_it_is() -> None:
    text = GOOD + "global: {opsgenie_api_key: '${NOT_SET}'}\n"
    assert load_text(text, environ=None).routing.route.receiver.name == "r"


def test_secret_files_that_cannot_be_read_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "readable").write_text("x")
    configuration = load_text(
        dedent(f"""\
        route: {{receiver: used}}
        receivers:
        - name: used
          pagerduty_configs:
          - routing_key_file: {tmp_path}/missing
          - routing_key_file: {tmp_path}/readable
          webhook_configs:
          - url: http://localhost
            http_config:
              tls_config: {{ca_file: missing.pem}}
              http_headers: {{X-A: {{files: [readable, lost]}}}}
        - name: unused
          webhook_configs:
          - url_file: {tmp_path}/missing
        """),
        directory=tmp_path,
    )
    assert list(map(str, configuration.warnings)) == [
        (
            f"alertmanager.yml:5:23: receivers[0].pagerduty_configs[0].routing_key_file: {tmp_path}/missing:"
            " no such file or directory (it is read when a message is sent)"
        ),
        (
            "alertmanager.yml:10:29: receivers[0].webhook_configs[0].http_config.tls_config.ca_file:"
            f" {tmp_path}/missing.pem: no such file or directory (it is read when a message is sent)"
        ),
        (
            "alertmanager.yml:11:46: receivers[0].webhook_configs[0].http_config.http_headers.X-A.files[1]: "
            f"{tmp_path}/lost: no such file or directory (it is read when a message is sent)"
        ),
    ]


def test_events_are_not_written_to_kafka_which_is_warned_of() -> None:
    configuration = read("""\
        route: {receiver: r}
        receivers: [{name: r}]
        tracing: {endpoint: 'here:4317'}
        event_recorder:
          stdout_outputs: [~]
          kafka_outputs: [{brokers: ['here:9092'], topic: events}]
    """)
    assert list(map(str, configuration.warnings)) == [
        "alertmanager.yml:6:3: event_recorder.kafka_outputs: events are not written to Kafka (use file_outputs, stdout_outputs or webhook_outputs)"
    ]
    assert "endpoint: here:4317" in configuration.original


def test_paths_of_the_event_recorder_start_beside_the_file() -> None:
    text = dedent("""\
        route: {receiver: r}
        receivers: [{name: r}]
        event_recorder:
          file_outputs: [{path: events.jsonl}, {path: /var/log/events.jsonl}]
          webhook_outputs:
          - url: https://hook.example/
            http_config: {tls_config: {ca_file: ca.pem}}
          kafka_outputs: [{brokers: ['here:9092'], topic: events, tls_config: {ca_file: ca.pem}}]
    """)
    recorder = load_text(text, directory=Path("/etc/am")).event_recorder
    assert recorder is not None
    assert [each.path for each in recorder.file_outputs] == ["/etc/am/events.jsonl", "/var/log/events.jsonl"]
    [webhook] = recorder.webhook_outputs
    assert webhook.http_config is not None
    assert webhook.http_config.tls_config.ca_file == "/etc/am/ca.pem"
    [kafka] = recorder.kafka_outputs
    assert kafka.tls_config is not None
    assert kafka.tls_config.ca_file == "/etc/am/ca.pem"


def test_a_masked_url_is_no_address_for_events() -> None:
    assert complaints("""\
        route: {receiver: r}
        receivers: [{name: r}]
        event_recorder: {webhook_outputs: [{url: <secret>}]}
    """) == [
        "alertmanager.yml:3:42: event_recorder.webhook_outputs[0].url: event_recorder webhook output requires an absolute http(s) url"
    ]


def test_references_to_a_secret_manager_are_refused_where_they_would_be_used() -> None:
    assert complaints("""\
        route: {receiver: r}
        receivers:
        - name: r
          webhook_configs:
          - url: http://localhost
            http_config: {basic_auth: {username: a, password_ref: b}}
        - name: s
          webhook_configs:
          - url: http://localhost
            http_config: {basic_auth: {username: a, password_ref: b}}
    """) == [
        (
            "alertmanager.yml:6:59: receivers[0].webhook_configs[0].http_config.basic_auth.password_ref:"
            " cannot use secret ref without manager (use password_file)"
        )
    ]


def test_matchers_that_the_two_syntaxes_read_differently_are_warned_of() -> None:
    configuration = read("""\
        route: {receiver: r, routes: [{matchers: ['a=']}]}
        receivers: [{name: r}]
    """)
    (warning,) = configuration.warnings
    assert (warning.line, warning.column, warning.path) == (1, 43, "route.routes[0].matchers[0]")
    assert "a=" in warning.message


@pytest.mark.parametrize(
    ("route", "warned"),
    [
        ("repeat_interval: 1m", True),
        ("repeat_interval: 5m", False),
        ("group_interval: 5h", True),
        ("group_interval: 5h, repeat_interval: 5h", False),
    ],
)
def test_repeating_faster_than_flushing_is_warned_of(route: str, *, warned: bool) -> None:
    configuration = read(f"""\
        route: {{receiver: r, {route}, routes: [{{}}]}}
        receivers: [{{name: r}}]
    """)
    said = [warning.message for warning in configuration.warnings]
    assert said == (["repeat_interval is less than group_interval"] if warned else [])


def test_the_mode_decides_which_label_names_are_valid() -> None:
    text = "route: {receiver: r, group_by: [a.b], labels: {a.b: c}}\nreceivers: [{name: r}]\ninhibit_rules: [{equal: [a.b]}]\n"
    load_text(text, mode=Mode.UTF8)
    load_text(text)
    said = complaints(text, mode=Mode.CLASSIC)
    assert [line.partition(": invalid ")[2] for line in said] == [
        'label name "a.b" in group_by list',
        'label name "a.b" in route labels',
        'label name "a.b" in equal list',
    ]


def test_the_strict_mode_takes_one_syntax_alone() -> None:
    text = "route: {receiver: r, routes: [{matchers: ['a=']}]}\nreceivers: [{name: r}]\n"
    load_text(text, mode=Mode.CLASSIC)
    (said,) = complaints(text, mode=Mode.UTF8)
    assert "expected label value" in said


def test_the_hash_is_alertmanagers() -> None:
    text = GOOD
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    assert load_text(text).hash == sum(byte << 8 * place for place, byte in enumerate(digest[:6]))


def test_the_summary_counts_what_check_config_prints() -> None:
    configuration = read("""\
        route: {receiver: r}
        receivers: [{name: r}, {name: s}]
        inhibit_rules: [{}, {}, {}]
        templates: ['a/*.tmpl']
    """)
    found = summary(configuration)
    assert (found.inhibit_rules, found.receivers, found.templates) == (3, 2, 1)
    assert found.has_global_config
    assert found.has_route


def test_template_files_are_found_from_the_files_directory(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    for name in ("b.tmpl", "a.tmpl", ".hidden.tmpl", "a.txt"):
        (tmp_path / "templates" / name).touch()
    file = tmp_path / "alertmanager.yml"
    file.write_text(GOOD + f"templates: ['templates/*.tmpl', 'none/*', '{tmp_path}/templates/?.txt']\n")
    configuration = load(file)
    assert [path.name for path in configuration.template_files] == [
        ".hidden.tmpl",
        "a.tmpl",
        "b.tmpl",
        "a.txt",
    ]
    assert configuration.template_globs[0] == f"{tmp_path}/templates/*.tmpl"


def test_names_of_routes_and_integrations_are_unique() -> None:
    said = complaints("""\
        route:
          receiver: r
          alertrouter: {name: x}
          routes:
          - alertrouter: {name: x}
        receivers:
        - name: r
          webhook_configs:
          - {url: 'http://a', alertrouter: {name: w}}
          - {url: 'http://a', alertrouter: {name: w}}
          - {url: 'http://a', alertrouter: {name: 1}}
    """)
    assert [line.split(": ", 2)[2] for line in said] == [
        'route name "x" is not unique (give it another name)',
        'integration name "w" is not unique (give it another name)',
        'integration name "1" is a number, which would name a place in the list (give it another name)',
    ]


def test_defaults() -> None:
    routing = load_text(GOOD).routing
    route = routing.route
    assert (route.group_wait, route.group_interval, route.repeat_interval) == (
        30 * SECOND,
        5 * MINUTE,
        240 * MINUTE,
    )
    assert route.group_by == ()
    assert routing.resolve_timeout == 5 * MINUTE


_KEYS = [
    "route",
    "receivers",
    "receiver",
    "routes",
    "name",
    "matchers",
    "global",
    "time_intervals",
    "webhook_configs",
]
_yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_KEYS),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), below, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | st.text(max_size=200) | _yaml_values.map(to_yaml))
def test_any_text_gives_a_configuration_or_problems(text: bytes | str) -> None:
    try:
        load_text(text, environ={})
    except ConfigError as error:
        problems: Sequence[Problem] | None = error.problems
    else:
        problems = None
    assert problems is None or problems
