"""Opening a database: where it lies, who may use it, and what people are told when that does not work."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import exc

from alertrouter.store import Store, StoreError
from alertrouter.store.database import locate
from tests.store.values import StillClock
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.store import postgresql as pg


def opened(where: str | Path) -> contextlib.closing[Store]:
    return contextlib.closing(Store.open(where, StillClock()))


def test_a_directory_is_made_and_holds_the_file(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "data") as store:
        assert store.name == str(tmp_path / "new" / "data" / "alertrouter.db")
        assert (tmp_path / "new" / "data" / "alertrouter.db").is_file()


@pytest.mark.parametrize(
    ("where", "address"),
    [
        ("data/", f"sqlite:///{Path.cwd()}/data/alertrouter.db"),
        ("some/file.db", f"sqlite:///{Path.cwd()}/some/file.db"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("postgresql://a:b@h:1/n?sslmode=require", "postgresql+psycopg://a:b@h:1/n?sslmode=require"),
        ("postgres://h/n", "postgresql+psycopg://h/n"),
        ("postgresql+psycopg://${USER_}:${SECRET}@h/n", "postgresql+psycopg://me:p@h/n"),
    ],
)
def test_where_a_database_is(where: str, address: str) -> None:
    url = locate(where, {"USER_": "me", "SECRET": "p"})
    assert url.render_as_string(hide_password=False) == address


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("postgresql://u:${SECRET}@h/n", "environment variable SECRET, which is not set: set it"),
        ("mysql://h/n", "'mysql' are not supported: give a postgresql:// URL"),
        ("sqlite://", "'sqlite' are not supported"),
        ("postgresql://h:port/n", "should look like postgresql://user@host:5432/name"),
    ],
)
def test_a_bad_address_is_explained(where: str, complaint: str) -> None:
    with pytest.raises(StoreError) as caught:
        locate(where, {})
    assert complaint in str(caught.value)


def test_names_with_odd_characters_are_just_names(tmp_path: Path) -> None:
    with opened(tmp_path / "100%25 sure?#"):
        assert (tmp_path / "100%25 sure?#" / "alertrouter.db").is_file()


def test_two_daemons_on_one_file_are_refused(tmp_path: Path) -> None:
    said = rf"another alertrouter \(process {os.getpid()}\) works on .*: stop it"
    with opened(tmp_path), pytest.raises(StoreError, match=said):
        Store.open(tmp_path, StillClock())
    with opened(tmp_path):
        pass


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    script = (
        "import sys, time; from alertrouter.store import Store; from tests.store.values import StillClock\n"
        "store = Store.open(sys.argv[1], StillClock()); print('open', flush=True); time.sleep(3600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=rf"process {process.pid}\) works on"):
            Store.open(tmp_path, StillClock())
        process.kill()
    with opened(tmp_path):
        pass


def test_two_daemons_on_one_postgresql_database_are_refused(postgresql: pg.Server) -> None:
    with postgresql.database() as url:
        with (
            opened(url),
            pytest.raises(StoreError, match="another alertrouter works on the database postgresql://"),
        ):
            Store.open(url, StillClock())
        with opened(url):
            pass


def test_a_start_waits_for_the_daemon_before_it_to_let_go_of_postgresql(
    postgresql: pg.Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with postgresql.database() as url:
        before = Store.open(url, StillClock())
        with ThreadPoolExecutor() as other:
            after = other.submit(Store.open, url, StillClock())
            wait_until(lambda: caplog.messages)
            before.close()
            with contextlib.closing(after.result()) as store:
                store.database.keep_out_others()
    assert "waiting for another alertrouter" in caplog.text


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "alertrouter.db"
    file.write_text("a shopping list, long enough to be looked at\n" * 100)
    with pytest.raises(StoreError, match="is not a database of alertrouter: move it away"):
        Store.open(tmp_path, StillClock())
    assert file.read_text().startswith("a shopping list")


def test_a_directory_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x" * 20)
    with pytest.raises(StoreError, match="cannot be used for the database"):
        Store.open(tmp_path / "data" / "deeper", StillClock())


OPEN = """
import os, sys
from alertrouter.clock import SystemClock
from alertrouter.store import Store, StoreError

if os.geteuid() == 0:
    # Root may write anywhere: become nobody.
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    Store.open(sys.argv[1], SystemClock())
except StoreError as error:
    print(error)
"""


def _said_to_nobody(directory: Path) -> str:
    """What a user without rights is told."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, directory], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_directory_one_may_not_write_to_is_explained() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        said = _said_to_nobody(Path(name))
    assert (
        f"the directory {name} cannot be used for the database: Permission denied: create it, give this user"
        in said
    )


def test_a_file_one_may_not_write_to_is_explained() -> None:
    with tempfile.TemporaryDirectory() as name:
        with opened(name):
            pass
        Path(name).chmod(0o777)
        for file in Path(name).iterdir():
            file.chmod(0o666 if file.suffix == ".lock" else 0o444)
        said = _said_to_nobody(Path(name))
    assert "may not be written to: give this user the right to write to it and its directory" in said


def test_a_server_that_is_not_there_is_explained_without_the_password() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://someone:hunter2@127.0.0.1:1/name?password=hunter3", StillClock())
    said = str(caught.value)
    assert said.startswith("the database postgresql://someone@127.0.0.1:1/name failed: ")
    assert said.endswith("see that it runs, can be reached from here, and that it has this database and user")
    assert "hunter" not in said


@pytest.mark.parametrize(
    ("change", "detail"),
    [("missing", 'database "missing" does not exist'), ("nobody@", 'role "nobody" does not exist')],
)
def test_what_postgresql_complains_of_is_passed_on(postgresql: pg.Server, change: str, detail: str) -> None:
    url = postgresql.url("missing")
    with pytest.raises(StoreError) as caught:
        Store.open(url.replace("postgres@", change) if "@" in change else url, StillClock())
    assert detail in str(caught.value)
    assert str(caught.value).endswith("can be reached from here, and that it has this database and user")


def test_a_user_who_may_not_create_tables_is_told(postgresql: pg.Server) -> None:
    with postgresql.database() as url, postgresql.connect() as admin:
        admin.execute("CREATE ROLE guest LOGIN")
        with pytest.raises(StoreError, match=r"permission denied .* give its user the right to create"):
            Store.open(url.replace("postgres@", "guest@"), StillClock())


def test_a_server_that_only_takes_reads_is_explained(postgresql: pg.Server) -> None:
    with postgresql.database() as url, postgresql.connect() as admin:
        with opened(url):
            pass
        admin.execute(
            f"ALTER DATABASE {url.split('/')[3].split('?')[0]} SET default_transaction_read_only = on"
        )
        with pytest.raises(StoreError, match="it only takes reads: connect to the primary server"):
            Store.open(url, StillClock())


def test_readers_cannot_write(where: str) -> None:
    with opened(where) as store:
        with pytest.raises(StoreError), store.reader() as connection:
            connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES ('x', 1)")
        with store.reader() as connection, contextlib.suppress(exc.SQLAlchemyError):
            assert connection.exec_driver_sql("SELECT count(*) FROM meta").scalar() == 0
