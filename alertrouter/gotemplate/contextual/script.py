"""Values inside scripts: JSON where a value stands, escapes inside literals."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from alertrouter.gotemplate.floats import format_float, shortest_exponent
from alertrouter.gotemplate.printing import go_string, plain_string
from alertrouter.gotemplate.utf8 import clean
from alertrouter.gotemplate.values import JS, NO_VALUE, fields_of, kind_of, sorted_keys, type_name

_ALWAYS: Final = {
    "\0": r"\u0000",
    "\t": r"\t",
    "\n": r"\n",
    "\v": r"\u000b",
    "\f": r"\f",
    "\r": r"\r",
    '"': r"\u0022",
    "`": r"\u0060",
    "&": r"\u0026",
    "'": r"\u0027",
    "+": r"\u002b",
    "/": r"\/",
    "<": r"\u003c",
    ">": r"\u003e",
    "\u2028": r"\u2028",
    "\u2029": r"\u2029",
}
_STRING: Final = str.maketrans({**_ALWAYS, "\\": r"\\"})
_TEMPLATE: Final = str.maketrans({**_ALWAYS, "\\": r"\\", "$": r"\u0024", "{": r"\u007b", "}": r"\u007d"})
_REGEXP: Final = str.maketrans(
    {**{c: v for c, v in _ALWAYS.items() if c != "`"}, **{c: "\\" + c for c in "$()*-.?[\\]^{|}"}}
)
_JSON_STRING: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_JSON_SPECIAL: Final = re.compile('[\0-\x1f"\\\\<>&\u2028\u2029]')
_NAME_CHARACTER: Final = re.compile(r"[$_0-9a-zA-Z]")


def escape_string(text: str) -> str:
    return clean(text).translate(_STRING)


def escape_template(text: str) -> str:
    return clean(text).translate(_TEMPLATE)


def escape_regexp(text: str) -> str:
    """An empty pattern would turn `//` into a comment."""
    return clean(text).translate(_REGEXP) or "(?:)"


def value(anything: Any) -> str:
    """A JavaScript expression for any value."""
    if isinstance(anything, JS):
        return str(anything)
    cls = type(anything)
    own = getattr(cls, "__go_string__", None)
    if own is not None and getattr(cls, "__go_json__", None) is None:
        # Compat: what prints itself is a string here, though inside a list or map it is not.
        anything = own(anything)
    try:
        text = to_json(anything)
    except ValueError as error:
        # A comment, so that the script around it still parses.
        reason = (
            str(error).replace("*/", "* /").replace("</script", "\\x3C/script").replace("<!--", "\\x3C!--")
        )
        return f" /* {reason} */null "
    pad = " " if _NAME_CHARACTER.match(text[0]) or _NAME_CHARACTER.match(text[-1]) else ""
    return f"{pad}{text}{pad}"


def to_json(anything: Any) -> str:  # noqa: PLR0911  # one line for each kind
    """JSON in Go's spelling, with what HTML reads escaped. Raises ValueError for what JSON cannot say."""
    if anything is NO_VALUE:
        return "null"
    own = getattr(type(anything), "__go_json__", None)
    if own is not None:
        return _guarded(own(anything))
    match kind_of(anything):
        case "nil":
            return "null"
        case "bool" | "int":
            return plain_string(anything)
        case "float":
            return json_number(anything)
        case "string":
            return json_string(str.__str__(anything))
        case "slice":
            return "[" + ",".join(map(to_json, anything)) + "]"
        case "map":
            pairs = (
                f"{json_string(go_string(key))}:{to_json(anything[key])}" for key in sorted_keys(anything)
            )
            return "{" + ",".join(pairs) + "}"
        case "struct":
            return "{" + ",".join(f"{json_string(n)}:{to_json(f)}" for n, f in fields_of(anything)) + "}"
        case _:
            raise ValueError(f"json: unsupported type: {type_name(anything)}")


def _guarded(text: str) -> str:
    """JSON of others, with the characters escaped that could end the script around it."""
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def json_string(text: str) -> str:
    return '"' + _JSON_SPECIAL.sub(_json_character, clean(text)) + '"'


def _json_character(match: re.Match[str]) -> str:
    character = match[0]
    return _JSON_STRING.get(character) or f"\\u{ord(character):04x}"


def json_number(number: float) -> str:
    if not math.isfinite(number):
        raise ValueError(f"json: unsupported value: {go_string(float(number))}")
    size = abs(number)
    if size and not 1e-6 <= size < 1e21:
        mantissa, _, exponent = shortest_exponent(number).partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].removeprefix('0')}"
    return format_float(number, "f", -1)
