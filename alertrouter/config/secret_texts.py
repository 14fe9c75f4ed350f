"""The secrets of a configuration as they stand in requests, to be kept out of what is said about failures."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import BaseModel

from alertrouter.config.fields import SECRET, Secret
from alertrouter.config.http import BasicAuth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHORTEST_SECRET = 4
_BETWEEN_ACTIONS = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_USER = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://([^/:@?#]*):([^/@?#]*)@")


class Scrubber:
    """Takes secrets out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may be part of another.
        self._secrets = sorted(set(secrets), key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """The text with ``<secret>`` in place of each secret."""
        for secret in self._secrets:
            text = text.replace(secret, SECRET)
        return text


def secrets_of(config: object) -> Iterator[str]:
    """Every secret text in a configuration, in all the forms in which a request carries it.

    Of secret URLs that is also the part behind the host, of templates what stands between the actions, and of a
    user's password the two as HTTP's Basic authentication encodes them.
    """
    for secret in _secrets_of(config):
        if len(secret) >= _SHORTEST_SECRET:
            yield secret


def _secrets_of(config: object) -> Iterator[str]:
    match config:
        case Secret():
            yield from _of_secret(config.reveal())
        case str():
            yield from _of_user(config)
        case BaseModel():
            if isinstance(config, BasicAuth):
                yield _basic(config.username, config.password.reveal())
            for name in type(config).model_fields:
                yield from _secrets_of(getattr(config, name))
        case dict():
            for value in config.values():
                yield from _secrets_of(value)
        case list() | tuple():
            for value in config:
                yield from _secrets_of(value)


def _of_secret(secret: str) -> Iterator[str]:
    yield secret
    _, _, behind = secret.partition("://")
    _, slash, path = behind.partition("/")
    if len(path) >= _SHORTEST_SECRET:
        yield slash + path
    yield from _of_user(secret)
    if "{{" in secret:
        yield from _BETWEEN_ACTIONS.split(path if behind else secret)


def _of_user(url: str) -> Iterator[str]:
    """What gives away the user of a URL, when it names one with a password."""
    found = _USER.match(url)
    if found is not None:
        user, password = unquote(found[1]), unquote(found[2])
        yield from (found[2], password, _basic(user, password))


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""
