"""JSON read the way Go reads it: patiently, with its words for what is wrong.

The fast way to read alerts is in ``posted_alert``; this is for everything else, and for whatever the fast way
does not take.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from alertrouter.core.go_quote import quote
from alertrouter.core.time import parse_timestamp
from alertrouter.wire.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment

_SPACE = " \t\n\r"
_SURROGATE = re.compile("[\ud800-\udfff]")

# Python's complaints and Go's words for them; a complaint not listed here is about a value.
_WORDING = {
    "Expecting property name": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after array element or object value",
    "Invalid control character": "in string",
    "Invalid \\": "in string escape code",
}


class Number(str):
    """A JSON number, unread: nothing that clients post contains one."""

    __slots__ = ()


class _NoNumberError(ValueError):
    pass


def _one_mark_a_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


# Compat: Go puts one replacement character for each byte that is not UTF-8, Python one for several.
codecs.register_error("alertrouter.replace", _one_mark_a_byte)


def _no_number(word: str) -> NoReturn:
    raise _NoNumberError(word.lstrip("-")[0])


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_number)


def read_json(body: bytes | memoryview, what: str) -> object:
    """The first JSON value of a body; what comes after it is ignored. Of keys given twice the last counts.

    ``what`` is ``alerts`` or ``silence``. Numbers are left as they are written. Bytes that are not UTF-8 become
    U+FFFD. Raises ``SchemaError``.
    """
    text = str(body, "utf-8", "alertrouter.replace").lstrip(_SPACE)
    if not text:
        raise SchemaError.required(what)
    try:
        return _DECODER.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        raise SchemaError.unreadable(what, _complaint(error, text)) from None
    except _NoNumberError as error:
        raise SchemaError.unreadable(
            what, f"invalid character '{error}' looking for beginning of value"
        ) from None
    except RecursionError:
        raise SchemaError.unreadable(what, "exceeded max depth") from None


def _complaint(error: json.JSONDecodeError, text: str) -> str:
    rest = text[error.pos :]
    if not error.msg.startswith("Invalid"):
        rest = rest.lstrip(_SPACE)
    if not rest or error.msg.startswith("Unterminated string") or _is_begun_literal(rest):
        return "unexpected EOF"
    found = next((go for python, go in _WORDING.items() if error.msg.startswith(python)), None)
    return f"invalid character '{quote(rest[0])[1:-1]}' {found or 'looking for beginning of value'}"


def _is_begun_literal(rest: str) -> bool:
    return any(word.startswith(rest) for word in ("true", "false", "null", "-"))


def kind_of(value: object) -> str:
    """Go's name of the kind of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case Number():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def clean(text: str) -> str:
    """A string without the halves of surrogate pairs that escapes can leave; each becomes U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


class Members:
    """The members of an object, read by their names, in which capitals do not matter (as Go has it)."""

    def __init__(self, members: Mapping[str, Any], what: str, where: str) -> None:
        self._members = {name.casefold(): value for name, value in members.items()}
        self._what = what
        self._where = where

    def get(self, name: str) -> Any:
        """The value as it is; None when missing."""
        return self._members.get(name.casefold())

    def text(self, name: str) -> str | None:
        """A string; None when missing or null."""
        value = self.get(name)
        if value is None:
            return None
        if kind_of(value) != "string":
            raise self.wrong_type(value, name, "string")
        return clean(value)

    def boolean(self, name: str) -> bool | None:
        """A boolean; None when missing or null."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong_type(value, name, "bool")
        return value

    def labels(self, name: str, where: str | None = None) -> dict[str, str] | None:
        """A label set; None when missing or null. ``where`` is what a complaint calls the object."""
        value = self.get(name)
        if value is None:
            return None
        path = f"{self._where if where is None else where}.{name}"
        return read_labels(value, self._what, path)

    def moment(self, name: str) -> tuple[Moment | None, int] | None:
        """A timestamp, as ``parse_timestamp`` has it; None when missing or null."""
        value = self.get(name)
        if value is None:
            return None
        if kind_of(value) != "string":
            raise SchemaError.unreadable(
                self._what, f"json: cannot unmarshal {kind_of(value)} into Go value of type string"
            )
        try:
            return parse_timestamp(value)
        except ValueError as error:
            raise SchemaError.unreadable(self._what, str(error)) from None

    def wrong_type(self, value: object, name: str, wanted: str) -> SchemaError:
        """The complaint about a member of another type."""
        return SchemaError.unreadable(
            self._what,
            f"json: cannot unmarshal {kind_of(value)} into Go struct field {self._where}.{name} of type {wanted}",
        )


def read_labels(value: object, what: str, path: str) -> dict[str, str]:
    """A label set: strings by name, null counting as empty."""
    if not isinstance(value, dict):
        raise SchemaError.unreadable(
            what,
            f"json: cannot unmarshal {kind_of(value)} into Go struct field {path} of type models.LabelSet",
        )
    labels = {}
    for name, text in value.items():
        if text is not None and kind_of(text) != "string":
            raise SchemaError.unreadable(
                what,
                f"json: cannot unmarshal {kind_of(text)} into Go struct field {path}.{name} of type string",
            )
        labels[clean(name)] = clean(text or "")
    return labels
