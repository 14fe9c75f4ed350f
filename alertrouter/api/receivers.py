"""What is ours alone about receivers: how they fare, and a test message through one of them (`docs/api.md`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.api.http import Answer, fault, json_answer, problem
from alertrouter.core.matcher_syntax import is_valid_label_name
from alertrouter.core.time import SECOND, format_milliseconds
from alertrouter.delivery.status import LaneStatus, TrialOutcome
from alertrouter.wire import SchemaError
from alertrouter.wire.writing import encode_safely

if TYPE_CHECKING:
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.core.time import Moment

_BELOW = "/api/alertrouter/v1/receivers/"


class _Test(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    integration: str = ""


class Receivers:
    """``/api/alertrouter/v1/receivers`` and the tests below it."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def get(self, _: Request) -> Answer:
        """Every receiver in the order of the file, then those that are gone and still have messages on their way."""
        left = {(lane.receiver, lane.integration): lane for lane in self._router.lanes()}
        shown: dict[str, list[dict[str, Any]]] = {}
        for receiver in self._router.engine.routing.receivers.values():
            shown[receiver.name] = [
                _lane(
                    left.pop(
                        (receiver.name, each.key),
                        LaneStatus(receiver=receiver.name, integration=each.key),
                    )
                )
                for each in receiver.integrations
            ]
        for lane in left.values():
            shown.setdefault(lane.receiver, []).append(_lane(lane))
        listed = [{"name": name, "integrations": integrations} for name, integrations in shown.items()]
        return json_answer(encode_safely(listed) + b"\n")

    async def test(self, request: Request) -> Answer:
        """Send a test message through a receiver, and tell what its integrations answered."""
        name, ends_so, _ = request.path.removesuffix("/").removeprefix(_BELOW).rpartition("/test")
        if not ends_so:
            return fault(404, f"path {request.path} was not found")
        asked = self._read(await request.body())
        receiver = self._router.engine.routing.receivers.get(name)
        if receiver is None:
            return problem(404, f'there is no receiver "{name}": {_known(self._router)}')
        chosen = [each for each in receiver.integrations if asked.integration in {"", each.key, _place(each)}]
        if not chosen:
            return problem(404, _nothing_chosen(receiver, asked.integration))
        outcomes = await self._router.try_out(
            receiver, chosen, labels=asked.labels, annotations=asked.annotations
        )
        answers = "; ".join(f"{each.integration}: {each.error or 'ok'}" for each in outcomes)
        self._router.acted("receiver tested", name, request.caller, answers)
        return json_answer(encode_safely([_outcome(each) for each in outcomes]) + b"\n")

    def _read(self, body: bytes) -> _Test:
        if not body.strip():
            return _Test()
        try:
            asked = msgspec.json.decode(body, type=_Test)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SchemaError(400, 400, f"the body is not a test of a receiver: {error}") from None
        if "alertname" in asked.labels:
            raise SchemaError(422, 422, "the label alertname says that this is a test and cannot be chosen")
        for each in [*asked.labels, *asked.annotations]:
            if not is_valid_label_name(each, self._router.engine.settings.mode):
                raise SchemaError(422, 422, f'"{each}" is not a valid name')
        return asked


def _place(integration: Integration) -> str:
    return f"{integration.kind}/{integration.index}"


def _known(router: Router) -> str:
    return "there are " + ", ".join(f'"{name}"' for name in router.engine.routing.receivers)


def _nothing_chosen(receiver: Receiver, integration: str) -> str:
    if not receiver.integrations:
        return f'the receiver "{receiver.name}" has no integrations: it tells nobody anything'
    keys = ", ".join(each.key for each in receiver.integrations)
    return f'the receiver "{receiver.name}" has no integration "{integration}": it has {keys}'


def _lane(lane: LaneStatus) -> dict[str, Any]:
    return {
        "integration": lane.integration,
        "running": lane.running,
        "queued": lane.queued,
        "waiting": lane.waiting,
        "deliveredAt": _moment(lane.delivered_at),
        "failedAt": _moment(lane.failed_at),
        "lastError": lane.last_error,
        "circuit": lane.circuit.value,
        "resumesAt": _moment(lane.resumes_at),
    }


def _moment(moment: Moment | None) -> str | None:
    return None if moment is None else format_milliseconds(moment)


def _outcome(outcome: TrialOutcome) -> dict[str, Any]:
    return {
        "integration": outcome.integration,
        "ok": outcome.ok,
        "error": outcome.error,
        "seconds": outcome.latency / SECOND,
    }
