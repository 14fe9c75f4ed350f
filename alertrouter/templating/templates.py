"""A configuration's templates: our defaults, the user's files, and the texts in the configuration itself."""

from __future__ import annotations

import logging
import re
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from alertrouter import assets
from alertrouter.core.go_quote import quote
from alertrouter.gotemplate import (
    ANY,
    HTML,
    STRING,
    EscapeError,
    ExecError,
    Function,
    Limits,
    ParseError,
    TemplateSet,
)
from alertrouter.gotemplate import TemplateError as GoTemplateError
from alertrouter.templating import bugs
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.functions import ENVIRONMENT, FUNCTIONS, Environment, environment_of
from alertrouter.templating.marker import is_jinja
from alertrouter.templating.message import Message
from alertrouter.templating.mode import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from alertrouter.core.notification import Notification
    from alertrouter.core.time import Moment
    from alertrouter.gotemplate import Template
    from alertrouter.templating.jinja import JinjaTemplates

log = logging.getLogger(__name__)

_LARGEST_FILE: Final = 1024 * 1024
# A mail about ten thousand alerts must pass.
_LIMITS: Final = Limits(output_bytes=32 * 1024 * 1024, seconds=5.0)
_CALL: Final = re.compile(r"""\{\{-?\s*template\s+("[^"\\\n]*"|`[^`]*`)""")
_DEFINITION: Final = re.compile(r"""\{\{-?\s*(?:define|block)\s+("[^"\\\n]*"|`[^`]*`)""")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def _ignore(error: TemplateError, where: str) -> None:
    """Failures nobody wants to hear of."""


class Templates:
    """The templates of one configuration; immutable, and shared by all its messages."""

    def __init__(
        self,
        go_files: Sequence[tuple[str, str]],
        jinja_files: Sequence[tuple[str, str]],
        failed: Callable[[TemplateError, str], None],
    ) -> None:
        """Files are names with texts, later ones before earlier ones. Raises ParseError and TemplateError."""
        self._failed = failed
        self._jinja_files = jinja_files
        if jinja_files:
            self._jinja  # noqa: B018 - a file that does not parse is told of at once
        # A Jinja2 file is a template for Go's `template` action, too.
        bridges = [
            (name, f"{{{{ define {quote(name)} }}}}{{{{ _jinja {quote(name)} . }}}}{{{{ end }}}}")
            for name, _ in jinja_files
        ]
        self._set = TemplateSet.build([*go_files, *bridges], functions=(*FUNCTIONS, _JINJA), limits=_LIMITS)

    @classmethod
    def load(
        cls, files: Sequence[Path] = (), *, failed: Callable[[TemplateError, str], None] = _ignore
    ) -> Templates:
        """Our defaults and the user's files, in order: a later name replaces an earlier one.

        ``failed`` hears of every template that fails to render, with what it was rendered for. Raises TemplateError
        with file, line and column for a file that cannot be read or does not parse.
        """
        go_files = list(_default_files())
        jinja_files = []
        paths = {}
        for path in files:
            text = _read(path)
            paths[path.name] = path
            if is_jinja(text, path.name):
                jinja_files.append((path.name, text))
            else:
                go_files.append((path.name, text))
        texts = dict(go_files)
        try:
            return cls(go_files, jinja_files, failed)
        except ParseError as error:
            from alertrouter.templating.hints import hint

            text = texts.get(error.name, "")
            raise TemplateError(
                error.message,
                file=str(paths.get(error.name, error.name)),
                line=error.line,
                column=error.column,
                hint=" ".join([_source_line(text, error.line), hint(error.message, text)]).strip(),
            ) from None
        except TemplateError as error:
            error.hint = _jinja_hint(dict(jinja_files).get(error.file, ""))
            error.file = str(paths.get(error.file, error.file))
            raise

    @staticmethod
    @lru_cache(maxsize=1)
    def built_in() -> Templates:
        """The defaults alone."""
        return Templates.load()

    def message(
        self,
        notification: Notification,
        *,
        external_url: str,
        now: Moment,
        fallbacks: Mapping[str, str] = _NONE,
    ) -> Message:
        """The notification, to be worded by these templates.

        ``fallbacks`` says for a template text which one to take when it fails (`alertrouter.templating.fallbacks`).
        """
        return Message(
            self, notification, external_url=external_url.rstrip("/"), now=now, fallbacks=fallbacks
        )

    def render_text(self, text: str, data: object, *, now: Moment) -> str:
        """An inline text on any data, in text mode. Raises TemplateError."""
        return self.render(text, data, now=now, route_label=_route_labels_of(data))

    def render(
        self,
        text: str,
        data: object,
        *,
        now: Moment,
        route_label: Callable[[str], str],
        mode: Mode = Mode.TEXT,
    ) -> str:
        """An inline text on any data; ``route_label`` is what `routeLabels` answers. Raises TemplateError."""
        return self.render_in(self.environment(now, route_label, mode), text, data)

    def environment(self, now: Moment, route_label: Callable[[str], str], mode: Mode) -> Environment:
        """What the functions of several renders may share."""

        def jinja(name: str, data: object) -> str:
            return self._jinja.render_file(name, data, {ENVIRONMENT: environment}, mode)

        environment = Environment(now=now, route_label=route_label, jinja=jinja, mode=mode)
        return environment

    def render_in(self, environment: Environment, text: str, data: object) -> str:
        """An inline text on any data, in an environment of these templates. Raises TemplateError."""
        if not text:
            return ""
        variables = {ENVIRONMENT: environment}
        try:
            if is_jinja(text):
                return self._jinja.render(text, data, variables, environment.mode)
            return self._template(environment.mode, text).render(data, variables)
        except TemplateError as error:
            bugs.tell(error.__cause__)
            raise
        except GoTemplateError as error:
            bugs.tell(error.__cause__)
            raise _explained(error, text) from error
        except Exception as error:
            raise _unexpected(error) from error

    def check_inline(self, text: str, mode: Mode = Mode.TEXT) -> TemplateError | None:
        """What is wrong with a text in the configuration; None when it can be rendered.

        Names it calls that do not exist are not looked for: a branch that never runs may hold them.
        """
        try:
            if is_jinja(text):
                self._jinja.check(text)
            elif "{{" in text:
                self._template(mode, text)
        except TemplateError as error:
            error.hint = _jinja_hint(text)
            return error
        except GoTemplateError as error:
            return _explained(error, text)
        except Exception as error:  # noqa: BLE001 - what cannot be checked must not keep anybody from starting
            return _unexpected(error)
        return None

    def unknown_calls(self, text: str) -> list[tuple[str, int]]:
        """The names a text of the configuration calls although nothing defines them, each with where in the text.

        Where such a call runs, the text fails to render.
        """
        if is_jinja(text):
            return []
        own = {_unquoted(name) for name in _DEFINITION.findall(text)}
        called = [(_unquoted(call[1]), call.start(1)) for call in _CALL.finditer(text)]
        return [(name, at) for name, at in called if name not in own and not self._set.has(name)]

    def names(self) -> list[str]:
        """The names that `template` can call, sorted."""
        return self._set.names()

    def report(self, error: TemplateError, where: str) -> None:
        """A template failed to render; ``where`` says what it was for."""
        self._failed(error, where)

    @cached_property
    def _jinja(self) -> JinjaTemplates:
        # Most write none, and need not wait for Jinja2.
        from alertrouter.templating.jinja import JinjaTemplates

        return JinjaTemplates(self._jinja_files, FUNCTIONS, self._go_template)

    def _template(self, mode: Mode, text: str) -> Template:
        # The set keeps what it compiled.
        return self._set.text(text) if mode is Mode.TEXT else self._set.html(text)

    def _go_template(self, mode: Mode, name: str, data: object, variables: Mapping[str, Any]) -> str:
        return self._template(mode, f"{{{{ template {quote(name)} . }}}}").render(data, variables)


def _unquoted(name: str) -> str:
    return name[1:-1]


def _call_jinja(variables: Mapping[str, Any], name: str, data: object) -> str:
    environment = environment_of(variables)
    text = environment.jinja(name, data)
    return HTML(text) if environment.mode is Mode.HTML else text


_JINJA: Final = Function("_jinja", _call_jinja, (STRING, ANY), pass_environment=True)


def _route_labels_of(data: object) -> Callable[[str], str]:
    return lambda name: getattr(data, "route_labels", {}).get(name, "")


def _unexpected(error: Exception) -> TemplateError:
    """A bug, or a text that asks for too much: it costs its own wording and no page."""
    log.error("a template failed in a way that was not foreseen", exc_info=error)
    return TemplateError(f"unexpected {type(error).__name__}, see the log")


def _jinja_hint(text: str) -> str:
    from alertrouter.templating.hints import jinja_hint

    return jinja_hint(text)


def _explained(error: GoTemplateError, text: str) -> TemplateError:
    from alertrouter.templating.hints import hint

    line, column = _place(error, text)
    return TemplateError(str(error), line=line, column=column, hint=hint(str(error), text))


def _place(error: GoTemplateError, text: str) -> tuple[int, int]:
    """Line and column in characters, from 1; zeros for a failure that is in a template elsewhere."""
    if not isinstance(error, (ParseError, ExecError)) or error.name or not error.line:
        return 0, 0
    if isinstance(error, ParseError) and not isinstance(error, EscapeError):
        return error.line, error.column
    # The others count as Go does: bytes, from zero.
    source = text.split("\n")[error.line - 1].encode("utf-8", "replace")
    return error.line, len(source[: error.column].decode("utf-8", "ignore")) + 1


def _source_line(text: str, line: int) -> str:
    lines = text.split("\n")
    source = lines[line - 1].strip() if line <= len(lines) else ""
    return f"in: {source[:200]}" if source else ""


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TemplateError(
            f"cannot be read: {error.strerror}", file=str(path), hint="check its permissions"
        ) from None
    if len(data) > _LARGEST_FILE:
        raise TemplateError(
            "is larger than 1 MiB", file=str(path), hint="split it, or is it a template at all?"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise TemplateError(
            "is not UTF-8", file=str(path), line=line, column=column, hint="save it as UTF-8"
        ) from None


@lru_cache(maxsize=1)
def _default_files() -> tuple[tuple[str, str], ...]:
    folder = assets.folder("templates") / "notify"
    return tuple((path.name, _read(path)) for path in sorted(folder.glob("*.tmpl")))
