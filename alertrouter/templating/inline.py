"""What is wrong with the templates that stand in a configuration file itself, told before one words a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from alertrouter.config.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alertrouter.config.inline_template import InlineTemplate
    from alertrouter.templating.mode import Mode
    from alertrouter.templating.templates import Templates

# Where Go's engine says that it is: in a text without a name, which is said better by the file.
_NAMELESS: Final = re.compile(r"(?:template: |jinja2: |html/template:):\d+(?::\d+)?: ")

_Fault = tuple[int, int, str, str]


def check_inline_templates(templates: Templates, found: Iterable[InlineTemplate]) -> list[Problem]:
    """A problem for each text that cannot be rendered, and for each call of a template that does not exist.

    Alertmanager accepts such files and fails when it wants to notify, so these are warnings unless somebody asks for
    errors. The places are in the file. Of a secret nothing is shown but the place.
    """
    known: dict[tuple[str, Mode], list[_Fault]] = {}
    problems = []
    for each in found:
        key = each.text, each.mode
        if key not in known:
            known[key] = list(_faults(templates, each.text, each.mode))
        problems += [_problem(each, *fault) for fault in known[key]]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _faults(templates: Templates, text: str, mode: Mode) -> Iterator[_Fault]:
    error = templates.check_inline(text, mode)
    if error is not None:
        message = _NAMELESS.sub("", error.message, count=1).partition("\n")[0]
        yield error.line, error.column, f"the template cannot be rendered: {message}", error.hint
        return
    for name, at in templates.unknown_calls(text):
        before = text[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        yield (
            line,
            column,
            f'there is no template "{name}"',
            "define it, or is a file missing under templates:?",
        )


def _problem(template: InlineTemplate, line: int, column: int, message: str, hint: str) -> Problem:
    file_line, file_column = template.place(line, column)
    if template.is_secret:
        message, hint = "the template cannot be rendered", "it is a secret, so it is not shown"
    return Problem(
        file=template.file, line=file_line, column=file_column, path=template.path, message=message, hint=hint
    )
