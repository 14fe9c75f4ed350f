"""An exported file holds the record it was made of; a broken one is refused with what is wrong with it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.cli.artool import main
from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.insight.export import VERSION, export
from alertrouter.insight.file_record import FileRecord
from alertrouter.insight.record import RecordError
from alertrouter.insight.store_record import StoreRecord
from alertrouter.insight.verify import verify
from alertrouter.store import Store
from alertrouter.store.reading import reading
from tests.insight.test_store_record import Stored, bare
from tests.store.values import StillClock
from tests.timeline import HOOK, Timeline, moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def happen(folder: Path) -> None:
    """Something of everything, restarts and silences included."""
    with contextlib.closing(Store.open(folder, StillClock())) as store:
        stored = Stored(store)
        t = Timeline(HOOK, store=stored)
        t.at(10).fire("A").fire("B")
        t.silence('name="B"', ends=900)
        t.at(100).reload()
        t.at(400).resolve("A")
        t.at(1000).collect()
        t.at(2000).restart()
        t.at(2100).fire("C")
        t.until(4000)
        stored.write(t)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A file with the whole record, beside the database it is of."""
    happen(tmp_path / "data")
    file = tmp_path / "record.gz"
    with reading(tmp_path / "data") as connection:
        file.write_bytes(b"".join(export(connection, EARLIEST)))
    return file


def test_a_file_holds_the_record_it_was_made_of(exported: Path) -> None:
    with reading(exported.parent / "data") as connection, FileRecord(exported) as record:
        original = StoreRecord(connection, "test")
        expected = [bare(event) for event in original.events(EARLIEST, LATEST)]
        assert [bare(event) for event in record.events(EARLIEST, LATEST)] == expected
        assert len(expected) > 10
        assert record.complete_from == original.complete_from
        assert record.complete_until == original.complete_until
        assert verify(record, EARLIEST, LATEST).differences == []


def test_a_part_begins_with_the_checkpoint_before_it(exported: Path) -> None:
    file = exported.with_name("part.gz")
    with reading(exported.parent / "data") as connection:
        file.write_bytes(b"".join(export(connection, moment(2500))))
        expected = [bare(event) for event in StoreRecord(connection, "test").events(moment(2500), LATEST)]
    with FileRecord(file) as record:
        assert record.complete_from == moment(2000)
        assert [bare(event) for event in record.events(moment(2500), LATEST)] == expected
        assert verify(record, moment(2000), LATEST).differences == []
    assert file.stat().st_size < exported.stat().st_size


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write(file: Path, changed: list[Any]) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in changed) + "\n"
    file.write_bytes(gzip.compress(text.encode()))


def without_end(read: list[Any]) -> list[Any]:
    return read[:-1]


def newer(read: list[Any]) -> list[Any]:
    return [{**read[0], "version": VERSION + 1, "writer": "alertrouter 9.9"}, *read[1:]]


def less(read: list[Any]) -> list[Any]:
    return [*read[:5], *read[6:]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_end, "was cut off after [0-9]+ rows: export it again"),
        (
            newer,
            "has version 2 of the format and was written by alertrouter 9.9; this program reads version 1",
        ),
        (lambda read: [{"format": "other"}, *read[1:]], "is no exported record: give a file that artool"),
        (lambda read: [], "is no exported record"),
        (
            lambda read: [read[0], {"table": "users", "columns": []}],
            "in line 2: this program knows no table users",
        ),
        (lambda read: [read[0], [1, 2]], "in line 2: this row does not fit its table"),
        (lambda read: [*read[:2], [1]], "in line 3: this row does not fit its table"),
        (lambda read: [*read[:2], "{"], "in line 3: it is no JSON"),
        (lambda read: [*read[:2], 7], "in line 3: this line is neither a row nor a heading"),
        (lambda read: [*read[:2], ["seen_at", "never"], *read[3:]], "is damaged in line"),
        (lambda read: [*read, read[1]], "there is something after its end"),
        (less, "it should have [0-9]+ rows but has"),
    ],
)
def test_a_broken_file_is_refused(
    exported: Path, change: Callable[[list[Any]], list[Any]], complaint: str
) -> None:
    write(exported, change(lines(exported)))
    with pytest.raises(RecordError, match=complaint):
        FileRecord(exported)


def test_bytes_that_are_not_such_a_file_are_refused(exported: Path) -> None:
    whole = exported.read_bytes()
    for broken, complaint in (
        (b"hello", "is no exported record"),
        (b"", "is no exported record"),
        (whole[: len(whole) // 2], "cut off"),
        (whole[:-6] + bytes(6), "damaged"),
        (whole[:200] + bytes(50) + whole[250:], "damaged"),
    ):
        exported.write_bytes(broken)
        with pytest.raises(RecordError, match=complaint):
            FileRecord(exported)
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        FileRecord(exported.with_name("nowhere.gz"))


def test_artool_replays_and_explains_a_file(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def artool(*words: str) -> tuple[int, str]:
        status = main("artool", [*words, f"--input={exported}"])
        told = capsys.readouterr()
        return status, told.out + told.err

    status, out = artool("replay", "--verify", "--since=1970-01-01T00:00:00Z")
    assert status == 0, out
    status, out = artool("explain", "name=A", "--at=1970-01-01T00:05:00Z")
    assert (status, "first notification" in out) == (0, True), out
    exported.write_bytes(b"")
    status, out = artool("replay", "--verify")
    assert (status, "is no exported record" in out) == (1, True)
    assert main("artool", ["replay", "--verify"]) == 1
    assert "--input for an exported file" in capsys.readouterr().err


def test_a_file_holds_no_secret_and_nobodys_address(exported: Path) -> None:
    text = gzip.decompress(exported.read_bytes()).decode()
    assert "hook.example" not in text
    tables = {line["table"] for line in lines(exported) if isinstance(line, dict) and "table" in line}
    assert "actions" not in tables
    for line in lines(exported):
        if isinstance(line, list) and line and isinstance(line[-1], str) and len(line) == 4:
            with contextlib.suppress(ValueError):
                assert b"hook.example" not in base64.b64decode(line[-1], validate=True)
