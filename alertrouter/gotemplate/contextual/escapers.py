"""The escapers a printed value goes through. Each takes the value, or what the escaper before it made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate import builtins
from alertrouter.gotemplate.contextual import css, script, url
from alertrouter.gotemplate.contextual.attributes import Holds, what_holds
from alertrouter.gotemplate.contextual.transitions import without_tags
from alertrouter.gotemplate.printing import go_string
from alertrouter.gotemplate.values import CSS, HTML, NO_VALUE, URL, HTMLAttr

if TYPE_CHECKING:
    from collections.abc import Callable

_NORMAL: Final = {
    "\0": "\ufffd",
    '"': "&#34;",
    "'": "&#39;",
    "+": "&#43;",
    "<": "&lt;",
    ">": "&gt;",
}
_UNQUOTED: Final = {
    **_NORMAL,
    "\0": "&#xfffd;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\v": "&#11;",
    "\f": "&#12;",
    "\r": "&#13;",
    " ": "&#32;",
    "=": "&#61;",
    "`": "&#96;",
    # Some readers of mail end an unquoted value at these.
    **{chr(code): f"&#x{code:x};" for code in (*range(0xFDD0, 0xFDF0), *range(0xFFF0, 0x10000))},
}
# With `&`, and, for what is HTML already, without.
_ESCAPE: Final = str.maketrans({**_NORMAL, "&": "&amp;"})
_NORMALIZE: Final = str.maketrans(_NORMAL)
_ESCAPE_UNQUOTED: Final = str.maketrans({**_UNQUOTED, "&": "&amp;"})
_NORMALIZE_UNQUOTED: Final = str.maketrans(_UNQUOTED)
_SPECIAL: Final = re.compile(r"""[\0"'&+<>]""")
_ATTRIBUTE_NAME: Final = re.compile(r"[0-9a-z]+\Z")


def _text(value: Any) -> str:
    """A missing value prints nothing here."""
    if type(value) is str:
        return value
    return "" if value is None or value is NO_VALUE else go_string(value)


def escape_html(value: Any) -> str:
    if isinstance(value, HTML):
        return str(value)
    text = _text(value)
    return text.translate(_ESCAPE) if _SPECIAL.search(text) else text


def escape_rcdata(value: Any) -> str:
    if isinstance(value, HTML):
        return value.translate(_NORMALIZE)
    return _text(value).translate(_ESCAPE)


def escape_attribute(value: Any) -> str:
    if isinstance(value, HTML):
        return without_tags(value).translate(_NORMALIZE)
    text = _text(value)
    return text.translate(_ESCAPE) if _SPECIAL.search(text) else text


def escape_unquoted(value: Any) -> str:
    text = _text(value)
    if not text:
        # An empty value would make the next attribute this one's value.
        return css.FAILSAFE
    if isinstance(value, HTML):
        return without_tags(value).translate(_NORMALIZE_UNQUOTED)
    return text.translate(_ESCAPE_UNQUOTED)


def filter_name(value: Any) -> str:
    """An attribute's name; one that could change how the page is read is refused."""
    if isinstance(value, HTMLAttr):
        return str(value)
    name = _text(value).lower()
    if not _ATTRIBUTE_NAME.match(name) or what_holds(name) is not Holds.PLAIN:
        return css.FAILSAFE
    return name


def filter_url(value: Any) -> Any:
    return value if isinstance(value, URL) else url.filter_scheme(_text(value))


def normalize_url(value: Any) -> str:
    return url.normalize(_text(value))


def escape_url(value: Any) -> str:
    text = _text(value)
    return url.normalize(text) if isinstance(value, URL) else url.escape(text)


def filter_srcset(value: Any) -> str:
    if isinstance(value, URL):
        return url.normalize(value).replace(",", "%2c")
    return url.filter_srcset(_text(value))


def filter_css(value: Any) -> str:
    return str(value) if isinstance(value, CSS) else css.filter_value(_text(value))


def escape_css_string(value: Any) -> str:
    return css.escape_string(_text(value))


def escape_js_string(value: Any) -> str:
    return script.escape_string(_text(value))


def escape_js_template(value: Any) -> str:
    return script.escape_template(_text(value))


def escape_js_regexp(value: Any) -> str:
    return script.escape_regexp(_text(value))


def nothing(value: Any) -> str:  # noqa: ARG001  # whatever it is, a comment is not printed
    return ""


ESCAPERS: Final[dict[str, Callable[[Any], Any]]] = {
    "html escape": escape_html,
    "rcdata escape": escape_rcdata,
    "attribute escape": escape_attribute,
    "unquoted escape": escape_unquoted,
    "name filter": filter_name,
    "url filter": filter_url,
    "url normalize": normalize_url,
    "url escape": escape_url,
    "srcset filter": filter_srcset,
    "css filter": filter_css,
    "css escape": escape_css_string,
    "js value": script.value,
    "js string": escape_js_string,
    "js template": escape_js_template,
    "js regexp": escape_js_regexp,
    "comment": nothing,
    # The author's own last stage, where it takes the place of one of the above.
    "html": builtins.html,
    "urlquery": builtins.urlquery,
}
