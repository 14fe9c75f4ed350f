from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import HOUR, MINUTE, SECOND, Duration
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations.jira import LONGEST_DESCRIPTION, JiraConfig, issue, query
from alertrouter.templating.errors import TemplateError
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, NOON, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, Misbehave, ReceivedRequest

if TYPE_CHECKING:
    from alertrouter.integrations import Sender

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"api_url": "{url}", "project": "OPS", "issue_type": "Bug"}}

BASE: dict[str, Any] = {"api_url": "http://h/rest/api/2", "project": "OPS", "issue_type": "Bug"}
FULL: dict[str, Any] = BASE | {
    "project": "{{ .CommonLabels.alertname }}",
    "issue_type": "{{ .Status }} bug",
    "summary": {"template": "{{ .Receiver }} is {{ .Status }}"},
    "description": {
        "template": "{{ range .Alerts }}{{ .Labels.instance }}\n{{ end }}",
        "enable_update": True,
    },
    "labels": ["zebra", "{{ .Status }}", "Ant"],
    "priority": "P{{ len .Alerts }}",
    "fields": {
        "customfield_1": "{{ .Status }}",
        "customfield_2": {"value": "{{ .Status }}", "{{ .Status }}": ["1", "yes", 2.0, None]},
        "components": '[{"name": "{{ .Status }}"}]',
        "{{ .Status }}": "left as it is",
    },
}
DOCUMENT = '{"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"text": "<&>", "type": "text"}]}]}'
VERSION_3 = BASE | {"api_url": "http://h/rest/api/3/", "description": {"template": DOCUMENT}}


class Vendor:
    """A Jira: issues, a search for those of a group, and a workflow between To Do and Done.

    ``lag`` is how many searches a new issue is not found by; ``age`` how long ago issues were resolved.
    """

    def __init__(self, lag: int = 0, age: Duration = 0) -> None:
        self.issues: dict[str, dict[str, Any]] = {}
        self.lag, self.age = lag, age
        self.asked: list[str] = []

    def __call__(self, request: ReceivedRequest) -> Answer:  # noqa: PLR0911 -- a table
        path = re.sub(r"^(.*/rest/api/[23])?/", "", request.target)
        self.asked.append(f"{request.method} {path}")
        if request.headers["content-type"] != "application/json":
            return Answer(415)
        match f"{request.method} {path}".split("/"):
            case ["POST search"] | ["POST search", "jql"]:
                return self._search(request.json())
            case ["POST issue"]:
                return self._create(request.json()["fields"])
            case ["PUT issue", key]:
                self.issues[key]["fields"] |= request.json()["fields"]
                return Answer(204)
            case ["GET issue", _, "transitions"]:
                known = [{"id": "11", "name": "To Do"}, {"id": "31", "name": "Done"}]
                return _json(200, {"expand": "transitions", "transitions": known})
            case ["POST issue", key, "transitions"]:
                self.issues[key]["done"] = request.json()["transition"]["id"] == "31"
                return Answer(204)
        return _json(404, {"errorMessages": ["no such thing"], "errors": {}})

    def _search(self, asked: dict[str, Any]) -> Answer:
        jql = asked["jql"]
        wanted = re.search(r'project="(.*?)" and labels="(.*?)" order by status ASC', jql)
        if wanted is None or asked["fields"] != ["status"]:
            return _json(400, {"errorMessages": ["Error in the JQL Query"], "errors": {}})
        reopens = re.search(r"\(resolutiondate is EMPTY OR resolutiondate >= -(\d+)m\)", jql)
        found = []
        for key, kept in self.issues.items():
            kept["searches"] += 1
            is_old = kept["done"] and (reopens is None or self.age > int(reopens[1]) * MINUTE)
            is_asked_for = (
                kept["fields"]["project"]["key"] == wanted[1] and wanted[2] in kept["fields"]["labels"]
            )
            if kept["searches"] > self.lag and is_asked_for and not is_old:
                category = {"id": 3, "key": "done" if kept["done"] else "new"}
                found.append({"id": "1", "key": key, "fields": {"status": {"statusCategory": category}}})
        return _json(200, {"issues": found[: asked["maxResults"]]})

    def _create(self, fields: dict[str, Any]) -> Answer:
        problems = {
            name: "is required" for name in ("project", "issuetype", "summary") if not fields.get(name)
        }
        if re.search(r"[\r\n]", fields["summary"]):
            problems["summary"] = "The summary is invalid because it contains newline characters."
        if len(fields["summary"]) > 255:
            problems["summary"] = "Summary must be less than 255 characters."
        if problems:
            return _json(400, {"errorMessages": [], "errors": problems})
        key = f"{fields['project']['key']}-{len(self.issues) + 1}"
        self.issues[key] = {"fields": fields, "done": False, "searches": 0}
        return _json(201, {"id": "1", "key": key, "self": "http://h/"})


def _json(status: int, said: Any) -> Answer:
    return Answer(status, json.dumps(said).encode(), {"Content-Type": "application/json;charset=UTF-8"})


def config_of(values: dict[str, Any], **global_values: Any) -> JiraConfig:
    config = configure("jira", values, **global_values)
    assert isinstance(config, JiraConfig)
    return config


def fields_of(values: dict[str, Any], alerts: list[Alert], *, is_new: bool = True) -> dict[str, Any]:
    config = config_of(values)
    made = json.loads(issue(config, message(notification(*alerts), config), is_new=is_new))
    fields: dict[str, Any] = made["fields"]
    return fields


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    ("suffix", "values"),
    [("", BASE), ("_full", FULL), ("_document", VERSION_3)],
    ids=["by default", "with everything in it", "with a document"],
)
def test_an_issue(name: str, suffix: str, values: dict[str, Any]) -> None:
    config = config_of(values)

    check_golden("jira", f"{name}{suffix}", issue(config, message(EXAMPLES[name], config), is_new=True))


HASH = message(EXAMPLES["one_firing"]).notification.group_hash
_END = f'project="OPS" and labels="ALERT{{{HASH}}}" order by status ASC,resolutiondate DESC'


@pytest.mark.parametrize(
    ("values", "example", "expected"),
    [
        pytest.param({}, "one_firing", f"statusCategory != Done and {_END}", id="what is not done"),
        pytest.param(
            {"reopen_transition": "Again", "reopen_duration": 90 * MINUTE + 59 * SECOND},
            "many_mixed",
            f"(resolutiondate is EMPTY OR resolutiondate >= -90m) and {_END}",
            id="or done not long ago",
        ),
        pytest.param(
            {"reopen_transition": "Again", "reopen_duration": 59 * SECOND},
            "one_firing",
            f"statusCategory != Done and {_END}",
            id="less than a minute is not long enough",
        ),
        pytest.param(
            {"reopen_duration": 72 * HOUR},
            "one_firing",
            f"statusCategory != Done and {_END}",
            id="without a transition nothing is opened again",
        ),
        pytest.param(
            {"reopen_transition": "Again", "reopen_duration": 72 * HOUR},
            "all_resolved",
            f"statusCategory != Done and {_END}",
            id="nothing is opened again for what is resolved",
        ),
        pytest.param(
            {"wont_fix_resolution": 'Won\'t "Fix"\\'},
            "one_firing",
            '(resolution is EMPTY or resolution != "Won\'t \\"Fix\\"\\\\") and statusCategory != Done and '
            + _END,
            id="but not what nobody will mend",
        ),
        pytest.param(
            {"project": 'a"{{ .Status }}'},
            "one_firing",
            "statusCategory != Done and " + _END.replace('"OPS"', '"a\\"firing"'),
            id="the project is a template, and quoted",
        ),
    ],
)
def test_what_is_searched_for(values: dict[str, Any], example: str, expected: str) -> None:
    config = config_of(BASE | values)

    assert query(config, message(EXAMPLES[example], config)) == expected


@pytest.mark.parametrize(
    ("api_url", "api_type", "expected"),
    [
        ("http://h/rest/api/2", "auto", "http://h/rest/api/2/search"),
        ("http://h/rest/api/2/?a=b", "auto", "http://h/rest/api/2/search?a=b"),
        ("http://h/rest/api/3", "auto", "http://h/rest/api/3/search"),
        ("https://x.atlassian.net/rest/api/2/", "auto", "https://x.atlassian.net/rest/api/3/search/jql"),
        (
            "https://x.atlassian.net:443/rest/api/3",
            "auto",
            "https://x.atlassian.net:443/rest/api/3/search/jql",
        ),
        ("https://x.atlassian.net/rest/api/2", "datacenter", "https://x.atlassian.net/rest/api/2/search"),
        ("http://proxy/rest/api/2", "cloud", "http://proxy/rest/api/3/search/jql"),
        ("http://h/jira", "cloud", "http://h/jira/search/jql"),
    ],
)
def test_where_it_searches(api_url: str, api_type: str, expected: str) -> None:
    assert config_of(BASE | {"api_url": api_url, "api_type": api_type}).search_url == expected


def test_texts_are_cut_and_a_title_has_one_line() -> None:
    texts = {
        "summary": {"template": "{{ .CommonLabels.text }}"},
        "description": {"template": "{{ .CommonLabels.text }}"},
    }

    fields = fields_of(BASE | texts, [alert(alertname="A", text="ab\r\nc" + "ö" * 40_000)])

    assert fields["summary"] == "ab c" + "ö" * 250 + "…"
    assert fields["description"] == "ab\r\nc" + "ö" * (LONGEST_DESCRIPTION - 6) + "…"


def test_what_is_empty_is_left_out_but_for_the_title() -> None:
    empty = {"summary": {"template": ""}, "description": {"template": ""}, "priority": ""}

    for api_url in ("http://h/rest/api/2", "http://h/rest/api/3"):
        fields = fields_of(BASE | empty | {"api_url": api_url}, [alert(alertname="A")])
        assert sorted(fields) == ["issuetype", "labels", "project", "summary"]
        assert fields["summary"] == ""


def test_an_issue_that_is_there_keeps_the_texts_that_are_not_updated() -> None:
    kept = {"summary": {"enable_update": False}, "description": {"template": "x", "enable_update": False}}

    made, later = (fields_of(BASE | kept, [alert(alertname="A")], is_new=new) for new in (True, False))

    assert (made["summary"], made["description"]) == ("[FIRING:1] A ", "x")
    assert sorted(later) == ["issuetype", "labels", "project"]


def test_the_fields_go_before_the_keys() -> None:
    fields = fields_of(BASE | {"fields": {"summary": "mine", "labels": "[a]"}}, [alert(alertname="A")])

    assert (fields["summary"], fields["labels"]) == ("mine", ["a"])


def test_a_document_stays_as_it_was_written() -> None:
    config = config_of(VERSION_3)

    made = issue(config, message(EXAMPLES["one_firing"], config), is_new=True)

    assert (
        rb'"description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":'
        rb'[{"text":"\u003c\u0026\u003e","type":"text"}]}]}' in made
    )


def _text_of(document: dict[str, Any]) -> str:
    assert (document["type"], document["version"]) == ("doc", 1)
    paragraphs = []
    for paragraph in document["content"]:
        assert paragraph["type"] == "paragraph"
        assert all(node["type"] == "hardBreak" or node["text"] for node in paragraph["content"])
        paragraphs.append("".join([node.get("text", "\n") for node in paragraph["content"]]))
    return "\n\n".join(paragraphs)


@pytest.mark.parametrize(
    ("template", "expected", "warning"),
    [
        pytest.param(
            'Down: "{{ .CommonLabels.instance }}"\nnow\n\n \n\nBye\n',
            'Down: "db1"\nnow\n\nBye',
            "invalid JSON for API v3",
            id="a text",
        ),
        pytest.param('{"type": "doc"', '{"type": "doc"', "invalid JSON for API v3", id="half a document"),
        pytest.param(
            '"{{ range .Alerts }}' + "x" * 40_000 + '{{ end }}"',
            "# Alerts Firing:\n\nLabels:",
            "the document is too long for Jira",
            id="a document that is too long",
        ),
        pytest.param(
            '{"type": {{ template "nothing" }}}',
            "# Alerts Firing:\n\nLabels:",
            "invalid JSON for API v3",
            id="a template that fails",
        ),
    ],
)
def test_what_is_no_document_is_made_one_so_that_the_page_goes_out(
    template: str, expected: str, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    document = {"description": {"template": template}}

    fields = fields_of(VERSION_3 | document, [alert(alertname="A", instance="db1")])

    assert _text_of(fields["description"]).startswith(expected)
    assert any(warning in each for each in caplog.messages)


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param({"issue_type": "Bug"}, {}, "missing project in jira_config", id="no project"),
        pytest.param({"project": "OPS"}, {}, "missing issue_type in jira_config", id="no type"),
        pytest.param(
            {"project": "OPS", "issue_type": "Bug"}, {}, "no global Jira Cloud URL set", id="no URL anywhere"
        ),
        pytest.param(BASE | {"api_url": "h"}, {}, 'unsupported scheme "" for URL', id="no URL"),
        *[
            pytest.param(
                BASE | {"api_type": text},
                {},
                "unknown api_type on jira_config, must be auto, cloud or datacenter",
                id=f"no such API: {text!r}",
            )
            for text in ("", "Cloud", "server")
        ],
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("jira", config, **global_values)

    assert complaint in str(refused.value)


def test_the_global_url_is_used_where_there_is_no_other() -> None:
    given = {"project": "P", "issue_type": "T"}

    assert config_of(given, jira_api_url="http://g/").api_url == "http://g/"
    assert config_of(BASE, jira_api_url="http://g/").api_url == "http://h/rest/api/2"


# The life of an issue


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
        receiver.answer_with(_json(200, {"issues": [done]}), Answer(204))
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
    transitions = _json(200, {"transitions": [{"id": "31", "name": "Done"}]})
    async with HttpReceiver() as receiver:
        receiver.answer_with(_json(200, found), Answer(204), transitions, Answer(204))
        async with connected("jira", BASE | MOVES | {"api_url": receiver.url("/rest/api/2")}) as sender:
            await sender.send(message(RESOLVED))

    assert [each.method for each in receiver.requests] == ["POST", "PUT", "GET", "POST"]
    assert receiver.requests[3].json() == {"transition": {"id": "31"}}


async def test_several_issues_of_one_group_are_reported_and_the_first_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with HttpReceiver() as receiver:
        receiver.answer_with(_json(200, {"issues": [{"key": "OPS-7"}, {"key": "OPS-2"}]}), Answer(204))
        async with connected("jira", BASE | {"api_url": receiver.url("/rest/api/2")}) as sender:
            await sender.send(message(FIRING))

    assert receiver.requests[1].target == "/rest/api/2/issue/OPS-7"
    assert caplog.messages == ["More than one issue in Jira for a group"]


# What goes wrong


async def attempt(sender: Sender) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await sender.send(message(RESOLVED))
    return raised.value


OPEN = _json(200, {"issues": [{"key": "OPS-1"}]})
LIMITED = Answer(429, b"", {"Retry-After": "5", "X-RateLimit-Reset": "2026-11-21T14:00Z"})
REFUSED = _json(
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
            [OPEN, Answer(204), _json(200, {"transitions": [{"id": "1", "name": "done"}]})],
            RejectedError,
            "can't find transition Done for issue OPS-1",
            id="no such transition",
        ),
        pytest.param(
            [OPEN, Answer(204), _json(200, {"transitions": [{"id": "1", "name": "Done"}]}), Answer(409)],
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
        receiver.answer_with(_json(200, {"issues": []}), answer)
        async with connected("jira", BASE | {"api_url": receiver.url("/rest/api/2")}) as sender:
            with pytest.raises(RejectedError, match="failed to create an issue: "):
                await sender.send(message(FIRING))


@pytest.mark.parametrize(("answer", "error"), [(Answer(503), TemporaryError), (REFUSED, RejectedError)])
async def test_a_new_issue_that_is_refused(answer: Answer, error: type[Exception]) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(_json(200, {"issues": []}), answer)
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
