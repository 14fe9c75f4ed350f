"""A template that asks for too much ends in a clear error within a second."""

from __future__ import annotations

import time

import pytest

from alertrouter.gotemplate import LimitError, Limits, ParseError, TemplateError
from tests.gotemplate.model import template_set

_FAN = "".join(
    f'{{{{ define "r{i}" }}}}{{{{ template "r{i + 1}" }}}}{{{{ template "r{i + 1}" }}}}{{{{ end }}}}'
    for i in range(40)
)
_GREEDY = {
    "recursion": '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}',
    "fan of calls": _FAN + '{{ define "r40" }}{{ end }}{{ template "r0" }}',
    "long loop": "{{ range 1000000000 }}{{ end }}",
    "loop in a loop": "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
    "loop that prints": "{{ range 1000000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}",
    "doubled text": '{{ $x := "xxxxxxxx" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}{{ $x }}',
    "doubled by a function": '{{ $x := "x" }}{{ range 99 }}{{ $x = join $x (stringSlice $x $x) }}{{ end }}{{ $x }}',
    "doubled list": "{{ $x := list 1 }}{{ range 100 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
    "doubled map": '{{ $x := dict }}{{ range 100 }}{{ $x = dict "a" $x "b" $x }}{{ end }}{{ $x }}',
    "deep list": "{{ $x := list 1 }}{{ range 100000 }}{{ $x = list $x }}{{ end }}{{ $x }}",
    "growing list": "{{ $x := list }}{{ range 1000000 }}{{ $x = append $x . }}{{ end }}",
    "wide number": '{{ printf "%9999999d" 1 }}',
    "wide numbers": '{{ printf "' + "%999999d" * 1000 + '"' + " 1" * 1000 + " }}",
    "wide by argument": '{{ printf "' + "%*d" * 1000 + '"' + " 1000000 1" * 1000 + " }}",
    "precise number": '{{ printf "%.9999999f" 1.5 }}',
    "long text printed often": '{{ $x := printf "%999999s" "" }}{{ range 1000000 }}{{ $x }}{{ end }}',
    "long text escaped often": '{{ $x := printf "%999999s" "" }}{{ range 1000000 }}{{ $y := js $x }}{{ end }}',
    "long text many times": '{{ $x := printf "%999999s" "" }}{{ print ' + "$x " * 5000 + "}}",
}
_NESTED = {
    "long pipeline": "{{ 1 " + "| print " * 5000 + "}}",
    "long chain": "{{ ." + ".".join("a" * 5000) + " }}",
    "long ladder": "{{ if false }}" + "{{ else if false }}" * 3000 + "{{ end }}",
    "blocks": "{{ if true }}" * 3000 + "{{ end }}" * 3000,
    "parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "ranges": "{{ range 2 }}" * 30 + "{{ end }}" * 30,
    "characters": "x" * 2_000_000,
    "actions": "{{ .Status }}" * 50_000,
}


@pytest.mark.parametrize("template", _GREEDY.values(), ids=_GREEDY)
@pytest.mark.parametrize("mode", ["text", "html"])
def test_a_greedy_template_is_stopped(mode: str, template: str) -> None:
    templates = template_set()
    compile_text = templates.html if mode == "html" else templates.text
    start = time.process_time()
    with pytest.raises(LimitError):
        compile_text(template).render(None)
    # The limit is one second; the rest is the machine's.
    assert time.process_time() - start < 5


@pytest.mark.parametrize("template", _NESTED.values(), ids=_NESTED)
def test_a_monstrous_text_does_not_parse(template: str) -> None:
    with pytest.raises(ParseError):
        template_set().text(template)


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("{{ 1 " + "| print " * 99 + "}}", "1"),
        ("{{ ." + ".".join("a" * 250) + " }}", "<no value>"),
        ("{{ if false }}" + "{{ else if false }}" * 248 + "{{ else }}x{{ end }}", "x"),
        ("{{ if true }}" * 100 + "x" + "{{ end }}" * 100, "x"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "1"),
        ("{{ range 1 }}" * 16 + "x" + "{{ end }}" * 16, "x"),
        ("{{ with 1 }}" + "{{ else with 1 }}" * 200 + "{{ end }}", ""),
    ],
)
def test_what_is_deep_but_not_too_deep_works(template: str, output: str) -> None:
    templates = template_set()
    assert templates.text(template).render(None) == output
    assert templates.html(template).render(None) == ("" if output == "<no value>" else output)


def test_the_error_says_which_limit_was_reached_and_where() -> None:
    templates = template_set(limits=Limits(loop_steps=5))
    with pytest.raises(LimitError) as caught:
        templates.text("{{ range 6 }}x{{ end }}").render(None)
    assert caught.value.message == "more than 5 loop steps"
    assert (caught.value.line, caught.value.column) == (1, 9)


@pytest.mark.parametrize(
    ("limits", "template", "message"),
    [
        (Limits(output_bytes=10), "0123456789é", "output is longer than 10 bytes"),
        (Limits(output_bytes=10), "{{ range 12 }}x{{ end }}", "output is longer than 10 bytes"),
        (Limits(depth=2), '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "depth (2)"),
        (
            Limits(calls=3),
            '{{ define "a" }}{{ end }}{{ range 4 }}{{ template "a" }}{{ end }}',
            "3 template calls",
        ),
        (Limits(seconds=0.01), "{{ range 900000 }}{{ . }}{{ end }}", "took longer than 0.01 seconds"),
    ],
)
def test_each_limit_holds(limits: Limits, template: str, message: str) -> None:
    with pytest.raises(LimitError, match=message.replace("(", r"\(").replace(")", r"\)")):
        template_set(limits=limits).text(template).render(None)


def test_what_stays_within_the_limits_is_printed() -> None:
    limits = Limits(output_bytes=12, loop_steps=3, calls=3, depth=1)
    templates = template_set(("a", '{{ define "a" }}{{ . }}é{{ end }}'), limits=limits)
    assert templates.text('{{ range 3 }}{{ template "a" . }}{{ end }}').render(None) == "0é1é2é"


def test_ordinary_work_on_a_thousand_alerts_needs_a_fraction_of_the_limits() -> None:
    alerts = [{"name": f"alert {number}", "labels": {"a": "b", "c": "d"}} for number in range(1000)]
    text = "{{ range . }}{{ .name }}{{ range $k, $v := .labels }} {{ $k }}={{ $v }}{{ end }}\n{{ end }}"
    assert template_set().text(text).render(alerts).count("\n") == 1000


def test_a_limit_error_is_a_template_error() -> None:
    with pytest.raises(TemplateError):
        template_set(limits=Limits(loop_steps=0)).text("{{ range 1 }}{{ end }}").render(None)
