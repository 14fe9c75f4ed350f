"""Reading blocks of a document into models, and gathering every problem with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import ValidationError

from alertrouter.config.inline_template import InlineTemplate
from alertrouter.config.merge import as_object
from alertrouter.config.model import ConfigModel, Decoding
from alertrouter.config.node import Mapping, Node, Scalar, Sequence
from alertrouter.config.problem import ConfigProblem, Problem
from alertrouter.templating.mode import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence as SequenceType

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=ConfigModel)

Path = tuple[str | int, ...]
"""Where a block is: keys and places in lists, from the root of the file."""


def path_text(path: Path) -> str:
    """``route.routes[2].receiver``."""
    return "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]).removeprefix(".")


class Reader:
    """Reads one file. Problems gather in ``problems``, what is only unwise in ``warnings``."""

    def __init__(self, file: str, decoding: Decoding, source: SequenceType[str] = ()) -> None:
        """``source`` are the lines of the file, for the places inside its templates."""
        self._file = file
        self._decoding = decoding
        self._source = source
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.templates: list[InlineTemplate] = []

    def read(self, model: type[Model], node: Node, path: Path) -> Model | None:
        """The block as a model; None when nothing can be made of it, the problems being noted.

        Where single keys are wrong, the model is made without them, so that the rest can still be checked:
        it must not be used when there are problems.
        """
        read: Model | None
        try:
            read = model.model_validate(node, context=self._decoding)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            for detail in details:
                self._note(detail, node, path)
            read = self._without(model, node, {str(detail["loc"][0]) for detail in details if detail["loc"]})
        self._take_complaints(node, path)
        self._take_templates(node, path, read)
        return read

    def complain(self, node: Node | None, path: Path, message: str, hint: str = "") -> None:
        """Note a problem at the node."""
        self.problems.append(self._problem(node, path, message, hint))

    def complain_at(self, block: Node | None, path: Path, inside: Path, message: str, hint: str = "") -> None:
        """Note a problem at the value below the block, or at the block when it has no such value."""
        self.complain(None if block is None else _place_of(block, inside), (*path, *inside), message, hint)

    def warn_at(self, block: Node | None, path: Path, inside: Path, message: str, hint: str = "") -> None:
        """Note something unwise at the value below the block."""
        self.warnings.append(
            self._problem(
                None if block is None else _place_of(block, inside), (*path, *inside), message, hint
            )
        )

    def _problem(self, node: Node | None, path: Path, message: str, hint: str) -> Problem:
        line, column = (node.line, node.column) if node is not None else (0, 0)
        return Problem(
            file=self._file, line=line, column=column, path=path_text(path), message=message, hint=hint
        )

    def _note(self, detail: ErrorDetails, block: Node, path: Path) -> None:
        cause = detail.get("ctx", {}).get("error")
        inside: Path = detail["loc"]
        if isinstance(cause, ConfigProblem):
            self.complain_at(block, path, (*inside, *cause.at), str(cause), cause.hint)
        else:
            self.complain_at(block, path, inside, str(cause or detail["msg"]))

    def _without(self, model: type[Model], node: Node, keys: set[str]) -> Model | None:
        if not isinstance(node, Mapping) or not keys:
            return None
        entries = as_object(node, _ignore, model.type_name)
        rest = Mapping(node.line, node.column)
        rest.entries = [(key, value) for name, (key, value) in entries.items() if name not in keys]
        forgetful = Decoding(environ=self._decoding.environ, mode=self._decoding.mode)
        try:
            return model.model_validate(rest, context=forgetful)
        except ValidationError:
            return None

    def _take_complaints(self, block: Node, path: Path) -> None:
        for complaints, kept in (
            (self._decoding.complaints, self.problems),
            (self._decoding.warnings, self.warnings),
        ):
            for node, message, hint in complaints:
                inside = _path_to(node, block) or ()
                kept.append(self._problem(node, (*path, *inside), message, hint))
            complaints.clear()

    def _take_templates(self, block: Node, path: Path, read: ConfigModel | None) -> None:
        html_keys = read.html_keys() if read is not None else ()
        for found in self._decoding.templates:
            node = found.node
            inside = _path_to(node, block) or ()
            self.templates.append(
                InlineTemplate(
                    text=found.text,
                    mode=Mode.HTML if inside and inside[0] in html_keys else found.mode,
                    is_secret=found.is_secret,
                    file=self._file,
                    line=node.line,
                    column=node.column,
                    path=path_text((*path, *inside)),
                    added=found.added,
                    source=self._source,
                )
            )
        self._decoding.templates.clear()


def value_at(block: Node, inside: Path) -> Node | None:
    """The value below the block that the path leads to; None when there is none."""
    steps = _steps(block, inside)
    return steps[-1].value if len(steps) == len(inside) else None


def _place_of(block: Node, inside: Path) -> Node:
    """Where to point for what is below the block: as far as the path leads, at keys rather than blocks."""
    steps = _steps(block, inside)
    if not steps:
        return block
    key, value = steps[-1]
    return value if key is None or isinstance(value, Scalar) else key


class _Step(NamedTuple):
    key: Node | None
    value: Node


def _steps(block: Node, inside: Path) -> list[_Step]:
    steps: list[_Step] = []
    node = block
    for part in inside:
        if isinstance(node, Mapping):
            entry = as_object(node, _ignore, "").get(str(part))
            if entry is None:
                break
            steps.append(_Step(*entry))
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node):
            steps.append(_Step(None, node[part]))
        else:
            break
        node = steps[-1].value
    return steps


def _ignore(_node: Node, _message: str) -> None:
    """Has been said before."""


def _path_to(wanted: Node, node: Node) -> Path | None:
    """Where a node is below another; a key's place is that of its value."""
    if node is wanted:
        return ()
    below: list[tuple[str | int, Node]] = []
    if isinstance(node, Mapping):
        for key, value in node.entries:
            name = key.text if isinstance(key, Scalar) else "?"
            if key is wanted:
                return (name,)
            below.append((name, value))
    elif isinstance(node, Sequence):
        below = list(enumerate(node))
    for part, child in below:
        if not isinstance(child, Scalar) or child is wanted:
            rest = _path_to(wanted, child)
            if rest is not None:
                return (part, *rest)
    return None
