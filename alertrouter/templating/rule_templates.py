"""The texts in rules: `{{ $labels.instance }} is at {{ $value | humanize }}`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from alertrouter.gotemplate import ExecError, ParseError, TemplateSet
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.hints import hint
from alertrouter.templating.rule_functions import (
    ENVIRONMENT,
    RULE_FUNCTIONS,
    Histogram,
    LabelMap,
    RuleEnvironment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.gotemplate import Template

_VARIABLES: Final = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)  # fmt: skip
_QUERY: Final = re.compile(r"\{\{[^}]*\bquery\b")


class RuleData:
    """The dot of a rule's template."""

    __slots__ = ("external_labels", "external_url", "labels", "value")
    __go_type__ = "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    __go_fields__: ClassVar = {
        "Labels": "labels",
        "ExternalLabels": "external_labels",
        "ExternalURL": "external_url",
        "Value": "value",
    }

    def __init__(
        self,
        labels: Mapping[str, str],
        value: float | Histogram,
        *,
        external_labels: Mapping[str, str],
        external_url: str,
    ) -> None:
        """``labels`` are those of the sample, its name included where the expression keeps it."""
        self.labels = LabelMap(labels)
        self.value = value
        self.external_labels = LabelMap(external_labels)
        self.external_url = external_url


class RuleTemplate:
    """One label or annotation of a rule, compiled. Made by `RuleTemplate.compile`."""

    __slots__ = ("_name", "_template", "asks", "text")

    def __init__(self, text: str, name: str, template: Template | None) -> None:
        self.text = text
        self.asks = _QUERY.search(text) is not None
        """Whether rendering may ask the metrics server, and so should not happen on the event loop."""
        self._name = name
        self._template = template

    @classmethod
    def compile(cls, text: str, alert: str) -> RuleTemplate:
        """The template of a text in the rule of this name; TemplateError, with Go's wording, if it does not parse."""
        name = f"__alert_{alert}"
        if "{{" not in text:
            return cls(text, name, None)
        try:
            return cls(text, name, _functions().text(_VARIABLES + text, name))
        except ParseError as error:
            column = error.column - len(_VARIABLES) if error.line == 1 else error.column
            raise TemplateError(
                str(error), line=error.line, column=max(column, 1), hint=hint(error.message)
            ) from None

    def expand(self, data: RuleData, environment: RuleEnvironment) -> str:
        """The text for this sample. Raises TemplateError."""
        if self._template is None:
            return self.text
        try:
            return self._template.render(data, {ENVIRONMENT: environment})
        except ExecError as error:
            column = error.column - len(_VARIABLES) if error.line == 1 else error.column
            raise TemplateError(
                f"error executing template {self._name}: {error}",
                line=error.line,
                column=max(column, 0) + 1,
                hint=_hint(error.message),
            ) from error

    def expand_or_say_why(
        self, data: RuleData, environment: RuleEnvironment
    ) -> tuple[str, TemplateError | None]:
        """The text, or what stands in its place when it fails, with the failure: the alert must fire all the same."""
        try:
            return self.expand(data, environment), None
        except TemplateError as error:
            return f"<error expanding template: {error.message}>", error


def _hint(message: str) -> str:
    if "incompatible types for comparison" in message and "float64" in message:
        return "$value is a float: compare it with 10.0, not with 10"
    return hint(message)


@lru_cache(maxsize=1)
def _functions() -> TemplateSet:
    return TemplateSet.build(functions=RULE_FUNCTIONS)
