"""Values that are more than a number or a text: secrets, and where a mail server listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from alertrouter.config.environment import expand
from alertrouter.config.node import Scalar, describe
from alertrouter.config.problem import ConfigProblem
from alertrouter.config.template_text import note_template
from alertrouter.config.url import SECRET, check_secret_url

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationInfo


def cannot(value: object, go_type: str, hint: str = "") -> ConfigProblem:
    """What is wrong with a value of another kind than the Go type."""
    return ConfigProblem(f"cannot unmarshal {describe(value)} into {go_type}", hint=hint)


def text_of(value: object) -> str:
    """Any scalar, as it was written: ``1.50`` stays ``1.50``; null is empty."""
    if type(value) is str:
        return value
    if isinstance(value, Scalar):
        return "" if value.is_null else value.text
    raise cannot(value, "string")


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
    def _found(cls, node: Scalar, text: str, info: ValidationInfo) -> str:
        """The text of a secret that stands in a file, as it is kept."""
        _ = node, info
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
            text = cls._found(value, expand(text, info.context), info)
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

    @classmethod
    def _found(cls, node: Scalar, text: str, info: ValidationInfo) -> str:
        return note_template(node, text, info.context, is_secret=True)


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
