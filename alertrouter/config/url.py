"""Checking URLs with the rules and words of Go's net/url, as far as a configuration meets them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alertrouter.config.problem import ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "<secret>"  # noqa: S105 - what stands in place of secrets
"""What a secret reads as wherever it is printed."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
# Of ASCII, what Go takes in a host name besides letters, digits and what is escaped.
_BAD_IN_HOST = re.compile(r"[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_PORT = re.compile(r":[0-9]*")


def check_url(text: str) -> str:
    """The URL with its scheme in lower case; ConfigProblem unless it is absolute, http or https, with a host."""
    scheme, authority = _parse(text)
    return _check_http(text, scheme, authority, shown_scheme=scheme)


def check_secret_url(text: str) -> str:
    """Like `check_url`, but no message shows the URL."""
    try:
        scheme, authority = _parse(text)
    except ConfigProblem as problem:
        raise ConfigProblem(str(problem).replace(f'"{text}"', f'"{SECRET}"', 1), hint=problem.hint) from None
    # What stands before a colon may be half of a password unless slashes follow.
    return _check_http(text, scheme, authority, shown_scheme=scheme if "://" in text else "")


def check_proxy_url(text: str) -> str:
    """The URL if it parses; a proxy may have any scheme. Messages do not show it: it may hold a password."""
    try:
        _parse(text)
    except ConfigProblem as problem:
        raise ConfigProblem(str(problem).replace(f'"{text}"', f'"{SECRET}"', 1), hint=problem.hint) from None
    return text


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
        return ConfigProblem(f'parse "{text}": {what}')

    if any(character < " " or character == "\x7f" for character in text):
        raise ConfigProblem("parse: net/url: invalid control character in URL")
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
    host = authority.rpartition("@")[2]
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
