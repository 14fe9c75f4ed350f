"""Templates in a configuration file are checked when it is read, and told with the place of the fault."""

from __future__ import annotations

import pytest

from alertrouter.config import load_text
from alertrouter.integrations import discover
from alertrouter.templating.inline import check_inline_templates
from alertrouter.templating.templates import Templates

HEAD = "route: {receiver: a}\nreceivers:\n- name: a\n"


def told(text: str) -> list[str]:
    """What is said of a file, without its name."""
    configuration = load_text(text, environ={"KEY": "{{ nope }}"})
    problems = check_inline_templates(Templates.built_in(), configuration.inline_templates)
    return [str(problem).removeprefix("alertmanager.yml:") for problem in problems]


def payload(text: str) -> str:
    return f"{HEAD}  webhook_configs:\n  - url: http://x\n    payload:\n{text}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("      a: x {{ nope }}", "7:15"),
        ("      a: 'x {{ nope }}'", "7:16"),
        ('      a: "x {{ nope }}"', "7:16"),
        ('      a: "x\\n{{ nope }}"', "7:17"),
        ("      a: |\n        x\n          é {{ nope }}\n", "9:16"),
        ("      a: |2- # so it is\n        x {{ nope }}", "8:14"),
        ("      a: >\n        x {{ nope }}", "8:14"),
        ("      'x{{ nope }}': a", "7:12"),
        ("      a: [[{b: 'x{{ nope }}'}]]", "7:21"),
        ("      a: &x 'x{{ nope }}'", "7:18"),
        # Where the file says it otherwise, the beginning of the text must do.
        ('      a: "\\u0078 {{ nope }}"', "7:10"),
        ("      a: 'it''s {{ nope }}'", "7:10"),
        ("      a: >\n        x\n        {{ nope }}", "7:10"),
        ("      a: x\n        {{ nope }}", "7:10"),
    ],
)
def test_the_place_is_that_of_the_fault_where_it_can_be_told(text: str, place: str) -> None:
    (problem,) = told(payload(text))

    assert problem.partition(": ")[0] == place
    assert 'the template cannot be rendered: function "nope" not defined' in problem


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("      a: '{{ .Status }} {{ template \"slack.default.title\" . }}'", []),
        (
            "      a: '{{ template \"slack.defualt.title\" . }}'",
            [
                ('7:23: receivers[0].webhook_configs[0].payload.a: there is no template "slack.defualt.title" '
                "(define it, or is a file missing under templates:?)")
            ],
        ),
        (
            "      a: '{{ status }}'",
            [
                ('7:14: receivers[0].webhook_configs[0].payload.a: the template cannot be rendered: function "status" not '
                "defined (did you mean .Status? If this is a Jinja2 template, tag it !jinja2 or begin it with {# jinja2 #})")
            ],
        ),
        ("      a: !jinja2 '{{ status }}'", []),
        ("      a: !jinja2 '{{ \"x\" | nope }}'", ["7:19: receivers[0].webhook_configs[0].payload.a: the template cannot be rendered: No filter named 'nope'."]),
        ("      a: 5\n      b: true\n      c: null", []),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_path_and_remedy(text: str, problems: list[str]) -> None:
    assert told(payload(text)) == problems


def test_every_block_with_templates_is_looked_through() -> None:
    text = """
global: {smtp_from: '{{ a }}', smtp_smarthost: 'x:25'}
route:
  receiver: a
  labels: {team: '{{ b }}'}
  routes: [{matchers: [x=y], labels: {team: '{{ c }}'}}]
receivers:
- name: a
  slack_configs:
  - {api_url: http://x, channel: c, fields: [{title: '{{ d }}', value: v}]}
  pagerduty_configs:
  - {routing_key: k, details: {x: ['{{ e }}']}}
"""
    assert [(problem.split(": ")[1], problem.split('"')[1]) for problem in told(text)] == [
        ("global.smtp_from", "a"),
        ("route.labels.team", "b"),
        ("route.routes[0].labels.team", "c"),
        ("receivers[0].slack_configs[0].fields[0].title", "d"),
        ("receivers[0].pagerduty_configs[0].details.x[0]", "e"),
    ]


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ("telegram_configs: [{bot_token: t, chat_id: 1, message: MESSAGE}]", True),
        ("telegram_configs: [{bot_token: t, chat_id: 1, message: MESSAGE, parse_mode: ''}]", False),
        ("pushover_configs: [{user_key: u, token: t, message: MESSAGE, html: true}]", True),
        ("pushover_configs: [{user_key: u, token: t, message: MESSAGE}]", False),
        ("email_configs: [{to: a@b, from: a@b, smarthost: 'x:25', html: MESSAGE}]", True),
        ("email_configs: [{to: a@b, from: a@b, smarthost: 'x:25', text: MESSAGE}]", False),
    ],
)
def test_what_becomes_html_is_checked_as_html(keys: str, *, wrong: bool) -> None:
    message = "'{{ if .Status }}<a href={{ else }}<b>{{ end }}'"

    problems = told(HEAD + "  " + keys.replace("MESSAGE", message))

    assert ["end in different contexts" in problem for problem in problems] == [True] * wrong


@pytest.mark.parametrize("secret", ["'{{ hush }}'", "'hush {{ template \"hush\" . }}'", "'${KEY} hush'"])
def test_a_secret_is_not_shown(secret: str) -> None:
    (problem,) = told(f"{HEAD}  pagerduty_configs:\n  - routing_key: {secret}\n")

    assert problem.startswith("5:")
    assert "it is a secret" in problem
    assert "hush" not in problem
    assert "nope" not in problem


def test_a_templated_url_may_use_the_functions_of_messages() -> None:
    assert told(f"{HEAD}  webhook_configs: [{{url: 'http://x/{{{{ .Status | toUpper }}}}'}}]\n") == []
    assert told(f"{HEAD}  webhook_configs: [{{url: !jinja2 'http://x/{{{{ status | upper }}}}'}}]\n") == []


def test_what_is_printed_keeps_the_language() -> None:
    written = payload(
        "      a: !jinja2 '{{ status }}'\n      b: !go '{# jinja2 #}'\n      c: !go '{{ .Status }}'"
    )

    once = load_text(written).original
    again = load_text(once.replace("<secret>", "http://x"))

    assert "a: '{# jinja2 #}{{ status }}'" in once
    assert "b: '{{/* go */}}{# jinja2 #}'" in once
    assert "c: '{{ .Status }}'" in once
    assert again.original == once
    assert [each.text for each in again.inline_templates] == [
        "{# jinja2 #}{{ status }}",
        "{{/* go */}}{# jinja2 #}",
        "{{ .Status }}",
    ]


def test_the_tag_of_a_text_that_is_no_template_means_nothing() -> None:
    configuration = load_text("route: {receiver: !jinja2 a}\nreceivers: [{name: !go a}]\n")

    assert list(configuration.routing.receivers) == ["a"]


@pytest.mark.parametrize("name", sorted(discover()))
def test_defaults_are_right(name: str) -> None:
    templates = Templates.built_in()
    for field in discover()[name].config.model_fields.values():
        if isinstance(field.default, str):
            assert templates.check_inline(field.default) is None
            assert templates.unknown_calls(field.default) == []
