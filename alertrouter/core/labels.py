"""Label sets, their identity and their text."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

import xxhash
from fnv_c import fnv1a_64

from alertrouter.core.go_quote import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

# What Python takes as a hash without working on it any further.
_HASH = (1 << 60) - 1

PackedLabels = tuple[tuple[str, ...] | str, ...]
"""Labels that are rarely looked at: their names, which many share, and then the values. A third of the size."""

# Sets of label names; rules are few, and each has its own.
_MOST_NAMES = 10_000
_names: dict[tuple[str, ...], tuple[str, ...]] = {}
_NOTHING: PackedLabels = ()

_new = dict.__new__
_fill = dict.__init__


class Labels(dict[str, str]):
    """An immutable label set (or annotation set), ordered by name.

    A ``dict`` for the speed of its look-ups; it is never changed after it was made, so it can be a
    key itself. Names are in ascending code point order, which is the byte order of their UTF-8.
    """

    __slots__ = ("_fingerprint", "_identity")

    _fingerprint: int
    _identity: int | None

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(sorted(dict(pairs).items()))
        self._identity = None

    @classmethod
    def in_order(cls, pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
        """A label set from pairs that are known to be sorted by name already."""
        labels = _new(cls)
        _fill(labels, pairs)
        labels._identity = None  # noqa: SLF001 - this is its constructor
        return labels

    def without_empty(self) -> Labels:
        """These labels less those with an empty value: to have one and to lack it is the same."""
        return self if all(self.values()) else Labels.in_order([(n, v) for n, v in self.items() if v])

    def only(self, names: Iterable[str]) -> Labels:
        """The labels with these names; a name that is missing here is missing there."""
        return Labels([(name, self[name]) for name in names if name in self])

    @property
    def fingerprint(self) -> int:
        """64-bit FNV-1a over name, 0xFF, value, 0xFF in order of the names (`semantics.md` 1.3).

        What people and other programs know an alert by. Computed when first asked for: it costs
        two microseconds, and taking in an alert does not need it.
        """
        try:
            return self._fingerprint
        except AttributeError:
            self._fingerprint = fnv1a_64(self._canonical())
            return self._fingerprint

    @property
    def knows_fingerprint(self) -> bool:
        """Whether the fingerprint was worked out before."""
        return hasattr(self, "_fingerprint")

    @property
    def fingerprint_text(self) -> str:
        """The fingerprint as 16 lower-case hexadecimal digits."""
        return self.fingerprint.to_bytes(8, "big").hex()

    @property
    def identity(self) -> int:
        """64-bit xxHash (seed 0) over the same bytes: who an alert is, inside and in the log.

        The hash Alertmanager's notification log uses for the members of a group.
        """
        return self._identify() if self._identity is None else self._identity

    def _identify(self) -> int:
        identity = self._identity = xxhash.xxh64_intdigest(self._canonical())
        return identity

    def _canonical(self) -> bytes:
        texts = [*chain.from_iterable(self.items()), ""]
        if "".join(texts).isascii():
            return "\xff".join(texts).encode("latin-1")
        return b"".join([b"%b\xff%b\xff" % (n.encode(), v.encode()) for n, v in self.items()])

    def text(self) -> str:
        """``{a="1", b="2"}`` with Go-quoted values, as in a group key (`semantics.md` 2.4)."""
        return "{" + ", ".join([f"{name}={quote(value)}" for name, value in self.items()]) + "}"

    def __hash__(self) -> int:  # type: ignore[override]
        # Nearly all label sets that are keys of something have their identity asked for, too.
        identity = self._identity
        if identity is None:
            try:
                identity = self._identify()
            except UnicodeEncodeError:
                return hash(tuple(self.items()))
        return identity & _HASH

    def __repr__(self) -> str:
        return f"Labels({dict(self)!r})"

    def __reduce__(self) -> tuple[type[Labels], tuple[dict[str, str]]]:
        return (Labels, (dict(self),))

    def __setitem__(self, name: str, value: str) -> NoReturn:
        raise TypeError("a label set does not change")

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError("a label set does not change")

    def __ior__(self, other: object) -> NoReturn:  # type: ignore[misc]
        raise TypeError("a label set does not change")


def pack(labels: Mapping[str, str]) -> PackedLabels:
    """Labels, which are in order, as a value that takes little memory; see ``unpack``."""
    if not labels:
        return _NOTHING
    names = tuple(labels)
    return (_names.get(names) or _share(names), *labels.values())


def shared_names(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The names of these labels, in one object for all that have the same."""
    names = tuple(labels)
    return _names.get(names) or _share(names)


def _share(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    return _names.setdefault(names, names)


def unpack(packed: PackedLabels) -> Labels:
    """What ``pack`` was given."""
    return Labels.in_order(unpack_pairs(packed))


def unpack_pairs(packed: PackedLabels) -> dict[str, str]:
    """The same, bare: for thousands of them."""
    # The names are as many as the values, and only they are a tuple.
    return dict(zip(packed[0], packed[1:])) if packed else {}  # type: ignore[arg-type]  # noqa: B905


class WithIdentity:
    """Stands for the label set of an identity in a look-up: a ``dict`` whose keys are label sets finds that one for it."""

    __slots__ = ("_identity",)

    def __init__(self, identity: int) -> None:
        self._identity = identity

    def __hash__(self) -> int:
        return self._identity & _HASH

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and other.identity == self._identity


def know_fingerprints(label_sets: Iterable[Labels]) -> None:
    """Work out the fingerprints of label sets that are new, so that whoever asks for them has them."""
    for labels in label_sets:
        # To look first whether it is there, which it hardly ever is, would cost a third of it.
        labels._fingerprint = fnv1a_64(labels._canonical())  # noqa: SLF001 - this is a method of many label sets


def order_for_display(labels: Mapping[str, str]) -> tuple[object, ...]:
    """Sort key of alerts in a message and in the API: by job, then instance, then label set.

    Alerts that have the label come before those that lack it (`semantics.md` 3.5).
    """
    job = labels.get("job")
    instance = labels.get("instance")
    return (job is None, job or "", instance is None, instance or "", *label_set_order(labels))


def order_of_like(names: Collection[str]) -> Callable[[Mapping[str, str]], Any]:
    """The same order for label sets that all have these names, at a fraction of the cost."""
    first = [name for name in ("job", "instance") if name in names]
    return itemgetter(*first, *sorted(names)) if names else len


def label_set_order(labels: Mapping[str, str]) -> tuple[object, ...]:
    """Sort key of label sets: fewer labels first, then names and values in ascending order.

    For two sets of equal size the first name that one of them lacks decides, the one lacking it
    coming first. The set lacking the lower name has a greater one in that place, so names compare in
    reverse; ``_Reversed`` says so.
    """
    return (len(labels), tuple([(_Reversed(name), value) for name, value in sorted(labels.items())]))


class _Reversed(str):
    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)

    def __gt__(self, other: str) -> bool:
        return str.__lt__(self, other)
