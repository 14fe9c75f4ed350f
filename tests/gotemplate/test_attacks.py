"""No value, whatever it holds, changes how the page around it is read."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gotemplate.model import template_set

_SET = template_set()
_PLACES = {
    "text": "<p>{{ . }}</p><b>x</b>",
    "title": "<title>{{ . }}</title><b>x</b>",
    "textarea": "<textarea>{{ . }}</textarea><b>x</b>",
    "double-quoted": '<p title="{{ . }}" class="c">x</p>',
    "single-quoted": "<p title='{{ . }}' class='c'>x</p>",
    "unquoted": "<p title={{ . }} class=c>x</p>",
    "href": '<a href="{{ . }}" class="c">x</a>',
    "unquoted href": "<a href={{ . }} class=c>x</a>",
    "query": '<a href="/x?q={{ . }}&amp;b=1" class="c">x</a>',
    "srcset": '<img srcset="{{ . }} 2x" alt="c">',
    "style": '<p style="color: {{ . }}" class="c">x</p>',
    "style url": "<p style=\"background: url('{{ . }}')\" class='c'>x</p>",
    "style string": "<p style='font: \"{{ . }}\"' class=c>x</p>",
    "style element": "<style>p { color: {{ . }} }</style><b>x</b>",
    "style element string": '<style>p:after { content: "{{ . }}" }</style><b>x</b>',
    "script value": "<script>f({{ . }});</script><b>x</b>",
    "script string": "<script>f('{{ . }}');</script><b>x</b>",
    "script template": "<script>f(`{{ . }}`);</script><b>x</b>",
    "script regexp": "<script>f(/{{ . }}/);</script><b>x</b>",
    "script comment": "<script>/* {{ . }} */</script><b>x</b>",
    "handler value": '<p onclick="f({{ . }})" class="c">x</p>',
    "handler string": '<p onclick="f(\'{{ . }}\')" class="c">x</p>',
    "data url": '<p data-url="{{ . }}" class="c">x</p>',
    "refresh": '<meta http-equiv="refresh" content="0; url={{ . }}"><b>x</b>',
    "comment": "<p>a<!-- {{ . }} -->b</p>",
    "document in an attribute": '<iframe srcdoc="{{ . }}" class="c"></iframe>',
}
_ATTACKS = [
    '"',
    "'",
    "`",
    "<b>",
    "</p><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    " onmouseover=alert(1) ",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "x onmouseover=alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--",
    "-->",
    "--!>",
    "<!--<script>",
    "]]>",
    "<![CDATA[",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "');alert(1)//",
    '");alert(1)//',
    "`);alert(1)//",
    "${alert(1)}",
    "\\');alert(1)//",
    '\\");alert(1)//',
    "/;alert(1)//",
    "*/alert(1)/*",
    "\nalert(1)\n",
    "\u2028alert(1)",
    "expression(alert(1))",
    "red; background: url(javascript:alert(1))",
    "\\65 xpression(alert(1))",
    "} body { display: none",
    "{{ . }}",
    "&#34;&quot;&lt;",
    "\x00",
    "\udcff\udc22",
    "+ADw-script+AD4-",
    ">",
    "=",
    "/>",
    "a/b c\td\fe",
]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[object] = []
        self.values: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, [name for name, _ in attrs]))
        self.values += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(("/", tag))

    def handle_comment(self, data: str) -> None:
        self.seen.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.seen.append("declaration")

    def unknown_decl(self, data: str) -> None:
        self.seen.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.seen.append("instruction")


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.mark.parametrize("attack", _ATTACKS)
@pytest.mark.parametrize("place", _PLACES)
def test_the_structure_of_the_page_stays(place: str, attack: str) -> None:
    template = _SET.html(_PLACES[place])
    page = _read(template.render(attack))
    assert page.seen == _read(template.render("harmless")).seen
    for name, value in page.values:
        if name in ("href", "data-url"):
            assert not value.strip().lower().startswith(("javascript:", "data:", "vbscript:"))


@given(st.text(), st.sampled_from(sorted(_PLACES)))
def test_no_text_at_all_changes_it(value: str, place: str) -> None:
    template = _SET.html(_PLACES[place])
    # Python's parser takes more characters for space than HTML does.
    value = "".join(c for c in value if not c.isspace() or c in " \t\n\f\r")
    assert _read(template.render(value)).seen == _read(template.render("harmless")).seen


@given(st.text())
def test_what_is_escaped_reads_back_as_itself(value: str) -> None:
    # A parser of HTML turns other line ends into newlines, and NUL was replaced.
    kept = (
        value.replace("\x00", "\ufffd").encode(errors="surrogateescape").decode(errors="replace")
        if value
        else value
    )
    page = _read(_SET.html('<p title="{{ . }}">').render(value))
    assert page.values == [("title", kept)]


@pytest.mark.parametrize("attack", _ATTACKS)
def test_a_script_string_ends_where_its_author_ended_it(attack: str) -> None:
    script = _SET.html("<script>'{{ . }}'</script>").render(attack)
    inside = script.removeprefix("<script>'").removesuffix("'</script>")
    # No quote, no line end and no end of the script; a backslash always escapes what follows it.
    assert not set(inside.replace("\\\\", "")) & set("'\"`\n\r\u2028\u2029<>")
    assert not inside.replace("\\\\", "").endswith("\\")


@pytest.mark.parametrize("attack", _ATTACKS)
def test_an_attribute_name_cannot_be_invented(attack: str) -> None:
    page = _read(_SET.html("<p {{ . }}=x class=c>y</p>").render(attack))
    assert page.seen == [("p", ["zgotmplz", "class"]), ("/", "p")]


@pytest.mark.parametrize("name", ["onclick", "style", "href", "src", "srcdoc", "type", "action"])
def test_an_attribute_that_would_be_read_as_code_cannot_be_chosen(name: str) -> None:
    assert "ZgotmplZ" in _SET.html("<p {{ . }}=x>").render(name)
