"""Which default wording takes the place of a configured one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator


def fallbacks_of(config: BaseModel) -> dict[str, str]:
    """For each template text in an integration's configuration, the default of its field, where that is a template.

    Fields without a default wording, such as a channel or a key, have no fallback. Where one text stands in two
    fields, the first decides.
    """
    found: dict[str, str] = {}
    for text, default in _pairs(config):
        found.setdefault(text, default)
    return found


def _pairs(config: BaseModel) -> Iterator[tuple[str, str]]:
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        default = field.get_default(call_default_factory=False)
        if isinstance(value, BaseModel):
            yield from _pairs(value)
        elif isinstance(value, str) and isinstance(default, str) and "{{" in default:
            yield value, default
