"""JSON as Go's encoding/json writes it: what `toJson` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from alertrouter.templating.data import Alert, Data, Pair
from alertrouter.templating.go_time import Time
from alertrouter.templating.zone import Location

# Only inside a JSON text can these stand, so they can be replaced in the encoded document.
_ESCAPES: Final = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
_JSON_NAMES: Final[Mapping[type, Mapping[str, str]]] = {
    Data: {
        "receiver": "receiver",
        "status": "status",
        "alerts": "alerts",
        "notification_reason": "notification_reason",
        "groupLabels": "group_labels",
        "commonLabels": "common_labels",
        "commonAnnotations": "common_annotations",
        "routeLabels": "route_labels",
        "externalURL": "external_url",
    },
    Alert: {
        "status": "status",
        "labels": "labels",
        "annotations": "annotations",
        "startsAt": "starts_at",
        "endsAt": "ends_at",
        "generatorURL": "generator_url",
        "fingerprint": "fingerprint",
    },
    Pair: {"Name": "name", "Value": "value"},
    Location: {},
}


def to_json(value: object) -> str:
    """Compact JSON of any template value; the members of maps sorted by name."""
    return _escaped(msgspec.json.encode(_plain(value))).decode()


def _escaped(document: bytes) -> bytes:
    for character, escape in _ESCAPES:
        if character in document:
            document = document.replace(character, escape)
    return document


def _plain(value: object) -> Any:  # noqa: PLR0911 - one line a type
    match value:
        case None | bool():
            return value
        case str():
            return text_of(value)
        case float():
            return _go_float(value)
        case int():
            return int(value)
        case Time():
            return value.rfc3339()
        case Mapping():
            return {text_of(name): _plain(value[name]) for name in sorted(value)}
        case list() | tuple():
            return [_plain(element) for element in value]
        case _:
            for kind, names in _JSON_NAMES.items():
                if isinstance(value, kind):
                    return {name: _plain(getattr(value, attribute)) for name, attribute in names.items()}
            raise ValueError(f"json: unsupported type: {getattr(type(value), '__go_type__', 'func()')}")


def text_of(text: str) -> str:
    """The text as a plain str that can be encoded: half a surrogate pair becomes U+FFFD."""
    if text.isascii():
        return str(text)
    return (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if _has_surrogate(text)
        else str(text)
    )


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _go_float(value: float) -> msgspec.Raw:
    """Shortest digits; an exponent below 1e-6 and from 1e21; no ``.0`` behind a whole number."""
    if math.isnan(value) or math.isinf(value):
        name = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
        raise ValueError(f"json: unsupported value: {name}")
    return msgspec.Raw(_float_text(value).encode())


def _float_text(value: float) -> str:
    shortest = repr(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        if "e" in shortest:
            shortest = f"{Decimal(shortest):f}"
        return shortest.removesuffix(".0")
    mantissa, _, exponent = shortest.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
