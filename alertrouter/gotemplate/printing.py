"""Go's default texts for values: what fmt.Sprint and the verb %v write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.gotemplate.faults import OverLimit
from alertrouter.gotemplate.floats import float_string, format_float
from alertrouter.gotemplate.values import NO_VALUE, fields_of, kind_of, sorted_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MOST: Final = 64 * 1024 * 1024


def go_string(value: object) -> str:
    """What `{{ value }}` prints, with `<nil>` for None and no value (Go's %v)."""
    cls = type(value)
    if cls is str:
        return value  # type: ignore[return-value]  # cls is str
    simple = _SIMPLE.get(cls)
    if simple is not None:
        return simple(value)
    own = getattr(cls, "__go_string__", None)
    return own(value) if own is not None else plain_string(value)


def plain_string(value: object) -> str:  # noqa: PLR0911  # one line for each kind
    """The text of a value by its kind alone, without its `__go_string__`."""
    match kind_of(value):
        case "nil":
            return "<nil>"
        case "bool":
            return "true" if value else "false"
        case "int":
            return int.__repr__(value)
        case "float":
            return float_string(float(value))  # type: ignore[arg-type]
        case "complex":
            return complex_string(complex(value))  # type: ignore[call-overload]
        case "string":
            return str.__str__(value)
        case "slice":
            return "[" + " ".join(map(go_string, value)) + "]"  # type: ignore[call-overload]
        case "map":
            return (
                "map["
                + " ".join(f"{go_string(key)}:{go_string(value[key])}" for key in sorted_keys(value))  # type: ignore[index, arg-type]
                + "]"
            )
        case _:
            return "{" + " ".join(go_string(field) for _, field in fields_of(value)) + "}"


def complex_string(value: complex, verb: str = "g", precision: int = -1) -> str:
    imaginary = format_float(value.imag, verb, precision)
    return f"({format_float(value.real, verb, precision)}{'' if imaginary[0] in '+-' else '+'}{imaginary}i)"


def sprint(values: Iterable[object]) -> str:
    """Go's fmt.Sprint: a space only between two operands of which neither is a string."""
    pieces: list[str] = []
    after_other = False
    for value in values:
        # Compat: Go asks for the kind, so its safe-text types count as strings too.
        is_other = value is None or value is NO_VALUE or kind_of(value) != "string"
        if after_other and is_other:
            pieces.append(" ")
        pieces.append(go_string(value))
        after_other = is_other
    return joined(pieces)


def joined(pieces: Sequence[str]) -> str:
    """The pieces as one text, refused before it is made when it would be absurdly long."""
    if sum(map(len, pieces)) > MOST:
        raise OverLimit(f"text is longer than {MOST} characters")
    return "".join(pieces)


def sprintln(values: Iterable[object]) -> str:
    """Go's fmt.Sprintln: a space between all operands and a newline."""
    pieces = [piece for value in values for piece in (" ", go_string(value))]
    return joined([*pieces[1:], "\n"])


def _nil(_: object) -> str:
    return "<nil>"


_SIMPLE: dict[type, Callable[..., str]] = {
    int: int.__repr__,
    float: float_string,
    bool: lambda value: "true" if value else "false",
    type(None): _nil,
    type(NO_VALUE): _nil,
    list: plain_string,
    dict: plain_string,
}
