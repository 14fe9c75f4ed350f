"""What to do about the mistakes people make in templates."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate import TemplateError, TemplateSet
from alertrouter.templating.functions import FUNCTIONS
from alertrouter.templating.jinja import accepts, snake_case
from alertrouter.templating.marker import GO, JINJA

_ELSEWHERE: Final = {
    "upper": "toUpper",
    "lower": "toLower",
    "trim": "trimSpace",
    "replace": "reReplaceAll",
    "regexReplaceAll": "reReplaceAll",
    "regexMatch": "match",
    "contains": "match",
    "toJSON": "toJson",
    "toJsonString": "toJson",
    "map": "dict",
    "default": "or",
    "duration": "humanizeDuration",
    "b64enc": "base64encode",
    "b64dec": "base64decode",
    "urlQueryEscape": "urlquery",
    "query": "none: only rule templates can ask for series",
}
_FIELDS: Final = {
    "receiver": "Receiver",
    "status": "Status",
    "alerts": "Alerts",
    "groupLabels": "GroupLabels",
    "commonLabels": "CommonLabels",
    "commonAnnotations": "CommonAnnotations",
    "routeLabels": "RouteLabels",
    "externalURL": "ExternalURL",
    "labels": "Labels",
    "annotations": "Annotations",
    "startsAt": "StartsAt",
    "endsAt": "EndsAt",
    "generatorURL": "GeneratorURL",
    "fingerprint": "Fingerprint",
}
_NO_FUNCTION: Final = re.compile(r'function "([^"]*)" not defined')
# What Go's blocks and actions lack is told of them, whatever Jinja2 would make of the words; the rest is rendering.
_NOT_JINJA: Final = ("unexpected {{", "missing value for", ": executing ")
_NO_FIELD: Final = re.compile(r"can't evaluate field (\w+) in type ([\w.*\[\]]+)")


def hint(message: str, text: str = "") -> str:
    """What to write instead, for an error of the Go engine in this text; empty if nothing helps."""
    return _about_function(message) or _about_field(message) or _about_text(message, text)


def _about_function(message: str) -> str:
    found = _NO_FUNCTION.search(message)
    if found is None:
        return ""
    name = found[1]
    if name in _ELSEWHERE:
        return f"did you mean {_ELSEWHERE[name]}?"
    for field, right in _FIELDS.items():
        if name in {field, snake_case(right)}:
            return f"did you mean .{right}? If this is a Jinja2 template, tag it !jinja2 or begin it with {JINJA}"
    return ""


def _about_field(message: str) -> str:
    found = _NO_FIELD.search(message)
    if found is None:
        return ""
    field, kind = found.groups()
    if kind == "template.Data" and field in {"Labels", "Annotations"}:
        return f"use .Common{field}, or range over .Alerts"
    return f"did you mean .{_FIELDS[field]}?" if field in _FIELDS else ""


def _about_text(message: str, text: str) -> str:
    if "U+00A0" in message:
        return "there is a non-breaking space in the action: replace it with a space"
    if "{%" in text or "{#" in text:
        return f"this looks like a Jinja2 template: tag it !jinja2 or begin it with {JINJA}"
    if "{{" in text and not any(words in message for words in _NOT_JINJA) and accepts(text):
        return f"it is a good Jinja2 template: if that is what it should be, tag it !jinja2 or begin it with {JINJA}"
    return ""


def jinja_hint(text: str) -> str:
    """What to write instead, for a text that is no Jinja2 template; empty if nothing helps."""
    text = text.removeprefix(JINJA)
    try:
        TemplateSet.build([("", text)], functions=FUNCTIONS)
    except TemplateError:
        return ""
    if "{{" not in text:
        return ""
    return f"it is a good Go template: if that is what it should be, tag it !go or begin it with {GO}"
