"""Things to store, and a journal to store them with."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.reason import Reason
from alertrouter.core.silence import Silence
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.engine.changes import (
    AlertTransition,
    Changes,
    DecisionRecord,
    GroupState,
    LogEntry,
    Outcome,
    SilenceChange,
    StoredState,
    Transition,
)
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store import Journal, JournalSettings, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from alertrouter.core.time import Moment

#: Some moment.
NOW: Moment = 1_760_000_000 * SECOND


class StillClock:
    """A clock that stands where it was put."""

    def __init__(self, now: Moment = NOW) -> None:
        self.moment = now

    def now(self) -> Moment:
        return self.moment

    async def sleep_until(self, moment: Moment) -> None:
        raise NotImplementedError


def alert(name: str = "Down", **changed: Any) -> Alert:
    """A firing alert."""
    plain = Alert(
        labels=Labels({"alertname": name, "job": "node"}),
        annotations=Labels({"summary": f"{name} is down"}),
        starts_at=NOW,
        ends_at=NOW + 4 * MINUTE,
        updated_at=NOW,
        generator_url="http://prometheus.example.com/graph",
    )
    return replace(plain, **changed)


def fired(*alerts: Alert, at: Moment = NOW) -> Changes:
    """These alerts were seen for the first time."""
    return Changes(
        alerts=list(alerts),
        transitions=[AlertTransition(at=at, kind=Transition.FIRED, alert=each) for each in alerts],
    )


def collected(*alerts: Alert, at: Moment = NOW) -> Changes:
    """These alerts are forgotten."""
    return Changes(
        collected_alerts=[each.labels for each in alerts],
        transitions=[AlertTransition(at=at, kind=Transition.COLLECTED, alert=each) for each in alerts],
    )


def group_id(name: str = "Down") -> GroupId:
    return GroupId("root/0", Labels({"alertname": name}))


def slot(name: str = "Down", receiver: str = "team") -> Slot:
    return Slot(group_id(name), receiver, "webhook/0")


def group(name: str = "Down", **changed: Any) -> GroupState:
    """A group before its first flush."""
    plain = GroupState(
        id=group_id(name),
        receiver="team",
        key='{}/{severity="critical"}',
        path="0",
        created_at=NOW,
        due=NOW + 30 * SECOND,
        tick=None,
        settled_at=None,
        flush_number=0,
    )
    return replace(plain, **changed)


def entry(name: str = "Down", **changed: Any) -> LogEntry:
    """What an integration was told."""
    plain = LogEntry(
        slot=slot(name),
        group_key=f'{{}}:{{alertname="{name}"}}',
        revision=1,
        flushed_at=NOW,
        sent_at=NOW + SECOND,
        firing=frozenset({alert(name).labels.identity}),
        resolved=frozenset(),
        receiver_data={"thread": "17.3", "tries": 2, "share": 0.5},
        expires_at=NOW + 8 * HOUR,
    )
    return replace(plain, **changed)


def decision(name: str = "Down", **changed: Any) -> DecisionRecord:
    """A message was sent."""
    plain = DecisionRecord(
        at=NOW,
        slot=slot(name),
        group_key=f'{{}}:{{alertname="{name}"}}',
        tick=NOW,
        flush_number=1,
        outcome=Outcome.SENT,
        reason=Reason.FIRST,
        firing=(alert(name).labels.identity,),
        attempts=1,
    )
    return replace(plain, **changed)


def silence(silence_id: str = "b5c0cc9a-2d38-4a54-9cb4-5d2c2d1ba7b2", **changed: Any) -> Silence:
    plain = Silence(
        id=silence_id,
        matcher_sets=[
            Matchers(
                [
                    Matcher("alertname", MatchType.EQUAL, "Down"),
                    Matcher("job", MatchType.NOT_REGEX, "db|web.*"),
                ]
            )
        ],
        starts_at=NOW,
        ends_at=NOW + HOUR,
        updated_at=NOW,
        created_by="somebody",
        comment="works on it",
        annotations={"ticket": "17"},
    )
    return replace(plain, **changed)


def silenced(*silences: Silence, action: str = "created", at: Moment = NOW) -> Changes:
    return Changes(silences=[SilenceChange(at=at, action=action, silence=each) for each in silences])


QUICK = JournalSettings(write_behind=SECOND // 20, stamp=SECOND // 20, retry=SECOND // 20, patience=MINUTE)


@contextlib.asynccontextmanager
async def journal(
    store: Store,
    state: Callable[[], StoredState] = StoredState,
    *,
    clock: StillClock | None = None,
    settings: JournalSettings = QUICK,
    on_health: Callable[[bool], None] | None = None,
) -> AsyncIterator[Journal]:
    """A journal that runs, and is closed."""
    opened = Journal(store, clock=clock or StillClock(), state=state, settings=settings, on_health=on_health)
    opened.start()
    try:
        yield opened
    finally:
        await opened.close()


def write(where: str, changes: Iterable[Changes]) -> None:
    """Open, write these, one after the other, and close."""

    async def run(store: Store) -> None:
        async with journal(store) as opened:
            for each in changes:
                await opened.write(each)

    with contextlib.closing(Store.open(where, StillClock())) as store:
        asyncio.run(run(store))


def stored(where: str) -> StoredState:
    """What a new start finds."""
    with contextlib.closing(Store.open(where, StillClock())) as store:
        return store.load()


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    """While another program has locked its file of SQLite."""
    assert store.database.path is not None
    with contextlib.closing(sqlite3.connect(store.database.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
