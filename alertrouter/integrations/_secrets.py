"""What another side says, with nothing in it that must not be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.config.fields import SECRET
from alertrouter.integrations._answers import raise_for
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from collections.abc import Collection

    from alertrouter.http_client import Response

_LONGEST_SHOWN = 500
_SHORTEST_SECRET = 4


def check_answer(response: Response, *secrets: str, retry: Collection[int] = ()) -> None:
    """Like `raise_for`, with the secrets of the request taken out of what is shown of the body."""
    if not response.is_success:
        raise_for(response, retry=retry, detail=said_without(response, *secrets))


def said_without(response: Response, *secrets: str) -> str:
    """The body of an answer as `without` shows it."""
    return without(response.text, *secrets)


def without(text: str, *secrets: str) -> str:
    """What another side said, on one line and shortened, without these secrets.

    Delivery takes out those that stand in the configuration; those that come from files and templates are
    known to the sender alone.
    """
    text = " ".join(text.split())
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, SECRET)
    return shorten(text, _LONGEST_SHOWN)
