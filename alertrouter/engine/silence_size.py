"""How large a silence is in the form in which Alertmanager stores it, for the limit on its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.matcher import MatchType
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alertrouter.core.matcher import Matcher
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Duration, Moment


def silence_size(silence: Silence, retention: Duration) -> int:
    """Bytes of the protobuf message (`api-and-cli.md` 8.5): the silence with its expiry.

    Compat: the copy of the first matcher set, which only the file has, does not count.
    """
    sets = [[_matcher(matcher) for matcher in matchers] for matchers in silence.matcher_sets]
    body = (
        _text(silence.id)
        + _field(_timestamp(silence.starts_at))
        + _field(_timestamp(silence.ends_at))
        + _field(_timestamp(silence.updated_at))
        + _text(silence.created_by)
        + _text(silence.comment)
        + sum(_field(_entry(name) + _entry(value)) for name, value in silence.annotations.items())
        + sum(_field(_total(_field(size) for size in sizes)) for sizes in sets)
    )
    return _field(body) + _field(_timestamp(silence.ends_at + retention))


def _matcher(matcher: Matcher) -> int:
    kind = 0 if matcher.type is MatchType.EQUAL else 2
    return kind + _text(matcher.name) + _text(matcher.value)


def _timestamp(moment: Moment) -> int:
    seconds, nanoseconds = divmod(moment, SECOND)
    return sum(1 + _varint(part) for part in (seconds, nanoseconds) if part)


def _text(text: str) -> int:
    return _field(len(text.encode("utf-8", "surrogatepass"))) if text else 0


def _entry(text: str) -> int:
    # Names and values of a map are written even when they are empty.
    return _text(text) or 2


def _field(size: int) -> int:
    return 1 + _varint(size) + size


def _varint(value: int) -> int:
    return max(1, -(-(value & ((1 << 64) - 1)).bit_length() // 7))


def _total(sizes: Iterable[int]) -> int:
    return sum(sizes)
