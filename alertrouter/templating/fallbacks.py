"""Which default wording takes the place of a configured one that fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator


def fallbacks_of(config: BaseModel) -> dict[str, str]:
    """For each template text in an integration's configuration, what takes its place when it fails.

    That is the default of its field, where that is a template or nothing at all: better a message without its footer,
    or in the usual channel, than none. A text inside a list or a mapping, such as the value of
    a Slack field, is an ornament: it is left out. Fields that must be given, such as an address, have no fallback. Where one text stands in two fields, the first decides.
    """
    fields: dict[str, str | None] = {}
    for text, default in _fields(config):
        fields.setdefault(text, default)
    ornaments = dict.fromkeys((text for text in _ornaments(config) if text not in fields), "")
    return {text: default for text, default in fields.items() if default is not None} | ornaments


def _fields(config: BaseModel) -> Iterator[tuple[str, str | None]]:
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        default = field.get_default(call_default_factory=False)
        if isinstance(value, BaseModel):
            yield from _fields(value)
        elif isinstance(value, str):
            yield value, default if _takes_the_place(default, value) else None


def _takes_the_place(default: object, value: str) -> bool:
    return isinstance(default, str) and ("{{" in default or (not default and "{{" in value))


def _ornaments(value: object, *, inside: bool = False) -> Iterator[str]:
    match value:
        case str():
            if inside and "{{" in value:
                yield value
        case BaseModel():
            for name in type(value).model_fields:
                yield from _ornaments(getattr(value, name), inside=inside)
        case Mapping():
            for element in value.values():
                yield from _ornaments(element, inside=True)
        case Sequence():
            for element in value:
                yield from _ornaments(element, inside=True)
        case _:
            pass
