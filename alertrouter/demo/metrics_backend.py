"""A metrics server of a few series, for the demo: it answers the few queries that the demo's rules ask.

query      = selector [ comparison number ]
selector   = name [ "{" label ( "=" | "!=" ) string { "," … } "}" ]
comparison = "==" | "!=" | ">" | "<" | ">=" | "<="
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import msgspec

from alertrouter.core.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERY: Final = re.compile(
    r"\s*(?P<name>[a-zA-Z_:][\w:]*)\s*(?:\{(?P<matchers>[^{}]*)\})?"
    r"\s*(?:(?P<comparison>==|!=|>=|<=|>|<)\s*(?P<number>[-+]?[\d.]+(?:e[-+]?\d+)?))?\s*"
)
_MATCHER: Final = re.compile(r'\s*(\w+)\s*(=|!=)\s*"([^"\\]*)"\s*(?:,|$)')
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


class MetricsBackend:
    """Series with the values they have now. ``queries`` counts what was asked."""

    def __init__(self) -> None:
        self.queries = 0
        self._values: dict[Labels, float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """From now on this series has this value."""
        self._values[Labels({"__name__": name, **labels})] = value

    def remove(self, name: str, **labels: str) -> None:
        """This series is there no more."""
        self._values.pop(Labels({"__name__": name, **labels}), None)

    def answer(self, form: str) -> tuple[int, bytes]:
        """The status and body that answer an instant query, of which this is the form."""
        self.queries += 1
        fields = parse_qs(form)
        query, moment = (fields.get(name, [""])[0] for name in ("query", "time"))
        try:
            found = self.select(query)
        except ValueError as error:
            return 400, msgspec.json.encode({"status": "error", "errorType": "bad_data", "error": str(error)})
        result = [{"metric": labels, "value": (float(moment or 0), f"{value:g}")} for labels, value in found]
        return 200, msgspec.json.encode(
            {"status": "success", "data": {"resultType": "vector", "result": result}}
        )

    def select(self, query: str) -> list[tuple[Labels, float]]:
        """The series that a query finds. ValueError when it is more than is understood here."""
        parsed = _QUERY.fullmatch(query)
        if parsed is None:
            raise ValueError(f"parse error: this backend knows no query like {query!r}")
        wanted = _matchers(parsed["matchers"] or "")
        compare = _COMPARISONS[parsed["comparison"]] if parsed["comparison"] else None
        number = float(parsed["number"]) if compare else 0.0
        return [
            (labels, value)
            for labels, value in sorted(self._values.items(), key=lambda each: tuple(each[0].items()))
            if labels["__name__"] == parsed["name"]
            and all((labels.get(name, "") == text) is equal for name, equal, text in wanted)
            and (compare is None or compare(value, number))
        ]


def _matchers(text: str) -> list[tuple[str, bool, str]]:
    found = []
    at = 0
    while at < len(text.rstrip()):
        matcher = _MATCHER.match(text, at)
        if matcher is None:
            raise ValueError(f"parse error: this backend knows no matchers like {text!r}")
        found.append((matcher[1], matcher[2] == "=", matcher[3]))
        at = matcher.end()
    return found
