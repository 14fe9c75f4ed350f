"""Sets of named templates: what overrides what, what an inline text sees, and where errors say they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from alertrouter.gotemplate import EscapeError, ExecError, Function, ParseError, TemplateSet


def test_a_file_gives_its_definitions_and_its_own_text() -> None:
    templates = TemplateSet.build(
        [("a.tmpl", 'top {{ . }}{{ define "x" }}x{{ end }}{{ block "y" . }}y{{ end }}')]
    )
    assert templates.names() == ["a.tmpl", "x", "y"]
    assert templates.has("x")
    assert not templates.has("z")
    assert templates.text('{{ template "a.tmpl" 1 }}').render(None) == "top 1y"


def test_later_files_override_earlier_ones_everywhere() -> None:
    templates = TemplateSet.build(
        [
            (
                "default.tmpl",
                '{{ define "subject" }}old{{ end }}{{ define "title" }}<{{ template "subject" }}>{{ end }}',
            ),
            ("user.tmpl", '{{ define "subject" }}new{{ end }}'),
        ]
    )
    assert templates.text('{{ template "title" }}').render(None) == "<new>"


def test_a_blank_definition_replaces_nothing() -> None:
    files = [("a", '{{ define "x" }}x{{ end }}'), ("b", '{{ define "x" }} \n{{/* nothing */}}{{ end }}')]
    assert TemplateSet.build(files).text('{{ template "x" }}').render(None) == "x"
    assert TemplateSet.build(files[1:]).has("x")


def test_an_inline_text_overrides_for_itself_alone() -> None:
    templates = TemplateSet.build(
        [("a", '{{ define "x" }}x{{ end }}{{ define "y" }}[{{ template "x" }}]{{ end }}')]
    )
    own = templates.text('{{ define "x" }}mine{{ end }}{{ template "y" }}')
    assert own.render(None) == "[mine]"
    assert templates.text('{{ template "y" }}').render(None) == "[x]"
    assert templates.html('{{ define "x" }}<{{ end }}{{ template "y" }}').render(None) == "[&lt;]"
    assert templates.html('{{ template "y" }}').render(None) == "[x]"


def test_a_shared_template_is_escaped_for_each_place_it_is_called_from() -> None:
    templates = TemplateSet.build([("a", '{{ define "x" }}{{ . }}{{ end }}')])
    text = '{{ template "x" . }}<a href="{{ template "x" . }}"><a href=\'/?q={{ template "x" . }}\'>'
    page = templates.html(text).render("javascript:<")
    assert page == "javascript:&lt;<a href=\"#ZgotmplZ\"><a href='/?q=javascript%3a%3c'>"
    assert templates.text('{{ template "x" . }}').render("<") == "<"


def test_an_unknown_name_fails_when_it_is_called() -> None:
    templates = TemplateSet.build()
    template = templates.text('{{ if . }}{{ template "nope" }}{{ end }}')
    assert template.render(False) == ""
    with pytest.raises(ExecError, match='template "nope" not defined'):
        template.render(True)
    with pytest.raises(EscapeError, match='no such template "nope"'):
        templates.html('{{ if . }}{{ template "nope" }}{{ end }}')


def test_a_failed_analysis_leaves_nothing_behind() -> None:
    templates = TemplateSet.build(
        [("a", '{{ define "open" }}<a href="{{ end }}{{ define "b" }}{{ . }}{{ end }}')]
    )
    with pytest.raises(EscapeError, match="ends in a non-text context"):
        templates.html('{{ template "b" . }}{{ template "open" }}')
    with pytest.raises(EscapeError, match="ends in a non-text context"):
        templates.html('{{ template "open" }}')
    assert templates.html('{{ template "open" }}{{ template "b" . }}">').render("/<") == '<a href="/%3c">'


def test_parse_errors_name_the_file_and_the_place() -> None:
    with pytest.raises(ParseError) as caught:
        TemplateSet.build([("good.tmpl", "x"), ("bad.tmpl", "one\ntwo {{ nope }}")])
    error = caught.value
    assert str(error) == 'template: bad.tmpl:2: function "nope" not defined'
    assert (error.name, error.line, error.column) == ("bad.tmpl", 2, 8)
    assert error.message == 'function "nope" not defined'


def test_duplicate_definitions_in_one_file_are_refused() -> None:
    with pytest.raises(ParseError, match='multiple definition of template "x"'):
        TemplateSet.build([("a", '{{ define "x" }}a{{ end }}{{ define "x" }}b{{ end }}')])


def test_execution_errors_name_the_unit_the_template_and_the_piece() -> None:
    templates = TemplateSet.build([("a.tmpl", 'é\n{{ define "x" }}é {{ .A.B }}{{ end }}')])
    with pytest.raises(ExecError) as caught:
        templates.text('{{ template "x" . }}', name="inline").render({"A": 1})
    error = caught.value
    message = "can't evaluate field B in type int"
    assert str(error) == f'template: a.tmpl:2:24: executing "x" at <.A.B>: {message}'
    assert error.message == message
    assert (error.name, error.line, error.column) == ("a.tmpl", 2, 24)
    assert (error.template, error.context) == ("x", ".A.B")


def test_escape_errors_know_their_place_even_where_the_text_does_not_say_it() -> None:
    with pytest.raises(EscapeError) as caught:
        TemplateSet.build().html('one\n<p title=a"b>')
    assert str(caught.value) == 'html/template: "\\"" in unquoted attr: "a\\"b"'
    assert caught.value.line == 2


def test_texts_are_made_once() -> None:
    templates = TemplateSet.build()
    assert templates.text("{{ . }}") is templates.text("{{ . }}")
    assert templates.text("{{ . }}") is not templates.text("{{ . }}", name="other")
    assert templates.html("{{ . }}") is templates.html("{{ . }}")
    for number in range(6000):
        templates.text(f"{number}")
    assert templates.text("{{ . }}").render("<") == "<"


def test_a_set_is_shared_between_threads() -> None:
    templates = TemplateSet.build([("a", '{{ define "x" }}<i>{{ . }}</i>{{ end }}')])

    def render(number: int) -> str:
        text = f'{{{{ template "x" . }}}}{number % 7}'
        return templates.html(text).render(number) + templates.text(text).render(number)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render, range(400))) == [f"<i>{n}</i>{n % 7}" * 2 for n in range(400)]


def test_a_function_may_render_another_template() -> None:
    inner = TemplateSet.build().text("{{ .x }}{{ index .l 9 }}")
    templates = TemplateSet.build(functions=[Function("inner", inner.render, ("any",))])
    with pytest.raises(ExecError) as caught:
        templates.text("ab {{ inner . }}").render({"l": []})
    assert caught.value.context == "inner ."
    assert caught.value.message.startswith("error calling inner: template: :1:11: executing")
