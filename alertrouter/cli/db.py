"""`artool db`: what is done to the database while no daemon runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.route import Route
    from alertrouter.core.silence import Silence
    from alertrouter.snapshot.reading import LeftOut, LoggedNotification, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAlertmanager:
    """Where from, where to, and by which configuration."""

    storage_path: str = flag(
        "storage.path", Kind.TEXT, "Directory of the database, as alertrouter has it.", default="data/"
    )
    storage_url: str = flag("storage.url", Kind.TEXT, "Database to use instead, as alertrouter has it.")
    config_file: str = flag(
        "config.file",
        Kind.TEXT,
        "The configuration; its routes tell which group an entry of the log is about.",
        default="alertmanager.yml",
    )
    dry_run: bool = flag("dry-run", Kind.BOOL, "Read and translate everything, and touch no database.")
    force: bool = flag(
        "force", Kind.BOOL, "Write also into a database with silences or log entries; the newer version wins."
    )
    directory: str = argument(
        "directory", "Alertmanager's --storage.path, with its files silences and nflog.", kind=Kind.TEXT
    )


_IMPORT = """Take over silences and notification log from Alertmanager.

For example: artool db import-alertmanager /var/lib/alertmanager --storage.path=/var/lib/alertrouter --config.file=alertmanager.yml

Silences keep their ids. With the log, alertrouter knows from its first flush what Alertmanager has told whom, and does not
tell it again. Stop Alertmanager first: that is when it writes its last files. They are only read.

The configuration should be the one that Alertmanager ran with. Entries for routes that it does not have are named and left
out; their groups are told of once more. When a file is damaged, nothing is written at all."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("db", "Work on the database while no alertrouter runs on it.")
    group.command("import-alertmanager", _IMPORT, ImportAlertmanager, run_import)


def run_import(options: ImportAlertmanager, session: Session) -> int:
    """Read everything, then write everything; print how much it was and what was left out."""
    from alertrouter.cli.output import write
    from alertrouter.snapshot.mapping import entries_of
    from alertrouter.snapshot.reading import SnapshotError, read_notification_log, read_silences

    if not options.directory:
        raise UsageError("required argument 'directory' not provided")
    files = {name: Path(options.directory) / name for name in ("silences", "nflog")}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        if len(missing) == len(files):
            raise Failure(
                f"{options.directory} has neither silences nor nflog: give the directory that Alertmanager has as --storage.path"
            )
        session.warn(f"Warning: {missing[0]} is not there")
    root = _root_route(options, session)
    now = session.now()
    silences: Snapshot[Silence] | None = None
    logged: Snapshot[LoggedNotification] | None = None
    try:
        if files["silences"].is_file():
            silences = read_silences(files["silences"], now, session.mode)
            _print_read(files["silences"], silences, "silences")
        if files["nflog"].is_file():
            logged = read_notification_log(files["nflog"], now)
            _print_read(files["nflog"], logged, "log entries")
    except SnapshotError as error:
        raise Failure(f"{error}; nothing was written") from None
    if not options.dry_run:
        return _write(options, session, silences, logged, root)
    entries, homeless = entries_of(logged.records if logged else [], root)
    _print_homeless(homeless, options)
    count = len(silences.records) if silences else 0
    write(f"Would write {count} silences and {len(entries)} log entries\n")
    return 0


def _root_route(options: ImportAlertmanager, session: Session) -> Route:
    from alertrouter.config import ConfigError, load

    try:
        return load(Path(options.config_file), mode=session.mode).routing.route
    except ConfigError as error:
        raise Failure("\n".join(str(problem) for problem in error.problems)) from None


def _write(
    options: ImportAlertmanager,
    session: Session,
    silences: Snapshot[Silence] | None,
    logged: Snapshot[LoggedNotification] | None,
    root: Route,
) -> int:
    from alertrouter.cli.output import write
    from alertrouter.engine.reroute import RouteTrace, recognise
    from alertrouter.snapshot.mapping import entries_of
    from alertrouter.store import StoreError
    from alertrouter.store.adopt import adoption

    try:
        with adoption(options.storage_url or options.storage_path) as database:
            if database.is_used and not options.force:
                raise Failure(
                    f"{database.name} has {len(database.state.silences)} silences and {len(database.state.entries)} log "
                    f"entries already: give --force to add to them, or another --storage.path"
                )
            # The daemon remembers its groups under the names that their routes had when they were made.
            stored = [RouteTrace(g.id.route, g.path, g.receiver) for g in database.state.groups]
            entries, homeless = entries_of(logged.records if logged else [], recognise(root, stored))
            _print_homeless(homeless, options)
            adopted = database.take(silences.records if silences else [], entries, session.now())
            write(f"Wrote {adopted.silences} silences and {adopted.entries} log entries to {database.name}\n")
    except StoreError as error:
        raise Failure(str(error)) from None
    return 0


def _print_read(path: Path, snapshot: Snapshot[Silence] | Snapshot[LoggedNotification], what: str) -> None:
    from alertrouter.cli.output import write

    expired = f", {snapshot.expired} past their retention" if snapshot.expired else ""
    write(f"{path}: {len(snapshot.records)} {what}{expired}\n")
    _print_left_out(snapshot.left_out)


def _print_left_out(left_out: Sequence[LeftOut]) -> None:
    from alertrouter.cli.output import write

    for each in left_out:
        write(f"  left out: {each.what}: {each.why}\n")


def _print_homeless(left_out: Sequence[LeftOut], options: ImportAlertmanager) -> None:
    from alertrouter.cli.output import write

    if left_out:
        write(f"{len(left_out)} log entries do not fit {options.config_file}:\n")
        _print_left_out(left_out)
