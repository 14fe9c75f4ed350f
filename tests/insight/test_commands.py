"""`artool explain` and `artool replay` on a record, as `docs/explain-and-replay.md` shows them."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert

from alertrouter.cli import artool
from alertrouter.insight.export import export
from alertrouter.store import Store, tables
from alertrouter.store.database import Database, locate
from tests.insight.test_explain import ROUTED
from tests.insight.test_store_record import Stored
from tests.store.values import StillClock
from tests.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parent.parent.parent / "docs" / "explain-and-replay.md"
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = [
    line
    for block in _SHELL.findall(PAGE.read_text("utf-8"))
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("artool ")
]
NEW = ROUTED.replace("receiver: pager-b", "receiver: hole", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day in the life of a router, with a database, an exported file, and two configurations."""
    folder = tmp_path_factory.mktemp("record")
    with contextlib.closing(Store.open(folder / "data", StillClock())) as store:
        stored = Stored(store)
        t = Timeline(ROUTED, store=stored)
        t.at(100).silence('instance="db1"', ends=90_000)
        t.at(200).fire("DiskFull", alertname="DiskFull", instance="db1", team="db", severity="page")
        t.at(300).fire("DiskFull", alertname="DiskFull", instance="db2", team="db", severity="page")
        t.at(400).fire("Load", alertname="Load", instance="db2", team="web")
        t.at(4000).resolve("Load", alertname="Load", instance="db2", team="web")
        t.until(80_000)
        stored.write(t)
        with store.reader() as connection:
            (folder / "week.gz").write_bytes(b"".join(export(connection, 0)))
    (folder / "alertmanager.yml").write_text(ROUTED)
    (folder / "old.yml").write_text(ROUTED)
    (folder / "new.yml").write_text(NEW)
    return folder


@pytest.fixture
def run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(folder)

    def run(*words: str) -> tuple[int, str, str]:
        status = artool.main("artool", list(words))
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_runs(command: str, run: Callable[..., tuple[int, str, str]]) -> None:
    words = shlex.split(command)[1:]
    if words[:2] == ["history", "export"] or any(word.startswith("--alertmanager.url") for word in words):
        words = [*words, "--help"]
    # The virtual clock of the record begins in 1970.
    words = [re.sub(r"^--since=\d+d$", "--since=1970-01-01T00:00:00Z", word) for word in words]
    words = [re.sub(r"^--at=.*", "--at=1970-01-01T00:10:00Z", word) for word in words]
    words = [word.replace("/var/lib/alertrouter", "data") for word in words]

    status, out, err = run(*words)

    assert status in ({0, 2} if "--max" in command or "--forbid" in command else {0}), err
    assert out


@pytest.mark.parametrize(
    "words",
    [
        ["history", "alerts"],
        ["history", "export", "--output-file=end.gz"],
        ["explain", "DiskFull", "instance=db1", "--at=1970-01-01T00:10:00Z"],
    ],
)
def test_who_reads_a_database_is_told_of_alerts_that_are_not_in_the_record_yet(
    words: list[str], folder: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    asked = [*words, "--storage.path=data"]
    assert "not in the record yet" not in run(*asked)[2]
    with contextlib.closing(Database(locate(folder / "data"))) as database:
        with database.writer() as connection, connection.begin():
            request = {"id": 9**9, "at": 0, "resolve_timeout": 0, "places": b"", "body": b""}
            connection.execute(insert(tables.posted).values(lines=3, **request))
        try:
            status, _, err = run(*asked)
        finally:
            with database.writer() as connection, connection.begin():
                connection.execute(delete(tables.posted))

    assert status == 0, err
    assert "3 new alerts are not in the record yet" in err


def test_replay_tells_who_is_lost_and_fails_by_its_budgets(run: Callable[..., tuple[int, str, str]]) -> None:
    asked = ["replay", "--config.file=new.yml", "--input=week.gz", "--since=1970-01-01T00:00:00Z"]
    status, out, _ = run(*asked, "-ojson", "--forbid-unrouted", "--max-lost-messages=0")
    found = json.loads(out)
    assert status == 2
    assert found["byReceiver"]["pager-b"]["after"] == 0
    assert found["alerts"]["lost"] == 1
    lost = next(each for each in found["largest"] if each["kind"] == "lost")
    assert lost["explainBefore"]["told"][0]["sentAt"] is not None
    assert lost["explainAfter"]["told"][0]["whyNot"] == "no integration"
    assert lost["explainAfter"]["labels"] == lost["example"]["labels"]
    assert {each["labels"]["instance"] for each in found["unrouted"]} == {"db1", "db2"}
    assert [line.partition(",")[0] for line in found["exceeded"]] == [
        f"{found['lostMessages']} lost messages",
        f"{len(found['unrouted'])} alerts would reach nobody",
    ]
    assert run(*asked)[0] == 0
    _, text, _ = run(*asked)
    assert "1 alerts nobody is told of any more" in text
    assert "pager-b → nobody, because of no receiver with an integration" in text
    assert "    before: pager-b (webhook/0) told at 1970-01-01T00:05:30Z (first notification)" in text
    assert "was not told of {" in text.partition("    after: ")[2].partition("\n")[0]
    assert text.count("How it came in:") == len(found["largest"])
    assert 'severity="page"' in text


def test_nothing_changes_under_the_same_configuration(run: Callable[..., tuple[int, str, str]]) -> None:
    for against in ("current", "recorded", "old.yml"):
        status, out, _ = run(
            "replay", "--config.file=alertmanager.yml", "--storage.path=data", "--since=1970-01-01T00:00:00Z",
            f"--against={against}", "--max-new-messages=0", "--max-lost-messages=0", "--forbid-unrouted",
        )  # fmt: skip
        assert (status, out.splitlines()[0]) == (0, "Nothing changes.")


def test_verify_finds_a_record_true(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run("replay", "--verify", "--input=week.gz", "--since=1970-01-01T00:00:00Z")
    assert status == 0
    assert out.startswith("The same: ")
    assert json.loads(run("replay", "--verify", "--storage.path=data", "-ojson")[1])["differing"] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["replay", "--storage.path=data"],
            "give either --config.file with the configuration to try, or --verify",
        ),
        (["replay", "--verify"], "give one of --alertmanager.url"),
        (["replay", "--verify", "--storage.path=nowhere"], "there is no database"),
        (["replay", "--verify", "--input=old.yml"], "old.yml"),
        (["replay", "--config.file=bad.yml", "--storage.path=data"], "bad.yml cannot be used:\n  bad.yml:1:"),
        (["replay", "--verify", "--storage.path=data", "--since=soon"], '--since: "soon" is neither'),
        (
            ["replay", "--config.file=new.yml", "--storage.path=data", "--timezone=Mars"],
            "unknown time zone Mars",
        ),
        (
            ["replay", "--config.file=new.yml", "--storage.path=data"],
            "nothing is recorded after 1970-01-01T22:13:20Z",
        ),
        (["explain", "--storage.path=data"], "which alert?"),
        (["explain", "Nope", "--storage.path=data"], 'no alert that matches {alertname="Nope"} was seen'),
        (["explain", "DiskFull", "--storage.path=data"], "2 alerts match: say which one is meant\n  {"),
        (
            ["explain", "DiskFull", "--at=1969-01-01T00:00:00Z", "--storage.path=data"],
            "answers are exact from 1970",
        ),
    ],
)
def test_bad_questions(
    words: list[str], told: str, run: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    (folder / "bad.yml").write_text("route: {receiver: nobody}\nreceivers: []\n")
    status, _, err = run(*words)
    assert status == 1
    assert told in err


def test_a_record_that_begins_late_says_from_when_on_it_is_exact(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    _, _, err = run("replay", "--verify", "--input=week.gz", "--since=1969-01-01T00:00:00Z")
    assert "answers are exact from 1970-01-01T00:00:00Z on" in err


def test_explain_as_json(run: Callable[..., tuple[int, str, str]]) -> None:
    asked = ["explain", "DiskFull", "instance=db1", "--input=week.gz", "--at=1970-01-01T01:00:00Z", "-ojson"]
    status, out, _ = run(*asked)
    found = json.loads(out)
    assert status == 0
    assert found["told"][0]["whyNot"] == "silenced"
    assert found["without"][0]["receiver"] == "pager-b"
