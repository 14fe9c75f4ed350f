"""Reading history: pages, newest first, with the words of then."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels
from alertrouter.core.reason import NotSent
from alertrouter.core.time import HOUR, SECOND
from alertrouter.engine.changes import AlertTransition, Changes, Outcome, Transition
from alertrouter.store import Store, history
from tests.store.values import (
    NOW,
    StillClock,
    alert,
    collected,
    decision,
    fired,
    group_id,
    silence,
    silenced,
    slot,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


@contextlib.contextmanager
def reading(where: str) -> Iterator[Connection]:
    with contextlib.closing(Store.open(where, StillClock())) as store, store.reader() as connection:
        yield connection


def test_pages_lead_from_the_newest_to_the_oldest_without_gap_or_repeat(where: str) -> None:
    # Several at the same moment, as a request brings them.
    alerts = [alert(f"Down{number:02}") for number in range(25)]
    write(where, [fired(*alerts[begin : begin + 5], at=NOW + begin) for begin in range(0, 25, 5)])
    found: list[str] = []
    pages = 0
    with reading(where) as connection:
        page = history.transitions(connection, history.Span(limit=7))
        while True:
            pages += 1
            found += [line.alert.labels["alertname"] for line in page.lines]
            if page.older is None:
                break
            page = history.transitions(connection, history.Span(limit=7, before=page.older))
    assert found == [f"Down{number:02}" for number in range(24, -1, -1)]
    assert pages == 4


def test_a_span_holds_its_beginning_and_not_its_end(where: str) -> None:
    write(where, [fired(alert(str(number)), at=NOW + number) for number in range(5)])
    with reading(where) as connection:
        page = history.transitions(connection, history.Span(since=NOW + 1, until=NOW + 3))
    assert [line.at for line in page.lines] == [NOW + 2, NOW + 1]


def test_each_transition_tells_the_annotations_of_then(where: str) -> None:
    def said(text: str) -> Labels:
        return Labels({"summary": text})

    def changed(at: int, kind: Transition, to: str, replaced: str | None = None) -> Changes:
        each = replace(alert(), annotations=said(to), updated_at=NOW + at)
        before = None if replaced is None else said(replaced)
        return Changes(
            alerts=[each], transitions=[AlertTransition(at=NOW + at, kind=kind, alert=each, replaced=before)]
        )

    write(
        where,
        [
            changed(0, Transition.FIRED, "first"),
            changed(1, Transition.CHANGED, "first"),
            changed(2, Transition.CHANGED, "second", "first"),
            fired(alert("Other"), at=NOW + 2),
            changed(3, Transition.RESOLVED, "second"),
            collected(replace(alert(), annotations=said("second")), at=NOW + 4),
            changed(5, Transition.FIRED, "third"),
        ],
    )
    with reading(where) as connection:
        page = history.transitions(connection, history.Span(), identities={alert().labels.identity})
    assert [(line.at - NOW, line.kind.value, line.alert.annotations["summary"]) for line in page.lines] == [
        (5, "fired", "third"),
        (4, "collected", "second"),
        (3, "resolved", "second"),
        (2, "changed", "second"),
        (1, "changed", "first"),
        (0, "fired", "first"),
    ]
    assert {line.alert.labels for line in page.lines} == {alert().labels}


def test_a_collected_alert_keeps_its_name(where: str) -> None:
    write(where, [fired(alert()), collected(alert(), at=NOW + 1)])
    with reading(where) as connection:
        page = history.transitions(connection, history.Span())
        assert [line.alert.labels for line in page.lines] == [alert().labels, alert().labels]
        assert [line.alert.annotations for line in page.lines] == [alert().annotations, alert().annotations]
        identity = alert().labels.identity
        assert history.labels_of(connection, {identity, 17}) == {identity: alert().labels}


def test_decisions_by_receiver_and_group(where: str) -> None:
    quiet = decision(
        "Quiet",
        at=NOW + SECOND,
        slot=slot("Quiet", "others"),
        outcome=Outcome.NOT_SENT,
        reason=None,
        why_not=NotSent.SILENCED,
        muted={5: ["silence:x"]},
    )
    write(where, [Changes(decisions=[decision()]), Changes(decisions=[quiet])])
    with reading(where) as connection:
        assert history.decision_records(connection, history.Span()).lines == [quiet, decision()]
        assert history.decision_records(connection, history.Span(), receiver="team").lines == [decision()]
        assert history.decision_records(connection, history.Span(), group=group_id("Quiet")).lines == [quiet]


def test_silence_versions_tell_who_did_what(where: str) -> None:
    created = silenced(silence())
    expired = silenced(silence(ends_at=NOW + HOUR // 2), action="expired", at=NOW + 1)
    write(where, [created, silenced(silence("other")), expired, Changes(removed_silences=[silence().id])])
    with reading(where) as connection:
        page = history.silence_changes(connection, history.Span(), silence_id=silence().id)
    assert page.lines == [expired.silences[0], created.silences[0]]
