"""The values a template sees, and how their Python classes are read.

Nothing here looks at a Python attribute by a name a template chose: a class says which of its attributes are
fields (`__go_fields__`), which methods may be called (`__go_methods__`), and nothing else can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal

MissingKey = Literal["default", "zero", "error"]
GoKind = Literal["nil", "bool", "int", "float", "complex", "string", "slice", "map", "struct"]


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

# Truth of these is the same in Go and in Python: empty, zero and nil are false.
PLAIN: Final = frozenset({str, bool, int, float, complex, list, tuple, dict, NoneType, NoValue})

_TYPE_NAMES: Final[dict[type, str]] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "float64",
    complex: "complex128",
    list: "[]interface {}",
    tuple: "[]interface {}",
    dict: "map[string]interface {}",
    NoneType: "interface {}",
    NoValue: "interface {}",
}
_KINDS: Final[dict[type, GoKind]] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    list: "slice",
    tuple: "slice",
    dict: "map",
    NoneType: "nil",
    NoValue: "nil",
}
_INHERITED: Final[tuple[tuple[type | tuple[type, ...], GoKind], ...]] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (complex, "complex"),
    (str, "string"),
    ((list, tuple), "slice"),
    (Mapping, "map"),
)


def kind_of(value: object) -> GoKind:
    """Go's kind of a value: what can be done with it."""
    cls = type(value)
    return _KINDS.get(cls) or _inherited_kind(cls)


def _inherited_kind(cls: type) -> GoKind:
    for classes, kind in _INHERITED:
        if issubclass(cls, classes):
            return kind
    return "struct"


def type_name(value: object) -> str:
    """Go's name for the value's type, as it appears in error texts."""
    return type_name_of(type(value))


def type_name_of(cls: type) -> str:
    name: str | None = getattr(cls, "__go_type__", None) or _TYPE_NAMES.get(cls)
    if name is not None:
        return name
    kind = _inherited_kind(cls)
    for plain, its_kind in _KINDS.items():
        if its_kind == kind:
            return _TYPE_NAMES[plain]
    return cls.__name__


def is_own_type(cls: type) -> bool:
    """Whether a subclass of a plain type is a type of its own for Go, which fits no parameter of the plain kind."""
    return getattr(cls, "__go_type__", None) is not None


def truth(value: object) -> bool:
    """Go's truth: false are false, 0, "", nil, no value, and empty lists and maps."""
    cls = type(value)
    if cls in PLAIN:
        return bool(value)
    own = getattr(cls, "__go_truth__", None)
    if own is not None:
        return bool(own(value))
    if _inherited_kind(cls) in ("slice", "map"):
        return len(value) > 0  # type: ignore[arg-type]  # the kind says that it has a length
    return _inherited_kind(cls) == "struct" or bool(value)


def fields_of(value: object) -> list[tuple[str, object]]:
    """Go name and value of each declared field, in declared order."""
    declared: Mapping[str, str] = getattr(type(value), "__go_fields__", EMPTY)
    return [(name, getattr(value, attribute)) for name, attribute in declared.items()]


def sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys in Go's order: strings by bytes (which for UTF-8 is the order of code points), numbers by size."""
    keys = list(mapping)
    try:
        keys.sort()
    except TypeError:
        keys.sort(key=lambda key: (type_name(key), str(key)))
    return keys
