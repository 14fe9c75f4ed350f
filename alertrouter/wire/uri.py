"""What Alertmanager takes for a URI: an absolute one, a path that begins with a slash, or ``*``."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_USER_INFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(?::[0-9]*)?")
# In a host only these and what is not ASCII stand for themselves; an escape may stand only for what is not ASCII.
_HOST = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%[89a-fA-F][0-9a-fA-F])*")
_ZONE = re.compile(r"(?:[^%]|%[0-9a-fA-F]{2})*")

# What nearly every generator URL looks like, to save the rest.
_USUAL = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]*)?(?:/[^%?\x00-\x1f\x7f]*)?(?:\?[^\x00-\x1f\x7f]*)?")


def is_uri(text: str) -> bool:
    """Whether Go's ``url.ParseRequestURI`` would take this text, which is how Alertmanager checks."""
    if _USUAL.fullmatch(text):
        return True
    if not text or _CONTROL.search(text):
        return False
    if text == "*":
        return True
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest = rest.split("?", 1)[0]
    if not rest.startswith("/"):
        return scheme is not None
    if scheme and rest.startswith("//") and not rest.startswith("///"):
        authority, slash, path = rest[2:].partition("/")
        return _is_authority(authority) and not _BAD_ESCAPE.search(slash + path)
    return not _BAD_ESCAPE.search(rest)


def _is_authority(text: str) -> bool:
    user_info, at, host = text.rpartition("@")
    if at and (not _USER_INFO.fullmatch(user_info) or _BAD_ESCAPE.search(user_info)):
        return False
    if host.startswith("["):
        address, bracket, port = host.rpartition("]")
        if not bracket or not _PORT.fullmatch(port):
            return False
        # The zone of an address is set off by an escaped percent sign and may contain any escape.
        address, _, zone = address.partition("%25")
        return bool(_HOST.fullmatch(address) and _ZONE.fullmatch(zone))
    name, colon, port = host.rpartition(":")
    if colon and not port.isdecimal() and port:
        return False
    return bool(_HOST.fullmatch(name if colon else host))
