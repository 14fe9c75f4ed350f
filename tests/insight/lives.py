"""The life of a router in which anything may happen: alerts come and go, processes end, configurations change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.strategies import Event as Deed
from tests.timeline import Answer, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

happenings = st.lists(
    st.tuples(
        st.integers(0, 5500), st.sampled_from(["restart", "crash", "reload", "edit", "back", "collect"])
    ),
    max_size=6,
)


def lived(
    story: list[Deed],
    happened: list[tuple[int, str]],
    seed: int,
    *,
    begin: str,
    edit: str,
    back: str,
    witness: Callable[[Timeline], Callable[[], None]] = lambda _: lambda: None,
) -> Timeline:
    """A timeline with restarts, crashes and reloads, and receivers that fail now and then.

    It begins under one configuration; an edit brings another, and going back a third.
    """

    def answers(_to: str, at: float) -> Answer:
        kind = hash((seed, at)) % 5
        return [Answer(), Answer(), Answer(after=20), Answer("temporary"), Answer("refused")][kind]

    t = Timeline(begin, answers=answers, witness=witness)
    deeds: list[tuple[int, Deed | str]] = [*[(deed.at, deed) for deed in story], *happened]
    for at, deed in sorted(deeds, key=lambda each: each[0]):
        t.at(at)
        match deed:
            case Deed():
                deed.happen(t)
            case "restart":
                t.stop().restart()
            case "crash":
                t.stop().restart(down_since=max(0, at - 7), end_grace=15)
            case "reload":
                t.reload()
            case "edit":
                t.reload(edit)
            case "back":
                t.reload(back)
            case "collect":
                t.collect()
    t.until(7000)
    return t
