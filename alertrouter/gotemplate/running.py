"""One render: what it has printed, and what it has used of its limits."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate.faults import Fault, OverLimit
from alertrouter.gotemplate.utf8 import clean
from alertrouter.gotemplate.values import fields_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Work between two looks at the clock, in units of about one function call.
_FUEL: Final = 512
# Longer results of functions are measured.
LONG: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one render may use before it is stopped with a `LimitError`.

    `output_bytes` bounds the result, and every value made on the way to it; `loop_steps` all turns of all loops,
    `calls` all runs of named templates, `depth` how deep they may call each other, `seconds` the time.
    """

    output_bytes: int = 4 * 1024 * 1024
    loop_steps: int = 1_000_000
    calls: int = 200_000
    depth: int = 500
    seconds: float = 1.0


class Run:
    """The state of one render. Generated code holds one and nothing else that changes."""

    __slots__ = (
        "calls",
        "counted",
        "deadline",
        "depth",
        "environment",
        "fuel",
        "limits",
        "pieces",
        "size",
        "steps",
        "templates",
        "weights",
    )

    def __init__(self, templates: Mapping[str, Any], environment: Mapping[str, Any], limits: Limits) -> None:
        self.templates = templates
        self.environment = environment
        self.limits = limits
        self.pieces: list[str] = []
        self.counted = self.size = self.depth = 0
        self.steps = limits.loop_steps
        self.calls = limits.calls
        self.fuel = _FUEL
        self.deadline = 0.0
        self.weights: dict[int, tuple[object, int]] | None = None

    def text(self) -> str:
        """All that was printed."""
        if self.counted or len(self.pieces) > 64:
            self.check()
        text = "".join(self.pieces)
        most = self.limits.output_bytes
        # Only a text that might be too long is measured in bytes.
        if len(text) * 4 > most and (len(text) > most or len(text.encode(errors="replace")) > most):
            raise OverLimit(f"output is longer than {most} bytes")
        return clean(text)

    def tick(self, cost: int) -> None:
        """One turn of a loop whose body makes about so many calls."""
        self.steps -= 1
        self.fuel -= cost
        if self.fuel < 0 or self.steps < 0:
            self.check()

    def spend(self, cost: int) -> None:
        self.fuel -= cost
        if self.fuel < 0:
            self.check()

    def check(self) -> None:
        self.fuel = _FUEL
        limits = self.limits
        if self.steps < 0:
            raise OverLimit(f"more than {limits.loop_steps} loop steps")
        pieces = self.pieces
        self.size += sum(map(len, pieces[self.counted :]))
        self.counted = len(pieces)
        if self.size > limits.output_bytes:
            raise OverLimit(f"output is longer than {limits.output_bytes} bytes")
        now = perf_counter()  # a stopwatch, not the time of day
        if not self.deadline:
            self.deadline = now + limits.seconds
        elif now > self.deadline:
            raise OverLimit(f"took longer than {limits.seconds:g} seconds")

    def enter(self, name: str) -> Any:
        """The body of a named template, about to be run."""
        try:
            body = self.templates[name]
        except KeyError:
            raise Fault(f'template "{name}" not defined') from None
        self.depth += 1
        if self.depth > self.limits.depth:
            raise OverLimit(f"exceeded maximum template depth ({self.limits.depth})")
        self.calls -= 1
        if self.calls < 0:
            raise OverLimit(f"more than {self.limits.calls} template calls")
        self.fuel -= 8
        if self.fuel < 0:
            self.check()
        return body

    def result(self, value: Any) -> Any:
        """Measure what a function gave back: a template must not pile up what it can never print."""
        if isinstance(value, str):
            size = len(value)
            if size > LONG:
                if size > self.limits.output_bytes:
                    raise OverLimit(f"result is longer than {self.limits.output_bytes} bytes")
                self.spend(size >> 7)
        elif isinstance(value, (list, tuple, dict)):
            weights = self.weights = {} if self.weights is None else self.weights
            weight = _weight(value, weights)
            if weight > self.limits.output_bytes:
                raise OverLimit(f"result is larger than {self.limits.output_bytes} bytes")
            self.spend(len(value) >> 4)
        return value


def _weight(value: object, weights: dict[int, tuple[object, int]]) -> int:
    """About how long the value's text is. Containers are measured once a render; what they hold never changes."""
    if isinstance(value, str):
        return 1 + len(value)
    kind = kind_of(value)
    if kind not in ("slice", "map", "struct"):
        return 1
    known = weights.get(id(value))
    if known is not None:
        return known[1]
    # Against a loop in the data: until it is measured it counts as small.
    weights[id(value)] = (value, 1)
    held: Any = value
    if kind == "slice":
        weight = 2 + sum(_weight(element, weights) for element in held)
    elif kind == "map":
        weight = 2 + sum(_weight(key, weights) + _weight(held[key], weights) for key in held)
    else:
        weight = 2 + sum(_weight(field, weights) for _, field in fields_of(held))
    weights[id(value)] = (value, weight)
    return weight
