"""Go templates in Python: text/template complete, and html/template's contextual escaping.

    templates = TemplateSet.build(
        [("greeting.tmpl", '{{ define "greeting" }}Hello {{ .Name | upper }}{{ end }}')],
        functions=[Function("upper", str.upper, ("string",))],
    )
    templates.text('{{ template "greeting" . }}!').render({"Name": "world"})      # Hello WORLD!
    templates.html('<b title="{{ .t }}">').render({"t": '"x"'})                   # <b title="&#34;x&#34;">

The package knows nothing of alerts and uses nothing but the standard library.

Values
------
A template sees `str`, `bool`, `int` (64 bit), `float`, `None` (nil), `list` and `tuple`, any `Mapping` with string
keys, and objects of classes that open themselves:

    class Point:
        __go_type__ = "geo.Point"                       # name in error texts; default: the class's name
        __go_fields__ = {"X": "x", "Label": "label"}    # Go name -> attribute or property
        __go_methods__ = {"Scale": Function("Scale", scale, ("float64",))}   # scale(point, factor)
        def __go_string__(self) -> str: ...             # optional: Go's Stringer, how it prints
        def __go_truth__(self) -> bool: ...             # optional: objects are true otherwise

Nothing else of an object can be reached. Methods and `__go_string__` work on subclasses of the plain types too (a
`str` that is a `Duration`'s text, a `dict` with methods); a method wins over a key or field of the same name.

A mapping class may carry `__go_missing__`, the value of a key that is not there: "" for Go's map[string]string.
Without it a missing key is nil, which prints `<no value>`. That is `missing_key="zero"`; with "default" every missing
key is no value, with "error" the render fails.

A subclass of a plain type with its own `__go_type__` is a type of its own, as in Go: it does not fit a parameter of
kind "string" or "int".
"""

from alertrouter.gotemplate.errors import EscapeError, ExecError, LimitError, ParseError, TemplateError
from alertrouter.gotemplate.functions import ANY, BOOL, FLOAT, INT, STRING, Function, Kind
from alertrouter.gotemplate.printf import sprintf
from alertrouter.gotemplate.printing import go_string
from alertrouter.gotemplate.quoting import quote
from alertrouter.gotemplate.running import Limits
from alertrouter.gotemplate.sets import Template, TemplateSet
from alertrouter.gotemplate.values import CSS, HTML, JS, NO_VALUE, URL, HTMLAttr

__all__ = [
    "ANY",
    "BOOL",
    "CSS",
    "FLOAT",
    "HTML",
    "INT",
    "JS",
    "NO_VALUE",
    "STRING",
    "URL",
    "EscapeError",
    "ExecError",
    "Function",
    "HTMLAttr",
    "Kind",
    "LimitError",
    "Limits",
    "ParseError",
    "Template",
    "TemplateError",
    "TemplateSet",
    "go_string",
    "quote",
    "sprintf",
]
