"""`artool silence`: look at silences, add, change and end them. Import and export are in `silence_transfer`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli import silence_transfer
from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.client import PostedSilence, Silence, SilenceMatcher
    from alertrouter.core.matcher import Matcher
    from alertrouter.core.time import Moment

_FORM = "as 2006-01-02T15:04:05-07:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceQuery:
    """Which silences to show."""

    expired: bool = flag("expired", Kind.BOOL, "Show expired silences instead of those in force or to come.")
    quiet: bool = flag("quiet", Kind.BOOL, "Print ids only.", short="q")
    created_by: str = flag("created-by", Kind.TEXT, "Show silences of this creator.")
    id: str = flag("id", Kind.TEXT, "Show the silence with this id.")
    within: int = flag(
        "within",
        Kind.DURATION,
        "Show silences that end, or have ended, within this time.",
        placeholder="WITHIN",
    )
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that the silences contain.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceAdd:
    """The silence to add."""

    author: str = flag(
        "author", Kind.TEXT, "Who creates the silence; by default the user of this system.", short="a"
    )
    require_comment: bool = flag(
        "require-comment", Kind.BOOL, "Refuse to go without a comment.", default=True, hidden=True
    )
    duration: str = flag("duration", Kind.TEXT, "How long it is in force.", default="1h", short="d")
    start: str = flag("start", Kind.TEXT, f"When it begins, {_FORM}; by default now.")
    end: str = flag("end", Kind.TEXT, f"When it ends, {_FORM}; wins over --duration.")
    comment: str = flag("comment", Kind.TEXT, "Why.", short="c")
    annotation: tuple[str, ...] = flag("annotation", Kind.TEXTS, "An annotation, as name=value; repeatable.")
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that the labels of muted alerts pass.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceUpdate:
    """What to change, and in which silences."""

    quiet: bool = flag("quiet", Kind.BOOL, "Print ids only.", short="q")
    duration: str = flag("duration", Kind.TEXT, "How long it is in force, from its start.", short="d")
    start: str = flag("start", Kind.TEXT, f"When it begins, {_FORM}.")
    end: str = flag("end", Kind.TEXT, f"When it ends, {_FORM}; wins over --duration.")
    comment: str = flag("comment", Kind.TEXT, "Why.", short="c")
    ids: tuple[str, ...] = argument("update-ids", "The silences to change.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceExpire:
    """Which silences to end."""

    ids: tuple[str, ...] = argument("silence-ids", "The silences to end.")


_SHORTHAND = """\
A first word that is not a matcher is the value of alertname: "artool silence {verb} foo node=bar" means
"artool silence {verb} alertname=foo node=bar"."""

_QUERY = f"""Query Alertmanager silences.

A silence is found that contains all the matchers given, each with the same name, operator and text.

{_SHORTHAND.format(verb="query")}

With --within 8h: those that end within the next eight hours; with --expired besides, those that ended within the last
eight."""

_ADD = f"""Add a new alertmanager silence.

An alert is muted that passes all the matchers, as in: artool silence add 'alertname=~foo.*' node=bar

{_SHORTHAND.format(verb="add")}"""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group(
        "silence", "Add, expire or view silences. For more see query --help.", needs_server=True
    )
    group.command("add", _ADD, SilenceAdd, run_add)
    group.command("expire", "Expire an alertmanager silence.", SilenceExpire, run_expire)
    silence_transfer.register(group)
    group.command("query", _QUERY, SilenceQuery, run_query, is_default=True)
    group.command("update", "Update silences.", SilenceUpdate, run_update)


def run_query(options: SilenceQuery, session: Session) -> int:
    """Print the silences that contain the matchers, chosen by their end and creator here."""
    now = session.now()
    found = [
        each
        for each in session.client.silences(session.with_alertname(options.matchers))
        if _is_wanted(each, options, now)
    ]
    _print(found, session, quiet=options.quiet)
    return 0


def _is_wanted(silence: Silence, options: SilenceQuery, now: Moment) -> bool:
    from alertrouter.cli.output import instant

    ends_at = instant(silence["endsAt"])
    if options.expired != (ends_at < now):
        return False
    if options.within and abs(ends_at - now) > options.within:
        return False
    if options.created_by and silence["createdBy"] != options.created_by:
        return False
    return not options.id or silence.get("id") == options.id


def _print(silences: list[Silence], session: Session, *, quiet: bool) -> None:
    from alertrouter.cli.output import print_silences

    if quiet:
        for silence in silences:
            print(silence.get("id", ""))
    else:
        print_silences(silences, session.options.output, session.options.date_format)


def run_add(options: SilenceAdd, session: Session) -> int:
    """Post one silence and print its id."""
    from alertrouter.cli.moments import read_duration, read_time
    from alertrouter.core.time import format_milliseconds

    matchers = [session.matcher(text) for text in session.with_alertname(options.matchers)]
    if not matchers:
        raise Failure("no matchers specified")
    starts_at, starts_offset = read_time(options.start) if options.start else (session.now(), 0)
    ends_at, ends_offset = (
        read_time(options.end)
        if options.end
        else (starts_at + read_duration(options.duration), starts_offset)
    )
    if starts_at > ends_at:
        raise Failure("silence cannot start after it ends")
    if options.require_comment and not options.comment:
        raise Failure("comment required by config")
    silence: PostedSilence = {
        "matchers": [_as_posted(matcher) for matcher in matchers],
        "startsAt": format_milliseconds(starts_at, starts_offset),
        "endsAt": format_milliseconds(ends_at, ends_offset),
        "createdBy": options.author or _user(),
        "comment": options.comment,
    }
    annotations = session.pairs(options.annotation, "annotations must be specified as key=value pairs")
    if annotations:
        silence["annotations"] = annotations
    print(session.client.save_silence(silence))
    return 0


def _as_posted(matcher: Matcher) -> SilenceMatcher:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.type.is_regex,
        "isEqual": not matcher.type.is_negative,
    }


def _user() -> str:
    """The name of the user this process belongs to."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER", "")


def run_expire(options: SilenceExpire, session: Session) -> int:
    """End the silences, one after the other."""
    if not options.ids:
        raise Failure("no silence IDs specified")
    for silence_id in options.ids:
        session.client.expire_silence(silence_id)
    return 0


def run_update(options: SilenceUpdate, session: Session) -> int:
    """Change each silence, and print what they are now."""
    from alertrouter.client import posted

    if not options.ids:
        raise Failure("no silence IDs specified")
    updated = []
    for silence_id in options.ids:
        silence = session.client.silence(silence_id)
        _change(silence, options)
        silence["id"] = session.client.save_silence(posted(silence))
        updated.append(silence)
    _print(updated, session, quiet=options.quiet)
    return 0


def _change(silence: Silence, options: SilenceUpdate) -> None:
    from alertrouter.cli.moments import read_duration, read_time
    from alertrouter.cli.output import instant
    from alertrouter.core.time import format_milliseconds

    if options.start:
        silence["startsAt"] = format_milliseconds(*read_time(options.start))
    starts_at = instant(silence["startsAt"])
    if options.end:
        silence["endsAt"] = format_milliseconds(*read_time(options.end))
    elif options.duration:
        silence["endsAt"] = format_milliseconds(starts_at + read_duration(options.duration))
    if starts_at > instant(silence["endsAt"]):
        raise Failure("silence cannot start after it ends")
    if options.comment:
        silence["comment"] = options.comment
