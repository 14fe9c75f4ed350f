"""Which media types a request brings and takes (`api-and-cli.md` 1.3)."""

from __future__ import annotations

import re

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*(?:;.*)?", re.DOTALL)
_JSON = ("application/json", "application/json;charset=utf-8", "application/json; charset=utf-8")


class MediaTypeError(ValueError):
    """The header is no media type at all."""


def brings_json(content_type: str | None) -> str | None:
    """None when the body is JSON, by its ``Content-Type``; otherwise what it is said to be.

    Raises ``MediaTypeError`` when the header cannot be read.
    """
    if not content_type:
        return "application/octet-stream"
    if content_type.lower() in _JSON:
        return None
    found = _MEDIA_TYPE.fullmatch(content_type)
    if found is None:
        why = "no media type" if "/" in content_type else f'malformed: "{content_type}" has no subtype'
        raise MediaTypeError(
            f'parsing Content-Type header from "{content_type}" failed, because mediatype: {why}'
        )
    media_type = f"{found[1]}/{found[2]}".lower()
    return None if media_type == "application/json" else media_type


def takes_json(accept: str | None) -> bool:
    """Whether JSON is a welcome answer, by the header ``Accept``; without the header it is."""
    if accept is None:
        return True
    for part in accept.split(","):
        media_type, *parameters = [each.strip().lower() for each in part.split(";")]
        if media_type in {"application/json", "application/*", "*/*"}:
            return not any(_is_zero(each) for each in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and re.fullmatch(r"\s*0(?:\.0*)?\s*", value) is not None
