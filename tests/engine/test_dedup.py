"""The table that decides whether an integration is told (`semantics.md` 4.3 with D2, D3, D11 and D13), row by row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from alertrouter.core.labels import Labels
from alertrouter.core.reason import Reason
from alertrouter.engine.changes import LogEntry
from alertrouter.engine.dedup import Batch, seen_resolved, why_notify
from alertrouter.engine.slot import GroupId, Slot

A, B, C = 1, 2, 3
REPEAT = 100
SLOT = Slot(GroupId("root", Labels()), "hook", "webhook/0")


def entry(
    firing: set[int] | None = None, resolved: set[int] | None = None, pending: set[int] | None = None
) -> LogEntry:
    return LogEntry(
        slot=SLOT,
        group_key="{}:{}",
        revision=1,
        flushed_at=1000,
        sent_at=1007,
        firing=frozenset(firing or ()),
        resolved=frozenset(resolved or ()),
        pending=frozenset(pending or ()),
        expires_at=2000,
    )


@dataclass(frozen=True)
class Row:
    """Facts, and what follows."""

    says: str
    entry: LogEntry | None
    firing: set[int]
    resolved: set[int]
    reason: Reason | None
    send_resolved: bool = True
    muted_firing: bool = False
    tick: int = 1050


ROWS = [
    Row("row 1: nothing was ever said and something fires", None, {A}, set(), Reason.FIRST),
    Row("row 2: nothing was ever said and all is resolved", None, set(), {A}, None),
    Row("row 3: the last word was that all is resolved", entry(set(), {A}), {A}, set(), Reason.FIRST),
    Row("row 4: a new one fires", entry({A}), {A, B}, set(), Reason.NEW_ALERTS),
    Row("row 4: another one fires", entry({A}), {B}, set(), Reason.NEW_ALERTS),
    Row("row 5: all are resolved", entry({A, B}), set(), {A, B}, Reason.ALL_RESOLVED),
    Row(
        "row 5: also for who does not want resolves, to be logged",
        entry({A}),
        set(),
        {A},
        Reason.ALL_RESOLVED,
        False,
    ),
    Row(
        "row 5: not while a muted one fires",
        entry({A, B}),
        set(),
        {B},
        Reason.SOME_RESOLVED,
        muted_firing=True,
    ),
    Row(
        "row 5: nor is anything said then where resolves are not wanted",
        entry({A, B}),
        set(),
        {B},
        None,
        False,
        True,
    ),
    Row("row 5: a resolve that is still owed", entry(set(), {B}, {A}), set(), {A}, Reason.ALL_RESOLVED),
    Row("row 6: all was said", entry(set(), {A}), set(), {A}, None),
    Row("row 7: one of several is resolved", entry({A, B}), {A}, {B}, Reason.SOME_RESOLVED),
    Row("row 7: not for who does not want resolves", entry({A, B}), {A}, {B}, None, False),
    Row("row 7: not when that was said", entry({A}, {B}), {A}, {B}, None),
    Row("row 7: not for one that was never announced", entry({A}), {A}, {C}, None),
    Row("row 7: a resolve that is still owed", entry({A}, set(), {B}), {A}, {B}, Reason.SOME_RESOLVED),
    Row(
        "row 8: the repeat interval is over with this tick", entry({A}), {A}, set(), Reason.REPEAT, tick=1100
    ),
    Row("row 8: also when fewer fire", entry({A, B}), {A}, set(), Reason.REPEAT, tick=1100),
    Row("row 9: it is not over", entry({A}), {A}, set(), None, tick=1099),
    Row("row 9: fewer fire", entry({A, B}), {A}, set(), None),
    Row(
        "who is owed a resolve and fires again is new",
        entry({A}, set(), {B}),
        {A, B},
        set(),
        Reason.NEW_ALERTS,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.says for row in ROWS])
def test_the_table(row: Row) -> None:
    batch = Batch(
        firing=frozenset(row.firing), resolved=frozenset(row.resolved), any_muted_firing=row.muted_firing
    )
    reason = why_notify(
        row.entry, batch, send_resolved=row.send_resolved, repeat_interval=REPEAT, tick=row.tick
    )
    assert reason is row.reason


def test_a_member_that_resolved_unannounced_leaves_the_set() -> None:
    assert seen_resolved(entry({A, B}), frozenset({B}), send_resolved=False) == frozenset({A})
    assert seen_resolved(entry({A}), frozenset({B}), send_resolved=False) is None
    assert seen_resolved(entry({A, B}), frozenset({B}), send_resolved=True) is None
