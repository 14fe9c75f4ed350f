"""What a command of artool has besides its own options: the global flags, the server, the clock, the output."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, flag
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from alertrouter.client import Client
    from alertrouter.core.matcher import Matcher
    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.time import Moment

OUTPUTS = ("simple", "extended", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    """The flags that every command of artool knows."""

    date_format: str = flag(
        "date.format",
        Kind.TEXT,
        "How times are written in tables: Go's example time in the form wanted.",
        default="2006-01-02 15:04:05 MST",
    )
    verbose: bool = flag("verbose", Kind.BOOL, "Tell of every request to the server.", short="v")
    url: str = flag(
        "alertmanager.url",
        Kind.TEXT,
        "The server to talk to, alertrouter or Alertmanager.",
        placeholder="URL",
    )
    output: str = flag(
        "output",
        Kind.TEXT,
        "Form of the output: simple, extended or json.",
        default="simple",
        short="o",
        choices=OUTPUTS,
    )
    timeout: int = flag("timeout", Kind.DURATION, "Longest time for the whole command.", default=30 * SECOND)
    http_config_file: str = flag(
        "http.config.file",
        Kind.TEXT,
        "File with TLS, authentication and proxy for the connection to the server, in Prometheus' form.",
        placeholder="<filename>",
    )
    version_check: bool = flag(
        "version-check", Kind.BOOL, "Warn when the server's version is another.", default=True
    )
    enable_feature: str = flag(
        "enable-feature",
        Kind.TEXT,
        "Features, separated by commas, as the daemon knows them; classic-mode and utf8-strict-mode matter here.",
        placeholder='""',
    )


class Session:
    """One run of a command."""

    def __init__(self, program: str, options: GlobalOptions, mode: Mode) -> None:
        self.program = program
        self.options = options
        self.mode = mode
        self._deadline = time.monotonic() + options.timeout / SECOND

    def now(self) -> Moment:
        """This moment."""
        from alertrouter.clock import SystemClock

        return SystemClock().now()

    @cached_property
    def client(self) -> Client:
        """The server's API. When first asked for, the version of the server is looked at."""
        from alertrouter.cli.connection import connect, warn_of_another_version

        client = connect(self.options, seconds_left=lambda: self._deadline - time.monotonic())
        if self.options.version_check:
            warn_of_another_version(self.program, client)
        return client

    def matcher(self, text: str) -> Matcher:
        """The one matcher in an argument; what the user should know of it goes to standard error.

        MatcherSyntaxError when it is none.
        """
        from alertrouter.core.matcher_syntax import parse_matcher

        parsed = parse_matcher(text, self.mode)
        for warning in parsed.warnings:
            self.warn(f"Warning: {warning}")
        return parsed.matchers[0]

    def warn(self, text: str) -> None:
        """Tell the user something that is not what was asked for."""
        print(text, file=sys.stderr)

    def with_alertname(self, arguments: tuple[str, ...]) -> list[str]:
        """The arguments as matchers: a first one that is none is the name of an alert."""
        from alertrouter.core.go_quote import quote
        from alertrouter.core.matcher_syntax import MatcherSyntaxError, parse_matcher

        if not arguments:
            return []
        try:
            parse_matcher(arguments[0], self.mode)
        except MatcherSyntaxError:
            return [f"alertname={quote(arguments[0])}", *arguments[1:]]
        return list(arguments)

    def pairs(self, texts: list[str] | tuple[str, ...], complaint: str) -> dict[str, str]:
        """Names and values from arguments that must be ``name=value``; Failure with the complaint when one is not."""
        from alertrouter.core.matcher import MatchType

        found = {}
        for text in texts:
            matcher = self.matcher(text)
            if matcher.type is not MatchType.EQUAL:
                raise Failure(complaint)
            found[matcher.name] = matcher.value
        return found
