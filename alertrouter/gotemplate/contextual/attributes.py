"""What kind of value an HTML attribute holds.

The table and its heuristics are html/template's; attributes that are neither here nor caught by a rule hold plain text.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Holds(Enum):
    PLAIN = auto()
    URL = auto()
    SRCSET = auto()
    STYLE = auto()
    SCRIPT = auto()
    HTML = auto()
    UNSAFE = auto()  # changes how the page is read: never to be chosen by a value


_URLS: Final = (
    "action archive background cite classid codebase data formaction href icon longdesc manifest poster profile src"
    " usemap xmlns"
)
_UNSAFE: Final = (
    "accept-charset async challenge charset content crossorigin defer enctype form formenctype formmethod"
    " formnovalidate http-equiv keytype language method novalidate pattern rel sandbox type value"
)
_KNOWN: Final = {
    **dict.fromkeys(_URLS.split(), Holds.URL),
    **dict.fromkeys(_UNSAFE.split(), Holds.UNSAFE),
    "srclang": Holds.PLAIN,
    "srcset": Holds.SRCSET,
    "srcdoc": Holds.HTML,
    "style": Holds.STYLE,
}
_SCRIPT_TYPES: Final = frozenset(
    {
        "",
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/ld+json",
        "application/x-ecmascript",
        "application/x-javascript",
        "module",
        "text/ecmascript",
        "text/javascript",
        *(f"text/javascript1.{minor}" for minor in range(6)),
        "text/jscript",
        "text/livescript",
        "text/x-ecmascript",
        "text/x-javascript",
    }
)


def what_holds(name: str) -> Holds:
    """The kind of value of an attribute, by its lower-case name."""
    if name.startswith("data-"):
        # `data-action` and the like are given to scripts, which use them as what they are called.
        name = name.removeprefix("data-")
    elif ":" in name:
        prefix, _, name = name.partition(":")
        if prefix == "xmlns":
            return Holds.URL
    known = _KNOWN.get(name)
    if known is not None:
        return known
    if name.startswith("on"):
        return Holds.SCRIPT
    if any(part in name for part in ("src", "uri", "url")):
        return Holds.URL
    return Holds.PLAIN


def is_script_type(mime_type: str) -> bool:
    """Whether a `type` makes a script element's content JavaScript (or JSON, which is escaped the same way)."""
    return mime_type.partition(";")[0].strip().lower() in _SCRIPT_TYPES
