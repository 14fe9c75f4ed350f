"""What thousands of posted alerts have in common, kept once: texts, and what is known of label sets by their names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from alertrouter.core.matcher_syntax import Mode, is_valid_label_name

# Most values of labels and annotations are those of thousands of other alerts, and one object can stand for all. A few
# names, such as `pod`, have a value of its own for every alert: those are not worth remembering.
_MOST_TEXTS = 16_384
_texts: dict[str, str] = {}
_one_text = _texts.setdefault
_known_text = _texts.get
_new_texts: Counter[str] = Counter()
_various: set[str] = set()


@dataclass(frozen=True, slots=True)
class Names:
    """What is known of label sets by their names alone; rules are few, and each has its own.

    ``shared`` are those whose values are worth sharing, ``valid_in`` the modes in which all are valid.
    """

    in_order: bool
    shared: tuple[str, ...]
    valid_in: tuple[Mode, ...]


_MOST_NAMES = 10_000
_names: dict[tuple[str, ...], Names] = {}


def share_texts(pairs: dict[str, str]) -> Names:
    """Put one object in the place of values that other alerts have, too."""
    key = tuple(pairs)
    names = _names.get(key) or _look_at(key)
    for name in names.shared:
        value = pairs[name]
        known = _known_text(value)
        if known is None:
            _remember_text(name, value)
        else:
            pairs[name] = known
    return names


def shared_text(text: str) -> str:
    """A text equal to this one; the same object as for others before where that saves memory."""
    return _one_text(text, text)


def _remember_text(name: str, value: str) -> None:
    if len(_texts) >= _MOST_TEXTS:
        _various.clear()
        # In one step: other threads read rows meanwhile.
        counts = list(_new_texts.items())
        _various.update([name for name, count in counts if count > _MOST_TEXTS // 8])
        _names.clear()
        _texts.clear()
        _new_texts.clear()
    _texts[value] = value
    _new_texts[name] += 1


def _look_at(names: tuple[str, ...]) -> Names:
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    in_order = list(names) == sorted(names)
    shared = tuple([name for name in names if name not in _various])
    valid_in = tuple([mode for mode in Mode if all(is_valid_label_name(name, mode) for name in names)])
    found = _names[names] = Names(in_order, shared, valid_in)
    return found
