"""The steps of the road of an alert at which the process is killed: as a function begins, or as it has ended."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import CodeType


class Step(NamedTuple):
    """Where to die: as ``function`` (``module:qualified.name``) begins (``call``) or ends (``return``).

    A coroutine ends, in this sense, each time it waits. ``often`` is how many times it happens in one life at most.
    """

    about: str
    function: str
    event: str
    often: int

    @property
    def code(self) -> CodeType:
        """The code of the function. Raises AttributeError when it is there no more: name the step anew."""
        module, _, name = self.function.partition(":")
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = found.__dict__[part] if isinstance(found, type) else getattr(found, part)
        code: CodeType = getattr(found, "__func__", found).__code__
        return code


_DAEMON = "alertrouter.daemon:Daemon."
_ROUTER = "alertrouter.live_router:LiveRouter."
_ENGINE = "alertrouter.engine.engine:Engine."
_DELIVERY = "alertrouter.delivery.deliver:Delivery."
_ATTEMPTS = "alertrouter.delivery.attempts:Attempts."
_JOURNAL = "alertrouter.store.journal:Journal."

STEPS = (
    Step("the bytes of a request are there", f"{_ROUTER}take_in", "call", 40),
    Step("alerts are in memory and not written", "alertrouter.intake:Intake.take", "return", 40),
    Step("changes are given to the journal", f"{_JOURNAL}write", "call", 60),
    Step("a transaction begins", "alertrouter.store.writer:Writer._commit", "call", 40),
    Step("a transaction is written and not committed", "alertrouter.store.batch:Batch.write", "return", 40),
    Step("a transaction is committed", "alertrouter.store.writer:Writer._commit", "return", 40),
    Step("whoever waits for a commit is told", f"{_JOURNAL}committed", "call", 40),
    Step("whoever waits for a commit was told", f"{_JOURNAL}committed", "return", 40),
    Step("requests are committed as they came", "alertrouter.store.backlog:Backlog.add", "call", 20),
    Step("rows of what was posted are gathered", "alertrouter.store.batch:Batch.include", "return", 20),
    Step("rows of what was posted are committed", "alertrouter.store.backlog:Backlog.drop", "call", 20),
    Step("what a crash left is read again", "alertrouter.store.posted:_write", "call", 1),
    Step("what a crash left is written and not committed", "alertrouter.store.posted:_write", "return", 1),
    Step("what a crash left is committed", "alertrouter.store.posted:recover", "return", 1),
    Step("a silence is about to be made", f"{_ROUTER}save_silence", "call", 5),
    Step("a silence is in force and not written", f"{_ENGINE}save_silence", "return", 5),
    Step("a silence is about to end", f"{_ENGINE}expire_silence", "return", 3),
    Step("groups are flushed", f"{_ENGINE}flush", "call", 20),
    Step("it is decided what to send", f"{_ENGINE}flush", "return", 20),
    Step("messages are given to delivery", f"{_DELIVERY}start", "call", 20),
    Step("messages wait for their turn", f"{_DELIVERY}start", "return", 20),
    Step("an intent is given to the journal", f"{_JOURNAL}intend", "return", 5),
    Step("an attempt begins", f"{_ATTEMPTS}advance", "call", 15),
    Step(
        "a message is about to be put into words", "alertrouter.senders:SendersInForce.__call__", "call", 15
    ),
    Step("a request is about to leave, or has left", f"{_ATTEMPTS}_send", "return", 30),
    Step("a receiver took a message", f"{_ATTEMPTS}_attempt_succeeded", "call", 15),
    Step("the log knows of a message and the disk does not", f"{_ENGINE}delivered", "return", 15),
    Step("an outcome is given to the journal", f"{_ATTEMPTS}_attempt_succeeded", "return", 15),
    Step("a receiver refused a message", f"{_ATTEMPTS}_attempt_failed", "call", 3),
    Step("a configuration was read again", f"{_ENGINE}reconfigure", "call", 2),
    Step("groups follow a configuration, in memory", f"{_ENGINE}reconfigure", "return", 2),
    Step("the state is being loaded", "alertrouter.store.store:Store.load", "return", 1),
    Step("the state is loaded, and its changes are not written", f"{_ENGINE}load", "return", 1),
    Step("the order to stop was given", f"{_DAEMON}stop", "call", 1),
    Step("what was not sent is put aside at the stop", f"{_DELIVERY}drain", "return", 1),
    Step("the journal is closed", f"{_JOURNAL}close", "call", 1),
)
