"""Jira: one issue per group, updated, resolved and opened again as its alerts are (`config.md` 8.15)."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, Field, model_validator

from alertrouter.config.fields import (
    AnyStructure,
    Bool,
    ConfigModel,
    ConfigProblem,
    ListOf,
    MapOf,
    PrometheusDuration,
    TemplateText,
    Text,
    Url,
)
from alertrouter.core.alert import Status
from alertrouter.core.go_quote import quote
from alertrouter.core.time import MINUTE
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for
from alertrouter.integrations._json import json_body, sorted_json_body
from alertrouter.integrations._text import shorten
from alertrouter.integrations._url import below, with_slash

if TYPE_CHECKING:
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

log = logging.getLogger(__name__)

Shape = TypeVar("Shape", bound=msgspec.Struct)

LONGEST_SUMMARY = 255
LONGEST_DESCRIPTION = 32_767

# Answers come in English whatever language the user of the account likes.
_HEADERS = JSON | {"Accept-Language": "en"}


class JiraGlobals(ConfigModel):
    """What Jira adds to the ``global:`` section."""

    jira_api_url: Url = ""


class JiraText(ConfigModel):
    """A text of the issue; a bare template stands for one that is updated with every notification."""

    template: TemplateText = ""
    enable_update: Bool | None = None

    type_name: ClassVar[str] = "jira.plain"
    scalar_key: ClassVar[str] = "template"

    @property
    def is_updated(self) -> bool:
        """Whether an issue that exists gets the new text."""
        return self.enable_update is not False


class JiraSummary(JiraText):
    """The issue's title."""

    template: TemplateText = '{{ template "jira.default.summary" . }}'


class JiraDescription(JiraText):
    """The issue's text; for version 3 of the API a document in JSON."""

    template: TemplateText = '{{ template "jira.default.description" . }}'


def _check_api_type(text: str) -> str:
    if text not in {"auto", "cloud", "datacenter"}:
        raise ConfigProblem("unknown api_type on jira_config, must be auto, cloud or datacenter")
    return text


class JiraConfig(HttpIntegrationConfig):
    """An entry of ``jira_configs``. ``fields`` is merged last and may replace what the other keys say."""

    api_url: Url = ""
    api_type: Annotated[Text, AfterValidator(_check_api_type)] = "auto"
    project: TemplateText = ""
    summary: JiraSummary = JiraSummary()
    description: JiraDescription = JiraDescription()
    labels: ListOf[TemplateText] = ()
    priority: TemplateText = '{{ template "jira.default.priority" . }}'
    issue_type: TemplateText = ""
    reopen_transition: Text = ""
    resolve_transition: Text = ""
    wont_fix_resolution: Text = ""
    reopen_duration: PrometheusDuration = 0
    fields: MapOf[AnyStructure] = Field(default_factory=dict)

    type_name: ClassVar[str] = "jira.plain"
    always_printed: ClassVar[frozenset[str]] = frozenset({"summary", "description"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.project:
            raise ConfigProblem("missing project in jira_config")
        if not self.issue_type:
            raise ConfigProblem("missing issue_type in jira_config")
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL, where it has none of its own."""
        config = super().completed(global_config, receiver_name)
        url = config.api_url or global_config.jira_api_url
        if not url:
            raise ConfigProblem("no global Jira Cloud URL set")
        return config.model_copy(update={"api_url": url})

    @property
    def is_version_3(self) -> bool:
        """Whether the third version of the API is spoken, which wants documents where the others want text."""
        return urlsplit(self.api_url).path.rstrip("/").endswith("/3")

    @property
    def is_cloud(self) -> bool:
        """Whether the Jira is Atlassian's own, where the old search is gone."""
        if self.api_type == "auto":
            return (urlsplit(self.api_url).hostname or "").endswith("atlassian.net")
        return self.api_type == "cloud"

    def url(self, path: str) -> str:
        """Where a part of the API is."""
        return below(with_slash(self.api_url), path)

    @property
    def search_url(self) -> str:
        """Where issues are searched for."""
        if not self.is_cloud:
            return self.url("search")
        return self.url("search/jql").replace("/rest/api/2/", "/rest/api/3/", 1)


def group_label(message: Message) -> str:
    """The label that ties an issue to its group."""
    return f"ALERT{{{message.notification.group_hash}}}"


def query(config: JiraConfig, message: Message) -> str:
    """The search for the group's issue in Jira's query language."""
    clauses = []
    if config.wont_fix_resolution:
        clauses.append(f"(resolution is EMPTY or resolution != {quote(config.wont_fix_resolution)})")
    minutes = config.reopen_duration // MINUTE
    if _is_firing(message) and config.reopen_transition and minutes >= 1:
        clauses.append(f"(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m)")
    else:
        clauses.append("statusCategory != Done")
    clauses.append(f"project={quote(message.text(config.project))}")
    clauses.append(f"labels={quote(group_label(message))}")
    return " and ".join(clauses) + " order by status ASC,resolutiondate DESC"


def issue(config: JiraConfig, message: Message, *, is_new: bool) -> bytes:
    """The body that creates the group's issue, or brings it up to date."""
    text = message.text
    fields: dict[str, Any] = {
        "project": {"key": text(config.project)},
        "issuetype": {"name": text(config.issue_type)},
        "labels": sorted([*filter(None, map(text, config.labels)), group_label(message)]),
    }
    if priority := text(config.priority):
        fields["priority"] = {"name": priority}
    if is_new or config.summary.is_updated:
        # Jira refuses a title of several lines.
        fields["summary"] = shorten(re.sub(r"[\r\n]+", " ", text(config.summary.template)), LONGEST_SUMMARY)
    if is_new or config.description.is_updated:
        description = _description(config, message)
        if description:
            fields["description"] = description
    fields |= {name: message.structure(value) for name, value in config.fields.items()}
    return sorted_json_body({"fields": fields})


def _description(config: JiraConfig, message: Message) -> Any:
    """A text, or a document for version 3; None or empty when there is nothing to say.

    A text that is no document, or too long for one, is put into a document as plain text: it would cost the page.
    """
    text = message.text(config.description.template)
    if not config.is_version_3:
        return shorten(text, LONGEST_DESCRIPTION)
    if not text:
        return None
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        log.warning("description template: invalid JSON for API v3; it is sent as plain text")
        return _document(shorten(text, LONGEST_DESCRIPTION))
    if len(text) <= LONGEST_DESCRIPTION:
        return msgspec.Raw(msgspec.json.format(text.encode(), indent=-1))
    log.warning("description template: the document is too long for Jira; the default text is sent instead")
    default: str = JiraDescription.model_fields["template"].default
    return _document(shorten(message.text(default), LONGEST_DESCRIPTION))


def _document(text: str) -> dict[str, Any]:
    """Plain text in the Atlassian Document Format: a paragraph for each block of lines."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text.strip()):
        content: list[dict[str, Any]] = []
        for line in filter(None, block.split("\n")):
            content += [{"type": "hardBreak"}] if content else []
            content.append({"type": "text", "text": line})
        paragraphs.append({"type": "paragraph", "content": content})
    return {"version": 1, "type": "doc", "content": paragraphs}


def _is_firing(message: Message) -> bool:
    return message.notification.status is Status.FIRING


class _Category(msgspec.Struct):
    key: str = ""


class _Status(msgspec.Struct):
    category: _Category | None = msgspec.field(name="statusCategory", default=None)


class _Fields(msgspec.Struct):
    status: _Status | None = None


class _Issue(msgspec.Struct):
    key: str
    fields: _Fields | None = None

    @property
    def is_done(self) -> bool:
        """Whether its status is one of those that end it."""
        status = self.fields and self.fields.status
        return bool(status and status.category and status.category.key == "done")


class _Found(msgspec.Struct):
    issues: list[_Issue] = []


class _Transition(msgspec.Struct):
    id: str
    name: str


class _Transitions(msgspec.Struct):
    transitions: list[_Transition] = []


@dataclass(frozen=True, slots=True)
class Jira:
    """Keeps one issue for each group."""

    config: JiraConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Find the group's issue, make or update it, and move it on; each attempt begins with the search.

        429, 5xx and a missing answer are worth another attempt. Compat: not so when it is the new issue's answer
        that is missing: it may have been made, and the search may not know it yet.
        """
        found = await self._search(message)
        if found is None:
            if _is_firing(message):
                body = issue(self.config, message, is_new=True)
                what = "failed to create an issue"
                await self._ask(what, "POST", self.config.url("issue"), body, once=True)
            return
        what = f"failed to update issue {found.key}"
        url = self.config.url(f"issue/{found.key}")
        await self._ask(what, "PUT", url, issue(self.config, message, is_new=False))
        if _is_firing(message) and found.is_done:
            await self._move(found.key, self.config.reopen_transition)
        elif not _is_firing(message) and not found.is_done:
            await self._move(found.key, self.config.resolve_transition)

    async def _search(self, message: Message) -> _Issue | None:
        what = "failed to look up existing issues"
        wanted = {"fields": ["status"], "jql": query(self.config, message), "maxResults": 2}
        response = await self._ask(what, "POST", self.config.search_url, json_body(wanted))
        issues = _decoded(response, _Found, what).issues
        if len(issues) > 1:
            log.warning(
                "More than one issue in Jira for a group", extra={"issues": [each.key for each in issues]}
            )
        return issues[0] if issues else None

    async def _move(self, key: str, transition: str) -> None:
        if not transition:
            return
        what = f"failed to move issue {key} by transition {transition}"
        url = self.config.url(f"issue/{key}/transitions")
        response = await self._ask(what, "GET", url)
        for each in _decoded(response, _Transitions, what).transitions:
            if each.name == transition:
                await self._ask(what, "POST", url, json_body({"transition": {"id": each.id}}))
                return
        raise RejectedError(f"can't find transition {transition} for issue {key}")

    async def _ask(
        self, what: str, method: str, url: str, body: bytes | None = None, *, once: bool = False
    ) -> Response:
        try:
            response = await self.connection.http.request(method, url, content=body, headers=_HEADERS)
        except TemporaryError as error:
            kind = RejectedError if once else TemporaryError
            raise kind(f"{what}: {error}", reason=error.reason) from None
        try:
            raise_for(response, retry={429})
        except DeliveryError as error:
            raise type(error)(
                f"{what}: {error}", reason=error.reason, retry_after=error.retry_after
            ) from None
        return response


def _decoded(response: Response, shape: type[Shape], what: str) -> Shape:
    try:
        return msgspec.json.decode(response.content, type=shape)
    except msgspec.DecodeError:
        raise RejectedError(f"{what}: the answer is not what Jira answers") from None


INTEGRATION = IntegrationKind(name="jira", config=JiraConfig, connect=Jira, globals=JiraGlobals)
