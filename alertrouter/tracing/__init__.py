"""Spans of our own work, for OpenTelemetry (`semantics.md` 10.2).

Like logging there is one for the process. Until somebody installs a tracer every call here is a look and a return, and
nothing of OpenTelemetry is imported: it is an extra.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    Attributes = Mapping[str, str | int | bool]


class Kind(Enum):
    """Which side of a conversation a span is on."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    PRODUCER = auto()


class Span(Protocol):
    """One piece of work. No attribute, event or message may hold a secret."""

    def set(self, name: str, value: str | int | bool) -> None:  # noqa: FBT001 - the value of an attribute
        """Add an attribute."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Something happened on the way."""

    def fail(self, message: str) -> None:
        """It did not succeed."""

    def end(self) -> None:
        """It is over. For spans that were begun; those of a ``with`` end by themselves."""

    @property
    def is_recorded(self) -> bool:
        """Whether anybody will see it."""


class Tracer(Protocol):
    """Who makes spans."""

    def span(
        self,
        name: str,
        *,
        kind: Kind,
        attributes: Attributes | None,
        parent: Span | None,
        carrier: Mapping[str, str] | None,
    ) -> AbstractContextManager[Span]:
        """See ``alertrouter.tracing.span``."""

    def begin(self, name: str, *, attributes: Attributes | None, parent: Span | None) -> Span:
        """See ``alertrouter.tracing.begin``."""

    def headers(self) -> Mapping[str, str]:
        """See ``alertrouter.tracing.headers``."""


class _Nothing:
    """The span of nobody who watches."""

    __slots__ = ()

    is_recorded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def set(self, name: str, value: str | int | bool) -> None:  # noqa: FBT001 - as in Span
        """Nothing."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Nothing."""

    def fail(self, message: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


NOTHING = _Nothing()
_NO_HEADERS: dict[str, str] = {}

_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Let this tracer make the spans from now on; none without one."""
    global _tracer  # noqa: PLW0603 - one for the process, like the root logger
    _tracer = tracer


def is_on() -> bool:
    """Whether spans are made: what costs something to say need not be said otherwise."""
    return _tracer is not None


def span(
    name: str,
    *,
    kind: Kind = Kind.INTERNAL,
    attributes: Attributes | None = None,
    parent: Span | None = None,
    carrier: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span]:
    """A span of what is inside the ``with``; what is begun there belongs to it.

    It belongs to ``parent``, or to what the headers in ``carrier`` name (W3C trace context, names in lower case), or
    to the span it is in.
    """
    if _tracer is None:
        return NOTHING
    return _tracer.span(name, kind=kind, attributes=attributes, parent=parent, carrier=carrier)


def begin(name: str, *, attributes: Attributes | None = None, parent: Span | None = None) -> Span:
    """A span that ends when it is told to; without a parent the first of its trace."""
    if _tracer is None:
        return NOTHING
    return _tracer.begin(name, attributes=attributes, parent=parent)


def headers() -> Mapping[str, str]:
    """What tells another program which span it works for; nothing when that is not recorded."""
    return _NO_HEADERS if _tracer is None else _tracer.headers()
