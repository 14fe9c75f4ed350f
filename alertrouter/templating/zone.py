"""Where a template shows a time: zones by name, fixed offsets, and the zone of this process."""

from __future__ import annotations

import time as process_time
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final
from zoneinfo import ZoneInfo

from alertrouter.gotemplate import Function

if TYPE_CHECKING:
    from collections.abc import Mapping


class Location:
    """Where a time is shown: a zone with its name, or a fixed offset, for which the name may be empty."""

    __slots__ = ("name",)
    __go_type__ = "*time.Location"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def __init__(self, name: str) -> None:
        self.name = name

    def zone_at(self, second: int, /) -> tuple[int, str, bool]:
        """Offset in seconds, abbreviation, and whether it is daylight saving time, at a Unix second."""
        raise NotImplementedError

    def __go_string__(self) -> str:
        return self.name

    __str__ = __go_string__


class FixedZone(Location):
    """The same offset at all times."""

    __slots__ = ("offset",)

    def __init__(self, name: str, offset: int) -> None:
        super().__init__(name)
        self.offset = offset

    def zone_at(self, _: int, /) -> tuple[int, str, bool]:
        return self.offset, self.name, False


class NamedZone(Location):
    """A zone of the time zone database."""

    __slots__ = ("_zone",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._zone = ZoneInfo(name)

    def zone_at(self, second: int, /) -> tuple[int, str, bool]:
        # The database knows no rule for the years a datetime cannot hold; the nearest it can hold will do.
        day = timedelta(days=1)
        earliest, latest = (
            datetime.min.replace(tzinfo=UTC_ZONE) + day,
            datetime.max.replace(tzinfo=UTC_ZONE) - day,
        )
        epoch = datetime.fromtimestamp(0, UTC_ZONE)
        within = min(
            max(second, (earliest - epoch) // timedelta(seconds=1)), (latest - epoch) // timedelta(seconds=1)
        )
        there = (epoch + timedelta(seconds=within)).astimezone(self._zone)
        offset = there.utcoffset() or timedelta(0)
        return offset // timedelta(seconds=1), there.tzname() or "", bool(there.dst())


class LocalZone(Location):
    """The zone of this process, by its environment."""

    __slots__ = ()

    def zone_at(self, second: int, /) -> tuple[int, str, bool]:
        there = process_time.localtime(second)
        return there.tm_gmtoff, there.tm_zone, there.tm_isdst > 0


UTC: Final = FixedZone("UTC", 0)
LOCAL: Final = LocalZone("Local")


@lru_cache(maxsize=512)
def location(name: str) -> Location:
    """The place with this name; ValueError with Go's message when there is none."""
    if name in {"", "UTC"}:
        return UTC
    if name == "Local":
        return LOCAL
    if ".." in name or name[0] in "/\\" or "\0" in name:
        raise ValueError("time: invalid location name")
    try:
        return NamedZone(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"unknown time zone {name}") from None


Location.__go_methods__ = {"String": Function("String", Location.__go_string__)}
