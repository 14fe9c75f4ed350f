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
    """One label or annotation of a rule, checked. Made by `RuleTemplate.compile`.

    What a text is compiled to takes a hundred times its room. Most rules never fire, and the same few texts stand in many:
    it is made when it is first used, and shared.
    """

    __slots__ = ("_name", "_template", "asks", "text")

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.asks = _QUERY.search(text) is not None
        """Whether rendering may ask the metrics server, and so should not happen on the event loop."""
        self._name = name
        self._template: Template | None = None

    @classmethod
    def compile(cls, text: str, alert: str) -> RuleTemplate:
        """The template of a text in the rule of this name; TemplateError, with Go's wording, if it does not parse."""
        name = f"__alert_{alert}"
        try:
            _check(text)
        except ParseError:
            # Once more for the name in the message.
            cls._check_as(text, name)
        return cls(text, name)

    @staticmethod
    def _check_as(text: str, name: str) -> None:
        try:
            _functions().text(_VARIABLES + text, name)
        except ParseError as error:
            column = error.column - len(_VARIABLES) if error.line == 1 else error.column
            raise TemplateError(
                str(error), line=error.line, column=max(column, 1), hint=hint(error.message)
            ) from None

    def expand(self, data: RuleData, environment: RuleEnvironment) -> str:
        """The text for this sample. Raises TemplateError."""
        template = self._template
        if template is None:
            if "{{" not in self.text:
                return self.text
            template = self._template = _functions().text(_VARIABLES + self.text)
        variables = {ENVIRONMENT: environment}
        try:
            return template.render(data, variables)
        except ExecError:
            return self._expand_as_itself(data, variables)

    def _expand_as_itself(self, data: RuleData, variables: Mapping[str, object]) -> str:
        """Once more, for an error that names this rule."""
        try:
            return _functions().text(_VARIABLES + self.text, self._name).render(data, variables)
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


# The same few texts stand in many rules.
@lru_cache(maxsize=10_000)
def _check(text: str) -> None:
    """Raises ParseError."""
    if "{{" in text:
        _functions().text(_VARIABLES + text)
