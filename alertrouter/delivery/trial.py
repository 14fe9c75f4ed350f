"""A test message through the integrations of one receiver, past groups, queues and the notification log."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import DeliveryError
from alertrouter.delivery.status import TrialOutcome
from alertrouter.templating.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.clock import Clock
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.core.time import Moment
    from alertrouter.integrations import Sender
    from alertrouter.templating.message import Message

log = logging.getLogger(__name__)

#: The alertname of every test message; nobody can give it another.
ALERTNAME: Final = "ArtoolReceiverTest"
#: The annotation that says what it is; nobody can change it.
ANNOTATION: Final = "test"
# An integration that did not answer by now is said to have failed.
_PATIENCE = 20  # seconds


class TrialSenders(Protocol):
    """Who sends for an integration, and the words for it."""

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration; ValueError when it cannot be made."""

    def message(self, notification: Notification, integration: Integration) -> Message:
        """The message that the integration's templates see."""


async def try_out(
    receiver: Receiver,
    integrations: Sequence[Integration],
    senders: TrialSenders,
    clock: Clock,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> list[TrialOutcome]:
    """Send one test message through each of these integrations, all at once; what each answered, in order."""
    notification = trial_notification(receiver, clock.now(), labels=labels, annotations=annotations)
    return await asyncio.gather(*[_try(each, notification, senders, clock) for each in integrations])


def trial_notification(
    receiver: Receiver, now: Moment, *, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Notification:
    """One firing alert that says it is a test, with these labels and annotations besides.

    Its group key is no group's, so what an integration keeps by it (an incident, a thread) is the test's own.
    """
    text = f'This is a test of the receiver "{receiver.name}", sent by hand. Nothing is wrong.'
    alert = Alert(
        labels=Labels({**labels, "alertname": ALERTNAME}),
        annotations=Labels({"summary": text, **annotations, ANNOTATION: text}),
        starts_at=now,
        ends_at=None,
        updated_at=now,
    )
    group_labels = Labels({"alertname": ALERTNAME})
    return Notification(
        receiver=receiver.name,
        status=Status.FIRING,
        reason=Reason.FIRST,
        alerts=[alert],
        group_labels=group_labels,
        group_key=f'{{}}/{{alertrouter="receiver test"}}:{{alertname="{ALERTNAME}"}}',
        flushed_at=now,
    )


async def _try(
    integration: Integration, notification: Notification, senders: TrialSenders, clock: Clock
) -> TrialOutcome:
    begun = clock.now()
    error = ""
    try:
        sender = senders.sender(integration)
        async with asyncio.timeout(_PATIENCE):
            await sender.send(senders.message(notification, integration))
    except (DeliveryError, TemplateError, ValueError) as problem:
        error = str(problem) or type(problem).__name__
    except TimeoutError:
        error = f"no answer within {_PATIENCE} seconds"
    except Exception as problem:
        log.exception("The test of %s failed unexpectedly", integration.key)
        error = f"unexpected {type(problem).__name__}, see the log"
    outcome = TrialOutcome(integration=integration.key, latency=clock.now() - begun, error=error)
    log.info(
        "Tested a receiver",
        extra={
            "receiver": notification.receiver,
            "integration": integration.key,
            "seconds": round(outcome.latency / SECOND, 3),
            "err": error or None,
        },
    )
    return outcome
