"""What is wrong with a configuration, said with a finger on the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to put right. ``line`` and ``column`` count from 1; a line of 0 means the file as a whole.

    ``message`` has Alertmanager's wording where it has one, ``hint`` says what to write instead.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {path}{self.message}{hint}"


class ConfigError(ValueError):
    """The configuration cannot be used; ``problems`` are all that was found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ConfigProblem(ValueError):  # noqa: N818 - one problem; the error is the list of them
    """Raised by a validator: what is wrong with one value or block, without the place.

    The place is that of the value being validated; ``at`` names the key inside it to point at instead, or
    the way there through keys and places in lists.
    """

    def __init__(self, message: str, *, at: str | tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.at: tuple[str | int, ...] = ((at,) if at else ()) if isinstance(at, str) else at
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word most like this one; empty when none is near."""
    import difflib  # mistakes are rare

    candidates = list(known)
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if not near:
        folded = {candidate.casefold(): candidate for candidate in candidates}
        near = [folded[key] for key in difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)]
    return f"did you mean '{near[0]}'?" if near else ""
