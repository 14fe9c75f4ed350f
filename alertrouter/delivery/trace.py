"""The spans of a flush, its messages and their attempts (`semantics.md` 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter import tracing
from alertrouter.delivery.errors import TemporaryError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from alertrouter.delivery.errors import DeliveryError
    from alertrouter.engine.decision import Flush, Send
    from alertrouter.tracing import Span


class Untraced:
    """Stands for the spans of everything while nobody traces."""

    def message(self, send: Send) -> Untraced:
        """No span of this message."""
        _ = send
        return self

    def end(self, error: str = "") -> None:
        """It is over."""


_UNTRACED = Untraced()


def trace_of(flush: Flush) -> FlushTrace | Untraced:
    """The span of this flush, if it is to have one."""
    return FlushTrace(flush) if tracing.is_on() else _UNTRACED


class FlushTrace:
    """The span of a flush, over when all its messages are. A flush begins a trace of its own."""

    def __init__(self, flush: Flush) -> None:
        self._left = len(flush.sends)
        self._span: Span = tracing.begin(
            "dispatch.AggregationGroup.flush",
            attributes={
                "alerting.aggregation_group.key": flush.route.group_key(flush.group.labels),
                "alerting.alerts.muted.count": sum(flush.suppressed.values()),
            },
        )
        if not self._left:
            self._span.end()

    def message(self, send: Send) -> MessageTrace:
        """The span of one of its messages."""
        span: Span = tracing.NOTHING
        if self._span.is_recorded:
            told = send.notification
            span = tracing.begin(
                "notify.RetryStage.Exec",
                attributes={
                    "alerting.notify.receiver.name": told.receiver,
                    "alerting.integration.name": send.integration.kind,
                    "alerting.alerts.count": len(told.alerts),
                },
                parent=self._span,
            )
        return MessageTrace(self, span, send.integration.kind)

    def message_is_over(self, error: str) -> None:
        """One message was taken, withdrawn or, with an error, given up."""
        self._left -= 1
        if error:
            self._span.fail(error)
        if not self._left:
            self._span.end()


class MessageTrace:
    """The span of one message, from the flush until it is taken or given up."""

    __slots__ = ("_flush", "_kind", "_span")

    def __init__(self, flush: FlushTrace, span: Span, kind: str) -> None:
        self._flush = flush
        self._span = span
        self._kind = kind

    def attempt(self) -> AbstractContextManager[Span]:
        """The span of an attempt, to be made inside the ``with``."""
        if not self._span.is_recorded:
            return tracing.NOTHING
        return tracing.span(
            "notify.Integration.Notify",
            kind=tracing.Kind.CLIENT,
            attributes={"alerting.notify.integration.name": self._kind},
            parent=self._span,
        )

    def end(self, error: str = "") -> None:
        """It is over."""
        if error:
            self._span.fail(error)
        self._span.end()
        self._flush.message_is_over(error)


def failed(span: Span, error: DeliveryError) -> None:
    """Write an error on the span of an attempt."""
    span.set("alerting.notify.error.recoverable", isinstance(error, TemporaryError))
    span.fail(str(error))
