"""`artool replay`: what another configuration would have done with what happened, or whether the record is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Kind, flag
from alertrouter.cli.records import RecordOptions, check_reach, moment, opened, routing_of, to_second

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.insight.difference import Change, Differences, Example
    from alertrouter.insight.record import Record
    from alertrouter.insight.verify import Verdict

#: What was asked for is not so: the record differs, or a budget is exceeded.
EXCEEDED = 2

_CURRENT = "current"
_RECORDED = "recorded"
_NO_LIMIT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(RecordOptions):
    """Which configuration, against which, and on what."""

    config_file: str = flag("config.file", Kind.TEXT, "The configuration to try.")
    against: str = flag(
        "against",
        Kind.TEXT,
        "What to compare it with: 'current' for the one in force, 'recorded' for those that were at the time, or a file.",
        default=_CURRENT,
    )
    verify: bool = flag(
        "verify",
        Kind.BOOL,
        "Compare a replay under the configurations that were in force with what is recorded.",
    )
    since: str = flag(
        "since",
        Kind.TEXT,
        "From when on: a duration ago, as 2h or 7d, or a time as 2026-11-21T03:10:00Z.",
        default="7d",
    )
    until: str = flag("until", Kind.TEXT, "Until when, in the same forms.")
    timezone: str = flag("timezone", Kind.TEXT, "Where it is night from 22:00 to 07:00.", default="UTC")
    max_new_messages: int = flag(
        "max-new-messages",
        Kind.INTEGER,
        "Fail when receivers get more new messages than so many.",
        default=_NO_LIMIT,
    )
    max_lost_messages: int = flag(
        "max-lost-messages",
        Kind.INTEGER,
        "Fail when receivers miss more messages than so many.",
        default=_NO_LIMIT,
    )
    forbid_unrouted: bool = flag(
        "forbid-unrouted", Kind.BOOL, "Fail when an alert would reach nobody that reached somebody."
    )


_ABOUT = """Play what happened under another configuration, and tell what changes (alertrouter only).

For example: artool replay --config.file=new.yml --since=7d --storage.path=/var/lib/alertrouter

Recorded alerts and silences go through the router anew, on recorded time, once under each configuration. What differs is
told: messages by receiver, day and night, alerts that would reach nobody or be held back, and the largest changes with
the reason. Nothing is sent. Receivers are taken to answer.

Exit status: 0, or 2 when a budget (--max-new-messages, --max-lost-messages, --forbid-unrouted) is exceeded or --verify
finds a difference; 1 when there is no answer."""


def register(program: Command) -> None:
    """Add the command to the program."""
    program.command("replay", _ABOUT, Replay, run)


def run(options: Replay, session: Session) -> int:
    """Replay, print what differs, and judge it by the budgets."""
    from alertrouter.core.time import LATEST

    if bool(options.config_file) == options.verify:
        raise UsageError("give either --config.file with the configuration to try, or --verify")
    since = moment("since", options.since, session, 0)
    until = moment("until", options.until, session, LATEST)
    if since >= until:
        raise UsageError("--since must be before --until")
    zone = _zone(options.timezone)
    after = routing_of(options.config_file, session) if options.config_file else None
    with opened(options, session, options.since) as record:
        check_reach(record, since, session)
        if after is None:
            return _verify(record, since, until, session)
        return _compare(record, after, since, until, zone, options, session)


def _zone(name: str) -> dt.tzinfo | None:
    from alertrouter.core.time_interval_syntax import parse_location

    try:
        return parse_location(name)
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from None


def _verify(record: Record, since: Moment, until: Moment, session: Session) -> int:
    from alertrouter.cli.output import print_json, write
    from alertrouter.core.time import format_rfc3339
    from alertrouter.insight.verify import verify

    verdict = verify(record, since, until)
    if session.options.output == "json":
        print_json(_verdict(verdict))
    else:
        for difference in verdict.differences:
            write(f"{difference}\n")
        write(
            f"{'The same' if not verdict.differing else f'{verdict.differing} differences'}: "
            f"{verdict.messages} messages of {verdict.flushes} flushes, {verdict.transitions} transitions of alerts, "
            f"from {format_rfc3339(verdict.since)} to {format_rfc3339(verdict.until)}\n"
        )
    return EXCEEDED if verdict.differing else 0


def _verdict(verdict: Verdict) -> dict[str, Any]:
    from alertrouter.core.time import format_rfc3339

    return {
        "since": format_rfc3339(verdict.since),
        "until": format_rfc3339(verdict.until),
        "transitions": verdict.transitions,
        "flushes": verdict.flushes,
        "messages": verdict.messages,
        "differing": verdict.differing,
        "differences": [
            {
                "at": format_rfc3339(each.at),
                "groupKey": each.group_key,
                "receiver": each.receiver,
                "what": each.what,
            }
            for each in verdict.differences
        ],
    }


def _compare(
    record: Record,
    after: Routing,
    since: Moment,
    until: Moment,
    zone: dt.tzinfo | None,
    options: Replay,
    session: Session,
) -> int:
    from alertrouter.cli.output import print_json
    from alertrouter.core.time import format_rfc3339
    from alertrouter.insight.difference import compare

    before: Routing | None = None
    if options.against == _CURRENT:
        before = record.configuration_at(min(until, record.complete_until))
        if before is None:
            raise Failure(
                f"{record.name} does not tell which configuration is in force: give --against=old.yml"
            )
    elif options.against != _RECORDED:
        before = routing_of(options.against, session)
    since = max(since, record.complete_from or since)
    if since > record.complete_until:
        raise Failure(
            f"nothing is recorded after {format_rfc3339(record.complete_until)}: give an earlier --since"
        )
    found = compare(record, before=before, after=after, since=since, until=until, zone=zone)
    exceeded = _exceeded(found, options)
    if session.options.output == "json":
        print_json({**_json(found), "exceeded": exceeded})
    else:
        _print(found, exceeded)
    return EXCEEDED if exceeded else 0


def _exceeded(found: Differences, options: Replay) -> list[str]:
    exceeded = []
    if 0 <= options.max_new_messages < found.new_messages:
        exceeded.append(f"{found.new_messages} new messages, at most {options.max_new_messages} are allowed")
    if 0 <= options.max_lost_messages < found.lost_messages:
        exceeded.append(
            f"{found.lost_messages} lost messages, at most {options.max_lost_messages} are allowed"
        )
    if options.forbid_unrouted and found.unrouted:
        more = "more than " if found.more_unrouted else ""
        exceeded.append(f"{more}{len(found.unrouted)} alerts would reach nobody")
    return exceeded


# Printing


def _print(found: Differences, exceeded: list[str]) -> None:
    from alertrouter.cli.output import print_table, write

    write(_answer(found) + "\n")
    write(
        f"{found.transitions} transitions of alerts from {to_second(found.since)} to "
        f"{to_second(found.until)}.\n"
    )
    for title, counts in (
        ("Receiver", found.by_receiver),
        ("Receiver, by night", found.by_night),
        ("Day", found.by_day),
    ):
        if counts:
            write("\n")
            print_table(
                [
                    (title, "Messages before", "After", "Change"),
                    *[
                        (name, str(before), str(after), f"{after - before:+d}" if after != before else "")
                        for name, (before, after) in sorted(counts.items())
                    ],
                ]
            )
    _print_nobody(found)
    if found.changes:
        write("\nThe largest changes:\n")
        for place, (change, example) in enumerate(found.largest(), 1):
            _print_change(place, change, example)
    for each in exceeded:
        write(f"\nToo much: {each}\n")


def _print_nobody(found: Differences) -> None:
    from alertrouter.cli.output import write

    if found.unrouted:
        write("\nWould reach nobody:\n")
        for labels, at in list(found.unrouted.items())[:_MOST]:
            write(f"  {labels.text()}, fired at {to_second(at)}\n")
        if len(found.unrouted) > _MOST:
            more = "more than " if found.more_unrouted else ""
            write(f"  and {more}{len(found.unrouted) - _MOST} more\n")
    if found.newly_suppressed:
        write("\nNewly held back:\n")
        for by, count in found.newly_suppressed.most_common():
            write(f"  {count} by {by}\n")


_MOST = 20


def _answer(found: Differences) -> str:
    if not found.changes and not found.new_messages and not found.lost_messages:
        return "Nothing changes."
    parts = [
        f"{found.new_messages} new messages" if found.new_messages else "",
        f"{found.lost_messages} messages less" if found.lost_messages else "",
        *[f"{count} alerts {words}" for kind, words in _KINDS.items() if (count := found.alerts(kind))],
    ]
    return ", ".join(filter(None, parts)) + "."


_KINDS = {
    "lost": "nobody is told of any more",
    "gained": "somebody is told of now",
    "moved": "that go to others",
    "later": "that are told later",
    "earlier": "that are told earlier",
}


def _print_change(place: int, change: Change, example: Example) -> None:
    from alertrouter.cli.output import write
    from alertrouter.core.duration import format_duration
    from alertrouter.core.time import MILLISECOND

    told = f"{_names(change.before)} → {_names(change.after)}"
    delay = example.longest // MILLISECOND * MILLISECOND
    extra = f", by up to {format_duration(delay)}" if delay else ""
    because = f", because of {change.by}" if change.by else ""
    write(
        f"{place:2}. {example.alerts} {change.alertname or 'nameless'} {change.kind}: {told}{extra}{because}\n"
    )
    write(f"    for example {example.labels.text()}, fired at {to_second(example.at)}\n")
    if example.ways is not None:
        before, after = example.ways
        _print_way("before", before.answer, before.way)
        # What is the same is said once.
        _print_way("after", after.answer, [block for block in after.way if block not in before.way])


def _print_way(when: str, answer: str, way: Sequence[tuple[str, list[str]]]) -> None:
    from alertrouter.cli.output import write

    write(f"    {when}: {answer}\n")
    for head, lines in way:
        write(f"      {head}:\n" + "".join(f"        {line}\n" for line in lines))


def _names(receivers: tuple[str, ...]) -> str:
    return " and ".join(receivers) or "nobody"


def _json(found: Differences) -> dict[str, Any]:
    from alertrouter.core.time import SECOND, format_rfc3339

    def counts(pairs: dict[str, list[int]]) -> dict[str, dict[str, int]]:
        return {name: {"before": before, "after": after} for name, (before, after) in sorted(pairs.items())}

    return {
        "since": format_rfc3339(found.since),
        "until": format_rfc3339(found.until),
        "transitions": found.transitions,
        "newMessages": found.new_messages,
        "lostMessages": found.lost_messages,
        "alerts": {kind: found.alerts(kind) for kind in _KINDS},
        "byReceiver": counts(found.by_receiver),
        "byNight": counts(found.by_night),
        "byDay": counts(found.by_day),
        "unrouted": [
            {"labels": dict(labels), "firedAt": format_rfc3339(at)} for labels, at in found.unrouted.items()
        ],
        "moreUnrouted": found.more_unrouted,
        "newlySuppressed": dict(found.newly_suppressed.most_common()),
        "largest": [
            {
                "kind": change.kind,
                "alertname": change.alertname,
                "before": list(change.before),
                "after": list(change.after),
                "by": change.by,
                "alerts": example.alerts,
                "longestSeconds": example.longest / SECOND,
                "example": {"labels": dict(example.labels), "firedAt": format_rfc3339(example.at)},
                "explainBefore": None if example.ways is None else example.ways.before.as_json(),
                "explainAfter": None if example.ways is None else example.ways.after.as_json(),
            }
            for change, example in found.largest()
        ],
    }
