"""What the lists can be narrowed by (`api-and-cli.md` 5.2, 5.3, 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matchers
from alertrouter.core.matcher_syntax import MatcherSyntaxError, Mode, parse_matcher
from alertrouter.core.pattern import Pattern, PatternError

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from alertrouter.api.http import Query
    from alertrouter.core.matcher import Matcher
    from alertrouter.core.receiver import Receiver


_NONE = Matchers()


class BadQueryError(ValueError):
    """A parameter cannot be understood; the text is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts are wanted. The flags exclude: with ``silenced`` off, no silenced alert is listed, and so on."""

    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True
    matchers: Matchers = _NONE
    receiver: Pattern | None = None
    receiver_matchers: Matchers = _NONE

    @classmethod
    def read(cls, query: Query, mode: Mode, log: logging.Logger) -> AlertQuery:
        """From query parameters. Raises ``BadQueryError``."""
        return cls(
            active=query.flag("active"),
            silenced=query.flag("silenced"),
            inhibited=query.flag("inhibited"),
            muted=query.flag("muted"),
            matchers=read_matchers(query.all("filter"), mode, log),
            receiver=_read_receiver(query.last("receiver")),
            receiver_matchers=read_receiver_matchers(query.all("receiver_matchers"), mode, log),
        )

    @property
    def any_receiver(self) -> bool:
        """Whether the receivers do not matter."""
        return self.receiver is None and not self.receiver_matchers

    def wants_name(self, receiver: Receiver) -> bool:
        """Whether the receiver's name fits."""
        return self.receiver is None or self.receiver.full_match(receiver.name)

    def wants_labels(self, receiver: Receiver) -> bool:
        """Whether the receiver's labels fit."""
        return not self.receiver_matchers or self.receiver_matchers.match(receiver_labels(receiver))


def receiver_labels(receiver: Receiver) -> Labels:
    """The labels of a receiver, its name among them."""
    labels = receiver.labels
    return labels if "name" in labels else Labels({**labels, "name": receiver.name})


def read_matchers(texts: Sequence[str], mode: Mode, log: logging.Logger) -> Matchers:
    """One matcher from each text. Raises ``BadQueryError``."""
    if not texts:
        return _NONE
    found: list[Matcher] = []
    for text in texts:
        try:
            parsed = parse_matcher(text, mode)
        except MatcherSyntaxError as error:
            raise BadQueryError(str(error)) from None
        for warning in parsed.warnings:
            log.warning(warning)
        found += parsed.matchers
    return Matchers(found)


def read_receiver_matchers(texts: Sequence[str], mode: Mode, log: logging.Logger) -> Matchers:
    """Matchers on the labels of receivers. Raises ``BadQueryError``."""
    try:
        return read_matchers(texts, mode, log)
    except BadQueryError as error:
        raise BadQueryError(f"failed to parse receiver_matchers param: {error}") from None


def _read_receiver(text: str) -> Pattern | None:
    if not text:
        return None
    try:
        return Pattern.compile(text)
    except PatternError as error:
        raise BadQueryError(f"failed to parse receiver param: {error}") from None
