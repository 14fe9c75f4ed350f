"""Generated templates, rendered by an independent implementation as well.

gotpl differs from Go in known places (fields of scalars, printf of lists and nil, missing operands of eq, error texts), so
the templates here stay away from those.
"""

from __future__ import annotations

import gotpl
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.gotemplate import TemplateSet

_DATA = {
    "s": "firing",
    "t": "a <b> & \"c\" 'd' + /e?f=g#h;i",
    "e": "",
    "n": 3,
    "z": 0,
    "f": 1234.5678,
    "l": ["x", "y<", "z"],
    "m": {"job": "node", "instance": "web-1:9100"},
    "a": [{"name": "one", "up": True}, {"name": "two", "up": False}],
    "u": "https://x.example/a b?q=1&r=é",
    "c": "#E6522C",
}
_STRINGS = st.sampled_from(
    ['"q"', '"<i>"', "`raw`", ".s", ".t", ".e", ".m.job", "$.u", "(index .l 1)", "(index .m `instance`)"]
)
_INTS = st.sampled_from([".n", ".z", "7", "-2", "(len .l)", "(len .t)", "0x1F", "'a'"])
_FLOATS = st.sampled_from([".f", "1.5", "1e6", "0.25", "-3.0"])
_BOOLS = st.one_of(
    st.sampled_from(["true", "false", "(not .e)", "(index .a 0).up"]),
    st.tuples(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), _STRINGS, _STRINGS).map(
        lambda p: f"({' '.join(p)})"
    ),
    st.tuples(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), _INTS, _INTS).map(
        lambda p: f"({' '.join(p)})"
    ),
    st.tuples(st.sampled_from(["and", "or"]), _STRINGS, _INTS).map(lambda p: f"({' '.join(p)})"),
)
_PRINTED = st.one_of(
    _STRINGS,
    _INTS,
    _FLOATS,
    _BOOLS,
    st.just(".l"),
    st.just(".m"),
    st.tuples(st.sampled_from(["%s", "%q", "%-8s|", "%8s|", "%.2s", "%x", "%v"]), _STRINGS).map(
        lambda p: f'printf "{p[0]}" {p[1]}'
    ),
    st.tuples(st.sampled_from(["%d", "%05d", "%-5d|", "%+d", "%x", "%v", "%3d"]), _INTS).map(
        lambda p: f'printf "{p[0]}" {p[1]}'
    ),
    st.tuples(st.sampled_from(["%f", "%.2f", "%8.1f|", "%e", "%g", "%.3g", "%v"]), _FLOATS).map(
        lambda p: f'printf "{p[0]}" {p[1]}'
    ),
    st.tuples(_STRINGS, _INTS, _FLOATS, _STRINGS).map(lambda p: f"print {' '.join(p)}"),
    st.tuples(_STRINGS, _INTS).map(lambda p: f"println {' '.join(p)}"),
)
_TEXT_ONLY = st.tuples(st.sampled_from(["html", "js", "urlquery"]), _STRINGS).map(" ".join)
_WORDS = st.sampled_from(["text ", "\n", "é ", " a  ", "}}"])


def _action(pipeline: str) -> str:
    return f"{{{{ {pipeline} }}}}"


def _blocks(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bodies = st.lists(children, min_size=1, max_size=3).map("".join)
    return st.one_of(
        st.tuples(_BOOLS | _STRINGS, bodies, bodies).map(
            lambda p: f"{{{{ if {p[0]} -}}}}{p[1]}{{{{ else }}}}{p[2]}{{{{- end }}}}"
        ),
        st.tuples(_BOOLS, bodies, _BOOLS, bodies).map(
            lambda p: f"{{{{ if {p[0]} }}}}{p[1]}{{{{ else if {p[2]} }}}}{p[3]}{{{{ end }}}}"
        ),
        bodies.map(lambda b: "{{ range $i, $x := .l }}{{ $i }}{{ $x }}{{ end }}" + b),
        bodies.map(lambda b: "{{ range $k, $v := .m }}{{ $k }}={{ $v }};{{ else }}" + b + "{{ end }}"),
        bodies.map(lambda b: "{{ range .a }}{{ .name }}{{ if .up }}{{ continue }}{{ end }}-{{ end }}" + b),
        bodies.map(lambda b: "{{ with .e }}x{{ else }}" + b + "{{ end }}"),
        bodies.map(lambda b: '{{ $v := "in" }}{{ with $w := .s }}{{ $v = $w }}{{ end }}{{ $v }}' + b),
        bodies.map(lambda b: '{{ template "d" . }}' + b),
    )


_TEMPLATES = st.lists(
    st.recursive(_WORDS | (_PRINTED | _TEXT_ONLY).map(_action), _blocks, max_leaves=6), min_size=1, max_size=4
).map(lambda parts: '{{ define "d" }}[{{ .s }}]{{ end }}' + "".join(parts))
_VALUES = _PRINTED.filter(lambda text: text not in (".l", ".m")).map(_action)
_PLACES = st.sampled_from(
    [
        "<p>@</p>",
        '<p title="@">',
        "<p title='x @'>",
        "<p title=@>",
        '<a href="@">',
        '<a href="/p/@">',
        '<a href="/?q=@&amp;r=1">',
        '<a href="/x#@">',
        '<p style="color: @">',
        "<style>p { width: @ }</style>",
        "<script>f(@)</script>",
        "<script>f('@')</script>",
        '<p onclick="f(@)">',
        "<title>@</title>",
        "<textarea>@</textarea>",
        "a<!-- @ -->b",
        "<p data-url='@'>",
    ]
)
_SET = TemplateSet.build(missing_key="default")


@given(_TEMPLATES)
def test_both_print_the_same_text(template: str) -> None:
    assert _SET.text(template).render(_DATA) == gotpl.Template(template).render(_DATA)


@given(st.lists(st.tuples(_PLACES, _VALUES), min_size=1, max_size=3))
def test_both_escape_the_same_way(parts: list[tuple[str, str]]) -> None:
    template = "".join(place.replace("@", value) for place, value in parts)
    assert _SET.html(template).render(_DATA) == gotpl.HTMLTemplate(template).render(_DATA)
