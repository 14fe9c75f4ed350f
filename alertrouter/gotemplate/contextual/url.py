"""URLs: which may stand in an attribute, and how their characters are written."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.utf8 import to_bytes

REFUSED: Final = "#ZgotmplZ"
_SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_NOT_UNRESERVED: Final = re.compile(rb"[^a-zA-Z0-9\-._~]")
# Compat: quotes and parentheses are reserved too, but must not meet the attribute or url(…) around them.
_NOT_NORMAL: Final = re.compile(rb"[^a-zA-Z0-9\-._~!#$&*+,/:;=?@\[\]%]|%(?![0-9a-fA-F]{2})")
_SPACE: Final = " \t\n\f\r"
_METADATA: Final = re.compile(r"[ \t\n\f\ra-zA-Z0-9]*\Z")
_CANDIDATE: Final = re.compile(r"([ \t\n\f\r]*)([^ \t\n\f\r]*)(.*)\Z", re.DOTALL)


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02x" % match[0][0]


def is_safe(url: str) -> bool:
    """Relative, or of a scheme that only shows something."""
    scheme, colon, _ = url.partition(":")
    return not colon or "/" in scheme or scheme.lower() in _SAFE_SCHEMES


def filter_scheme(url: str) -> str:
    return url if is_safe(url) else REFUSED


def normalize(url: str) -> str:
    """Percent-encode what no URL contains; everything that has a meaning in one stays."""
    return _NOT_NORMAL.sub(_percent, to_bytes(url)).decode()


def escape(part: str) -> str:
    """Percent-encode a part of a URL so that nothing in it has a meaning."""
    return _NOT_UNRESERVED.sub(_percent, to_bytes(part)).decode()


def filter_srcset(text: str) -> str:
    """The image candidates of a `srcset`; each that is not safe becomes #ZgotmplZ."""
    return ",".join(map(_candidate, text.split(",")))


def _candidate(text: str) -> str:
    match = _CANDIDATE.match(text)
    if match is None:
        return REFUSED
    space, url, metadata = match.groups()
    if not is_safe(url) or not _METADATA.match(metadata):
        return REFUSED
    return f"{space}{normalize(url)}{metadata}"
