"""The labels a route gives its groups: texts rendered on the group's data, one from another if they say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.templating.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RouteLabels:
    """One rendering of a route's labels (`semantics.md` 2.6).

    Each label is rendered once, when it is first asked for. One that fails is reported and left out, and with it
    those that need it; the others stay.
    """

    def __init__(
        self,
        templates: Mapping[str, str],
        *,
        render: Callable[[str, Callable[[str], str]], str],
        failed: Callable[[str, TemplateError], None],
    ) -> None:
        """``render`` gets a text and what `routeLabels` shall be inside it; ``failed`` a label's name and its fault."""
        self._templates = templates
        self._render = render
        self._failed = failed
        self._outcomes: dict[str, str | TemplateError] = {}
        self._under_way: list[str] = []

    def all(self) -> dict[str, str]:
        """Every label that renders, by name."""
        rendered = {}
        for name in sorted(self._templates):
            outcome = self._outcome(name)
            if isinstance(outcome, TemplateError):
                self._failed(name, outcome)
            else:
                rendered[name] = outcome
        return rendered

    def label(self, name: str) -> str:
        """One label, as `routeLabels` inside another one sees it; empty if the route has none of this name."""
        if name not in self._templates:
            return ""
        if name in self._under_way:
            circle = " -> ".join([*self._under_way[self._under_way.index(name) :], name])
            raise TemplateError(f"route label cycle detected: {circle}")
        outcome = self._outcome(name)
        if isinstance(outcome, TemplateError):
            raise outcome
        return outcome

    def _outcome(self, name: str) -> str | TemplateError:
        if name not in self._outcomes:
            self._under_way.append(name)
            try:
                outcome: str | TemplateError = self._render(self._templates[name], self.label)
            except TemplateError as error:
                outcome = error
            self._under_way.pop()
            self._outcomes[name] = outcome
        return self._outcomes[name]
