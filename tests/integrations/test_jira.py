from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.alert import Alert
from alertrouter.core.time import HOUR, MINUTE, SECOND, Duration
from alertrouter.integrations.jira import LONGEST_DESCRIPTION, JiraConfig, issue, query
from tests.integrations.connected import configure
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, ReceivedRequest

if TYPE_CHECKING:
    pass

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
                return says(200, {"expand": "transitions", "transitions": known})
            case ["POST issue", key, "transitions"]:
                self.issues[key]["done"] = request.json()["transition"]["id"] == "31"
                return Answer(204)
        return says(404, {"errorMessages": ["no such thing"], "errors": {}})

    def _search(self, asked: dict[str, Any]) -> Answer:
        jql = asked["jql"]
        wanted = re.search(r'project="(.*?)" and labels="(.*?)" order by status ASC', jql)
        if wanted is None or asked["fields"] != ["status"]:
            return says(400, {"errorMessages": ["Error in the JQL Query"], "errors": {}})
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
        return says(200, {"issues": found[: asked["maxResults"]]})

    def _create(self, fields: dict[str, Any]) -> Answer:
        problems = {
            name: "is required" for name in ("project", "issuetype", "summary") if not fields.get(name)
        }
        if re.search(r"[\r\n]", fields["summary"]):
            problems["summary"] = "The summary is invalid because it contains newline characters."
        if len(fields["summary"]) > 255:
            problems["summary"] = "Summary must be less than 255 characters."
        if problems:
            return says(400, {"errorMessages": [], "errors": problems})
        key = f"{fields['project']['key']}-{len(self.issues) + 1}"
        self.issues[key] = {"fields": fields, "done": False, "searches": 0}
        return says(201, {"id": "1", "key": key, "self": "http://h/"})


def says(status: int, said: Any) -> Answer:
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
