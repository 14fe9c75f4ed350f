"""Reading the first document of a YAML file into nodes that remember their places."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import yaml

from alertrouter.config.node import Kind, Mapping, Node, Scalar, Sequence
from alertrouter.config.problem import ConfigError, Problem
from alertrouter.config.scalar import TAG_PREFIX, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deeper than any configuration, less than what the stack holds.
_DEEPEST = 200

# What aliases may unfold to: this many nodes, or ten times what the file itself has.
_ALWAYS_ALLOWED = 400_000


def read_document(text: bytes | str, file: str) -> Node | None:
    """The root of the first document; None for an empty file. What comes after it is never looked at.

    Raises ConfigError where the text is no YAML, where an alias contains itself, and where aliases unfold
    to more than a machine wants to hold.
    """
    events = yaml.parse(text, Loader=yaml.CBaseLoader)
    try:
        root = _Composer(file).compose(iter(events))
    except yaml.MarkedYAMLError as error:
        raise _syntax_problem(error, file) from None
    except yaml.YAMLError as error:
        # The reader knows no line: a control character, or bytes that are no UTF-8.
        raise _reader_problem(error, text, file) from None
    if root is not None:
        _refuse_explosion(root, file)
    return root


class _Composer:
    """Puts events together to nodes. Not recursive, so that depth is our limit and not the interpreter's."""

    def __init__(self, file: str) -> None:
        self._file = file
        # Compat: an anchor's name may be used again; the last one before an alias counts.
        self._anchors: dict[str, Node] = {}
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Node | None] = []
        self._root: Node | None = None

    def compose(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._add(event, _scalar(event))
                case yaml.AliasEvent():
                    self._append(self._aliased(event))
                case yaml.SequenceStartEvent():
                    self._begin(event, Sequence(*_place(event)))
                case yaml.MappingStartEvent():
                    self._begin(event, Mapping(*_place(event)))
                case yaml.CollectionEndEvent():
                    self._keys.pop()
                    self._open.pop()
                case yaml.DocumentEndEvent():
                    break
        return self._root

    def _begin(self, event: Any, node: Sequence | Mapping) -> None:
        self._add(event, node)
        if len(self._open) >= _DEEPEST:
            raise _problem(self._file, node.line, node.column, f"yaml: nested deeper than {_DEEPEST} levels")
        self._open.append(node)
        self._keys.append(None)

    def _aliased(self, event: Any) -> Node:
        name = event.anchor
        if name not in self._anchors:
            raise _problem(self._file, *_place(event), f"yaml: unknown anchor '{name}' referenced")
        node = self._anchors[name]
        if any(node is parent for parent in self._open):
            raise _problem(self._file, *_place(event), f"yaml: anchor '{name}' value contains itself")
        return node

    def _add(self, event: Any, node: Node) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._append(node)

    def _append(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            parent.entries.append((key, node))
            self._keys[-1] = None


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(event: Any) -> Scalar:
    text = event.value
    line, column = _place(event)
    if event.tag is None:
        if event.implicit[0]:
            kind, value = resolve(text)
            return Scalar(text, kind, value, True, line, column)  # noqa: FBT003 - in order, it is the hot path
        return Scalar(text, Kind.TEXT, text, False, line, column)  # noqa: FBT003
    kind, value = _tagged(event.tag, text)
    if kind is Kind.BINARY:
        text = value
    tag = event.tag if event.tag.startswith("!") else ""
    return Scalar(text, kind, value, False, line, column, tag)  # noqa: FBT003


def _tagged(tag: str, text: str) -> tuple[Kind, Any]:
    match tag.removeprefix(TAG_PREFIX):
        case "int" | "float" | "bool" | "null":
            return resolve(text)
        case "binary":
            try:
                return Kind.BINARY, base64.b64decode(text).decode("utf-8", "replace")
            except binascii.Error:
                return Kind.TEXT, text
        case _:
            return Kind.TEXT, text


def _refuse_explosion(root: Node, file: str) -> None:
    """Aliases that unfold to far more than the file holds are an attack or an accident."""
    sizes: dict[int, int] = {}
    written = 0
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, below_known = stack.pop()
        if isinstance(node, Scalar) or id(node) in sizes:
            continue
        below = node if isinstance(node, Sequence) else [part for entry in node.entries for part in entry]
        if below_known:
            written += len(below)
            sizes[id(node)] = 1 + sum(
                [1 if isinstance(child, Scalar) else sizes[id(child)] for child in below]
            )
        else:
            stack.append((node, True))
            stack += [(child, False) for child in below if not isinstance(child, Scalar)]
    if not isinstance(root, Scalar) and sizes[id(root)] > max(_ALWAYS_ALLOWED, 10 * written):
        raise _problem(file, root.line, root.column, "yaml: document contains excessive aliasing")


_HINTS = {
    "found character that cannot start any token": "indent with spaces; quote text that begins with @, ` or %",
    "mapping values are not allowed in this context": "quote text that contains a colon and a space",
    "found unexpected end of stream": "a quote or bracket is not closed",
    "did not find expected key": "look at the indentation of this line and the one before",
}


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "unknown problem parsing YAML content"
    return ConfigError(
        [
            Problem(
                file=file,
                line=mark.line + 1 if mark else 0,
                column=mark.column + 1 if mark else 0,
                message=f"yaml: {what}",
                hint=_HINTS.get(what, ""),
            )
        ]
    )


def _reader_problem(error: yaml.YAMLError, text: bytes | str, file: str) -> ConfigError:
    what = str(getattr(error, "reason", "") or error).lower()
    offset = getattr(error, "position", None)
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    line = column = 0
    if isinstance(offset, int):
        before = raw[:offset]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return ConfigError([Problem(file=file, line=line, column=column, message=f"yaml: {what}")])


def _problem(file: str, line: int, column: int, message: str) -> ConfigError:
    return ConfigError([Problem(file=file, line=line, column=column, message=message)])
