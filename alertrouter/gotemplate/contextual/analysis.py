"""Walks a template's tree as the HTML it becomes and chooses the escapers of everything it prints.

Nothing is changed in place: the walk gives back new trees. A named template is analysed once for each context it is
called from and gets a name of its own in each but plain text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from alertrouter.gotemplate.contextual.context import (
    COMMENTS,
    SCRIPT_LITERALS,
    Context,
    Delimiter,
    Slash,
    State,
    UrlPart,
    join,
    nudge,
)
from alertrouter.gotemplate.contextual.steps import StructureError
from alertrouter.gotemplate.contextual.transitions import Reader
from alertrouter.gotemplate.errors import EscapeError
from alertrouter.gotemplate.nodes import Action, Branch, Call, Identifier, Jump, Node, Source, Text, Tree
from alertrouter.gotemplate.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Recursive templates are walked again until their contexts agree; this ends what never would.
_MOST_WORK: Final = 500_000
_PREDEFINED: Final = frozenset({"html", "urlquery"})
_SAME_AS: Final = {
    "html escape": "html",
    "rcdata escape": "html",
    "attribute escape": "html",
    "url normalize": "urlquery",
    "url escape": "urlquery",
}
_DELIMITER_ESCAPERS: Final = {
    Delimiter.NONE: (),
    Delimiter.SPACE: ("unquoted escape",),
    Delimiter.DOUBLE: ("attribute escape",),
    Delimiter.SINGLE: ("attribute escape",),
}
_STATE_ESCAPERS: Final = {
    State.META_CONTENT: (),
    State.META_CONTENT_URL: ("url filter",),
    State.JS: ("js value",),
    State.JS_DOUBLE: ("js string",),
    State.JS_SINGLE: ("js string",),
    State.JS_TEMPLATE: ("js template",),
    State.JS_REGEXP: ("js regexp",),
    State.CSS: ("css filter",),
    State.TEXT: ("html escape",),
    State.RCDATA: ("rcdata escape",),
    State.ATTR: (),
    State.ATTR_NAME: ("name filter",),
    State.SRCSET: ("srcset filter",),
    **dict.fromkeys(COMMENTS, ("comment",)),
}
_CSS_STRINGS: Final = frozenset({State.CSS_DOUBLE, State.CSS_SINGLE})
_URLS: Final = frozenset(
    {State.URL, State.CSS_DOUBLE_URL, State.CSS_SINGLE_URL, State.CSS_URL, *_CSS_STRINGS}
)
_SPECIAL_TAG = re.compile("<(script|/script|!--)", re.IGNORECASE)
_LESS = re.compile("<(?!!DOCTYPE)", re.IGNORECASE)


class _Loop:
    """The contexts in which a loop's body is left early."""

    def __init__(self) -> None:
        self.breaks: list[tuple[Context, Jump]] = []
        self.continues: list[tuple[Context, Jump]] = []


class Analysis:
    """Of one set of trees. What it finds is kept, so that templates shared by many texts are analysed once."""

    def __init__(self, trees: Mapping[str, Tree]) -> None:
        self._trees = trees
        self.outputs: dict[str, Context] = {}  # by derived name: the context after it
        self.derived: dict[str, Tree] = {}  # by derived name: the tree to run
        self._called: set[str] = set()
        self._loop: _Loop | None = None
        self._current = Tree("", Source("", ""), [])
        self._work = 0

    def escape(self, tree: Tree) -> Tree:
        """The tree with its escapers, as a whole document or fragment. Raises EscapeError."""
        known = dict(self.outputs), dict(self.derived)
        self._work = 0
        self._called = set()
        self._loop = None
        self._current = tree
        try:
            context, escaped = self._template(Context(), tree, tree.name)
        except (EscapeError, RecursionError) as error:
            # What was assumed on the way to a failure is not known to hold.
            self.outputs, self.derived = known
            if isinstance(error, EscapeError):
                raise
            raise EscapeError("templates are nested too deeply for HTML mode", name=tree.name) from None
        if context.state is not State.TEXT:
            self.outputs, self.derived = known
            raise EscapeError(f"ends in a non-text context: {context}", name=tree.name)
        return escaped

    def _fail(self, message: str, node: Any) -> NoReturn:
        source = self._current.source
        raise EscapeError(
            message,
            name=source.name,
            line=source.line(node.position),
            column=source.byte_column(node.position),
        )

    # Templates

    def _template(self, context: Context, tree: Tree, name: str) -> tuple[Context, Tree]:
        """Analyse a template from this context; a recursive one must have a context that fits its own calls."""
        after, escaped, fits = self._assume(context, context, tree, name)
        if not fits:
            again, escaped, fits = self._assume(after, after, tree, name)
            if fits:
                after = again
            else:
                self._current = tree
                body = tree.body[0] if tree.body else Text(0, "")
                self._fail(f"cannot compute output context for template {tree.name}", body)
        self.outputs[name] = after
        self.derived[name] = escaped
        return after, escaped

    def _assume(
        self, context: Context, assumed: Context, tree: Tree, name: str
    ) -> tuple[Context, Tree, bool]:
        """Walk the body as if the template's recursive calls ended in the assumed context."""
        outputs, derived = dict(self.outputs), dict(self.derived)
        called, current, loop = self._called, self._current, self._loop
        self.outputs[name] = assumed
        self._called = set()
        self._current = tree
        self._loop = None
        after, body = self._list(context, tree.body)
        fits = name not in self._called or after == assumed
        self._current, self._loop = current, loop
        self._called |= called
        if not fits:
            self.outputs, self.derived = outputs, derived
            self._called = called
        return after, Tree(tree.name, tree.source, body), fits

    def _call(self, context: Context, node: Call) -> tuple[Context, Node]:
        name = node.name
        tree = self._trees.get(name)
        target = name if context == Context() else f"{name}${context}"
        self._called.add(target)
        if target not in self.outputs:
            if tree is None:
                self._fail(f"no such template {quote(name)}", node)
            self._template(context, tree, target)
        return self.outputs[target], replace(node, target=target)

    # Statements

    def _list(self, context: Context, nodes: Sequence[Node]) -> tuple[Context, list[Node]]:
        escaped: list[Node] = []
        for node in nodes:
            self._work += 1
            if self._work > _MOST_WORK:
                self._fail("template is too complex for HTML mode", node)
            context, one = self._node(context, node)
            escaped.append(one)
            if context.state is State.DEAD:
                break
        return context, escaped

    def _node(self, context: Context, node: Node) -> tuple[Context, Node]:
        match node:
            case Text():
                return self._text(context, node)
            case Action():
                return self._action(context, node)
            case Branch(keyword="range"):
                return self._range(context, node)
            case Branch():
                return self._branch(context, node)
            case Call():
                return self._call(context, node)
            case Jump():
                assert self._loop is not None  # the parser lets none through outside a loop
                jumps = self._loop.breaks if node.keyword == "break" else self._loop.continues
                jumps.append((context, node))
                return context._replace(state=State.DEAD), node

    def _branch(self, context: Context, node: Branch) -> tuple[Context, Node]:
        """`if` and `with`. The steps of an `else if` ladder are joined from the last to the first, as if nested."""
        steps: list[tuple[Branch, Context, list[Node]]] = []
        step = node
        while True:
            after, body = self._list(context, step.body)
            steps.append((step, after, body))
            ladder = step.otherwise
            if ladder and len(ladder) == 1 and isinstance(ladder[0], Branch) and ladder[0].keyword != "range":
                step = ladder[0]
                continue
            break
        after, otherwise = self._list(context, ladder or [])
        escaped: list[Node] | None = otherwise if ladder is not None else None
        for step, step_after, body in reversed(steps):
            after = self._join(step_after, after, step, step.keyword)
            escaped = [replace(step, body=body, otherwise=escaped)]
        assert escaped is not None
        return after, escaped[0]

    def _join(
        self, first: Context, second: Context, at: Branch | Jump, keyword: str, prefix: str = ""
    ) -> Context:
        joined = join(first, second)
        if joined is None:
            self._fail(f"{prefix}{{{{{keyword}}}}} branches end in different contexts: {first}, {second}", at)
        return joined

    def _range(self, context: Context, node: Branch) -> tuple[Context, Node]:
        """The body runs from the context before the loop, and again from its own end: both must end the same."""
        outer = self._loop
        self._loop = _Loop()
        after, body = self._list(context, node.body)
        after = self._leave(after)
        if after != context:
            self._loop = _Loop()
            again, _ = self._list(after, node.body)
            after = self._join(after, again, node, "range", "on range loop re-entry: ")
            after = self._leave(after)
        self._loop = outer
        other, otherwise = self._list(context, node.otherwise or [])
        after = self._join(after, other, node, "range")
        escaped = replace(node, body=body, otherwise=None if node.otherwise is None else otherwise)
        return after, escaped

    def _leave(self, after: Context) -> Context:
        assert self._loop is not None
        for context, jump in self._loop.breaks:
            after = self._join(after, context, jump, "range", "at range loop break: ")
        for context, jump in self._loop.continues:
            after = self._join(after, context, jump, "range", "at range loop continue: ")
        return after

    # Text

    def _text(self, context: Context, node: Text) -> tuple[Context, Node]:
        text = node.text
        reader = Reader(text)
        edited = _Edited(text)
        position = 0
        while position < len(text):
            try:
                after, end = reader.advance(context, position)
            except StructureError as error:
                at, source = node.position + position, self._current.source
                # Compat: Go's text does not say where.
                raise EscapeError(
                    str(error),
                    name=source.name,
                    line=source.line(at),
                    column=source.byte_column(at),
                    shown=False,
                ) from None
            if context.state in (State.TEXT, State.RCDATA):
                edited.escape_less(position, end, leaves=after.state is not context.state)
            elif _in_comment(context):
                edited.drop_comment(context.state, end)
            if after.state is not context.state and _in_comment(after):
                edited.drop(end - _OPENING.get(after.state, 2), end)
            if context.state in SCRIPT_LITERALS:
                edited.escape_tags(position, end)
            context, position = after, end
        if not edited.written:
            return context, node
        return context, Text(node.position, edited.result(to_end=not _in_comment(context)))

    # Values

    def _action(self, context: Context, node: Action) -> tuple[Context, Node]:
        if node.pipe.variables:
            return context, node
        context = nudge(context)
        commands = node.pipe.commands
        for stage, command in enumerate(commands, 1):
            first = command.operands[0]
            if not isinstance(first, Identifier) or first.name not in _PREDEFINED:
                continue
            unquoted = context.state is State.ATTR and context.delimiter is Delimiter.SPACE
            if stage < len(commands) or (unquoted and first.name == "html"):
                self._fail(f'predefined escaper "{first.name}" disallowed in template', node.pipe)
        escapers = self._escapers(context, node)
        if context.state is State.JS:
            # A slash after a value divides.
            context = context._replace(slash=Slash.DIVISION)
        last = commands[-1].operands[0]
        own = last.name if isinstance(last, Identifier) and last.name in _PREDEFINED else ""
        if own and own in {_SAME_AS.get(escaper, escaper) for escaper in escapers}:
            # The author escaped by hand: that stage takes the place of ours.
            escapers = tuple(own if _SAME_AS.get(escaper) == own else escaper for escaper in escapers)
            return context, replace(node, escapers=escapers, drops_last=True)
        return context, replace(node, escapers=escapers)

    def _escapers(self, context: Context, node: Action) -> tuple[str, ...]:
        if context.state in _URLS:
            chosen = self._url_escapers(context, node)
        else:
            chosen = _STATE_ESCAPERS[context.state]
        return chosen + _DELIMITER_ESCAPERS[context.delimiter]

    def _url_escapers(self, context: Context, node: Action) -> tuple[str, ...]:
        match context.url_part:
            case UrlPart.UNKNOWN:
                self._fail(f"{node} appears in an ambiguous context within a URL", node.pipe)
            case UrlPart.QUERY_OR_FRAGMENT:
                return ("url escape",)
        last = "css escape" if context.state in _CSS_STRINGS else "url normalize"
        return ("url filter", last) if context.url_part is UrlPart.NONE else (last,)


class _Edited:
    """A text while it is changed from its start to its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces: list[str] = []
        self.written = 0  # how far the text has been dealt with

    def drop(self, start: int, end: int, instead: str = "") -> None:
        self.pieces += (self.text[self.written : start], instead)
        self.written = end

    def escape_less(self, start: int, end: int, *, leaves: bool) -> None:
        """Each `<` of element text that begins nothing; the last one does when the text is left there."""
        if leaves:
            tag = self.text.rfind("<", start, end)
            end = tag if tag >= 0 else end
        for less in _LESS.finditer(self.text, start, end):
            self.drop(less.start(), less.end(), "&lt;")

    def drop_comment(self, state: State, end: int) -> None:
        """A comment is white space, and a line's end if it holds one."""
        comment = self.text[self.written : end]
        self.written = end
        if state is State.JS_BLOCK_COMMENT:
            self.pieces.append("\n" if any(c in comment for c in "\n\r\u2028\u2029") else " ")
        elif state is State.CSS_BLOCK_COMMENT:
            self.pieces.append(" ")

    def escape_tags(self, start: int, end: int) -> None:
        """Inside a script's literal nothing may look like the end of the script."""
        if _SPECIAL_TAG.search(self.text, start, end):
            self.drop(start, end, _SPECIAL_TAG.sub(r"\\x3C\1", self.text[start:end]))

    def result(self, *, to_end: bool) -> str:
        return "".join(self.pieces) + (self.text[self.written :] if to_end else "")


def _in_comment(context: Context) -> bool:
    return context.state in COMMENTS and context.delimiter is Delimiter.NONE


_OPENING: Final = {State.HTML_COMMENT: 4, State.JS_HTML_OPEN_COMMENT: 4, State.JS_HTML_CLOSE_COMMENT: 3}
