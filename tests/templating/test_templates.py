"""Loading a user's template files, and telling what is wrong with templates before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from alertrouter.templating.errors import TemplateError
from alertrouter.templating.fallbacks import fallbacks_of
from alertrouter.templating.marker import JINJA as MARKER
from alertrouter.templating.templates import Templates
from tests.templating.corpus import DEFAULT_NAMES, LIST_NAMES
from tests.templating.wording import loaded, message

if TYPE_CHECKING:
    from pathlib import Path


def test_every_name_that_alertmanager_has_is_defined() -> None:
    assert {*DEFAULT_NAMES, *LIST_NAMES, "email.default.html"} <= set(Templates.built_in().names())


def test_a_users_file_replaces_a_default_and_what_is_made_of_it(tmp_path: Path) -> None:
    templates = loaded(tmp_path, {"a.tmpl": '{{ define "__subject" }}CUSTOM {{ .Status }}{{ end }}'})
    told = message(templates=templates)
    assert told.text('{{ template "slack.default.title" . }}') == "CUSTOM firing"
    assert told.text('{{ template "sns.default.subject" . }}') == "CUSTOM firing"


def test_a_blank_definition_leaves_the_default_in_force(tmp_path: Path) -> None:
    templates = loaded(tmp_path, {"a.tmpl": '{{ define "slack.default.title" }}\n {{/* no */}} {{ end }}'})
    assert (
        message(templates=templates).text('{{ template "slack.default.title" . }}').startswith("[FIRING:1]")
    )


def test_later_files_win_and_the_rest_of_a_file_has_its_name(tmp_path: Path) -> None:
    files = {
        "x/a.tmpl": '{{ define "t" }}1{{ end }}rest {{ .Status }}',
        "y/b.tmpl": '{{ define "t" }}2{{ end }}',
    }
    told = message(templates=loaded(tmp_path, files))
    assert told.text('{{ template "t" . }} {{ template "a.tmpl" . }}') == "2 rest firing"


def test_line_ends_are_kept_as_they_are(tmp_path: Path) -> None:
    templates = loaded(tmp_path, {"a.tmpl": '{{ define "t" }}a\r\nb\n{{ end }}'})
    assert message(templates=templates).text('{{ template "t" . }}') == "a\r\nb\n"


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ('{{ define "x" }}\nok\n  {{ foo }}{{ end }}', "3:6", 'function "foo" not defined'),
        ("{{ if }}{{ end }}", "1:7", "missing value for if"),
        ('{{ define "x" }}', "1:17", "unexpected EOF"),
        ('{{define "j"}}a{{end}}\n{{define "j"}}b{{end}}', "2:1", 'multiple definition of template "j"'),
    ],
)
def test_a_file_that_does_not_parse_is_named_with_line_and_column(
    tmp_path: Path, text: str, where: str, says: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        loaded(tmp_path, {"dir/broken.tmpl": text})
    error = caught.value
    assert error.file == str(tmp_path / "dir" / "broken.tmpl")
    line = int(where.partition(":")[0])
    assert error.line == line
    assert error.column > 0
    assert says in error.message
    assert str(error).startswith(f"{error.file}:{line}:{error.column}: ")


def test_the_hint_shows_the_source_and_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(TemplateError) as caught:
        loaded(tmp_path, {"a.tmpl": '\n{{ define "x" }}{{ .Status | upper }}{{ end }}'})
    assert caught.value.hint == 'in: {{ define "x" }}{{ .Status | upper }}{{ end }} did you mean toUpper?'


def test_files_that_cannot_be_read_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "latin.tmpl").write_bytes(b"first\nsecond \xe9")
    with pytest.raises(TemplateError, match=r"latin.tmpl:2:8: is not UTF-8"):
        Templates.load([tmp_path / "latin.tmpl"])
    with pytest.raises(TemplateError, match=r"gone.tmpl: cannot be read: No such file or directory"):
        Templates.load([tmp_path / "gone.tmpl"])
    (tmp_path / "large.tmpl").write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(TemplateError, match=r"large.tmpl: is larger than 1 MiB"):
        Templates.load([tmp_path / "large.tmpl"])


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("{{ .Status | upper }}", 'function "upper" not defined', "did you mean toUpper?"),
        ("{{ status }}", 'function "status" not defined', f"did you mean .Status? If this is a Jinja2 template, tag it !jinja2 or begin it with {MARKER}"),
        ("{{ .Status\u00a0}}", "U+00A0", "there is a non-breaking space in the action: replace it with a space"),
        ("{% for a in alerts %}{{ a.labels['x'] }}{% endfor %}", "", f"this looks like a Jinja2 template: tag it !jinja2 or begin it with {MARKER}"),
        (MARKER + "{% if %}", "jinja2: ", ""),
    ],
)  # fmt: skip
def test_an_inline_text_is_checked_before_it_is_needed(text: str, says: str, hint: str) -> None:
    error = Templates.built_in().check_inline(text)
    assert error is not None
    assert says in error.message
    assert error.hint == hint
    assert error.line == 1


@pytest.mark.parametrize("text", ["", "plain", "{{ .Nope }}", '{{ template "unknown" . }}', "{{ routeLabels `x` }}", MARKER + "{{ nope }}"])  # fmt: skip
def test_what_only_fails_when_rendered_passes_the_check(text: str) -> None:
    assert Templates.built_in().check_inline(text) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ .alerts }}", "did you mean .Alerts?"),
        ("{{ .commonLabels.x }}", "did you mean .CommonLabels?"),
        ("{{ .Labels.x }}", "use .CommonLabels, or range over .Alerts"),
        ("{{ .Nope }}", ""),
    ],
)
def test_common_slips_get_a_hint_when_rendered(text: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        message().text(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{{ template "slack.default.title" . }}', []),
        ('{{ template "slack.defualt.title" . }} {{- template `x` }}', ["slack.defualt.title", "x"]),
        ('{{ define "x" }}{{ end }}{{ block "y" . }}{{ end }}{{ template "x" }}{{template "y"}}', []),
        ("no template at all", []),
    ],
)
def test_names_that_nothing_defines_are_told(text: str, names: list[str]) -> None:
    assert [name for name, _ in Templates.built_in().unknown_calls(text)] == names


class Inner(BaseModel):
    template: str = '{{ template "jira.default.summary" . }}'


class Config(BaseModel):
    title: str = '{{ template "slack.default.title" . }}'
    channel: str = ""
    color: str = "red"
    summary: Inner = Inner()
    short: bool = False
    required: str
    fields: list[Inner] = []
    details: dict[str, str] = {}


def test_each_field_falls_back_to_its_own_default_and_what_must_be_given_to_none() -> None:
    config = Config(
        title="{{ .Nope }}", channel="{{ .No }}", required="{{ .Needed }}", summary=Inner(template="{{ x }}")
    )
    assert fallbacks_of(config) == {
        "{{ .Nope }}": '{{ template "slack.default.title" . }}',
        "{{ .No }}": "",
        "{{ x }}": '{{ template "jira.default.summary" . }}',
    }


def test_what_stands_in_lists_and_mappings_is_left_out_when_it_fails() -> None:
    config = Config(
        title="{{ .T }}",
        required="{{ .R }}",
        fields=[Inner(template="{{ .A }}"), Inner(template="plain"), Inner(template="{{ .R }}")],
        details={"one": "{{ .B }}", "two": "{{ .T }}"},
    )
    title = '{{ template "slack.default.title" . }}'
    assert fallbacks_of(config) == {"{{ .T }}": title, "{{ .A }}": "", "{{ .B }}": ""} | {
        Inner().template: Inner().template
    }


def test_a_default_falls_back_to_itself_and_so_to_ours() -> None:
    title = '{{ template "slack.default.title" . }}'
    assert fallbacks_of(Config(required="x"))[title] == title
