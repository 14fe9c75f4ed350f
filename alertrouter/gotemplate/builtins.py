"""Go's built-in template functions.

`and` and `or` are not here: they do not evaluate all their arguments, so the compiler writes them out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate.faults import CallError
from alertrouter.gotemplate.functions import ANY, STRING, Function, Kind
from alertrouter.gotemplate.printf import is_nil, sprintf
from alertrouter.gotemplate.printing import go_string, sprint, sprintln
from alertrouter.gotemplate.utf8 import byte_length, from_bytes, is_stray, to_bytes
from alertrouter.gotemplate.values import fields_of, kind_of, truth, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Go's own functions take: anything, nil included, just as it is.
VALUE: Final = Kind("reflect.Value", (object,), "any", takes_nil=True)

_BASIC = frozenset({"bool", "int", "float", "complex", "string"})


def equal(first: object, *others: object) -> bool:
    """`eq`: whether the first equals any of the others."""
    if not others:
        raise CallError("missing argument for comparison")
    return any(_equals(first, other) for other in others)


def _equals(first: object, other: object) -> bool:
    if is_nil(first) or is_nil(other):
        return is_nil(first) and is_nil(other)
    kind = kind_of(first)
    if kind_of(other) == kind and kind in _BASIC:
        return first == other
    if kind in _BASIC or kind_of(other) in _BASIC:
        raise CallError(f"incompatible types for comparison: {type_name(first)} and {type_name(other)}")
    if not _comparable(other):
        if type_name(first) != type_name(other):
            raise CallError(
                f"non-comparable types {go_string(first)}: {type_name(first)}, "
                f"{type_name(other)}: {go_string(other)}"
            )
        raise CallError(f"non-comparable type {go_string(other)}: {type_name(other)}")
    return type(first) is type(other) and first == other


def _comparable(value: object) -> bool:
    kind = kind_of(value)
    return kind in _BASIC or (
        kind == "struct" and all(kind_of(field) not in ("slice", "map") for _, field in fields_of(value))
    )


def not_equal(first: object, second: object) -> bool:
    return not equal(first, second)


def less(first: Any, second: Any) -> bool:
    kinds = (kind_of(first), kind_of(second))
    for kind in kinds:
        if kind not in _BASIC:
            raise CallError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise CallError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    if kinds[0] in ("bool", "complex"):
        raise CallError("invalid type for comparison")
    return bool(first < second)


def less_or_equal(first: object, second: object) -> bool:
    return less(first, second) or equal(first, second)


def greater(first: object, second: object) -> bool:
    # Compat: Go negates `le`, so NaN is greater than every number.
    return not less_or_equal(first, second)


def greater_or_equal(first: object, second: object) -> bool:
    return not less(first, second)


def negation(value: object) -> bool:
    return not truth(value)


def length(value: Any) -> int:
    match kind_of(value):
        case "string":
            return byte_length(value)
        case "slice" | "map":
            return len(value)
        case "nil":
            raise CallError("reflect: call of reflect.Value.Type on zero Value")
        case _:
            raise CallError(f"len of type {type_name(value)}")


def index(item: Any, *indexes: object) -> object:
    """`index x i j`: x[i][j]; strings by byte."""
    if is_nil(item):
        raise CallError("index of untyped nil")
    for at in indexes:
        kind = kind_of(item)
        if kind == "slice":
            item = item[_within(at, len(item), "slice")]
        elif kind == "string":
            raw = to_bytes(item)
            item = raw[_within(at, len(raw), "string")]
        elif kind == "map":
            item = _map_value(item, at)
        elif kind == "nil":
            raise CallError("index of nil pointer")
        else:
            raise CallError(f"can't index item of type {type_name(item)}")
    return item


def _map_value(item: Mapping[str, object], key: object) -> object:
    if is_nil(key):
        raise CallError("value is nil; should be of type string")
    if kind_of(key) != "string" or type_name(key) != "string":
        raise CallError(f"value has type {type_name(key)}; should be string")
    return item.get(key, getattr(type(item), "__go_missing__", None))  # type: ignore[call-overload]


def _offset(at: object, most: int) -> int:
    if is_nil(at):
        raise CallError("cannot index slice/array with nil")
    if kind_of(at) != "int":
        raise CallError(f"cannot index slice/array with type {type_name(at)}")
    number = int(at)  # type: ignore[call-overload]
    if not 0 <= number <= most:
        raise CallError(f"index out of range: {number}")
    return int(number)


def _within(at: object, size: int, what: str) -> int:
    number = _offset(at, size)
    if number == size:
        raise CallError(f"reflect: {what} index out of range")
    return number


def slice_of(item: Any, *indexes: object) -> object:
    """`slice x i j`: x[i:j]; strings by byte."""
    kind = kind_of(item)
    if kind == "nil":
        raise CallError("slice of untyped nil")
    if len(indexes) > 3:
        raise CallError(f"too many slice indexes: {len(indexes)}")
    if kind == "string":
        if len(indexes) == 3:
            raise CallError("cannot 3-index slice a string")
        raw = to_bytes(item)
    elif kind != "slice":
        raise CallError(f"can't slice item of type {type_name(item)}")
    size = len(raw) if kind == "string" else len(item)
    places = [0, size, size]
    for position, at in enumerate(indexes):
        places[position] = _offset(at, size)
    start, end, capacity = places
    if start > end:
        raise CallError(f"invalid slice index: {start} > {end}")
    if len(indexes) == 3 and end > capacity:
        raise CallError(f"invalid slice index: {end} > {capacity}")
    if kind == "string":
        return from_bytes(raw[start:end])
    cls = type(item)
    part = item[start:end]
    return part if type(part) is cls or cls in (list, tuple) else cls(part)


def call(shown: str, first: object, *_: object) -> object:
    """`call f …`: no value of our data model is a function, so it always fails. `shown` is how f was written."""
    if is_nil(first):
        raise CallError("call of nil")
    if not shown:  # it was piped
        shown = first if isinstance(first, str) else f"<{type_name(first)} Value>"
    raise CallError(f"non-function {shown} of type {type_name(first)}")


# Text. Missing operands are printed as `<no value>` by the escaping functions and as `<nil>` by the others.

_HTML: Final = str.maketrans(
    {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
)
_JS_SPECIAL: Final = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}
_JS_UNSAFE: Final = re.compile(r"""[\\'"<>&=]|[^ -~]""")
_NOT_UNRESERVED: Final = re.compile(rb"[^A-Za-z0-9\-_.~]")


def _text(arguments: tuple[object, ...]) -> str:
    if len(arguments) == 1 and type(arguments[0]) is str:
        return arguments[0]
    return sprint("<no value>" if is_nil(argument) else argument for argument in arguments)


def html(*arguments: object) -> str:
    return _text(arguments).translate(_HTML)


def js(*arguments: object) -> str:
    return _JS_UNSAFE.sub(_js_character, _text(arguments))


def _js_character(match: re.Match[str]) -> str:
    character = match[0]
    if (special := _JS_SPECIAL.get(character)) is not None:
        return special
    if character.isprintable() or is_stray(character):
        return character
    return f"\\u{ord(character):04X}"


def urlquery(*arguments: object) -> str:
    raw = to_bytes(_text(arguments))
    return _NOT_UNRESERVED.sub(
        lambda match: b"+" if match[0] == b" " else b"%%%02X" % match[0][0], raw
    ).decode()


def print_(*arguments: object) -> str:
    return sprint(arguments)


def println(*arguments: object) -> str:
    return sprintln(arguments)


def printf(format: str, *arguments: object) -> str:  # noqa: A002  # Go's own word
    return sprintf(format, arguments)


BUILTINS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in (
        Function("and", negation, (VALUE,), VALUE),
        Function("or", negation, (VALUE,), VALUE),
        Function("not", negation, (VALUE,)),
        Function("eq", equal, (VALUE,), VALUE),
        Function("ne", not_equal, (VALUE, VALUE)),
        Function("lt", less, (VALUE, VALUE)),
        Function("le", less_or_equal, (VALUE, VALUE)),
        Function("gt", greater, (VALUE, VALUE)),
        Function("ge", greater_or_equal, (VALUE, VALUE)),
        Function("len", length, (VALUE,)),
        Function("index", index, (VALUE,), VALUE),
        Function("slice", slice_of, (VALUE,), VALUE),
        Function("call", call, (VALUE,), VALUE),
        Function("html", html, (), ANY),
        Function("js", js, (), ANY),
        Function("urlquery", urlquery, (), ANY),
        Function("print", print_, (), ANY),
        Function("println", println, (), ANY),
        Function("printf", printf, (STRING,), ANY),
    )
}
# What these give back is known, so the compiler can leave out checks.
RESULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("not", "eq", "ne", "lt", "le", "gt", "ge"), "bool"),
    **dict.fromkeys(("html", "js", "urlquery", "print", "println", "printf"), "string"),
    "len": "int",
}
