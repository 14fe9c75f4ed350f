"""The field types of every configuration model, and the models' base.

Values come as the nodes of a YAML document (`alertrouter.config.node`), whose literal text and kind the
rules of `config.md` 1.3 need. Plain Python values are taken as well, so that code can make a model directly.

A key that is not set is falsy: ``""``, ``0``, an empty `Secret`. Compat: an explicit null is not the same as
leaving the key out; it gives the zero value of the type where leaving it out gives the field's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

from pydantic import GetCoreSchemaHandler, PlainValidator, ValidationInfo
from pydantic_core import core_schema

from alertrouter.config.merge import as_map
from alertrouter.config.model import ConfigModel, Decoding, complain_to
from alertrouter.config.node import Kind, Mapping, Scalar, Sequence
from alertrouter.config.problem import ConfigProblem
from alertrouter.config.template_text import note_template
from alertrouter.config.url import SECRET, check_proxy_url, check_secret_url, check_url
from alertrouter.config.values import (
    HostPort,
    Secret,
    SecretTemplateText,
    SecretUrl,
    cannot,
    text_of,
)
from alertrouter.core.duration import format_duration, format_go_duration, parse_duration, parse_go_duration
from alertrouter.templating.mode import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic.fields import FieldInfo

__all__ = [
    "SECRET",
    "AnyStructure",
    "AnyValue",
    "Bool",
    "ConfigModel",
    "ConfigProblem",
    "Decoding",
    "FilePath",
    "Float",
    "GoDuration",
    "GoDurationText",
    "HostPort",
    "HtmlTemplateText",
    "Int",
    "ListOf",
    "MapOf",
    "PrometheusDuration",
    "ProxyUrl",
    "Secret",
    "SecretTemplateText",
    "SecretUrl",
    "TemplateText",
    "Text",
    "Unsigned",
    "Url",
    "check_secret_url",
    "check_url",
    "text_of",
]

T = TypeVar("T")


class TemplateLanguage:
    """Marks text that is a template: ``text`` or ``html``."""

    def __init__(self, name: str) -> None:
        self.name = name


class PrintedAs:
    """Marks a number that is printed in another form than as a number."""

    def __init__(self, form: Callable[[int], str]) -> None:
        self.form = form


class ReadableFile:
    """Marks a path of a file that is read when it is needed."""


class GoType:
    """Marks a type with the name that Alertmanager's messages give it."""

    def __init__(self, name: str) -> None:
        self.name = name


def marks_of(field: FieldInfo) -> list[Any]:
    """Everything a field's type is marked with, at any depth: `PrintedAs`, `ReadableFile` and so on."""
    return [*field.metadata, *_marks_within(field.annotation)]


def _marks_within(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for argument in get_args(annotation):
        yield from _marks_within(argument)


def _bool(value: object) -> bool:
    if isinstance(value, Scalar):
        if value.is_null:
            return False
        found = value.value
    else:
        found = value
    if isinstance(found, bool):
        return found
    hint = ""
    if isinstance(value, Scalar) and not value.plain and value.text.lower() in {"true", "false", "yes", "no"}:
        hint = f"write {value.text} without quotes"
    raise cannot(value, "bool", hint or "write true or false")


def _whole_number(value: object, go_type: str, lowest: int, highest: int) -> int:
    found = value.value if isinstance(value, Scalar) else value
    if found is None and isinstance(value, Scalar):
        return 0
    if isinstance(found, float) and abs(found) < 2.0**63:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not lowest <= found <= highest:
        hint = "write it without quotes" if isinstance(value, Scalar) and value.text.isdecimal() else ""
        raise cannot(value, go_type, hint)
    return found


def _int(value: object) -> int:
    return _whole_number(value, "int64", -(2**63), 2**63 - 1)


def _unsigned(value: object) -> int:
    return _whole_number(value, "uint64", 0, 2**64 - 1)


def _float(value: object) -> float:
    found = value.value if isinstance(value, Scalar) else value
    if found is None and isinstance(value, Scalar):
        return 0.0
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    raise cannot(value, "float64")


def _prometheus_duration(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Scalar) and value.is_null:
        return 0
    text = text_of(value)
    try:
        return parse_duration(text)
    except ValueError as error:
        hint = f"add a unit: {text}s" if text.isdecimal() else "write it as 30s, 5m, 1h30m or 2d"
        raise ConfigProblem(str(error), hint=hint) from None


def _go_duration(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Scalar):
        if value.kind in {Kind.INT, Kind.FLOAT, Kind.NULL}:
            return _whole_number(value, "time.Duration", -(2**63), 2**63 - 1)  # nanoseconds
        try:
            return parse_go_duration(value.text)
        except ValueError:
            raise cannot(value, "time.Duration", "a duration such as 90s or 1h30m; no days here") from None
    raise cannot(value, "time.Duration")


def _go_duration_text(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Scalar) and value.is_null:
        return 0
    return parse_go_duration(text_of(value))


def _url(value: object) -> str:
    # A default or a value from code may be empty, a text in a file may not.
    if value == "" or (isinstance(value, Scalar) and value.is_null):
        return ""
    return check_url(text_of(value))


def _proxy_url(value: object) -> str:
    text = text_of(value)
    return check_proxy_url(text) if text else ""


def _template(value: object, info: ValidationInfo, mode: Mode) -> str:
    text = text_of(value)
    return note_template(value, text, info.context, mode=mode) if isinstance(value, Scalar) else text


def _text_template(value: object, info: ValidationInfo) -> str:
    return _template(value, info, Mode.TEXT)


def _html_template(value: object, info: ValidationInfo) -> str:
    return _template(value, info, Mode.HTML)


Text = Annotated[str, PlainValidator(text_of)]
TemplateText = Annotated[str, PlainValidator(_text_template), TemplateLanguage("text")]
"""Rendered by the text template engine when a message is sent. What is wrong with it does not refuse the file."""
HtmlTemplateText = Annotated[str, PlainValidator(_html_template), TemplateLanguage("html")]
"""Rendered by the escaping template engine when a message is sent. Checked as `TemplateText` is."""
FilePath = Annotated[str, PlainValidator(text_of), ReadableFile()]
"""As written; empty when not set. What it is relative to is the reader's matter (`config.md` 1.7)."""
Url = Annotated[str, PlainValidator(_url)]
"""An absolute http or https URL; empty when not set."""
ProxyUrl = Annotated[str, PlainValidator(_proxy_url)]
"""Any URL that parses, with or without a password; empty when not set."""
Bool = Annotated[bool, PlainValidator(_bool)]
Int = Annotated[int, PlainValidator(_int)]
Unsigned = Annotated[int, PlainValidator(_unsigned)]
Float = Annotated[float, PlainValidator(_float)]
PrometheusDuration = Annotated[int, PlainValidator(_prometheus_duration), PrintedAs(format_duration)]
"""Nanoseconds, written as ``1d`` or ``1h30m``."""
GoDuration = Annotated[int, PlainValidator(_go_duration), PrintedAs(format_go_duration)]
"""Nanoseconds, written as ``1.5h`` or as a bare number of nanoseconds; there are no days."""
GoDurationText = Annotated[int, PlainValidator(_go_duration_text), PrintedAs(format_go_duration)]
"""Nanoseconds, written as ``1.5h``; a bare number is refused."""


class _ListShape:
    """Takes a list of the document, and says Alertmanager's words about anything else."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        go_type = go_type_of(source)

        def check(value: object) -> object:
            if isinstance(value, Scalar | Mapping | str):
                hint = "write it as a list: [...]" if not isinstance(value, Mapping) else "put - before it"
                raise cannot(value, go_type, hint)
            return value

        return core_schema.no_info_before_validator_function(check, handler(source))


class _MapShape:
    """Takes a free map of the document: its keys are the user's."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        go_type = go_type_of(source)

        def check(value: object, info: core_schema.ValidationInfo) -> object:
            if isinstance(value, Mapping):
                entries = as_map(value, complain_to(info.context))
                return {name: entry.value for name, entry in entries.items()}
            if isinstance(value, Scalar | Sequence):
                raise cannot(value, go_type)
            return value

        return core_schema.with_info_before_validator_function(check, handler(source))


ListOf = Annotated[tuple[T, ...], _ListShape()]
"""A list; a single value is never taken for a list of one. ``ListOf[Text]``, ``ListOf[SlackField]``."""
MapOf = Annotated[dict[str, T], _MapShape()]
"""A map with the user's keys: ``MapOf[TemplateText]``."""


def go_type_of(annotation: Any) -> str:
    """The type as Go's error messages name it: ``[]string``, ``map[string]string``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        marked = [each.name for each in annotation.__metadata__ if isinstance(each, GoType)]
        return marked[0] if marked else go_type_of(annotation.__args__[0])
    if origin is tuple:
        return f"[]{go_type_of(annotation.__args__[0])}"
    if origin is dict:
        return f"map[string]{go_type_of(annotation.__args__[1])}"
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return f"*{annotation.type_name}"
    names: dict[object, str] = {bool: "bool", int: "int64", float: "float64", Any: "interface {}"}
    return names.get(annotation, "string")


def _structure(value: object, info: ValidationInfo) -> Any:
    return _plain(value, info.context, _templated)


def _untemplated_structure(value: object, info: ValidationInfo) -> Any:
    return _plain(value, info.context, lambda scalar, _: scalar.value)


def _templated(scalar: Scalar, decoding: Decoding | None) -> object:
    if isinstance(scalar.value, str):
        return note_template(scalar, scalar.value, decoding)
    return scalar.value


def _plain(
    value: object, decoding: Decoding | None, scalar_value: Callable[[Scalar, Decoding | None], object]
) -> Any:
    """A node as plain Python values. The keys of its maps are what YAML makes of them, booleans included."""
    match value:
        case Scalar():
            return scalar_value(value, decoding)
        case Sequence():
            return [_plain(item, decoding, scalar_value) for item in value]
        case Mapping():
            entries = as_map(value, complain_to(decoding))
            return {
                scalar_value(entry.key, decoding): _plain(entry.value, decoding, scalar_value)
                for entry in entries.values()
            }
        case _:
            return value


AnyStructure = Annotated[Any, PlainValidator(_structure)]
"""Anything YAML can say: a templated structure such as a webhook's ``payload`` (`config.md` 8.0)."""
AnyValue = Annotated[Any, PlainValidator(_untemplated_structure)]
"""Anything YAML can say, without templates."""
