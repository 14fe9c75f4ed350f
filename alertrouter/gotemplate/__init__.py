"""Go templates in Python: text/template complete, and html/template's contextual escaping.

>>> templates = TemplateSet.build(
...     [("hello.tmpl", '{{ define "hello" }}Hello {{ .Name | upper }}{{ end }}')],
...     functions=[Function("upper", str.upper, ("string",))],
... )
>>> templates.text('{{ template "hello" . }}!').render({"Name": "world"})
'Hello WORLD!'
>>> templates.html('<a href="{{ .url }}" title="{{ .name }}">').render({"url": "javascript:x", "name": 'a "b"'})
'<a href="#ZgotmplZ" title="a &#34;b&#34;">'
>>> templates.text("{{ .Name.First }}").render({"Name": "world"})
Traceback (most recent call last):
    ...
alertrouter.gotemplate.errors.ExecError: template: :1:8: executing "" at <.Name.First>: can't evaluate field \
First in type string

The package knows nothing of alerts and uses nothing but the standard library. Output, errors and their places are those
of Go 1.25; the cases in tests/gotemplate were answered by a real Alertmanager.

Sets and texts
    `TemplateSet.build` parses files in order. A later definition of a name replaces an earlier one, unless it is blank.
    `text` and `html` make a `Template` of an inline text, which sees all names of the set; what it defines itself only it
    can see. They remember what they made. Everything is immutable and may be shared between threads.

Errors
    `ParseError` when a set or text is made; `EscapeError`, a kind of it, when a text is no HTML that values can be put
    into safely. `ExecError` when a render fails, and `LimitError`, a kind of it, when it asks for more than its `Limits`:
    length of the output and of every value on the way, turns of loops, template calls and their depth, time. All are
    `TemplateError`; `str()` is Go's text, and the parts are attributes. A text may be a megabyte long, have 50,000 words
    in its actions and nest a hundred blocks or parentheses.

Values
    `str`, `bool`, `int`, `float`, `None` (nil), `list` and `tuple`, any `Mapping` with string keys, and objects of classes
    that say what of them is open:

        class Point:
            __go_type__ = "geo.Point"                     # its name in errors; default: the class's name
            __go_fields__ = {"X": "x", "Label": "label"}  # Go name -> attribute or property; printed in this order
            __go_methods__ = {"Scale": Function("Scale", scale, ("float64",))}   # called as scale(point, factor)
            def __go_string__(self) -> str: ...           # optional: how it prints (Go's Stringer)
            def __go_truth__(self) -> bool: ...           # optional: an object is true otherwise
            def __go_json__(self) -> str: ...             # optional: its JSON, where a script in HTML asks for it

    Nothing else of an object can be reached: a template never chooses an attribute's name. Subclasses of the plain types
    may declare the same: an `int` with `__go_string__`, a `dict` with methods. A method wins over a key or field of its
    name. A subclass with its own `__go_type__` is a type of its own, as in Go: it fits no parameter of the plain kind.

    A mapping class may carry `__go_missing__`, what a key that is not there has for a value: "" for Go's
    map[string]string. Otherwise a missing key is nil and prints `<no value>`. That is `missing_key="zero"`; with "default"
    every missing key is no value, with "error" the render fails.

    Values must not change while a template runs. A Go string is a sequence of bytes; a byte that is no UTF-8 stands as a
    lone surrogate (as `errors="surrogateescape"` makes them) and comes out as U+FFFD if it does not meet its neighbours.

Functions
    `Function` names the kinds of its parameters; the engine checks arguments against them with Go's texts and then calls.
    `HTML`, `HTMLAttr`, `URL`, `JS` and `CSS` are texts whose author vouches for them; in HTML mode they are trusted in
    their own place.

Not as in Go
    No channels, no function values (so `call` always fails), no iterators. An error about a value inside an untyped list
    or map names the value's own type, where Go says `interface {}`. In HTML mode structure is checked when a text is made,
    not when it first runs.
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
