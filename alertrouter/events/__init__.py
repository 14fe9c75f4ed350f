"""The event recorder: what happened, as lines of JSON for other programs (`semantics.md` 10.1)."""

from alertrouter.events.metrics import EventMetrics
from alertrouter.events.recorder import EventRecorder

__all__ = ["EventMetrics", "EventRecorder"]
