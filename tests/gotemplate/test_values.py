"""What a class opens to templates, and that nothing else can be reached."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass
from typing import ClassVar

import pytest

from alertrouter.gotemplate import (
    CSS,
    HTML,
    INT,
    JS,
    URL,
    ExecError,
    Function,
    HTMLAttr,
    Kind,
    TemplateSet,
    go_string,
    sprintf,
)


class Seconds(int):
    __go_type__ = "time.Seconds"

    def __go_string__(self) -> str:
        return f"{int(self)}s"

    __go_methods__: ClassVar[dict[str, Function]] = {
        "Double": Function("Double", lambda seconds: Seconds(2 * seconds)),
        "Plus": Function("Plus", lambda seconds, more: Seconds(seconds + more), (INT,)),
        "Sum": Function("Sum", lambda seconds, *more: Seconds(seconds + sum(more)), (), INT),
        "Fail": Function("Fail", lambda seconds: seconds / 0),
    }


@dataclass
class Server:
    host: str
    port: int
    secret: str = "hunter2"
    __go_type__: ClassVar[str] = "net.Server"
    __go_fields__: ClassVar[dict[str, str]] = {"Host": "host", "Port": "port", "Address": "address"}

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class Nothing:
    __go_fields__: ClassVar[dict[str, str]] = {}

    def __go_truth__(self) -> bool:
        return False


class Defaults(dict[str, str]):
    __go_missing__ = ""
    __go_methods__: ClassVar[dict[str, Function]] = {"Names": Function("Names", sorted)}


SECONDS = Kind("time.Seconds", (Seconds,), "int", takes_nil=False)
SET = TemplateSet.build(
    functions=[
        Function("wait", lambda seconds: f"waiting {int(seconds)}", (SECONDS,)),
        Function("greet", lambda environment, name: f"{environment['word']} {name}", ("string",), None, True),
        Function("shout", str.upper, ("string",)),
        Function("half", lambda number: number / 2, ("float64",)),
        Function("twice", lambda number: number * 2, ("int",)),
        Function("flag", lambda yes: "on" if yes else "off", ("bool",)),
        Function("fail", [].pop),
    ]
)


def render(template: str, data: object = None) -> str:
    return SET.text(template).render(data)


def error(template: str, data: object = None) -> str:
    with pytest.raises(ExecError) as caught:
        render(template, data)
    return caught.value.message


SERVER = Server("web", 80)


@pytest.mark.parametrize(
    ("template", "data", "output"),
    [
        ("{{ .Host }} {{ .Port }} {{ .Address }}", SERVER, "web 80 web:80"),
        ("{{ . }}", SERVER, "{web 80 web:80}"),
        ('{{ printf "%+v" . }}', SERVER, "{Host:web Port:80 Address:web:80}"),
        ('{{ printf "%#v" . }}', SERVER, 'net.Server{Host:"web", Port:80, Address:"web:80"}'),
        ("{{ if . }}yes{{ end }}", SERVER, "yes"),
        ("{{ if . }}yes{{ else }}no{{ end }}", Nothing(), "no"),
        (
            "{{ . }} {{ .Double }} {{ .Double.Double }} {{ .Plus 1 }} {{ 2 | .Plus }}",
            Seconds(5),
            "5s 10s 20s 6s 7s",
        ),
        ("{{ .Sum }} {{ .Sum 1 2 3e0 }} {{ 4 | .Sum 1 }}", Seconds(5), "5s 11s 10s"),
        ('{{ printf "%d %v %s" . . . }} {{ printf "%T" . }}', Seconds(5), "5 5s 5s time.Seconds"),
        ("{{ gt . 3 }} {{ eq . 5 }}", Seconds(5), "true true"),
        ("{{ wait . }} {{ wait 3 }} {{ wait 28e1 }}", Seconds(5), "waiting 5 waiting 3 waiting 280"),
        ("{{ .a }}|{{ .b }}|{{ .Names }}", Defaults(a="x", Names="y"), "x||[Names a]"),
        ('{{ index . "Names" }}|{{ index . "b" }}|', Defaults(a="x", Names="y"), "y||"),
        ("{{ .a }}|{{ .b }}|{{ len . }}", UserDict(a=1), "1|<no value>|1"),
        ("{{ range $k, $v := . }}{{ $k }}{{ $v }}{{ end }}", UserDict(b=1, a=2), "a2b1"),
        ("{{ range . }}{{ . }}{{ end }}", (1, 2), "12"),
        ("{{ half 3 }} {{ twice 4 }} {{ twice 4e0 }} {{ flag true }}", None, "1.5 8 8 on"),
        ("{{ . }}", 1 << 62, "4611686018427387904"),
        ("{{ .x.y.z }}", None, "<no value>"),
    ],
)
def test_an_open_class_is_read_as_it_says(template: str, data: object, output: str) -> None:
    assert render(template, data) == output


@pytest.mark.parametrize(
    ("template", "data", "message"),
    [
        ("{{ .secret }}", SERVER, "can't evaluate field secret in type net.Server"),
        ("{{ .host }}", SERVER, "can't evaluate field host in type net.Server"),
        ("{{ .__class__ }}", SERVER, "can't evaluate field __class__ in type net.Server"),
        ("{{ .__dict__ }}", SERVER, "can't evaluate field __dict__ in type net.Server"),
        ("{{ .upper }}", "text", "can't evaluate field upper in type string"),
        ("{{ .items }}", [], "can't evaluate field items in type []interface {}"),
        ("{{ .real }}", 3, "can't evaluate field real in type int"),
        ("{{ .Host 1 }}", SERVER, "Host has arguments but cannot be invoked as function"),
        ("{{ .a 1 }}", {"a": 1}, "a is not a method but has arguments"),
        ("{{ .Plus }}", Seconds(1), "wrong number of args for Plus: want 1 got 0"),
        ("{{ .Plus 1 2 }}", Seconds(1), "wrong number of args for Plus: want 1 got 2"),
        ('{{ .Plus "a" }}', Seconds(1), 'expected integer; found "a"'),
        ("{{ .Plus . }}", Seconds(1), "wrong type for value; expected int; got time.Seconds"),
        ("{{ .Fail }}", Seconds(1), "error calling Fail: division by zero"),
        ("{{ fail }}", None, "error calling fail: pop from empty list"),
        ("{{ wait (len . ) }}", "abc", "wrong type for value; expected time.Seconds; got int"),
        ('{{ wait "a" }}', None, 'expected integer; found "a"'),
        ("{{ half . }}", 3, "wrong type for value; expected float64; got int"),
        ("{{ twice . }}", True, "wrong type for value; expected int; got bool"),
        ("{{ twice . }}", Seconds(1), "wrong type for value; expected int; got time.Seconds"),
        ("{{ flag 1 }}", None, "expected bool; found 1"),
        ("{{ half true }}", None, "expected float; found true"),
        ("{{ shout . }}", None, "invalid value; expected string"),
    ],
)
def test_everything_else_is_an_error(template: str, data: object, message: str) -> None:
    assert error(template, data) == message


def test_the_environment_goes_to_the_functions_that_ask_for_it() -> None:
    template = SET.text('{{ greet "Anna" }}, {{ "Ben" | greet }}')
    assert template.render(None, {"word": "Hello"}) == "Hello Anna, Hello Ben"
    assert template.render(None, {"word": "Bye"}) == "Bye Anna, Bye Ben"


def test_a_failing_function_is_the_cause() -> None:
    with pytest.raises(ExecError) as caught:
        render("{{ fail }}")
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize(
    ("mode", "output"),
    [("zero", "[|<no value>]"), ("default", "[<no value>|<no value>]")],
)
def test_missing_keys(mode: str, output: str) -> None:
    templates = TemplateSet.build(missing_key=mode)  # type: ignore[arg-type]  # one of its three words
    data = {"strings": Defaults(), "any": {}}
    assert templates.text("[{{ .strings.x }}|{{ .any.x }}]").render(data) == output


def test_missing_keys_can_be_errors() -> None:
    templates = TemplateSet.build(missing_key="error")
    for template in ("{{ .strings.x }}", "{{ .nope }}"):
        with pytest.raises(ExecError, match="map has no entry for key"):
            templates.text(template).render({"strings": Defaults()})
    with pytest.raises(ExecError, match='nil data; no entry for key "x"'):
        templates.text("{{ .x }}").render(None)


@pytest.mark.parametrize(
    ("template", "value", "output"),
    [
        ("<p>{{ . }}</p>", HTML("<b>x</b>"), "<p><b>x</b></p>"),
        ("<p {{ . }}>", HTMLAttr('dir="ltr"'), '<p dir="ltr">'),
        ('<a href="{{ . }}">', URL("tel:1 2"), '<a href="tel:1%202">'),
        ('<p style="{{ . }}">', CSS("width: calc(1px + 2px)"), '<p style="width: calc(1px &#43; 2px)">'),
        ("<script>{{ . }}</script>", JS("f(1)"), "<script>f(1)</script>"),
        ("<script>{{ . }}</script>", Seconds(3), '<script>"3s"</script>'),
        ("<script>{{ . }}</script>", [Seconds(3)], "<script>[3]</script>"),
        ("<script>{{ . }}</script>", SERVER, '<script>{"Host":"web","Port":80,"Address":"web:80"}</script>'),
        (
            "<script>{{ . }}</script>",
            float("nan"),
            "<script> /* json: unsupported value: NaN */null </script>",
        ),
        ("<p>{{ . }}</p>", JS("<"), "<p>&lt;</p>"),
        ("<p>{{ . }}</p>", None, "<p></p>"),
    ],
)
def test_marked_texts_are_trusted_in_their_own_place(template: str, value: object, output: str) -> None:
    assert SET.html(template).render(value) == output
    assert go_string(HTML("<b>")) == "<b>"
    assert sprintf("%T", [URL("x")]) == "template.URL"


def test_in_text_mode_a_mark_means_nothing() -> None:
    assert render("{{ . }}", HTML("<b>")) == "<b>"
    assert error("{{ shout . }}", HTML("<b>")) == "wrong type for value; expected string; got template.HTML"
