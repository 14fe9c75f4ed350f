"""The life of an issue in Jira, told by a stand-in that searches, creates and moves them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.templating.errors import TemplateError
from tests.integrations.connected import connected
from tests.integrations.examples import EXAMPLES, NOON, message, notification
from tests.integrations.test_jira import BASE, HASH, Vendor, says
from tests.receivers import Answer, HttpReceiver, Misbehave

if TYPE_CHECKING:
    from alertrouter.integrations import Sender

pytestmark = pytest.mark.anyio


MOVES = {"resolve_transition": "Done", "reopen_transition": "To Do", "reopen_duration": 60 * MINUTE}
FIRING, RESOLVED = EXAMPLES["one_firing"], EXAMPLES["all_resolved"]


async def play(service: Vendor, steps: list[Any], **values: Any) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(service)
        config = {"project": "OPS", "issue_type": "Bug", "api_url": receiver.url("/rest/api/2")} | values
        async with connected("jira", config) as sender:
            for step in steps:
                await sender.send(message(step))


async def test_an_issue_is_made_updated_resolved_and_opened_again() -> None:
    service = Vendor()

    await play(service, [FIRING, EXAMPLES["many_mixed"], RESOLVED, FIRING], **MOVES)

    assert service.asked == [
        "POST search",
        "POST issue",
        *["POST search", "PUT issue/OPS-1"],
        *["POST search", "PUT issue/OPS-1", "GET issue/OPS-1/transitions", "POST issue/OPS-1/transitions"],
        *["POST search", "PUT issue/OPS-1", "GET issue/OPS-1/transitions", "POST issue/OPS-1/transitions"],
    ]
    assert list(service.issues) == ["OPS-1"]
    assert not service.issues["OPS-1"]["done"]
    assert service.issues["OPS-1"]["fields"]["summary"] == "[FIRING:1] DiskFull (db1 critical)"


async def test_requests_are_in_the_form_that_jira_wants() -> None:
    service = Vendor()
    async with HttpReceiver() as receiver:
        receiver.answer_with(service)
        config = BASE | {
            "api_url": receiver.url("/jira/rest/api/2/?a=b"),
            "http_config": {"basic_auth": {"username": "u", "password": "p"}},
        }
        async with connected("jira", config) as sender:
            with pytest.raises(RejectedError):
                await sender.send(message(FIRING))

    (search,) = receiver.requests
    assert (search.method, search.target) == ("POST", "/jira/rest/api/2/search?a=b")
    assert search.headers["accept-language"] == "en"
    assert search.headers["authorization"] == "Basic dTpw"
    assert search.body == (
        b'{"fields":["status"],"jql":"statusCategory != Done and project=\\"OPS\\" and labels=\\"ALERT{'
        + HASH.encode()
        + b'}\\" order by status ASC,resolutiondate DESC","maxResults":2}\n'
    )


async def test_an_issue_resolved_long_ago_is_left_and_a_new_one_made() -> None:
    service = Vendor(age=2 * HOUR)

    await play(service, [FIRING, RESOLVED, FIRING], **MOVES)

    assert [each["done"] for each in service.issues.values()] == [True, False]


async def test_without_transitions_issues_are_only_updated() -> None:
    service = Vendor()

    await play(service, [FIRING, RESOLVED])

    assert service.asked[2:] == ["POST search", "PUT issue/OPS-1"]
    assert service.issues["OPS-1"]["fields"]["summary"] == "[RESOLVED] DiskFull "


async def test_what_is_resolved_and_unknown_to_jira_is_done() -> None:
    service = Vendor()

    await play(service, [RESOLVED], **MOVES)

    assert service.asked == ["POST search"]


async def test_an_issue_that_somebody_closed_stays_closed_when_its_alerts_are_resolved() -> None:
    service = Vendor()
    config = BASE | {"fields": {}} | MOVES
    async with HttpReceiver() as receiver:
        done = {"key": "OPS-1", "fields": {"status": {"statusCategory": {"key": "done"}}}}
        receiver.answer_with(says(200, {"issues": [done]}), Answer(204))
        async with connected("jira", config | {"api_url": receiver.url("/rest/api/2")}) as sender:
            await sender.send(message(RESOLVED))

    assert [each.method for each in receiver.requests] == ["POST", "PUT"]
    assert service.asked == []


async def test_a_message_of_a_group_that_fires_elsewhere_does_not_resolve_the_issue() -> None:
    """D11: all alerts shown are resolved, but others of the group fire, and are muted."""
    service = Vendor()

    await play(service, [FIRING, replace(RESOLVED, status=Status.FIRING)], **MOVES)

    assert service.asked[2:] == ["POST search", "PUT issue/OPS-1"]


@pytest.mark.parametrize(
    "fields", [None, {}, {"status": None}, {"status": {"statusCategory": None}}, {"status": {"name": "x"}}]
)
async def test_an_issue_whose_state_jira_does_not_tell_is_taken_as_open(fields: Any) -> None:
    found = {"issues": [{"key": "OPS-1", "fields": fields}, {"key": "OPS-2"}], "isLast": True}
    transitions = says(200, {"transitions": [{"id": "31", "name": "Done"}]})
    async with HttpReceiver() as receiver:
        receiver.answer_with(says(200, found), Answer(204), transitions, Answer(204))
        async with connected("jira", BASE | MOVES | {"api_url": receiver.url("/rest/api/2")}) as sender:
            await sender.send(message(RESOLVED))

    assert [each.method for each in receiver.requests] == ["POST", "PUT", "GET", "POST"]
    assert receiver.requests[3].json() == {"transition": {"id": "31"}}


async def test_several_issues_of_one_group_are_reported_and_the_first_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with HttpReceiver() as receiver:
        receiver.answer_with(says(200, {"issues": [{"key": "OPS-7"}, {"key": "OPS-2"}]}), Answer(204))
        async with connected("jira", BASE | {"api_url": receiver.url("/rest/api/2")}) as sender:
            await sender.send(message(FIRING))

    assert receiver.requests[1].target == "/rest/api/2/issue/OPS-7"
    assert caplog.messages == ["More than one issue in Jira for a group"]


# What goes wrong


async def attempt(sender: Sender) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await sender.send(message(RESOLVED))
    return raised.value


OPEN = says(200, {"issues": [{"key": "OPS-1"}]})
LIMITED = Answer(429, b"", {"Retry-After": "5", "X-RateLimit-Reset": "2026-11-21T14:00Z"})
REFUSED = says(
    400, {"errorMessages": [], "errors": {"labels": "The label 'a b' contains spaces which is invalid."}}
)


@pytest.mark.parametrize(
    ("answers", "error", "text"),
    [
        pytest.param(
            [REFUSED],
            RejectedError,
            "failed to look up existing issues: unexpected status code 400: {",
            id="search",
        ),
        pytest.param(
            [Answer(429)],
            TemporaryError,
            "failed to look up existing issues: unexpected status code 429",
            id="429",
        ),
        pytest.param([LIMITED], TemporaryError, "unexpected status code 429", id="429 with a time"),
        pytest.param(
            [Answer(200, b"<html>log in")],
            RejectedError,
            "failed to look up existing issues: the answer is not what Jira answers",
            id="a page instead of an answer",
        ),
        pytest.param(
            [OPEN, REFUSED],
            RejectedError,
            "failed to update issue OPS-1: unexpected status code 400: {",
            id="update",
        ),
        pytest.param(
            [OPEN, Misbehave.CLOSE],
            TemporaryError,
            "failed to update issue OPS-1: ",
            id="no answer to an update",
        ),
        pytest.param(
            [OPEN, Answer(204), Answer(500)],
            TemporaryError,
            "failed to move issue OPS-1 by transition Done: unexpected status code 500",
            id="transitions",
        ),
        pytest.param(
            [OPEN, Answer(204), says(200, {"transitions": [{"id": "1", "name": "done"}]})],
            RejectedError,
            "can't find transition Done for issue OPS-1",
            id="no such transition",
        ),
        pytest.param(
            [OPEN, Answer(204), says(200, {"transitions": [{"id": "1", "name": "Done"}]}), Answer(409)],
            RejectedError,
            "failed to move issue OPS-1 by transition Done: unexpected status code 409",
            id="a transition that is refused",
        ),
    ],
)
async def test_what_jira_answers(answers: list[Any], error: type[Exception], text: str) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(*answers)
        async with connected("jira", BASE | MOVES | {"api_url": receiver.url("/rest/api/2")}) as sender:
            raised = await attempt(sender)

    assert type(raised) is error
    assert text in str(raised)
    assert raised.retry_after == (5 * SECOND if answers == [LIMITED] else None)
    if "429" in text:
        assert raised.reason is FailureReason.RATE_LIMITED


@pytest.mark.parametrize("answer", [Misbehave.CLOSE, Misbehave.CUT, Misbehave.GARBAGE])
async def test_a_new_issue_without_an_answer_is_not_made_again_at_once(answer: Misbehave) -> None:
    """It may have been made, and the search may not know it yet: the next flush will."""
    async with HttpReceiver() as receiver:
        receiver.answer_with(says(200, {"issues": []}), answer)
        async with connected("jira", BASE | {"api_url": receiver.url("/rest/api/2")}) as sender:
            with pytest.raises(RejectedError, match="failed to create an issue: "):
                await sender.send(message(FIRING))


@pytest.mark.parametrize(("answer", "error"), [(Answer(503), TemporaryError), (REFUSED, RejectedError)])
async def test_a_new_issue_that_is_refused(answer: Answer, error: type[Exception]) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(says(200, {"issues": []}), answer)
        async with connected("jira", BASE | {"api_url": receiver.url("/rest/api/2")}) as sender:
            with pytest.raises(error, match="failed to create an issue: unexpected status code"):
                await sender.send(message(FIRING))


async def test_a_project_that_cannot_be_rendered_is_an_error() -> None:
    """There is no wording to fall back to."""
    with pytest.raises(TemplateError):
        await play(Vendor(), [FIRING], project="{{ template `nothing` }}")


async def test_a_title_of_several_lines_is_taken() -> None:
    service = Vendor()
    labels = Labels({"alertname": "A", "text": "one\ntwo"})
    odd = Alert(
        labels=labels, annotations=Labels({}), starts_at=NOON, ends_at=None, updated_at=NOON, generator_url=""
    )

    await play(service, [notification(odd)])

    assert service.issues["OPS-1"]["fields"]["summary"] == "[FIRING:1] A (one two)"
