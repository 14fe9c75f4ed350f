"""The values of a series over time, in promtool's notation (`rules.md` 5.2).

    values = { item }        separated by blanks
    item   = number | "_" | "stale" | number "x" count | number ( "+" | "-" ) number "x" count | "_x" count

``a+bxn`` is a, a+b … a+n·b, and ``axn`` is n+1 times a, but ``_xn`` is n gaps.
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|inf|nan)"
_ITEM: Final = re.compile(
    rf"(?P<gap>_)(?:x(?P<gaps>[0-9]+))?|(?P<stale>stale)"
    rf"|(?P<first>{_NUMBER})(?:(?P<sign>[+-])(?P<step>{_NUMBER[len('[+-]?') :]}))?(?:x(?P<count>[0-9]+))?",
    re.IGNORECASE,
)
# A year of minutes; a typing error must not fill the memory.
_MOST: Final = 600_000


def parse_values(text: str, stale: float | None = None) -> list[float | None]:
    """The value at each step; None where there is none, and ``stale`` for the end of a series.

    ValueError says what is wrong.
    """
    found: list[float | None] = []
    for item in text.split():
        if item.startswith("{{"):
            raise ValueError("native histograms are not known here")
        match = _ITEM.fullmatch(item)
        if match is None or (match["step"] and not match["count"]):
            raise ValueError(f"'{item}' is no value: write numbers, _ , stale, 1x5 or 1+2x5")
        count = int(match["gaps"] or match["count"] or 0)
        if len(found) + count > _MOST:
            raise ValueError(f"more than {_MOST} values")
        if match["gap"]:
            found += [None] * (count if match["gaps"] else 1)
        elif match["stale"]:
            found.append(stale)
        else:
            first = float(match["first"])
            step = float(match["step"] or 0) * (-1 if match["sign"] == "-" else 1)
            found += [first + step * place for place in range(count + 1)]
    return found
