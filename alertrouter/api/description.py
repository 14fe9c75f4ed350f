"""The OpenAPI description of what is ours alone: ``/api/alertrouter/v1/openapi.json``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter import __version__
from alertrouter.api.http import Answer, json_answer
from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.engine.changes import Outcome, Transition
from alertrouter.insight.happenings import KINDS
from alertrouter.wire import past
from alertrouter.wire.writing import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alertrouter.api.http import Request

BASE = "/api/alertrouter/v1"
_REF = "#/components/schemas/{name}"

Parameter = dict[str, Any]


def _parameter(name: str, about: str, schema: dict[str, Any] | None = None) -> Parameter:
    return {"name": name, "in": "query", "description": about, "schema": schema or {"type": "string"}}


def _several(name: str, about: str, values: Iterable[str] = ()) -> Parameter:
    each: dict[str, Any] = {"type": "string"}
    if known := sorted({str(value) for value in values}):
        each["enum"] = known
    return _parameter(name, f"{about} Repeatable.", {"type": "array", "items": each})


_FILTER = _several("filter", "A matcher that the labels of an alert must pass; all must hold.")
_RECEIVER = _parameter("receiver", "The name of a receiver.")
_ALWAYS = [
    _parameter("since", "From when on: a duration ago, as 2h or 7d, or a time in RFC 3339."),
    _parameter("until", "Until when, in the same forms."),
    _parameter("before", "The `older` of a page: the next one."),
    _parameter(
        "limit",
        "The most lines of a page.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    ),
]
_HISTORY: dict[str, tuple[str, Any, list[Parameter]]] = {
    "alerts": (
        "What became of alerts",
        past.Page[past.AlertLine],
        [_FILTER, _several("kind", "What became of them.", Transition)],
    ),
    "notifications": (
        "What was decided, sent, or not sent and why",
        past.Page[past.NotificationLine],
        [
            _FILTER,
            _RECEIVER,
            _several("outcome", "How it ended.", Outcome),
            _several("reason", "Why it was sent, or not.", [*Reason, *NotSent, *FailureReason]),
        ],
    ),
    "attempts": ("Every attempt to send", past.Page[past.AttemptLine], [_RECEIVER]),
    "silences": (
        "What was done to silences",
        past.Page[past.SilenceLine],
        [_parameter("silence", "The id of a silence.")],
    ),
    "reloads": ("Which configurations were in force", past.Page[past.ReloadLine], []),
    "actions": (
        "What people did",
        past.Page[past.ActionLine],
        [_parameter("author", "Who did it.")],
    ),
}
_TEXT = {"type": "string"}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _answer(about: str, schema: Any) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


_LABELS = {"type": "object", "additionalProperties": _TEXT}
_FAULT = _object({"code": {"type": "integer"}, "message": _TEXT})
_LANE = _object(
    {
        "integration": _TEXT,
        **dict.fromkeys(("running", "queued", "waiting"), _COUNT),
        **dict.fromkeys(("deliveredAt", "failedAt"), _MOMENT),
        "lastError": _TEXT,
        "circuit": {"type": "string", "enum": ["closed", "open", "half-open"]},
        "resumesAt": _MOMENT,
    }
)
_OUTCOME = _object(
    {
        "integration": _TEXT,
        "ok": {"type": "boolean"},
        "error": _TEXT,
        "seconds": {"type": "number", "minimum": 0},
    }
)
_RECEIVER_STATUS = _object({"name": _TEXT, "integrations": {"type": "array", "items": _LANE}})
_RECEIVERS = {
    f"{BASE}/receivers": {
        "get": {
            "summary": "How receivers fare",
            "operationId": "receivers",
            "responses": {
                "200": _answer("Every receiver", {"type": "array", "items": _RECEIVER_STATUS}),
            },
        }
    },
    f"{BASE}/receivers/{{name}}/test": {
        "post": {
            "summary": "Send a test message through the integrations of a receiver",
            "operationId": "test_receiver",
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": _TEXT}],
            "requestBody": {
                "required": False,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"labels": _LABELS, "annotations": _LABELS, "integration": _TEXT},
                        }
                    }
                },
            },
            "responses": {
                "200": _answer("What each integration answered", {"type": "array", "items": _OUTCOME}),
                "400": _answer("The body is not a test", _FAULT),
                "403": _answer("Nobody may change anything: --web.read-only", _TEXT),
                "404": _answer("There is no such receiver or integration", {"anyOf": [_TEXT, _FAULT]}),
                "415": _answer("The body is not JSON", _FAULT),
                "422": _answer("A label or annotation cannot be sent", _FAULT),
            },
        }
    },
}
_TEXTS = {"type": "array", "items": _TEXT}
_CAUSE = _object({"kind": _TEXT, "name": _TEXT, "text": _TEXT})
_TOLD = _object(
    {
        **dict.fromkeys(("receiver", "integration", "text"), _TEXT),
        "sentAt": _MOMENT,
        "againAt": _MOMENT,
        "whyNot": {"type": ["string", "null"]},
        "causes": {"type": "array", "items": _CAUSE},
    }
)
_COMING = _object(dict.fromkeys(("receiver", "integration", "at", "reason"), _TEXT))
_WITHOUT = _object(
    {
        "causes": _TEXTS,
        **dict.fromkeys(("condition", "receiver", "integration", "at", "reason"), _TEXT),
    }
)
# Each of those in a stream.
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Where to go on from."},
        "event": {"type": "string", "enum": [*KINDS, "gap", "behind", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EXPLANATION = _object(
    {
        "at": _TEXT,
        "labels": _LABELS,
        "answer": _TEXT,
        "exactFrom": _TEXT,
        "told": {"type": "array", "items": _TOLD},
        "way": {"type": "array", "items": _object({"head": _TEXT, "lines": _TEXTS})},
        "without": {"type": "array", "items": _WITHOUT},
        "coming": {"type": "array", "items": _COMING},
    }
)
_ERROR = {"content": {"application/json": {"schema": {"type": "string"}}}}


@cache
def description() -> bytes:
    """The document, as JSON."""
    types = [kind for _, kind, _ in _HISTORY.values()]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    paths = {
        f"{BASE}/history/{name}": _get(about, f"history_{name}", schema, [*own, *_ALWAYS])
        for (name, (about, _, own)), schema in zip(_HISTORY.items(), schemas, strict=True)
    }
    paths[f"{BASE}/history/export"] = _get(
        "The record as a file for a replay elsewhere",
        "history_export",
        {"type": "string", "contentMediaType": "application/gzip"},
        _ALWAYS[:1],
        "application/gzip",
    )
    paths[f"{BASE}/explain"] = _get(
        "Why somebody was told of an alert, or was not",
        "explain",
        _EXPLANATION,
        [_FILTER, _parameter("at", "As of when: a time in RFC 3339, or a duration ago; now by default.")],
    )
    paths[f"{BASE}/stream"] = _get(
        "What happens, as server-sent events",
        "stream",
        _EVENT,
        [
            _FILTER,
            _several("kind", "What to tell of; alerts and notifications by default.", KINDS),
            _parameter(
                "after", "The id of the event after which to begin; the header Last-Event-ID goes before it."
            ),
        ],
        "text/event-stream",
    )
    return encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "alertrouter",
                "version": __version__,
                "description": "What alertrouter has besides the API v2 of Alertmanager.",
            },
            "paths": {**paths, **_RECEIVERS},
            "components": {"schemas": components},
        }
    )


def _get(
    about: str, operation: str, schema: Any, parameters: list[Parameter], content: str = "application/json"
) -> dict[str, Any]:
    return {
        "get": {
            "summary": about,
            "operationId": operation,
            "parameters": parameters,
            "responses": {
                "200": {"description": about, "content": {content: {"schema": schema}}},
                "400": {"description": "A parameter cannot be understood", **_ERROR},
                "503": {"description": "The database cannot be read, or too many ask at once", **_ERROR},
            },
        }
    }


async def get(_: Request) -> Answer:
    """The description."""
    return json_answer(description() + b"\n")
