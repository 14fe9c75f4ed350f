"""Reading posted alerts. Nearly all that is ever posted takes the fast way, without looking into the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Raw

from alertrouter.core.go_quote import quote
from alertrouter.core.time import parse_timestamp
from alertrouter.wire.errors import SchemaError
from alertrouter.wire.reading import Members, kind_of, read_json, read_labels
from alertrouter.wire.shared import share_texts
from alertrouter.wire.uri import is_uri

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.wire.shared import Names

_NONE = Raw(b"{}")
_NULL = Raw(b"null")


class RawAlert(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A posted alert whose labels and annotations are still the bytes that came.

    A client writes the same labels in the same bytes each time, so ``bytes(labels)`` can be the key under which
    they were read before; ``pairs_from_raw`` reads them. ``read_moment`` reads the times. What was not given is
    None, or ``{}`` for annotations.
    """

    labels: Raw = _NULL
    annotations: Raw = _NONE
    startsAt: str | None = None  # noqa: N815 - the names are those on the wire
    endsAt: str | None = None  # noqa: N815
    generatorURL: str | None = None  # noqa: N815


_alerts = msgspec.json.Decoder(list[RawAlert])
_label_set = msgspec.json.Decoder(dict[str, str])

# URLs that were found to be good; rules are few, and each posts the same one again and again.
_MOST_URLS = 10_000
_LONGEST_URL = 2_000
_good_urls: set[str | None] = {None, ""}


def decode_alerts(body: bytes) -> list[RawAlert]:
    """The alerts of a request body, checked against the schema but for the inside of labels and the times.

    Raises ``SchemaError`` when the whole request is to be refused.
    """
    try:
        alerts = _alerts.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _decode_patiently(body)
    for alert in alerts:
        if alert.generatorURL not in _good_urls and not _is_good(alert.generatorURL):
            return _decode_patiently(body)
        # Missing, or null: the patient way tells, and knows which complaint comes first.
        if alert.labels == _NULL:
            return _decode_patiently(body)
    return alerts


def pairs_from_raw(raw: bytes | Raw, member: str = "labels") -> tuple[dict[str, str], Names]:
    """The labels, or annotations, that these bytes stand for, in order, and what is known of them by their names.

    ``member`` is ``labels`` or ``annotations``. Raises ``SchemaError``.
    """
    try:
        pairs = _label_set.decode(raw)
    except (msgspec.MsgspecError, UnicodeError):
        value = read_json(memoryview(raw), "alerts")
        pairs = {} if value is None else read_labels(value, "alerts", _path(member))
    names = share_texts(pairs)
    return pairs if names.in_order else dict(sorted(pairs.items())), names


def read_moment(text: str | None) -> tuple[Moment | None, int]:
    """The moment and the zone's offset in seconds of a posted time; None when not given. Raises ``SchemaError``."""
    if text is None:
        return None, 0
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise SchemaError.unreadable("alerts", str(error)) from None


def _path(member: str) -> str:
    # Compat: the original's types are such that its complaints name only one of them.
    return "Alert.labels" if member == "labels" else ".annotations"


def _is_good(url: str | None) -> bool:
    if url and not is_uri(url):
        return False
    if url and len(url) <= _LONGEST_URL:
        if len(_good_urls) >= _MOST_URLS:
            _good_urls.clear()
            _good_urls.update((None, ""))
        _good_urls.add(url)
    return True


def _decode_patiently(body: bytes) -> list[RawAlert]:
    posted = read_json(body, "alerts")
    if posted is None:
        return []
    if not isinstance(posted, list):
        raise _wrong_type(posted, "models.PostableAlerts")
    read = [_read(each) for each in posted]
    # Compat: what cannot be read is complained of before anything that is missing.
    return [_checked(alert, place) for place, alert in enumerate(read)]


class _Posted(NamedTuple):
    members: Members
    labels: dict[str, str] | None
    annotations: dict[str, str] | None


def _read(posted: Any) -> _Posted:
    # A null among the alerts makes the original drop the connection; here it is an alert without labels.
    if posted is not None and not isinstance(posted, dict):
        raise _wrong_type(posted, "models.PostableAlert")
    members = Members(posted or {}, "alerts", "Alert")
    annotations = members.labels("annotations", where="")
    for name in ("endsAt", "startsAt"):
        members.moment(name)
    url = members.get("generatorURL")
    if url is not None and kind_of(url) != "string":
        raise _wrong_type(url, "string")
    return _Posted(members, members.labels("labels"), annotations)


def _checked(posted: _Posted, place: int) -> RawAlert:
    members, labels, annotations = posted
    url = members.text("generatorURL")
    if url and not is_uri(url):
        raise SchemaError(422, 601, f"{place}.generatorURL in body must be of type uri: {quote(url)}")
    if labels is None:
        raise SchemaError.required(f"{place}.labels")
    return RawAlert(
        labels=Raw(msgspec.json.encode(labels)),
        annotations=Raw(msgspec.json.encode(annotations or {})),
        startsAt=members.text("startsAt"),
        endsAt=members.text("endsAt"),
        generatorURL=url,
    )


def _wrong_type(value: object, wanted: str) -> SchemaError:
    return SchemaError.unreadable(
        "alerts", f"json: cannot unmarshal {kind_of(value)} into Go value of type {wanted}"
    )
