"""`artool db import-alertmanager`, from the command line to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from alertrouter.clock import SystemClock
from alertrouter.core.labels import Labels
from alertrouter.core.time import HOUR
from alertrouter.engine.changes import Changes, GroupState
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store import Store
from alertrouter.store.adopt import adoption
from alertrouter.store.batch import Batch
from alertrouter.store.statements import Statements
from tests.cli.forking import Forking
from tests.snapshot import writer

CONFIG = """
route: {receiver: hook, group_by: [alertname]}
receivers:
- name: hook
  webhook_configs: [{url: 'http://hook.example/'}]
"""
NOW = SystemClock().now()
SILENCES = writer.file(
    writer.silence("s2", [writer.matcher(1, "a", "(")], expires_at=NOW + HOUR),
    writer.silence("s1", starts_at=NOW, ends_at=NOW + HOUR, expires_at=NOW + 9 * HOUR),
    writer.silence("s3"),
)
LOG = writer.file(
    writer.logged('{}:{alertname="x"}', firing=[17], sent_at=NOW, expires_at=NOW + HOUR),
    writer.logged('{}/{a="b"}:{}', firing=[18], sent_at=NOW, expires_at=NOW + HOUR),
    writer.logged('{}:{alertname="old"}', firing=[19]),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alertmanager.yml").write_text(CONFIG)
    old = tmp_path / "old"
    old.mkdir()
    (old / "silences").write_bytes(SILENCES)
    (old / "nflog").write_bytes(LOG)
    return tmp_path


@dataclass(frozen=True)
class Done:
    """What a command line printed, and its exit status."""

    stdout: str
    stderr: str
    returncode: int


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs `artool db import-alertmanager` in a folder."""
    with Forking() as programs:

        def run(folder: Path, *more: str) -> Done:
            return Done(*programs.run(["artool", "db", "import-alertmanager", *more], "", folder, "."))

        yield run


READ = """\
old/silences: 1 silences, 1 past their retention
  left out: silence s2 at byte 3: its matcher on a is wrong: error parsing regexp: missing closing ): `^(?:()$`
old/nflog: 2 log entries, 1 past their retention
1 log entries do not fit alertmanager.yml:
  left out: {}/{a="b"}:{} to hook by webhook/0: no route has these matchers
"""


def test_silences_and_log_are_taken_over_and_told_of(folder: Path, run: Run) -> None:
    done = run(folder, "old", "--storage.path=data")

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == READ + f"Wrote 1 silences and 1 log entries to {folder}/data/alertrouter.db\n"
    with adoption(folder / "data") as database:
        assert [each.id for each in database.state.silences] == ["s1"]
        (entry,) = database.state.entries
        group = GroupId("{} -> hook", Labels({"alertname": "x"}))
        assert entry.slot == Slot(group, "hook", "webhook/0")
        assert (set(entry.firing), entry.sent_at, entry.expires_at) == ({17}, NOW, NOW + HOUR)
    assert (folder / "old/silences").read_bytes() == SILENCES


def test_a_dry_run_touches_no_database(folder: Path, run: Run) -> None:
    done = run(folder, "--dry-run", "old")

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == READ + "Would write 1 silences and 1 log entries\n"
    assert sorted(path.name for path in folder.glob("[!.]*")) == ["alertmanager.yml", "old"]


def test_a_database_in_use_is_refused(folder: Path, run: Run) -> None:
    store = Store.open(folder / "data", SystemClock())
    try:
        done = run(folder, "old")
    finally:
        store.close()

    assert done.returncode == 1
    assert "another alertrouter" in done.stderr


def test_a_database_with_something_in_it_needs_force(folder: Path, run: Run) -> None:
    run(folder, "old")
    again = run(folder, "old")
    forced = run(folder, "old", "--force")

    assert again.returncode == 1
    assert again.stderr == (
        f"artool: error: {folder}/data/alertrouter.db has 1 silences and 1 log entries already: give --force to add to "
        "them, or another --storage.path\n\n"
    )
    assert forced.stdout.endswith(f"Wrote 0 silences and 0 log entries to {folder}/data/alertrouter.db\n")


def test_entries_go_to_groups_under_the_names_they_are_remembered_by(folder: Path, run: Run) -> None:
    group = GroupState(
        id=GroupId("{}:before -> hook", Labels({"alertname": "y"})),
        receiver="hook",
        key="{}:before",
        path="",
        created_at=1,
        due=2,
        tick=None,
        settled_at=None,
        flush_number=0,
    )
    with adoption(folder / "data") as database, database._database.writer() as connection, connection.begin():
        batch = Batch({}, count(1))
        batch.add(Changes(groups=[group]), NOW)
        batch.write(connection, Statements(connection.dialect))

    run(folder, "old")

    with adoption(folder / "data") as database:
        assert [each.slot.group.route for each in database.state.entries] == [group.id.route]


def test_a_damaged_file_imports_nothing_at_all(folder: Path, run: Run) -> None:
    (folder / "old/nflog").write_bytes(LOG[:-1])
    done = run(folder, "old")

    assert done.returncode == 1
    assert done.stdout.startswith("old/silences: 1 silences")
    assert "artool: error: old/nflog is damaged at byte " in done.stderr
    assert done.stderr.endswith("; 2 log entries before it could be read; nothing was written\n\n")
    assert not (folder / "data").exists()


def test_one_file_will_do(folder: Path, run: Run) -> None:
    (folder / "old/nflog").unlink()
    done = run(folder, "old")

    assert done.stderr == "Warning: old/nflog is not there\n"
    assert "Wrote 1 silences and 0 log entries" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "required argument 'directory' not provided"),
        (
            ["."],
            ". has neither silences nor nflog: give the directory that Alertmanager has as --storage.path",
        ),
        (["old", "--config.file=none.yml"], "none.yml: open none.yml: no such file or directory"),
        (
            ["old", "--storage.url=mysql://x"],
            "databases of the kind 'mysql' are not supported: give a postgresql:// URL",
        ),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, run: Run, arguments: list[str], error: str) -> None:
    done = run(folder, *arguments)

    assert done.returncode == 1
    assert done.stderr.startswith(f"artool: error: {error}")
