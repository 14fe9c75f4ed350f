"""What generated code asks of values: their fields, keys and methods, their elements, and whether they fit a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from alertrouter.gotemplate.faults import Fault
from alertrouter.gotemplate.nodes import Bool, Nil, Number, String
from alertrouter.gotemplate.printing import go_string
from alertrouter.gotemplate.values import EMPTY, NO_VALUE, kind_of, sorted_keys, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alertrouter.gotemplate.functions import Function, Kind
    from alertrouter.gotemplate.values import MissingKey


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


@lru_cache(maxsize=4096)
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
    return attrgetter(fields[name])


def _key_reader(cls: type, name: str, missing_key: MissingKey) -> Callable[[Any], object] | None:
    if not issubclass(cls, Mapping):
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


def bind_method(
    value: Any, name: str, count: int, piped: int, missing_key: MissingKey
) -> tuple[Any, Function]:
    """`.name` about to be called with so many arguments, and one more when there is a piped one."""
    methods: Mapping[str, Function] = getattr(type(value), "__go_methods__", EMPTY)
    if name not in methods:
        raise Fault(_not_callable(value, name, missing_key))
    method = methods[name]
    wanted = len(method.arguments)
    if method.variadic is None and count + piped != wanted:
        raise Fault(f"wrong number of args for {name}: want {wanted} got {count + piped}")
    if count + piped < wanted:
        raise Fault(f"wrong number of args for {name}: want at least {wanted} got {count}")
    return value, method


def call_method(bound: tuple[Any, Function], arguments: tuple[Any, ...], piped: tuple[Any, ...]) -> object:
    """Call a bound method. Constants arrive as their nodes, for the parameter decides what they mean."""
    value, method = bound
    kinds = parameter_kinds(method, len(arguments) + len(piped))
    values: list[object] = []
    for position, (argument, kind) in enumerate(zip(arguments, kinds, strict=False)):
        try:
            values.append(
                constant(argument.node, kind) if isinstance(argument, Constant) else converted(argument, kind)
            )
        except Fault as problem:
            raise Fault(str(problem), position) from None
    for argument in piped:
        try:
            values.append(converted_piped(argument, kinds[-1]))
        except Fault as problem:
            raise Fault(str(problem), len(arguments) - 1) from None
    return method.call(value, *values)


def parameter_kinds(function: Function, count: int) -> list[Kind]:
    """The kind of each of so many arguments, which are enough and not too many."""
    fixed, variadic = function.fixed_kinds, function.variadic_kind
    return [*fixed, *([variadic] * (count - len(fixed)) if variadic else [])]


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
