"""Named templates, compiled once and shared by every render."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from alertrouter.gotemplate.builtins import BUILTINS
from alertrouter.gotemplate.compiler import compile_tree
from alertrouter.gotemplate.contextual import ESCAPERS, Analysis
from alertrouter.gotemplate.faults import Fault
from alertrouter.gotemplate.parser import parse
from alertrouter.gotemplate.running import Limits, Run
from alertrouter.gotemplate.sites import explain
from alertrouter.gotemplate.values import EMPTY, NO_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from alertrouter.gotemplate.compiler import Body
    from alertrouter.gotemplate.functions import Function
    from alertrouter.gotemplate.nodes import Tree
    from alertrouter.gotemplate.values import MissingKey

_MOST_CACHED = 4096
# What a template can do wrong, each with its own words; what else ends a render is kept as the cause.
_FORESEEN = (Fault, RecursionError, MemoryError, UnboundLocalError)


class Template:
    """One text, bound to the set it was made against. Made by `TemplateSet.text` and `.html`; safe to share."""

    __slots__ = ("_body", "_compile", "_limits", "_templates", "_tree")

    def __init__(
        self, tree: Tree, compile_body: Callable[[Tree], Body], templates: Mapping[str, Body], limits: Limits
    ) -> None:
        self._tree = tree
        # Compiled when first rendered: a configuration has many texts that are seldom needed.
        self._body: Body | None = None
        self._compile = compile_body
        self._templates = templates
        self._limits = limits

    def render(self, data: object, environment: Mapping[str, Any] = EMPTY) -> str:
        """The text for `data`. Raises ExecError; the environment goes to functions that ask for it."""
        run = Run(self._templates, environment, self._limits)
        try:
            body = self._body
            if body is None:
                body = self._body = self._compile(self._tree)
            body(run, run.pieces.append, NO_VALUE if data is None else data)
            return run.text()
        except Exception as error:  # noqa: BLE001  # the border: every failure of a template is an ExecError
            problem = explain(error, self._tree)
            cause = None if isinstance(error, _FORESEEN) else error
        raise problem from cause


class _Bodies(dict[str, "Body"]):
    """Compiled templates by name, compiled when they are first asked for."""

    def __init__(self, compile_name: Callable[[str], Body]) -> None:
        self._compile = compile_name

    def __missing__(self, name: str) -> Body:
        body = self[name] = self._compile(name)
        return body


class TemplateSet:
    """An immutable set of named templates and functions. Safe to share between threads."""

    def __init__(
        self,
        trees: Mapping[str, Tree],
        functions: Mapping[str, Function],
        limits: Limits,
        missing_key: MissingKey,
    ) -> None:
        self._trees = dict(trees)
        self._functions = dict(functions)
        self._limits = limits
        self._missing_key: MissingKey = missing_key
        self._bodies = _Bodies(lambda name: self._compile(self._trees[name]))
        self._analysing = Lock()
        self._analysis = Analysis(self._trees)
        self._html_bodies = _Bodies(lambda name: self._compile(self._analysis.derived[name]))
        self._cache: dict[tuple[str, str, str], Template] = {}

    @classmethod
    def build(
        cls,
        files: Iterable[tuple[str, str]] = (),
        *,
        functions: Sequence[Function] = (),
        limits: Limits | None = None,
        missing_key: MissingKey = "zero",
    ) -> TemplateSet:
        """Parse files in order; later definitions replace earlier ones, except that blank never replaces.

        A file is its name, as errors call it, and its text; what stands outside its definitions becomes a template
        under that name. Raises ParseError naming the file and the line.
        """
        known = {**BUILTINS, **{function.name: function for function in functions}}
        trees: dict[str, Tree] = {}
        for name, text in files:
            _add(trees, parse(name, text, known))
        return cls(trees, known, limits or Limits(), missing_key)

    def text(self, source: str, name: str = "") -> Template:
        """Compile an inline text in text mode; its own definitions are visible to it alone. Raises ParseError."""
        key = ("text", name, source)
        found = self._cache.get(key)
        return found if found is not None else self._remember(key, self._text(source, name))

    def _text(self, source: str, name: str) -> Template:
        own = parse(name, source, self._functions)
        tree = own.pop(name)
        bodies: Mapping[str, Body] = self._bodies
        if own:
            trees: dict[str, Tree] = dict(self._trees)
            _add(trees, own)

            def find(called: str) -> Body:
                its_tree = trees[called]
                return (
                    self._bodies[called] if its_tree is self._trees.get(called) else self._compile(its_tree)
                )

            bodies = _Bodies(find)
        return Template(tree, self._compile, bodies, self._limits)

    def html(self, source: str, name: str = "") -> Template:
        """Compile an inline text in HTML mode: what it prints is escaped for the place where it stands."""
        key = ("html", name, source)
        found = self._cache.get(key)
        return found if found is not None else self._remember(key, self._html(source, name))

    def _html(self, source: str, name: str) -> Template:
        own = parse(name, source, self._functions)
        tree = own.pop(name)
        trees = self._trees
        if own:
            # Its own definitions may change what the shared templates call, and so their contexts.
            trees = dict(self._trees)
            _add(trees, own)
            analysis = Analysis(trees)
            bodies = _Bodies(lambda called: self._compile(analysis.derived[called]))
        else:
            analysis, bodies = self._analysis, self._html_bodies
        with self._analysing:
            escaped = analysis.escape(tree)
        return Template(escaped, self._compile, bodies, self._limits)

    def names(self) -> list[str]:
        """All defined names, sorted."""
        return sorted(self._trees)

    def has(self, name: str) -> bool:
        return name in self._trees

    def _compile(self, tree: Tree) -> Body:
        return compile_tree(tree, self._functions, self._missing_key, ESCAPERS)

    def _remember(self, key: tuple[str, str, str], template: Template) -> Template:
        cache = self._cache
        if len(cache) >= _MOST_CACHED:
            # The oldest go; texts of a configuration come back, those of previews do not.
            for old in list(cache)[: _MOST_CACHED // 4]:
                cache.pop(old, None)
        cache[key] = template
        return template


def _add(trees: dict[str, Tree], more: Mapping[str, Tree]) -> None:
    for name, tree in more.items():
        if name not in trees or not tree.is_blank:
            trees[name] = tree
