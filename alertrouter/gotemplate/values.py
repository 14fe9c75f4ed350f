"""The values a template sees, and how their Python classes are read.

Nothing here looks at a Python attribute by a name a template chose: a class says which of its attributes are
fields (`__go_fields__`), which methods may be called (`__go_methods__`), and nothing else can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

MissingKey = Literal["default", "zero", "error"]


class Marked(str):
    """A text whose author vouches for it in one HTML context; elsewhere it is escaped like any other."""

    __slots__ = ()
    __go_type__ = "template.Marked"


class HTML(Marked):
    """A safe HTML fragment: copied as it is in element text, stripped of tags inside attributes."""

    __slots__ = ()
    __go_type__ = "template.HTML"


class HTMLAttr(Marked):
    """A safe attribute such as ` dir="ltr"`."""

    __slots__ = ()
    __go_type__ = "template.HTMLAttr"


class URL(Marked):
    """A safe URL: any scheme passes, characters are still normalised."""

    __slots__ = ()
    __go_type__ = "template.URL"


class JS(Marked):
    """A safe JavaScript expression."""

    __slots__ = ()
    __go_type__ = "template.JS"


class CSS(Marked):
    """Safe CSS: a declaration, a rule or a value."""

    __slots__ = ()
    __go_type__ = "template.CSS"


class NoValue:
    """Go's invalid value: what a `template` call without argument sees as its dot. Prints `<no value>`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE: Final = NoValue()
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one render may use before it is stopped with a `LimitError`."""

    output_bytes: int = 4 * 1024 * 1024
    loop_steps: int = 1_000_000
    calls: int = 200_000
    depth: int = 500
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a parameter.

    `name` is Go's name for it and appears in errors. `classes` are the Python classes whose instances fit.
    `constant` says which constants of the template text fit as well: "any" (whatever they are), "string", "int",
    "float", "bool" or "" for none. A parameter that `takes_nil` gets None where the template has no value.
    """

    name: str
    classes: tuple[type, ...] = ()
    constant: Literal["", "any", "string", "int", "float", "bool"] = ""
    takes_nil: bool = False


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
