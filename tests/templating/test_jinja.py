"""Jinja2 templates: the same data and functions, in a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alertrouter.core.time import SECOND
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.jinja import snake_case
from alertrouter.templating.marker import JINJA as MARKER
from alertrouter.templating.rule_templates import RuleData
from alertrouter.templating.templates import Templates
from tests.templating.wording import NOW, alert, loaded, message

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = (
    alert(
        {"alertname": "Disk", "instance": "a:9100", "items": "label", "job": "node"},
        {"summary": "it is <full>"},
    ),
    alert({"alertname": "Disk", "instance": "b:9100", "job": "node"}, ends_at=NOW + 90 * SECOND),
)


def text(template: str) -> str:
    return message(*ALERTS).text(MARKER + template)


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ status }} {{ receiver }} {{ external_url }}", "firing team\\.x http://am.example.org:9093"),
        ("{{ alerts | length }} {{ alerts.firing | length }} {{ alerts.Resolved | length }}", "2 1 1"),
        ("{% for a in alerts %}{{ a.labels.instance }}={{ a.status }};{% endfor %}", "a:9100=firing;b:9100=resolved;"),
        ("{{ alerts[0].Labels.instance }} {{ alerts[0].labels['instance'] }}", "a:9100 a:9100"),
        ("[{{ alerts[0].labels.nope }}{{ alerts[0].labels['foo-bar'] }}]", "[]"),
        ("{{ alerts[0].labels.items }}|{{ alerts[1].labels.items }}", "label|"),
        ("{{ common_labels }} {{ group_labels.alertname }}", "alertname=Disk, job=node Disk"),
        ("{{ common_labels.sorted_pairs[0].name }} {{ common_labels.Names }}", "alertname ['alertname', 'job']"),
        ("{{ common_labels.remove(group_labels.names) }}", "job=node"),
        ("{{ data.status | toUpper }} {{ status | to_upper }} {{ toUpper(status) }}", "FIRING FIRING FIRING"),
        ("{{ alerts[0].labels.instance | reReplaceAll(':.*', '') }}", "a"),
        ("{{ re_replace_all(':.*', '', alerts[0].labels.instance) }}", "a"),
        ("{{ alerts[0].starts_at | date('2006-01-02') }} {{ alerts[0].starts_at | strftime('%d.%m.%Y') }}", "2024-05-06 06.05.2024"),
        ("{{ alerts[0].starts_at.format('15:04') }} {{ alerts[0].starts_at.year }}", "07:08 2024"),
        ("{{ (alerts[1].ends_at.sub(alerts[1].starts_at)) | humanizeDuration }}", "1m 30s"),
        ("{{ alerts[0].starts_at }} {{ alerts[1].ends_at.sub(alerts[1].starts_at) }}", "2024-05-06 07:08:09 +0000 UTC 1m30s"),
        ("{{ 'dISK fULL' | title }} {{ 1234567.891 | go }} {{ '%05d' | printf(3) if false else printf('%05d', 3) }}", "Disk Full 1.234567891e+06 00003"),
        ("{{ {'b': 1.0, 'a': [1, none]} | toJson }}", '{"a":[1,null],"b":1}'),
        ("{{ ['a', 'b'] | join(', ') }} {{ 'a b' | urlquery }} {{ now().year }}", "a, b a+b 2024"),
        ("{{ routeLabels('x') }}{{ 'x' | route_labels }}", ""),
        ("{{ alerts[0].labels.instance.split(':')[0] }} {{ 'a,b'.replace(',', ';') }}", "a a;b"),
        ("{{ go_template('slack.default.title', data) }}", "[FIRING:1] Disk (node)"),
        ("{{ alerts[0].annotations.summary }}\n", "it is <full>\n"),
        ("{% for a in alerts %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %} {{ '=' * 3 }} {{ 2 ** 8 }}", "1,2 === 256"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(status) }}{% set ns = namespace(n=1) %}{% set ns.n = 2 %}{{ ns.n }}", "<firing>2"),
    ],
)  # fmt: skip
def test_data_and_functions_read_as_in_jinja(template: str, wanted: str) -> None:
    assert text(template) == wanted


def test_html_mode_escapes() -> None:
    told = message(*ALERTS)
    html = told.html(
        MARKER
        + "{{ alerts[0].annotations.summary }} {{ '<b>' | safeHtml }} "
        + "{{ 'javascript:x' | safe_url }} {{ 'expression(1)' | css_value }}"
    )
    assert html == "it is &lt;full&gt; <b> #ZgotmplZ ZgotmplZ"


@pytest.mark.parametrize(
    "template",
    [
        "{{ alert.__class__ }}",
        "{{ alerts[0].__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ '{0.__class__}'.format(data) }}",
        "{{ data._notification }}",
        "{{ data.alerts.append(1) }}",
        "{{ alerts[0]._labels }}",
        "{{ nope }}",
        "{{ data.nope }}",
        "{{ toUpper.call }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ go_template('nope', data) }}",
        "{{ 1 / 0 }}",
        "{{ 'x' | match('(') }}",
        "{% include 'nope.j2' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for i in range(10000000) %}x{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{{ 'x'.ljust(10) }}",
        "{{ 'x' * 999999999999 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ [0] * 99999999 }}",
        "{{ _variables.message.jinja('x', data) }}",
        "{{ _variables.message.now }}",
        "{{ self._TemplateReference__context }}",
        "{{ if }}",
    ],
)
def test_what_is_closed_or_wrong_is_a_template_error(template: str) -> None:
    with pytest.raises(TemplateError, match=r"^jinja2: "):
        text(template)


def test_files_are_templates_for_both_languages(tmp_path: Path) -> None:
    templates = loaded(
        tmp_path,
        {
            "card.j2": "{% for a in alerts %}<{{ a.labels.instance }}>{% endfor %}",
            "marked.tmpl": MARKER + "{{ status | upper }}",
            "own.tmpl": '{{ define "own" }}{{ template "card.j2" . }} {{ template "marked.tmpl" . }}{{ end }}',
        },
    )
    told = message(*ALERTS, templates=templates)
    assert told.text('{{ template "own" . }}') == "<a:9100><b:9100> FIRING"
    assert told.text(MARKER + "{% include 'card.j2' %} {{ go_template('own', data) }}") == (
        "<a:9100><b:9100> <a:9100><b:9100> FIRING"
    )


def test_files_are_escaped_in_html_mode_once(tmp_path: Path) -> None:
    templates = loaded(tmp_path, {"card.j2": "<p>{{ alerts[0].annotations.summary }}</p>"})
    told = message(*ALERTS, templates=templates)
    assert told.html('{{ template "card.j2" . }}') == "<p>it is &lt;full&gt;</p>"
    assert told.html(MARKER + "{% include 'card.j2' %}") == "<p>it is &lt;full&gt;</p>"


def test_a_marker_counts_more_than_the_name_of_a_file(tmp_path: Path) -> None:
    templates = loaded(
        tmp_path,
        {
            "go.j2": '{{/* go */}}{{ define "mine" }}{{ .Status | toUpper }}{{ end }}',
            "jinja.tmpl": MARKER + "{{ status | upper }}",
            "a.jinja": "{{ status }}",
            "b.jinja2": "{{ status | title }}",
        },
    )
    told = message(templates=templates)
    assert told.text('{{ template "mine" . }} {{ template "jinja.tmpl" . }}') == "FIRING FIRING"
    assert told.text('{{ template "a.jinja" . }} {{ template "b.jinja2" . }}') == "firing Firing"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{# jinja2 #}a\n{{ nope }}", "jinja2: :2: 'nope' is undefined"),
        ("{# jinja2 #}{% include 'card.j2' %}", "jinja2: card.j2:2: division by zero"),
        ('{{ template "card.j2" . }}', "jinja2: card.j2:2: division by zero"),
        ("{# jinja2 #}\n\n{% if %}", "jinja2: :3: Expected an expression, got 'end of statement block'"),
    ],
)
def test_an_error_names_the_line(template: str, told: str, tmp_path: Path) -> None:
    templates = loaded(tmp_path, {"card.j2": "\n{{ 1 / 0 }}"})
    with pytest.raises(TemplateError) as caught:
        templates.render_text(template, message(*ALERTS).data, now=NOW)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("name", "template", "hint"),
    [
        ("a.tmpl", "{{ status.x }}", "tag it !jinja2 or begin it with {# jinja2 #}"),
        ("a.tmpl", "{{ .Status | nope }}", ""),
        ("a.tmpl", "{{ end }}", ""),
        ("a.j2", "{{ .Status }}", "tag it !go or begin it with {{/* go */}}"),
        ("a.j2", "{% if %}", ""),
    ],
)
def test_an_error_says_when_the_other_language_would_do(
    name: str, template: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(TemplateError) as caught:
        loaded(tmp_path, {name: template})
    assert hint in caught.value.hint
    assert bool(hint) == (" tag it " in caught.value.hint)
    error = Templates.built_in().check_inline(("{# jinja2 #}" if name == "a.j2" else "") + template)
    assert error is not None
    assert error.hint.endswith(hint)


def test_a_file_that_does_not_parse_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError) as caught:
        loaded(tmp_path, {"a/bad.j2": "one\n{% if %}"})
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "a" / "bad.j2"), 2)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GeneratorURL", "generator_url"),
        ("StartsAt", "starts_at"),
        ("UTC", "utc"),
        ("IsDST", "is_dst"),
        ("UnixMilli", "unix_milli"),
        ("toJson", "to_json"),
        ("MarshalJSON", "marshal_json"),
        ("base64encode", "base64encode"),
    ],
)
def test_names_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_any_data_with_open_fields_can_be_shown() -> None:
    data = RuleData({"job": "node"}, 5.0, external_labels={}, external_url="http://x")
    templates = message()._templates
    assert templates.render_text(MARKER + "{{ labels.job }} {{ value }}", data, now=NOW) == "node 5.0"


@pytest.mark.parametrize(
    "greedy",
    [
        "{# jinja2 #}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        (
            "{# jinja2 #}{% macro m() %}{% for b in range(99999) %}{% endfor %}{% endmacro %}"
            "{% for a in range(99999) %}{{ m() }}{% endfor %}"
        ),
        "{# jinja2 #}{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        '{# jinja2 #}{{ "x" * 10000000000 }}',
        "{# jinja2 #}{{ 9 ** 9 ** 9 }}",
        "{# jinja2 #}{% for a in range(99999) %}{{ 'x' * 100 }}{% endfor %}",
    ],
)
def test_greedy_templates_end_in_an_error(greedy: str) -> None:
    with pytest.raises(TemplateError, match="jinja2"):
        Templates.built_in().render_text(greedy, {}, now=0)


def test_loops_know_their_length_and_may_be_many() -> None:
    text = "{# jinja2 #}{% for a in 'abc' %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}"
    templates = Templates.built_in()
    for _ in range(3):
        assert templates.render_text(text, {}, now=0) == "1/3,2/3,3/3"
