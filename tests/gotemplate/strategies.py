"""Random templates: valid ones built from the grammar, and texts that only look like templates."""

from __future__ import annotations

from hypothesis import strategies as st

_LITERALS = st.sampled_from(
    [
        "1",
        "-2",
        "0",
        "1.5",
        '"a"',
        '""',
        '"<b>"',
        "`x y`",
        "'a'",
        "true",
        "false",
        "nil",
        '"\\xff"',
        "1e3",
        "2i",
    ]
)
_FIELDS = st.sampled_from(
    [
        ".",
        ".Status",
        ".Alerts",
        ".CommonLabels",
        ".CommonLabels.job",
        ".CommonLabels.nope",
        ".Alerts.Firing",
        ".GroupLabels.SortedPairs",
        ".Nope",
        "$",
        "$.Status",
        "$.Alerts.Resolved",
        "(index .Alerts 0).Labels.job",
        "(dict).x",
    ]
)
_FUNCTIONS = st.sampled_from(
    [
        "print",
        "println",
        "printf",
        "len",
        "index",
        "slice",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "and",
        "or",
        "not",
        "html",
        "js",
        "urlquery",
        "call",
        "toUpper",
        "join",
        "list",
        "dict",
        "append",
        "stringSlice",
        "safeHtml",
        "safeUrl",
        'printf "%d|%5.2f|%q|%v"',
        'printf "%[2]*d %z"',
        '.CommonLabels.Remove (stringSlice "job")',
    ]
)
_TEXTS = st.sampled_from(
    [
        "x",
        " ",
        "\n",
        "é",
        "<p>",
        '<a href="',
        '">',
        "<a href=",
        "<p title='",
        "'>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "/",
        '"',
        "<!--",
        "-->",
        "?",
        "}}",
    ]
)


def _operands(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    call = st.tuples(_FUNCTIONS, st.lists(children, max_size=3)).map(lambda c: " ".join((c[0], *c[1])))
    pipe = st.lists(call, min_size=1, max_size=3).map(" | ".join)
    return pipe.map(lambda text: f"({text})")


operands = st.recursive(_LITERALS | _FIELDS, _operands, max_leaves=6)
pipelines = st.one_of(
    operands,
    st.tuples(_FUNCTIONS, st.lists(operands, max_size=3)).map(lambda c: " ".join((c[0], *c[1]))),
    st.tuples(operands, _FUNCTIONS).map(" | ".join),
)
_ACTIONS = pipelines.map(lambda text: f"{{{{ {text} }}}}") | pipelines.map(lambda text: f"{{{{- {text} -}}}}")


def _blocks(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bodies = st.lists(children, max_size=3).map("".join)
    branches = st.tuples(
        st.sampled_from(["if", "with", "range", "range $i, $e :=", "with $x :="]), pipelines, bodies
    )
    whole = branches.map(lambda b: f"{{{{ {b[0]} {b[1]} }}}}{b[2]}{{{{ end }}}}")
    both = st.tuples(branches, bodies).map(
        lambda b: f"{{{{ {b[0][0]} {b[0][1]} }}}}{b[0][2]}{{{{ else }}}}{b[1]}{{{{ end }}}}"
    )
    defined = st.tuples(st.sampled_from("abc"), bodies).map(
        lambda b: f'{{{{ block "{b[0]}" . }}}}{b[1]}{{{{ end }}}}'
    )
    called = st.sampled_from("abc").map(lambda name: f'{{{{ template "{name}" . }}}}')
    jump = st.sampled_from(["{{ break }}", "{{ continue }}"]).map(
        lambda text: f"{{{{ range .Alerts }}}}{{{{ if .Status }}}}{text}{{{{ end }}}}x{{{{ end }}}}"
    )
    return whole | both | defined | called | jump


templates = st.lists(st.recursive(_TEXTS | _ACTIONS, _blocks, max_leaves=8), max_size=6).map("".join)

_PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{/*",
        "*/}}",
        " ",
        "\n",
        ".",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        '"',
        "`",
        "'",
        "\\",
        "%",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        "print",
        "1",
        "0x",
        "1e9",
        "-",
        "a",
        "é",
        "<a href=",
        "<script>",
        "\x00",
        "\udcff",
    ]
)
# What any file may hold: its bytes, as they are read.
any_bytes = st.binary(max_size=200).map(lambda raw: raw.decode(errors="surrogateescape"))
broken_templates = st.lists(_PIECES | st.characters(), max_size=25).map("".join) | any_bytes.map(
    lambda text: "{{" + text
)
