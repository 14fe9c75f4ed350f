"""Functions and methods that templates may call, and the kinds of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from alertrouter.gotemplate.values import is_own_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a parameter.

    `name` is Go's name for it and appears in errors. `classes` are the Python classes whose instances fit; a
    subclass with a `__go_type__` of its own must be named to fit. `constant` says which constants of the template
    text fit: "any" (as they are), "string", "int", "float", "bool" or "" for none. A parameter that `takes_nil` gets
    None where the template has `nil` or no value.
    """

    name: str
    classes: tuple[type, ...] = ()
    constant: Literal["", "any", "string", "int", "float", "bool"] = ""
    takes_nil: bool = False

    def fits(self, value: object) -> bool:
        cls = type(value)
        if cls in self.classes:
            return True
        if cls is bool:  # a bool is an int for Python alone
            return object in self.classes
        return isinstance(value, self.classes) and (
            not is_own_type(cls) or any(is_own_type(known) or known is object for known in self.classes)
        )


ANY: Final = Kind("interface {}", (object,), "any", takes_nil=True)
STRING: Final = Kind("string", (str,), "string")
INT: Final = Kind("int", (int,), "int")
FLOAT: Final = Kind("float64", (float,), "float")
BOOL: Final = Kind("bool", (bool,), "bool")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {"any": ANY, "string": STRING, "int": INT, "float64": FLOAT, "bool": BOOL}
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or a method, that templates may call.

    `arguments` are the kinds of the fixed parameters, `variadic` the kind of any number of further ones; both
    take a `Kind` or its short name: "any", "string", "int", "float64", "bool". Count and kinds are checked by the
    engine, with Go's texts, before `call` runs; a piped value arrives as the last argument.

    `call` gets the arguments as they are (a method gets its receiver first) and returns one value of the data
    model. What it raises ends the render as `error calling NAME: TEXT`. With `pass_environment` the mapping given
    to `render` comes first; only functions can have it, methods cannot. A function whose result may be far longer
    than its arguments must bound it by itself.
    """

    name: str
    call: Callable[..., object]
    arguments: tuple[Kind | str, ...] = ()
    variadic: Kind | str | None = None
    pass_environment: bool = False

    @property
    def fixed_kinds(self) -> tuple[Kind, ...]:
        return tuple(to_kind(kind) for kind in self.arguments)

    @property
    def variadic_kind(self) -> Kind | None:
        return None if self.variadic is None else to_kind(self.variadic)


def to_kind(kind: Kind | str) -> Kind:
    """The kind behind a short name. Raises ValueError for one that does not exist."""
    if isinstance(kind, Kind):
        return kind
    try:
        return KINDS[kind]
    except KeyError:
        raise ValueError(f"there is no kind {kind!r}; known are {', '.join(KINDS)}") from None
