"""What a mapping says once duplicate keys and merge keys are settled (`config.md` 1.2).

The rules differ for objects, whose keys are known, and for free maps, whose keys are the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.config.node import Mapping, Node, Scalar, Sequence, describe

if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry(NamedTuple):
    """The value of a key, and the key as it stands in the file."""

    key: Scalar
    value: Node


Complain = Callable[[Node, str], None]
"""Takes the node at fault and what is wrong with it."""


def is_merge_key(key: Node) -> bool:
    return isinstance(key, Scalar) and key.text == "<<" and key.plain


def as_object(mapping: Mapping, complain: Complain, type_name: str) -> dict[str, Entry]:
    """The entries of an object.

    Compat: the order in the file decides, so a merge key that stands after an explicit key overrides it,
    where YAML would have the explicit key win.
    """
    found: dict[str, Entry] = {}
    explicit: set[str] = set()
    for key, value in mapping.entries:
        if is_merge_key(key):
            for merged in _merged(value, complain):
                found |= as_object(merged, complain, type_name)
        elif not isinstance(key, Scalar):
            complain(key, f"cannot unmarshal {describe(key)} into string")
        elif key.text in explicit:
            complain(key, f"field {key.text} already set in type {type_name}")
        else:
            explicit.add(key.text)
            found[key.text] = Entry(key, value)
    return found


def as_map(mapping: Mapping, complain: Complain) -> dict[str, Entry]:
    """The entries of a free map, by the text of their keys.

    Compat: a key that is both merged and explicit is set twice, which is refused.
    """
    found: dict[str, Entry] = {}
    for key, value in mapping.entries:
        if is_merge_key(key):
            for merged in _merged(value, complain):
                for entry in as_map(merged, complain).values():
                    _set(found, entry, complain)
        elif isinstance(key, Scalar):
            _set(found, Entry(key, value), complain)
        else:
            complain(key, f"cannot unmarshal {describe(key)} into string")
    return found


def _set(found: dict[str, Entry], entry: Entry, complain: Complain) -> None:
    if entry.key.text in found:
        complain(entry.key, f'key "{entry.key.text}" already set in map')
    else:
        found[entry.key.text] = entry


def _merged(value: Node, complain: Complain) -> Iterator[Mapping]:
    """The mappings a merge key brings in, the one that counts most last."""
    for candidate in reversed(value) if isinstance(value, Sequence) else (value,):
        if isinstance(candidate, Mapping):
            yield candidate
        else:
            complain(candidate, "yaml: map merge requires map or sequence of maps as the value")
