"""`artool silence import` and `export`: silences as a file of JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceImport:
    """What to import, and how."""

    force: bool = flag(
        "force", Kind.BOOL, "Add new silences even where one with the same id exists.", short="f"
    )
    worker: int = flag("worker", Kind.INTEGER, "How many silences are sent at once.", default=8, short="w")
    file: str = argument("input-file", "JSON file; standard input when there is none.", kind=Kind.FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceExport:
    """What to export, and where to."""

    file: str = flag("file", Kind.TEXT, "File to write; standard output by default.", short="f")
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that the silences contain.")


_IMPORT = """Import alertmanager silences from JSON file or stdin.

The file is what "silence export" writes, or "silence query -o json". A silence that the server knows by its id is
updated; one that it does not know is added. Nothing is sent unless the whole file can be read."""

_EXPORT = """Write silences as JSON that "silence import" reads.

All that are in force or to come, or those that contain the matchers given. A first word that is not a matcher is the
value of alertname."""


def register(group: Command) -> None:
    """Add the commands to the group."""
    group.command("import", _IMPORT, SilenceImport, run_import)
    group.command("export", _EXPORT, SilenceExport, run_export)


def run_import(options: SilenceImport, session: Session) -> int:
    """Post the silences of a file; print the id of each that was taken, and what is wrong with each other."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    silences = _read(options.file)
    client = session.client  # made here, once, and not by the first of several threads

    def save(silence: Any) -> str:
        from alertrouter.client import ApiError

        if not isinstance(silence, dict):
            return client.save_silence(silence)
        if options.force:
            return client.save_silence(_without_id(silence))
        try:
            return client.save_silence(silence)
        except ApiError as error:
            if error.status != 404:
                raise
            return client.save_silence(_without_id(silence))

    failed = 0
    with ThreadPoolExecutor(max(options.worker, 1)) as workers:
        running = {workers.submit(save, silence): silence for silence in silences}
        for done in as_completed(running):
            error = done.exception()
            if error is None:
                print(done.result())
                continue
            failed += 1
            silence = running[done]
            silence_id = silence.get("id", "") if isinstance(silence, dict) else ""
            print(f"Error adding silence id='{silence_id}': {error}", file=sys.stderr)
    if failed:
        raise Failure(f"couldn't import {failed} out of {len(silences)} silences")
    return 0


def _without_id(silence: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in silence.items() if name != "id"}


def _read(file: str) -> list[Any]:
    import json

    complaint = "couldn't unmarshal input data, is it JSON?"
    try:
        data = Path(file).read_bytes() if file else sys.stdin.buffer.read()
    except OSError as error:
        raise Failure(f"couldn't read {file or 'standard input'}: {error.strerror}") from None
    try:
        text = data.decode()
        if not text.strip():
            raise Failure(f"{complaint}: EOF")
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise Failure(f"{complaint}: unexpected end of JSON input") from None
        raise Failure(f"{complaint}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise Failure(f"{complaint}: {error}") from None
    if found is None:
        return []
    if not isinstance(found, list):
        raise Failure(f"{complaint}: an array of silences is wanted, as `silence export` writes it")
    return found


def run_export(options: SilenceExport, session: Session) -> int:
    """Write the silences that are not over, one member a line, in the order of their ids, so that files compare well."""
    import json

    from alertrouter.cli.output import instant, write
    from alertrouter.client import posted

    now = session.now()
    silences = session.client.silences(session.with_alertname(options.matchers))
    kept = [posted(each) for each in silences if instant(each["endsAt"]) > now]
    kept.sort(key=lambda silence: silence.get("id", ""))
    text = json.dumps(kept, ensure_ascii=False, indent=2) + "\n"
    if not options.file:
        write(text)
        return 0
    try:
        Path(options.file).write_text(text, "utf-8")
    except OSError as error:
        raise Failure(f"could not write {options.file}: {error.strerror}") from None
    return 0
