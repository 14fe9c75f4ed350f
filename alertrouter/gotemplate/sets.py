"""Named templates, compiled once and shared by every render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alertrouter.gotemplate.values import EMPTY, Function, Limits, MissingKey


class Template:
    """One compiled text, bound to the set it was compiled against. Made by `TemplateSet.text` and `.html`."""

    def render(self, data: object, environment: Mapping[str, Any] = EMPTY) -> str:
        """The text for `data`. Raises ExecError; the environment goes to functions that ask for it."""
        raise NotImplementedError


class TemplateSet:
    """An immutable set of named templates and functions. Safe to share between threads."""

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

        Raises ParseError naming the file and the line.
        """
        raise NotImplementedError

    def text(self, source: str, name: str = "") -> Template:
        """Compile an inline text in text mode; its own definitions are visible to it alone. Raises ParseError."""
        raise NotImplementedError

    def html(self, source: str, name: str = "") -> Template:
        """Compile an inline text in HTML mode: what it prints is escaped for the place where it stands."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """All defined names, sorted."""
        raise NotImplementedError

    def has(self, name: str) -> bool:
        raise NotImplementedError
