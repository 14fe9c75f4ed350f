"""Cutting text to what a receiver takes, and secrets that lie in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.delivery.errors import RejectedError

if TYPE_CHECKING:
    from pathlib import Path


def shorten(text: str, limit: int) -> str:
    """No more than ``limit`` code points; a longer text ends in an ellipsis."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def shorten_bytes(text: str, limit: int) -> str:
    """No more than ``limit`` bytes of UTF-8, cut between characters; a longer text ends in an ellipsis."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(0, limit - 3)].decode("utf-8", "ignore") + "…"


def read_secret(path: str, directory: Path, key: str) -> str:
    """The text of a ``*_file``, trimmed; RejectedError when it cannot be read."""
    try:
        return (directory / path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RejectedError(f"unable to read {key} {path}: {reason}") from None
