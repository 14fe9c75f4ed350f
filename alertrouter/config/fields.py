"""The field types of every configuration model, and the models' base.

Values come as the nodes of a YAML document (`alertrouter.config.node`), whose literal text and kind the
rules of `config.md` 1.3 need. Plain Python values are taken as well, so that code can make a model directly.

A key that is not set is falsy: ``""``, ``0``, an empty `Secret`. Compat: an explicit null is not the same as
leaving the key out; it gives the zero value of the type where leaving it out gives the field's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin

from pydantic import GetCoreSchemaHandler, PlainValidator, ValidationInfo
from pydantic_core import core_schema

from alertrouter.config.environment import expand
from alertrouter.config.merge import as_map
from alertrouter.config.model import ConfigModel, Decoding, complain_to
from alertrouter.config.node import Kind, Mapping, Scalar, Sequence, describe
from alertrouter.config.problem import ConfigProblem
from alertrouter.config.url import SECRET, check_proxy_url, check_secret_url, check_url
from alertrouter.core.duration import format_duration, format_go_duration, parse_duration, parse_go_duration

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "SECRET",
    "AnyStructure",
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


def _cannot(value: object, go_type: str, hint: str = "") -> ConfigProblem:
    return ConfigProblem(f"cannot unmarshal {describe(value)} into {go_type}", hint=hint)


def text_of(value: object) -> str:
    """Any scalar, as it was written: ``1.50`` stays ``1.50``; null is empty."""
    if type(value) is str:
        return value
    if isinstance(value, Scalar):
        return "" if value.is_null else value.text
    raise _cannot(value, "string")


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
    raise _cannot(value, "bool", hint or "write true or false")


def _whole_number(value: object, go_type: str, lowest: int, highest: int) -> int:
    found = value.value if isinstance(value, Scalar) else value
    if found is None and isinstance(value, Scalar):
        return 0
    if isinstance(found, float) and abs(found) < 2.0**63:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not lowest <= found <= highest:
        hint = "write it without quotes" if isinstance(value, Scalar) and value.text.isdecimal() else ""
        raise _cannot(value, go_type, hint)
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
    raise _cannot(value, "float64")


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
            raise _cannot(value, "time.Duration", "a duration such as 90s or 1h30m; no days here") from None
    raise _cannot(value, "time.Duration")


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


Text = Annotated[str, PlainValidator(text_of)]
TemplateText = Annotated[str, PlainValidator(text_of), TemplateLanguage("text")]
"""Rendered by the text template engine when a message is sent; not checked at load."""
HtmlTemplateText = Annotated[str, PlainValidator(text_of), TemplateLanguage("html")]
"""Rendered by the escaping template engine when a message is sent; not checked at load."""
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


class Secret:
    """Text that is never shown: wherever it is printed it reads ``<secret>``; `reveal` gives it.

    Empty, and false, when not set. In a file ``${NAME}`` stands for an environment variable.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return SECRET if self._text else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    @classmethod
    def check(cls, text: str) -> str:
        """The text as it is kept; ConfigProblem, which must not quote it, when it cannot be right."""
        return text

    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> Secret:
        if isinstance(value, Secret):
            return value
        try:
            text = text_of(value)
        except ConfigProblem:
            raise ConfigProblem("cannot unmarshal a list or a map into string") from None
        if isinstance(value, Scalar):
            if value.is_null:
                return cls()
            text = expand(text, info.context)
        elif not text:
            return cls()
        return cls(cls.check(text))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(cls._read)


class SecretTemplateText(Secret):
    """A secret that is rendered by the text template engine before use."""

    __slots__ = ()


class SecretUrl(Secret):
    """An absolute http or https URL with a secret in it. The literal ``<secret>`` passes, to read a print again."""

    __slots__ = ()

    @classmethod
    def check(cls, text: str) -> str:
        return check_secret_url(text)


class HostPort:
    """``host:port``; the port may be a service name and the host empty. False when not set."""

    __slots__ = ("host", "port")

    def __init__(self, host: str = "", port: str = "") -> None:
        self.host = host
        self.port = port

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """Read the text; ConfigProblem with Go's wording when it lacks a port or has too many colons."""
        if not text:
            return cls()
        host, port = _split_host_port(text)
        if not port:
            raise ConfigProblem(f'address "{text}": port cannot be empty', hint="write host:port")
        return cls(host, port)

    def __bool__(self) -> bool:
        return bool(self.host or self.port)

    def __str__(self) -> str:
        if not self:
            return ""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"HostPort({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostPort) and (self.host, self.port) == (other.host, other.port)

    def __hash__(self) -> int:
        return hash((self.host, self.port))

    @classmethod
    def _read(cls, value: object) -> HostPort:
        return value if isinstance(value, HostPort) else cls.parse(text_of(value))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read)


def _split_host_port(text: str) -> tuple[str, str]:
    # The rules and words of Go's net.SplitHostPort.
    def wrong(what: str) -> ConfigProblem:
        return ConfigProblem(f"address {text}: {what}", hint="write host:port")

    if (colon := text.rfind(":")) < 0:
        raise wrong("missing port in address")
    if text[0] == "[":
        end = text.find("]")
        if end < 0:
            raise wrong("missing ']' in address")
        if end + 1 == len(text):
            raise wrong("missing port in address")
        if end + 1 != colon:
            raise wrong("too many colons in address" if text[end + 1] == ":" else "missing port in address")
        host, inner, rest = text[1:end], text[1:], text[end + 1 :]
    else:
        host = text[:colon]
        if ":" in host:
            raise wrong("too many colons in address")
        inner, rest = text, text
    if "[" in inner:
        raise wrong("unexpected '[' in address")
    if "]" in rest:
        raise wrong("unexpected ']' in address")
    return host, text[colon + 1 :]


class _ListShape:
    """Takes a list of the document, and says Alertmanager's words about anything else."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        go_type = go_type_of(source)

        def check(value: object) -> object:
            if isinstance(value, Scalar | Mapping | str):
                hint = "write it as a list: [...]" if not isinstance(value, Mapping) else "put - before it"
                raise _cannot(value, go_type, hint)
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
                raise _cannot(value, go_type)
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
    return plain_structure(value, info.context)


def plain_structure(value: object, decoding: Decoding | None) -> Any:
    """A node as plain Python values. The keys of its maps are what YAML makes of them, booleans included."""
    complain = complain_to(decoding)
    match value:
        case Scalar():
            return value.value
        case Sequence():
            return [plain_structure(item, decoding) for item in value]
        case Mapping():
            entries = as_map(value, complain)
            return {entry.key.value: plain_structure(entry.value, decoding) for entry in entries.values()}
        case _:
            return value


AnyStructure = Annotated[Any, PlainValidator(_structure)]
"""Anything YAML can say: a templated structure such as a webhook's ``payload`` (`config.md` 8.0)."""
