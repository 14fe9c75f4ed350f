"""Jinja2 beside Go templates: the same data in snake_case, the same functions as filters, in a sandbox.

Attributes are looked up in what the data classes declare open, exactly as for Go templates, so a label that is
missing is empty and a label called ``items`` is that label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from alertrouter.gotemplate import HTML, URL, Function, go_string, sprintf
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.mode import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from jinja2 import Template

    from alertrouter.templating.go_time import Time

_VARIABLES: Final = "_variables"
_INLINE: Final = "<template>"
# No template can name a filter with a space in it.
_COUNTED: Final = "counted steps"
_MOST_OUTPUT: Final = 4 * 1024 * 1024
_MOST_STEPS: Final = 500_000
_MOST_COMPILED: Final = 1024
_LARGEST_POWER: Final = 10_000
_FIRST_HUMP: Final = re.compile(r"([a-z0-9])([A-Z])")
_LAST_HUMP: Final = re.compile(r"([A-Z]+)([A-Z][a-z])")
_SCHEME: Final = re.compile(r"([^/?#]*?):")
_UNSAFE_CSS: Final = re.compile(r"""[\0"'()/;@\[\\\]`{}<>]|--|expression|mozbinding""", re.IGNORECASE)
# What of Python's texts is open: nothing that formats, pads or reaches further.
_TEXT_METHODS: Final = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isdigit",
        "islower",
        "isupper",
        "join",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rfind",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
    ]
)
# Filters and globals of Jinja2 that keep their meaning although Go templates have functions of the same name.
_KEPT: Final = frozenset({"join", "list", "map", "first", "slice", "length", "dict", "range", "urlize"})
# As a name this is the labels themselves, a part of the data.
_DATA: Final = "route_labels"


def accepts(text: str) -> bool:
    """Whether this has the syntax of Jinja2; which functions there are is not asked."""
    try:
        _Environment().parse(text)
    except (TemplateSyntaxError, RecursionError):
        return False
    return True


@lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """``GeneratorURL`` as ``generator_url``."""
    return _FIRST_HUMP.sub(r"\1_\2", _LAST_HUMP.sub(r"\1_\2", name)).lower()


_Open = tuple[Mapping[str, str], Mapping[str, Function], Mapping[str, Function]]
_open: dict[type, _Open] = {}


def _open_names(kind: type) -> _Open:
    """Fields, methods by Go's name and methods by their snake_case name, of a data class."""
    if kind not in _open:
        fields: dict[str, str] = {}
        for name, attribute in getattr(kind, "__go_fields__", {}).items():
            fields |= {name: attribute, snake_case(name): attribute}
        methods: Mapping[str, Function] = getattr(kind, "__go_methods__", {})
        _open[kind] = fields, methods, {snake_case(name): method for name, method in methods.items()}
    return _open[kind]


class _Environment(ImmutableSandboxedEnvironment):
    """Only what data classes declare open can be reached, and some methods of texts."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        kind = type(obj)
        fields, methods, snake_methods = _open_names(kind)
        if attribute in methods:
            return _called(methods[attribute], obj)
        if attribute in fields:
            return getattr(obj, fields[attribute])
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if attribute in snake_methods:
            return _called(snake_methods[attribute], obj)
        return self._other_attribute(obj, attribute)

    def _other_attribute(self, obj: Any, attribute: str) -> Any:
        if hasattr(type(obj), "__go_missing__"):
            return type(obj).__go_missing__
        if hasattr(type(obj), "__go_type__") or isinstance(obj, dict):
            return self.undefined(obj=obj, name=attribute)
        # `loop`, macros and the like are Jinja2's own, and guarded by its sandbox.
        is_jinjas = type(obj).__module__.partition(".")[0] == "jinja2"
        if is_jinjas or (isinstance(obj, str) and attribute in _TEXT_METHODS):
            return super().getattr(obj, attribute)
        return self.unsafe_undefined(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict):
            if argument in obj:
                return obj[argument]
            if isinstance(argument, str):
                return getattr(type(obj), "__go_missing__", self.undefined(obj=obj, name=argument))
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    intercepted_binops = frozenset({"*", "**"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """The tree of a template, with every loop made to count its steps."""
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        counts = [side for side in (left, right) if isinstance(side, int)]
        sizes = [len(side) for side in (left, right) if isinstance(side, (str, list, tuple))]
        too_much = max(counts, default=0) * max(sizes, default=0) > _MOST_OUTPUT
        if too_much or (operator == "**" and max(counts, default=0) > _LARGEST_POWER):
            raise SecurityError("the result is too large")
        return super().call_binop(context, operator, left, right)

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, (partial, Macro)) or super().is_safe_callable(obj)


def _called(method: Function, obj: Any) -> Any:
    """What the method answers; one that takes arguments waits for them."""
    if method.arguments or method.variadic is not None:
        return partial(method.call, obj)
    return method.call(obj)


class _Context(Context):
    """Knows the fields of the data as names of their own: ``status`` is ``data.status``."""

    def resolve_or_missing(self, key: str) -> Any:
        found = super().resolve_or_missing(key)
        if found is missing and key != "data":
            data = super().resolve_or_missing("data")
            kind = type(data)
            fields = _open_names(kind)[0]
            if key in fields:
                return getattr(data, fields[key])
        return found


class JinjaTemplates:
    """Jinja2 files and inline texts, in both modes."""

    def __init__(
        self,
        files: Sequence[tuple[str, str]] = (),
        functions: Sequence[Function] = (),
        go_template: Callable[[Mode, str, object, Mapping[str, Any]], str] | None = None,
    ) -> None:
        """``files`` are names with texts; ``go_template`` renders a named Go template on data in an environment.

        Raises TemplateError for a file that does not parse.
        """
        self._environments = {mode: _environment(dict(files), functions, mode) for mode in Mode}
        self._compiled: dict[tuple[Mode, str], Template] = {}
        if go_template is not None:
            for mode, environment in self._environments.items():
                environment.globals["go_template"] = _go_template(mode, go_template)
        for name, text in files:
            self.check(text, name)

    def check(self, text: str, name: str = "") -> None:
        """TemplateError if the text is no Jinja2 template."""
        try:
            self._environments[Mode.TEXT].compile(text, name)
        except TemplateSyntaxError as error:
            # An inline text has no file to be named, so the message tells the line, as Go's engine does.
            message = f"jinja2: {error.message}" if name else f"jinja2: :{error.lineno}: {error.message}"
            raise TemplateError(message, file=error.name or name, line=error.lineno, column=1) from None

    def render(self, text: str, data: object, variables: Mapping[str, Any], mode: Mode) -> str:
        """An inline text, rendered on this data; ``variables`` are the environment of the functions."""
        template = self._compiled.get((mode, text))
        if template is None:
            self.check(text)
            if len(self._compiled) >= _MOST_COMPILED:
                self._compiled.clear()
            template = self._compiled[mode, text] = self._environments[mode].from_string(text)
        return _run(template, data, variables)

    def render_file(self, name: str, data: object, variables: Mapping[str, Any], mode: Mode) -> str:
        """A file by its name, rendered on this data."""
        return _run(self._environments[mode].get_template(name), data, variables)


class _Steps:
    """How many turns loops may still take in a render, all of them together."""

    def __init__(self) -> None:
        self.left = _MOST_STEPS


_steps: ContextVar[_Steps] = ContextVar("_steps")


def _counted(iterable: Iterable[Any]) -> Iterator[Any]:
    steps = _steps.get()
    for each in iterable:
        steps.left -= 1
        if steps.left < 0:
            raise TemplateError(f"jinja2: loops take more than {_MOST_STEPS:,} turns")
        yield each


def _run(template: Template, data: object, variables: Mapping[str, Any]) -> str:
    chunks = []
    left = _MOST_OUTPUT
    # A template that is rendered by another one has what that one has left.
    token = None if _steps.get(None) else _steps.set(_Steps())
    try:
        for chunk in template.generate({"data": data, _VARIABLES: variables}):
            left -= len(chunk)
            if left < 0:
                break
            chunks.append(chunk)
    except TemplateError:
        raise
    except RecursionError:
        raise TemplateError("jinja2: templates call each other too deeply") from None
    except Exception as error:  # functions and Python's own operators raise what they like
        name, line = _failing_line(error)
        place = f"{name}:{line}: " if line else ""
        raise TemplateError(f"jinja2: {place}{error}", line=0 if name else line, column=1) from error
    finally:
        if token is not None:
            _steps.reset(token)
    if left < 0:
        raise TemplateError("jinja2: the text is longer than 4 MiB")
    return "".join(chunks)


def _failing_line(error: Exception) -> tuple[str, int]:
    """Which line failed, and of which file; no name for an inline text."""
    name, line = "", 0
    trace = error.__traceback__
    while trace is not None:
        # Jinja2 makes frames of its own for the lines of templates.
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            name, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return ("" if name == _INLINE else name), line


def _environment(files: Mapping[str, str], functions: Sequence[Function], mode: Mode) -> _Environment:
    environment = _Environment(
        autoescape=mode is Mode.HTML,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        loader=FunctionLoader(lambda name: (files[name], name, None) if name in files else None),
        finalize=_printable,
    )
    environment.context_class = _Context
    for function in (*functions, *_MORE_FUNCTIONS):
        for name in {function.name, snake_case(function.name)} - _KEPT:
            environment.filters[name] = _filter(function)
            if name != _DATA:
                environment.globals[name] = _global(function)
    environment.filters |= {_COUNTED: _counted, "go": go_string, "strftime": _strftime}
    return environment


def _printable(value: Any) -> Any:
    return value.__go_string__() if hasattr(type(value), "__go_string__") else value


def _global(function: Function) -> Callable[..., Any]:
    """The function with its arguments in Go's order."""

    @pass_context
    def call(context: Context, *arguments: Any) -> Any:
        environment = (_variables_of(context),) if function.pass_environment else ()
        return _marked(function.call(*environment, *arguments))

    return call


def _filter(function: Function) -> Callable[..., Any]:
    """The same with the piped value, which in Go comes last."""

    @pass_context
    def call(context: Context, value: Any, *arguments: Any) -> Any:
        environment = (_variables_of(context),) if function.pass_environment else ()
        return _marked(function.call(*environment, *arguments, value))

    return call


def _marked(value: Any) -> Any:
    """Texts that a function vouches for, in the way Jinja2 knows."""
    return Markup(value) if isinstance(value, HTML) else str(value) if isinstance(value, URL) else value  # noqa: S704


def _variables_of(context: Context) -> Mapping[str, Any]:
    found: Mapping[str, Any] = context[_VARIABLES]
    return found


def _go_template(
    mode: Mode, render: Callable[[Mode, str, object, Mapping[str, Any]], str]
) -> Callable[[Context, str, object], str]:
    @pass_context
    def go_template(context: Context, name: str, data: object) -> str:
        text = render(mode, name, data, _variables_of(context))
        return Markup(text) if mode is Mode.HTML else text  # noqa: S704 - it was escaped where it was rendered

    return go_template


def _strftime(t: Time, form: str) -> str:
    return str(t.datetime().strftime(form))


def _url_query(text: str) -> str:
    return quote_plus(text, safe="-_.~")


def _safe_url(text: str) -> str:
    """An URL of a harmless scheme, or one that leads nowhere: Jinja2 does not know where in a page a value stands."""
    scheme = _SCHEME.match(text)
    return text if scheme is None or scheme[1].lower() in {"http", "https", "mailto"} else "#ZgotmplZ"


def _css_value(text: str) -> str:
    return "ZgotmplZ" if _UNSAFE_CSS.search(text) else text


_MORE_FUNCTIONS: Final = (
    Function("urlquery", _url_query),
    Function("printf", lambda form, *arguments: sprintf(form, arguments)),
    Function("css_value", _css_value),
    Function("safe_url", _safe_url),
)
