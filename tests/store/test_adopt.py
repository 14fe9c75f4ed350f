"""Filling a database from elsewhere."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.silence import Silence
from alertrouter.core.time import HOUR
from alertrouter.engine.changes import LogEntry
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store import Store, StoreError, history
from alertrouter.store.adopt import Adopted, adoption
from tests.store.values import StillClock

SILENCE = Silence(
    id="s1",
    matcher_sets=[Matchers([Matcher("a", MatchType.REGEX, "b|c")])],
    starts_at=1,
    ends_at=HOUR,
    updated_at=5,
    created_by="somebody",
    comment="because",
    annotations={"ticket": "17"},
)
ENTRY = LogEntry(
    slot=Slot(GroupId("{} -> hook", Labels({"alertname": "x"})), "hook", "webhook/0"),
    group_key='{}:{alertname="x"}',
    revision=1,
    flushed_at=5,
    sent_at=5,
    firing=frozenset({1, 2**64 - 1}),
    resolved=frozenset({3}),
    receiver_data={"threadTs": "5", "count": 1},
    expires_at=HOUR,
)


def test_a_daemon_finds_what_was_taken_over(where: str) -> None:
    with adoption(where) as database:
        assert not database.is_used
        assert database.take([SILENCE], [ENTRY], now=9) == Adopted(silences=1, entries=1)

    with contextlib.closing(Store.open(where, StillClock())) as store:
        state = store.load()
        assert (state.silences, state.entries, state.seen_at) == ([SILENCE], [ENTRY], None)
        with store.reader() as connection:
            (change,) = history.silence_changes(connection, history.Span()).lines
        assert (change.at, change.action, change.silence) == (9, "imported", SILENCE)


def test_the_newer_version_stays(where: str) -> None:
    newer = replace(SILENCE, id="s2", updated_at=7)
    with adoption(where) as database:
        database.take([SILENCE, newer], [ENTRY], now=9)
    with adoption(where) as database:
        assert database.is_used
        adopted = database.take(
            [replace(SILENCE, comment="same age"), replace(newer, updated_at=6), replace(SILENCE, id="s3")],
            [replace(ENTRY, sent_at=4)],
            now=10,
        )
        assert adopted == Adopted(silences=1, entries=0)
    with adoption(where) as database:
        later = replace(ENTRY, sent_at=6, firing=frozenset())
        assert database.take([replace(SILENCE, updated_at=6, comment="newer")], [later], now=11) == Adopted(
            silences=1, entries=1
        )
    with adoption(where) as database:
        assert {each.id: each.comment for each in database.state.silences} == {
            "s1": "newer",
            "s2": "because",
            "s3": "because",
        }
        assert database.state.entries == [replace(later, revision=2)]


def test_a_database_with_a_daemon_is_refused(where: str) -> None:
    with (
        contextlib.closing(Store.open(where, StillClock())),
        pytest.raises(StoreError, match="another alertrouter"),
        adoption(where),
    ):
        pytest.fail("it was let in")


def test_nothing_is_written_when_something_cannot_be(where: str) -> None:
    with adoption(where) as database, pytest.raises((StoreError, ValueError)):
        database.take([SILENCE], [replace(ENTRY, expires_at=2**70)], now=9)

    with adoption(where) as database:
        assert not database.is_used


def test_a_damaged_file_is_not_set_aside(tmp_path: Path) -> None:
    with adoption(tmp_path) as database:
        database.take([SILENCE], [ENTRY], now=9)
    file = tmp_path / "alertrouter.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'silences'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(file.read_bytes())
    content[(root - 1) * size : (root - 1) * size + 100] = b"\xff" * 100
    file.write_bytes(content)

    with pytest.raises(StoreError, match="is damaged"), adoption(tmp_path):
        pytest.fail("it was let in")
    assert not list(tmp_path.glob("*.damaged-*"))
