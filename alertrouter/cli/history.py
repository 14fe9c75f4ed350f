"""`artool history`: what happened, from a running alertrouter or from its database."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.cli import history_follow
from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Kind, argument, flag
from alertrouter.cli.history_text import (
    alert_text,
    attempt_text,
    counts_text,
    kept_back_text,
    matchers_query,
    pairs_text,
    why_text,
)
from alertrouter.cli.records import tell_of_the_last

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from alertrouter.cli.command import Command
    from alertrouter.cli.history_text import Line
    from alertrouter.cli.session import Session
    from alertrouter.client import HistoryPage, Query

_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """From which database, when not from a server."""

    storage_path: str = flag(
        "storage.path", Kind.TEXT, "Read this database instead of asking a server: its directory or file."
    )
    storage_url: str = flag(
        "storage.url",
        Kind.TEXT,
        "Read this database instead of asking a server: postgresql://user@host/name.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span(Where):
    since: str = flag(
        "since", Kind.TEXT, "From when on: a duration ago, as 2h or 7d, or a time as 2026-11-21T03:10:00Z."
    )
    until: str = flag("until", Kind.TEXT, "Until when, in the same forms.")
    limit: int = flag("limit", Kind.INTEGER, "The most lines to print, the newest first.", default=100)
    before: str = flag("before", Kind.TEXT, "Go on where the last output said there is more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAlerts(_Span):
    """Which alerts."""

    kind: tuple[str, ...] = flag(
        "kind", Kind.TEXTS, "What became of them: fired, changed, resolved, expired or collected; repeatable."
    )
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that the labels of the alerts pass.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNotifications(_Span):
    """Which notifications."""

    receiver: str = flag("receiver", Kind.TEXT, "Those of this receiver.")
    outcome: tuple[str, ...] = flag(
        "outcome", Kind.TEXTS, "How they ended: sent, logged, 'not sent' or failed; repeatable."
    )
    reason: tuple[str, ...] = flag(
        "reason", Kind.TEXTS, "Why something was sent, or not, or failed: silenced, inhibited …; repeatable."
    )
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that an alert in them passes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAttempts(_Span):
    """Which attempts."""

    receiver: str = flag("receiver", Kind.TEXT, "Those of this receiver.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySilences(_Span):
    """Which silences."""

    silence: str = flag("id", Kind.TEXT, "Changes of the silence with this id.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReloads(_Span):
    """Which reloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryActions(_Span):
    """Which actions."""

    author: str = flag("author", Kind.TEXT, "What this person did.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExport(Where):
    """Which part of the record, and where to."""

    since: str = flag(
        "since", Kind.TEXT, "From when on: a duration ago, as 7d, or a time; everything by default."
    )
    file: str = flag("output-file", Kind.TEXT, "The file to write.", short="o")


_EXPORT = """Write the record to a file, for a replay elsewhere.

For example: artool history export --since=7d -o last-week.gz

The file has what replaying needs: alerts, silences, configurations as they were compiled, decisions and attempts. It begins
with the last checkpoint before --since, so that a replay of it is exact. It holds no secrets."""

_ABOUT = "Tell what happened (alertrouter only)."

_ALERTS = """Tell what became of alerts.

For example: artool history alerts --since=1d alertname=DiskFull 'instance=~db.*'

A first word that is not a matcher is the value of alertname."""

_NOTIFICATIONS = """Tell what was sent, and what was not and why.

For example: artool history notifications --since=8h --reason=silenced DiskFull

With -o extended, the attempts with their answers and what kept each alert back."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("history", _ABOUT)
    group.command("alerts", _ALERTS, HistoryAlerts, run_alerts)
    group.command("notifications", _NOTIFICATIONS, HistoryNotifications, run_notifications)
    group.command(
        "attempts",
        "Tell of every attempt to send, of messages that are still under way, too.",
        HistoryAttempts,
        run_attempts,
    )
    group.command("silences", "Tell what was done to silences, and by whom.", HistorySilences, run_silences)
    group.command(
        "reloads",
        "Tell which configurations were in force.\n\nWith -o extended, their text; secrets are masked.",
        HistoryReloads,
        run_reloads,
    )
    group.command(
        "actions",
        "Tell what people did: silences, tests of receivers, reloads; by whom, where that is known.",
        HistoryActions,
        run_actions,
    )
    group.command("export", _EXPORT, HistoryExport, run_export)
    history_follow.register(group)


def run_alerts(options: HistoryAlerts, session: Session) -> int:
    """Print what became of alerts."""
    query = [*matchers_query(options.matchers, session), *[("kind", each) for each in options.kind]]

    def simple(line: Line) -> Sequence[str]:
        return (line["kind"], alert_text(line["labels"]), line["annotations"].get("summary", ""))

    def extended(line: Line) -> Sequence[str]:
        annotations = pairs_text(line["annotations"])
        return (line["kind"], alert_text(line["labels"]), annotations, line["startsAt"], line["endsAt"] or "")

    return _Printer("alerts", options, session, query).run(
        simple=(("Event", "Alert", "Summary"), simple),
        extended=(("Event", "Alert", "Annotations", "Starts At", "Ends At"), extended),
    )


def run_notifications(options: HistoryNotifications, session: Session) -> int:
    """Print what was decided."""
    query = [
        *matchers_query(options.matchers, session),
        *([("receiver", options.receiver)] if options.receiver else []),
        *[("outcome", each) for each in options.outcome],
        *[("reason", each) for each in options.reason],
    ]

    def simple(line: Line) -> Sequence[str]:
        to = f"{line['receiver']} {line['integration']}".rstrip()
        return (line["outcome"], why_text(line), to, alert_text(line["groupLabels"]), counts_text(line))

    def extended(line: Line) -> Sequence[str]:
        return (
            *simple(line),
            " ".join(attempt_text(each) for each in line["attempts"]),
            kept_back_text(line),
        )

    head = ("Outcome", "Because", "To", "Group", "Alerts")
    return _Printer("notifications", options, session, query).run(
        simple=(head, simple), extended=((*head, "Attempts", "Kept Back"), extended)
    )


def run_attempts(options: HistoryAttempts, session: Session) -> int:
    """Print every attempt."""
    query = [("receiver", options.receiver)] if options.receiver else []

    def show(line: Line) -> Sequence[str]:
        to = f"{line['receiver']} {line['integration']}"
        took = f"{line['seconds'] * 1000:.0f} ms"
        return (str(line["number"]), to, took, line["error"] or "ok", alert_text(line["groupLabels"]))

    columns = (("Attempt", "To", "Took", "Answer", "Group"), show)
    return _Printer("attempts", options, session, query).run(simple=columns, extended=columns)


def run_silences(options: HistorySilences, session: Session) -> int:
    """Print what was done to silences."""
    query = [("silence", options.silence)] if options.silence else []

    def simple(line: Line) -> Sequence[str]:
        matchers = " or ".join(" ".join(each) for each in line["matchers"])
        return (line["action"], line["id"], matchers, line["createdBy"], line["comment"])

    def extended(line: Line) -> Sequence[str]:
        return (*simple(line), line["startsAt"], line["endsAt"], pairs_text(line["annotations"]))

    head = ("Action", "ID", "Matchers", "Created By", "Comment")
    return _Printer("silences", options, session, query).run(
        simple=(head, simple), extended=((*head, "Starts At", "Ends At", "Annotations"), extended)
    )


def run_reloads(options: HistoryReloads, session: Session) -> int:
    """Print which configurations were in force."""
    hashes = (("Hash",), lambda line: (line["hash"],))
    printer = _Printer("reloads", options, session, [])
    if session.options.output != "extended":
        return printer.run(simple=hashes, extended=hashes)
    from alertrouter.cli.output import write

    for line in printer.lines():
        write(f"# {printer.show(line['at'])} {line['hash']}\n{line['config'].rstrip()}\n\n")
    return printer.tell_of_more()


def run_actions(options: HistoryActions, session: Session) -> int:
    """Print what people did."""
    query = [("author", options.author)] if options.author else []

    def show(line: Line) -> Sequence[str]:
        return (line["action"], line["subject"], line["author"], line["address"], line["outcome"])

    columns = (("Action", "Subject", "Author", "From", "Outcome"), show)
    return _Printer("actions", options, session, query).run(simple=columns, extended=columns)


def run_export(options: HistoryExport, session: Session) -> int:
    """Write a part of the record to a file."""
    if not options.file:
        raise UsageError("required flag --output-file not provided")
    _require_one(options, session)
    path = Path(options.file)
    part = path.with_name(f"{path.name}.part")
    size = 0
    try:
        with _exported(options, session) as pieces, part.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    print(f"Wrote {path}: {size} bytes")
    return 0


def _require_one(options: Where, session: Session) -> None:
    if not (session.options.url or options.storage_path or options.storage_url):
        raise Failure(
            "give --alertmanager.url for what a server remembers, or --storage.path for what a database does"
        )


@contextmanager
def _exported(options: HistoryExport, session: Session) -> Iterator[Iterator[bytes]]:
    where = options.storage_url or options.storage_path
    if not where:
        yield session.client.export(options.since)
        return
    from alertrouter.core.time import EARLIEST
    from alertrouter.insight.export import export
    from alertrouter.insight.past import read_moment
    from alertrouter.insight.record import RecordError
    from alertrouter.store import StoreError
    from alertrouter.store.reading import reading

    try:
        since = read_moment("--since", options.since, session.now(), EARLIEST)
        with reading(where) as connection:
            tell_of_the_last(connection, session)
            yield export(connection, since)
    except (ValueError, StoreError, RecordError) as error:
        raise Failure(str(error)) from None


class _Printer:
    """Asks for pages until there are enough lines, and prints them."""

    def __init__(self, kind: str, options: _Span, session: Session, query: Query) -> None:
        from alertrouter.cli.output import time_in

        if options.limit < 1:
            raise UsageError("--limit must be at least 1")
        _require_one(options, session)
        self.show = time_in(session.options.date_format)
        self._kind = kind
        self._options = options
        self._session = session
        self._older: str | None = options.before
        self._query = [
            *query,
            *[(name, text) for name, text in (("since", options.since), ("until", options.until)) if text],
        ]

    def run(self, *, simple: Any, extended: Any) -> int:
        from alertrouter.cli.output import print_json, print_table

        lines = self.lines()
        if self._session.options.output == "json":
            print_json(list(lines))
        else:
            head, cells = simple if self._session.options.output == "simple" else extended
            print_table([("At", *head), *[(self.show(line["at"]), *cells(line)) for line in lines]])
        return self.tell_of_more()

    def lines(self) -> Iterator[Line]:
        left = self._options.limit
        with self._asking() as ask:
            while left > 0:
                page = ask([*self._query, *self._page(min(left, _MOST))])
                self._older = page["older"]
                yield from page["lines"]
                left -= len(page["lines"])
                if self._older is None:
                    return

    def tell_of_more(self) -> int:
        if self._older:
            self._session.warn(f"There is more: go on with --before={self._older}")
        return 0

    def _page(self, limit: int) -> Query:
        return [("limit", str(limit)), *([("before", self._older)] if self._older else [])]

    def _asking(self) -> AbstractContextManager[Callable[[Query], HistoryPage]]:
        options = self._options
        if where := options.storage_url or options.storage_path:
            return _database(where, self._kind, self._session)
        return nullcontext(lambda query: self._session.client.history(self._kind, query))


@contextmanager
def _database(where: str, kind: str, session: Session) -> Iterator[Callable[[Query], HistoryPage]]:
    """Asks a database, in the words in which a server is asked."""
    import msgspec

    from alertrouter.core.matcher import Matchers
    from alertrouter.insight import past
    from alertrouter.store import StoreError
    from alertrouter.store.reading import reading

    now = session.now()
    try:
        with reading(where) as connection:
            tell_of_the_last(connection, session)

            def ask(query: Query) -> HistoryPage:
                def all_of(name: str) -> list[str]:
                    return [value for each, value in query if each == name]

                matchers = Matchers([session.matcher(each) for each in all_of("filter")])
                try:
                    question = past.read(lambda name: next(iter(all_of(name)), ""), all_of, matchers, now)
                except ValueError as error:
                    raise Failure(str(error)) from None
                page: HistoryPage = msgspec.to_builtins(past.KINDS[kind](connection, question))
                return page

            yield ask
    except StoreError as error:
        raise Failure(str(error)) from None
