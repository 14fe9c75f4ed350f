"""Secrets that live in files: read when they are used, so that changing one needs no reload."""

from __future__ import annotations

from pathlib import Path

from alertrouter.delivery.errors import TemporaryError


def read_credential(path: str, what: str) -> str:
    """The text of a file without the white space around it; TemporaryError when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TemporaryError(f"unable to read {what} from {path}: {reason}") from None
