"""One render: what it has used of its limits, and what the generated code asks of values."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate.faults import CallError, Fault, OverLimit
from alertrouter.gotemplate.functions import Function, Kind
from alertrouter.gotemplate.printing import go_string
from alertrouter.gotemplate.utf8 import clean
from alertrouter.gotemplate.values import EMPTY, NO_VALUE, fields_of, kind_of, sorted_keys, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.gotemplate.nodes import Number, String
    from alertrouter.gotemplate.values import MissingKey

# Work between two looks at the clock, in units of about one function call.
_FUEL: Final = 512
LONG: Final = 4096

Body = "Callable[[Run, Callable[[str], object], object], None]"


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
    seconds: float = 2.0


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
    if kind == "slice":
        weight = 2 + sum(_weight(element, weights) for element in value)  # type: ignore[attr-defined]
    elif kind == "map":
        weight = 2 + sum(_weight(key, weights) + _weight(value[key], weights) for key in value)  # type: ignore[attr-defined, index]
    else:
        weight = 2 + sum(_weight(field, weights) for _, field in fields_of(value))
    weights[id(value)] = (value, weight)
    return weight


# What generated code asks of values


def fault(message: str, *_: object) -> Any:
    """Fail. Further arguments are what Go would have evaluated before it noticed."""
    raise Fault(message)


def printed(value: object) -> str:
    """The text of an action's value."""
    return "<no value>" if value is None or value is NO_VALUE else go_string(value)


def converted(value: object, kind: Kind) -> object:
    """An argument for a parameter of this kind."""
    if kind.fits(value) and value is not NO_VALUE:
        return value
    if value is NO_VALUE:
        if kind.takes_nil:
            return None
        raise Fault(f"invalid value; expected {kind.name}")
    raise Fault(f"wrong type for value; expected {kind.name}; got {type_name(value)}")


def converted_piped(value: object, kind: Kind) -> object:
    """The same for a piped value: at the end of a pipeline nil has become no value."""
    return converted(NO_VALUE if value is None else value, kind)


def elements(value: Any) -> Sequence[object]:
    """What `range` walks through, without keys."""
    match kind_of(value):
        case "slice":
            return value  # type: ignore[no-any-return]  # the kind says so
        case "map":
            return [value[key] for key in sorted_keys(value)]
        case "int":
            return range(value)
        case "nil":
            return ()
        case _:
            raise Fault(f"range can't iterate over {go_string(value)}")


def pairs(value: Any) -> Sequence[tuple[object, object]]:
    """What `range $i, $e :=` walks through."""
    match kind_of(value):
        case "slice":
            return list(enumerate(value))
        case "map":
            return [(key, value[key]) for key in sorted_keys(value)]
        case "int":
            raise Fault(f"can't use {go_string(value)} to iterate over more than one variable")
        case "nil":
            return ()
        case _:
            raise Fault(f"range can't iterate over {go_string(value)}")


Getter = "Callable[[object], object]"


def make_getter(name: str, missing_key: MissingKey) -> Callable[[Any], object]:
    """How `.name` is read from any value: a method without arguments, a field, or a key."""
    readers: dict[type, Callable[[Any], object]] = {}

    def get(value: Any) -> object:
        try:
            reader = readers[type(value)]
        except KeyError:
            reader = readers[type(value)] = _reader(type(value), name, missing_key)
        return reader(value)

    return get


def _reader(cls: type, name: str, missing_key: MissingKey) -> Callable[[Any], object]:
    methods: Mapping[str, Function] = getattr(cls, "__go_methods__", EMPTY)
    if name in methods:
        method = methods[name]
        if method.arguments:
            return _failing(
                f"wrong number of args for {name}: want {'at least ' if method.variadic else ''}"
                f"{len(method.arguments)} got 0"
            )
        return method.call
    return (
        _field_reader(cls, name) or _key_reader(cls, name, missing_key) or _no_field(cls, name, missing_key)
    )


def _field_reader(cls: type, name: str) -> Callable[[Any], object] | None:
    fields: Mapping[str, str] = getattr(cls, "__go_fields__", EMPTY)
    if name not in fields:
        return None
    # The attribute's name is the class's own, never the template's.
    from operator import attrgetter

    return attrgetter(fields[name])


def _key_reader(cls: type, name: str, missing_key: MissingKey) -> Callable[[Any], object] | None:
    from collections.abc import Mapping as AnyMapping

    if not issubclass(cls, AnyMapping):
        return None
    zero = getattr(cls, "__go_missing__", None)
    if missing_key == "zero":
        return lambda mapping: mapping.get(name, zero)
    if missing_key == "default":
        return lambda mapping: mapping.get(name, NO_VALUE)

    def strict(mapping: Any) -> object:
        try:
            return mapping[name]
        except KeyError:
            raise Fault(f'map has no entry for key "{name}"') from None

    return strict


def _no_field(cls: type, name: str, missing_key: MissingKey) -> Callable[[Any], object]:
    if cls is type(NO_VALUE):
        if missing_key == "error":
            return _failing(f'nil data; no entry for key "{name}"')
        return lambda _: NO_VALUE
    if cls is type(None):
        return _failing(f"nil pointer evaluating interface {{}}.{name}")

    def complain(value: object) -> object:
        raise Fault(f"can't evaluate field {name} in type {type_name(value)}")

    return complain


def _failing(message: str) -> Callable[[Any], object]:
    def complain(_: object) -> object:
        raise Fault(message)

    return complain


def call_method(
    value: Any, name: str, arguments: tuple[Any, ...], piped: tuple[Any, ...], missing_key: MissingKey
) -> object:
    """`.name` with arguments. Constants arrive as their nodes, for the parameter decides what they mean."""
    methods: Mapping[str, Function] = getattr(type(value), "__go_methods__", EMPTY)
    if name not in methods:
        raise Fault(_not_callable(value, name, missing_key))
    method = methods[name]
    fixed, variadic = method.fixed_kinds, method.variadic_kind
    count = len(arguments) + len(piped)
    if variadic is None and count != len(fixed):
        raise Fault(f"wrong number of args for {name}: want {len(fixed)} got {count}")
    if count < len(fixed):
        raise Fault(f"wrong number of args for {name}: want at least {len(fixed)} got {len(arguments)}")
    values: list[object] = []
    for position, argument in enumerate(arguments):
        kind = fixed[position] if position < len(fixed) else variadic
        assert kind is not None  # the count was checked
        try:
            values.append(
                constant(argument.node, kind) if isinstance(argument, Constant) else converted(argument, kind)
            )
        except Fault as problem:
            raise Fault(str(problem), position) from None
    for argument in piped:
        kind = fixed[-1] if len(arguments) < len(fixed) else variadic
        assert kind is not None
        try:
            values.append(converted_piped(argument, kind))
        except Fault as problem:
            raise Fault(str(problem), len(arguments) - 1) from None
    return method.call(value, *values)


def _not_callable(value: object, name: str, missing_key: MissingKey) -> str:
    cls = type(value)
    if _field_reader(cls, name) is not None:
        return f"{name} has arguments but cannot be invoked as function"
    if _key_reader(cls, name, missing_key) is not None:
        return f"{name} is not a method but has arguments"
    _no_field(cls, name, missing_key)(value)
    return f"{name} is not a method but has arguments"


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the template text, as an argument of a method that is known only when it runs."""

    node: Any


def constant(node: Any, kind: Kind) -> object:
    """The value a constant has for a parameter of this kind. Raises Fault when it cannot be one."""
    from alertrouter.gotemplate.nodes import Bool, Nil, Number, String

    if isinstance(node, Nil):
        if kind.takes_nil:
            return None
        raise Fault(f"cannot assign nil to {kind.name}")
    match kind.constant:
        case "any":
            return ideal(node)
        case "string" if isinstance(node, String):
            return node.value
        case "bool" if isinstance(node, Bool):
            return node.value
        case "int" if isinstance(node, Number) and node.integer is not None:
            return node.integer
        case "float" if isinstance(node, Number) and node.real is not None:
            return node.real
        case "":
            raise Fault(f"can't handle {node} for arg of type {kind.name}")
        case wanted:
            raise Fault(f"expected {'integer' if wanted == 'int' else wanted}; found {node}")


def ideal(node: Any) -> object:
    """The value of a constant where nothing asks for a type."""
    from alertrouter.gotemplate.nodes import Number

    return ideal_number(node) if isinstance(node, Number) else node.value


def ideal_number(number: Number) -> object:
    if number.imaginary is not None:
        return number.imaginary
    text = number.text
    looks_real = text[0] != "'" and any(c in text for c in ".eEpP")
    if looks_real and not (text.lstrip("+-")[:2].lower() == "0x" and "p" not in text.lower()):
        return number.real
    if number.integer is not None:
        return number.integer
    raise Fault(f"{text} overflows int")


__all__ = [
    "LONG",
    "CallError",
    "Constant",
    "Limits",
    "Run",
    "call_method",
    "constant",
    "converted",
    "converted_piped",
    "elements",
    "fault",
    "ideal",
    "make_getter",
    "pairs",
    "printed",
]
