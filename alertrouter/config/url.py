"""Checking URLs with the rules and words of Go's net/url, as far as a configuration meets them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alertrouter.config.problem import ConfigProblem
from alertrouter.core.go_quote import quote

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "<secret>"  # noqa: S105 - what stands in place of secrets
"""What a secret reads as wherever it is printed."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
# Of ASCII, what Go takes in a host name besides letters, digits and what is escaped.
_BAD_IN_HOST = re.compile(r"[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_BAD_IN_USER = re.compile(r"[^A-Za-z0-9\-._:~!$&'()*+,;=%@]")
_QUOTED = re.compile(r' "[^"]*"')
_KNOWN_SCHEMES = frozenset({"file", "ftp", "smtp", "smtps", "ssh", "tcp", "udp", "unix", "ws", "wss"})
_PORT = re.compile(r":[0-9]*")


def check_url(text: str) -> str:
    """The URL with its scheme in lower case; ConfigProblem unless it is absolute, http or https, with a host."""
    scheme, authority = _parse(text)
    return _check_http(text, scheme, authority, shown_scheme=scheme)


def check_secret_url(text: str) -> str:
    """Like `check_url`, but no message shows a part of it. A printed ``<secret>`` passes, to be read again."""
    if text == SECRET:
        return text
    scheme, authority = _parse_unseen(text)
    # Anything may stand before a colon, half a password too.
    return _check_http(text, scheme, authority, shown_scheme=scheme if scheme in _KNOWN_SCHEMES else "")


def check_proxy_url(text: str) -> str:
    """The URL if it parses; a proxy may have any scheme. Messages do not show it: it may hold a password."""
    _parse_unseen(text)
    return text


def _parse_unseen(text: str) -> tuple[str, str]:
    try:
        return _parse(text)
    except ConfigProblem as problem:
        what = str(problem).removeprefix(f"parse {quote(text)}: ")
        raise ConfigProblem(f'parse "{SECRET}": {_QUOTED.sub("", what)}', hint=problem.hint) from None


def _check_http(text: str, scheme: str, authority: str, *, shown_scheme: str) -> str:
    if scheme not in {"http", "https"}:
        hint = "a URL begins with https:// or http://"
        raise ConfigProblem(f'unsupported scheme "{shown_scheme}" for URL', hint=hint)
    if not authority.rpartition("@")[2]:
        raise ConfigProblem("missing host for URL", hint="write https://host/path")
    return scheme + text[len(scheme) :]


def _parse(text: str) -> tuple[str, str]:
    """Scheme and authority of a URL, both possibly empty."""

    def wrong(what: str) -> ConfigProblem:
        return ConfigProblem(f"parse {quote(text)}: {what}")

    if any(character < " " or character == "\x7f" for character in text):
        raise ConfigProblem(f"parse {quote(text)}: net/url: invalid control character in URL")
    rest = text.partition("#")[0]
    scheme = ""
    if found := _SCHEME.match(rest):
        scheme = found[1].lower()
        rest = rest[found.end() :]
    elif rest.startswith(":"):
        raise wrong("missing protocol scheme")
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return scheme, ""
        if ":" in rest.partition("/")[0]:
            raise wrong("first path segment in URL cannot contain colon")
    authority = ""
    path = rest
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        path = slash + path
        _check_authority(authority, wrong)
    if bad := _BAD_ESCAPE.search(path):
        raise wrong(f'invalid URL escape "{bad[0]}"')
    return scheme, authority


def _check_authority(authority: str, wrong: Callable[[str], ConfigProblem]) -> None:
    user, _, host = authority.rpartition("@")
    if _BAD_IN_USER.search(user):
        raise wrong("net/url: invalid userinfo")
    if bad := _BAD_ESCAPE.search(user):
        raise wrong(f'invalid URL escape "{bad[0]}"')
    if host.startswith("["):
        inside, bracket, port = host.partition("]")
        if not bracket:
            raise wrong("missing ']' in host")
        host = inside[1:]
    else:
        colon = host.rfind(":")
        port = host[colon:] if colon >= 0 else ""
    if port and not _PORT.fullmatch(port):
        raise wrong(f'invalid port "{port}" after host')
    if bad := _BAD_ESCAPE.search(host):
        raise wrong(f'invalid URL escape "{bad[0]}"')
    if bad := _BAD_IN_HOST.search(host):
        raise wrong(f'invalid character "{bad[0]}" in host name')
