"""Writes Alertmanager's files for the tests, after the format's description: our own pen, not the reader turned round."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from alertrouter.core.labels import Labels
from alertrouter.core.time import HOUR, SECOND, Moment

#: When the records of these tests expire unless they say otherwise.
LATER: Moment = 1_000_000 * SECOND


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def number_field(number: int, value: int) -> bytes:
    """A varint under a field number."""
    return varint(number << 3) + varint(value)


def bytes_field(number: int, value: bytes | str) -> bytes:
    """A text, or a message that is written already."""
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def timestamp(moment: Moment) -> bytes:
    """A google.protobuf.Timestamp."""
    return number_field(1, moment // SECOND) + number_field(2, moment % SECOND)


def file(*records: bytes) -> bytes:
    """Records, each behind its length."""
    return b"".join(varint(len(record)) + record for record in records)


def matcher(kind: int, name: str, pattern: str) -> bytes:
    """0 is ``=``, 1 ``=~``, 2 ``!=``, 3 ``!~``."""
    return number_field(1, kind) + bytes_field(2, name) + bytes_field(3, pattern)


def silence(
    silence_id: str = "s1",
    matchers: Iterable[bytes] = (matcher(0, "alertname", "test"),),
    *,
    sets: Iterable[Iterable[bytes]] = (),
    starts_at: Moment = 0,
    ends_at: Moment = HOUR,
    expires_at: Moment = LATER,
    more: bytes = b"",
) -> bytes:
    """A MeshSilence; ``more`` are further fields of its silence, such as who and why."""
    inner = bytes_field(1, silence_id)
    inner += b"".join(bytes_field(2, each) for each in matchers)
    inner += bytes_field(3, timestamp(starts_at)) + bytes_field(4, timestamp(ends_at))
    inner += bytes_field(5, timestamp(starts_at))
    inner += b"".join(bytes_field(11, b"".join(bytes_field(1, each) for each in one)) for one in sets)
    return bytes_field(1, inner + more) + bytes_field(2, timestamp(expires_at))


def logged(
    group_key: str,
    *,
    receiver: str = "hook",
    integration: str = "webhook",
    index: int = 0,
    firing: Iterable[Labels | int] = (),
    resolved: Iterable[Labels | int] = (),
    sent_at: Moment = 0,
    expires_at: Moment = LATER,
    receiver_data: Mapping[str, str | int | float] | None = None,
    packed: bool = True,
    more: bytes = b"",
) -> bytes:
    """A MeshEntry; ``more`` are further fields of its entry."""
    told = bytes_field(1, receiver) + bytes_field(2, integration) + number_field(3, index)
    inner = bytes_field(1, group_key) + bytes_field(2, told) + bytes_field(5, timestamp(sent_at))
    inner += members(6, firing, packed=packed) + members(7, resolved, packed=packed)
    for name, value in (receiver_data or {}).items():
        inner += bytes_field(8, bytes_field(1, name) + bytes_field(2, _datum(value)))
    return bytes_field(1, inner + more) + bytes_field(2, timestamp(expires_at))


def members(number: int, alerts: Iterable[Labels | int], *, packed: bool = True) -> bytes:
    """Hashes of alerts under a field number."""
    hashes = [each.identity if isinstance(each, Labels) else each for each in alerts]
    if not packed:
        return b"".join(number_field(number, each) for each in hashes)
    return bytes_field(number, b"".join(map(varint, hashes))) if hashes else b""


def _datum(value: str | float) -> bytes:
    match value:
        case str():
            return bytes_field(1, value)
        case int():
            return number_field(2, value)
        case _:
            return varint(3 << 3 | 1) + struct.pack("<d", value)
