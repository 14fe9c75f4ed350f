"""A rule file as nodes with their places, and where in the file a place inside one of its texts is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from alertrouter.config.document import read_document
from alertrouter.config.problem import ConfigError
from alertrouter.rules.legacy import looks_legacy
from alertrouter.rules.model import RuleError, RuleProblem, Stage

if TYPE_CHECKING:
    from alertrouter.config.node import Node, Scalar


def read_root(text: str, file: str) -> Node | None:
    """The root of the first document; None when there is nothing in it. Raises RuleError where the text is no YAML."""
    try:
        return read_document(text.encode("utf-8", "replace"), file)
    except ConfigError as error:
        raise RuleError(
            [
                RuleProblem(
                    file=file,
                    line=problem.line,
                    column=problem.column,
                    message=problem.message,
                    hint=legacy_hint(text, file) or problem.hint,
                    stage=Stage.SYNTAX,
                    places=_go_line(text),
                )
                for problem in error.problems
            ]
        ) from None


def legacy_hint(text: str, file: str) -> str:
    """What to do about rules as Prometheus 1.x had them; empty for all other text."""
    if not looks_legacy(text):
        return ""
    return f"these are rules of Prometheus 1.x: convert them with 'artool rules convert {file}'"


def second_document(text: str) -> int:
    """The line on which a second document begins; 0 when there is none with anything in it."""
    if "\n---" not in text:
        return 0
    documents = 0
    try:
        for event in yaml.parse(text.encode("utf-8", "replace"), Loader=yaml.CBaseLoader):
            documents += isinstance(event, yaml.DocumentStartEvent)
            mark = event.start_mark if isinstance(event, yaml.NodeEvent) else None
            if documents > 1 and mark is not None:
                is_empty = isinstance(event, yaml.ScalarEvent) and not event.value
                return 0 if is_empty else mark.line + 1
    except yaml.YAMLError:
        pass  # whatever it is, nobody reads it
    return 0


def _go_line(text: str) -> str:
    """The line that Go's parser names, which is another than the place of the problem; empty when it names none."""
    try:
        for _ in yaml.parse(text.encode("utf-8", "replace"), Loader=yaml.CBaseLoader):
            pass
    except yaml.MarkedYAMLError as error:
        marks = (error.context_mark, error.problem_mark)
        lines = [line for line in [getattr(mark, "line", 0) for mark in marks] if line]
        # Compat: the lines of the scanner count from one, those of the parser from zero.
        is_scanner = isinstance(error, yaml.scanner.ScannerError)
        return f"line {lines[0] + is_scanner}: " if lines else ""
    except yaml.YAMLError:
        pass
    return ""


def place_inside(source: str, scalar: Scalar, line: int, column: int) -> tuple[int, int]:
    """Where in the file the place is that is ``line`` and ``column`` (from 1) in the text of the scalar.

    Where that cannot be told, because of escapes or an odd layout, the place of the scalar itself.
    """
    lines = source.splitlines()
    if not 0 < scalar.line <= len(lines):
        return scalar.line, scalar.column
    texts = scalar.text.split("\n")
    first = lines[scalar.line - 1][scalar.column - 1 :]
    if first[:1] in {"|", ">"}:
        return _in_block(lines, scalar, line, column)
    quote = 1 if first[:1] in {"'", '"'} else 0
    if len(texts) == 1 and first[quote:].startswith(scalar.text):
        return scalar.line, scalar.column + quote + column - 1
    return scalar.line, scalar.column


def _in_block(lines: list[str], scalar: Scalar, line: int, column: int) -> tuple[int, int]:
    """The place in a text that stands indented below its ``|`` or ``>``."""
    texts = scalar.text.split("\n")
    is_folded = lines[scalar.line - 1][scalar.column - 1] == ">"
    begin = scalar.line
    while begin < len(lines) and not lines[begin].strip():
        begin += 1
    if begin >= len(lines):
        return scalar.line, scalar.column
    indent = len(lines[begin]) - len(lines[begin].lstrip(" "))
    if not is_folded:
        at = scalar.line + line - 1
        if at < len(lines) and line <= len(texts) and lines[at][indent:] == texts[line - 1]:
            return at + 1, indent + column
        return scalar.line, scalar.column
    # Folded: line breaks have become spaces, one for one.
    left = sum([len(text) + 1 for text in texts[: line - 1]]) + column - 1
    for at in range(begin, len(lines)):
        length = len(lines[at][indent:])
        if left <= length:
            return at + 1, indent + left + 1
        left -= length + 1
    return scalar.line, scalar.column
