"""Why a message is due, and why one is not."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an integration is told something now. The texts are part of the webhook payload."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    SOME_RESOLVED = "some alerts resolved"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"
    UNKNOWN = "unknown"


class NotSent(StrEnum):
    """Why an integration is told nothing in a flush."""

    DEDUPLICATED = "deduplicated"  # everything there is to say was said before
    NOTHING_TO_ANNOUNCE = "nothing to announce"  # only resolved alerts that nobody was told of
    RESOLVES_NOT_WANTED = "resolves not wanted"  # send_resolved is off
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    MUTED = "muted by interval"
    MUTED_FOR_SEVERAL_REASONS = "muted"  # every alert is kept back, not all for the same reason
    NO_INTEGRATION = "no integration"
    NOTHING_LEFT = "nothing left to send"  # it was due, and then was not before it was sent
    ROUTE_GONE = "route is gone"
    FAILED = "failed"
    UNKNOWN = "outcome unknown"  # the process ended while the message was on its way; never written down


class MutedBy(StrEnum):
    """What keeps an alert back. The texts are the ``reason`` label of the suppressed metric."""

    INHIBITION = "inhibition"
    ACTIVE_TIME_INTERVAL = "active_time_interval"
    MUTE_TIME_INTERVAL = "mute_time_interval"
    SILENCE = "silence"


class FailureReason(StrEnum):
    """Why an attempt failed; the ``reason`` label of the failed notifications metric."""

    OTHER = "other"
    CLIENT_ERROR = "clientError"
    SERVER_ERROR = "serverError"
    CONTEXT_CANCELED = "contextCanceled"
    CONTEXT_DEADLINE_EXCEEDED = "contextDeadlineExceeded"
    AUTH_ERROR = "authError"
    RATE_LIMITED = "rateLimited"

    @classmethod
    def of(cls, status: int) -> FailureReason:
        """The reason an HTTP answer with this status stands for."""
        if status in {401, 403}:
            return cls.AUTH_ERROR
        if status == 429:
            return cls.RATE_LIMITED
        if 400 <= status < 500:
            return cls.CLIENT_ERROR
        if status >= 500:
            return cls.SERVER_ERROR
        return cls.OTHER
