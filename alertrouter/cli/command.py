"""The tree of commands of a program: what there is to type. What was typed is read in `parsing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from alertrouter.cli.flags import Argument, Flag, arguments_of, flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alertrouter.cli.session import Session

Options = TypeVar("Options")


@dataclass(slots=True, kw_only=True, eq=False)
class Command:
    """A program, a group of commands, or a command.

    The first paragraph of ``about`` is the summary. A group may have a ``default``: the command that is meant when none
    is named. ``needs_server`` is set for groups and commands that cannot do anything without ``--alertmanager.url``.
    """

    name: str
    about: str
    parent: Command | None = None
    options: type | None = None
    run: Callable[[Any, Session], int] | None = None
    needs_server: bool = False
    hidden: bool = False
    flags: list[Flag] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    commands: dict[str, Command] = field(default_factory=dict)
    default: Command | None = None

    def group(
        self,
        name: str,
        about: str,
        *,
        shared: type | None = None,
        needs_server: bool = False,
        is_default: bool = False,
    ) -> Command:
        """Add a group; the flags of the options class ``shared`` are known to all its commands.

        The options of its commands inherit from ``shared``.
        """
        made = Command(name=name, about=about, parent=self, options=shared, needs_server=needs_server)
        made.flags = flags_of(shared) if shared else []
        return self._add(made, is_default=is_default)

    def command(
        self,
        name: str,
        about: str,
        options: type[Options],
        run: Callable[[Options, Session], int],
        *,
        needs_server: bool = False,
        hidden: bool = False,
        is_default: bool = False,
    ) -> Command:
        """Add a command: ``run`` gets its options and the session, and returns the exit status."""
        made = Command(
            name=name,
            about=about,
            parent=self,
            options=options,
            run=run,
            needs_server=needs_server,
            hidden=hidden,
        )
        known = {each.name for above in self.path() for each in above.flags}
        made.flags = [each for each in flags_of(options) if each.name not in known]
        made.arguments = arguments_of(options)
        return self._add(made, is_default=is_default)

    def _add(self, made: Command, *, is_default: bool) -> Command:
        self.commands[made.name] = made
        if is_default:
            self.default = made
        return made

    def path(self) -> list[Command]:
        """The program, the groups down to here, and this."""
        return [*(self.parent.path() if self.parent else []), self]

    @property
    def words(self) -> str:
        """What is typed after the program's name to get here."""
        return " ".join(each.name for each in self.path()[1:])

    @property
    def summary(self) -> str:
        return self.about.split("\n\n", 1)[0]

    def walk(self) -> Iterator[Command]:
        """The commands below that do something, in order."""
        for each in self.commands.values():
            if each.hidden:
                continue
            if each.run:
                yield each
            yield from each.walk()
