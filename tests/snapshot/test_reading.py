"""The files `silences` and `nflog`, from bytes to values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.silence import Silence
from alertrouter.core.time import EARLIEST, HOUR, LATEST, SECOND
from alertrouter.snapshot.protobuf import MalformedError, delimited
from alertrouter.snapshot.reading import (
    LoggedNotification,
    Snapshot,
    SnapshotError,
    read_notification_log,
    read_silences,
)
from tests.snapshot import writer
from tests.snapshot.writer import bytes_field, matcher, number_field, timestamp, varint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


def silences(path: Path, *records: bytes, now: int = 0) -> Snapshot[Silence]:
    path.write_bytes(writer.file(*records))
    return read_silences(path, now, Mode.FALLBACK)


def log(path: Path, *records: bytes, now: int = 0) -> Snapshot[LoggedNotification]:
    path.write_bytes(writer.file(*records))
    return read_notification_log(path, now)


def test_an_empty_file_holds_nothing(path: Path) -> None:
    assert silences(path) == Snapshot()
    assert log(path) == Snapshot()


def test_a_silence_is_read_with_everything_it_says(path: Path) -> None:
    more = bytes_field(8, "ä person") + bytes_field(9, "because\nof this")
    more += bytes_field(10, bytes_field(1, "ticket") + bytes_field(2, "17"))
    sets = [
        [matcher(0, "a", "1"), matcher(1, "b", "x|y")],
        [matcher(2, "c", ""), matcher(3, "d", ".*z")],
    ]

    (found,) = silences(path, writer.silence(sets=sets, starts_at=5, ends_at=7 * HOUR + 3, more=more)).records

    assert found.id == "s1"
    assert [each.text() for each in found.matcher_sets] == ['{a="1",b=~"x|y"}', '{c!="",d!~".*z"}']
    assert (found.starts_at, found.ends_at, found.updated_at) == (5, 7 * HOUR + 3, 5)
    assert (found.created_by, found.comment) == ("ä person", "because\nof this")
    assert found.annotations == {"ticket": "17"}


def test_an_old_silence_has_one_list_of_matchers_and_a_list_of_comments(path: Path) -> None:
    comment = bytes_field(1, "somebody") + bytes_field(2, "because") + bytes_field(3, timestamp(9))

    (found,) = silences(path, writer.silence(more=bytes_field(7, comment))).records

    assert [each.text() for each in found.matcher_sets] == ['{alertname="test"}']
    assert (found.created_by, found.comment, found.annotations) == ("somebody", "because", {})


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (writer.silence(matchers=[matcher(1, "a", "(")]), "its matcher on a is wrong: "),
        (writer.silence(matchers=[matcher(4, "a", "b")]), "its matcher on a is of the unknown type 4"),
        (writer.silence(matchers=[]), "matcher set 0: at least one matcher required"),
        (
            writer.silence(matchers=[matcher(0, "a", "")]),
            "matcher set 0: at least one matcher must not match",
        ),
        (writer.silence(""), "it lacks its id, start or end"),
        (bytes_field(2, timestamp(writer.LATER)), "it lacks its id, start or end"),
    ],
)
def test_a_silence_that_makes_no_sense_is_left_out_and_told_of(path: Path, record: bytes, why: str) -> None:
    found = silences(path, record, writer.silence("good"))

    assert [each.id for each in found.records] == ["good"]
    assert [each.why[: len(why)] for each in found.left_out] == [why]
    assert "at byte" in found.left_out[0].what


def test_what_is_past_its_retention_is_not_taken(path: Path) -> None:
    records = [writer.silence("old", expires_at=10 * SECOND), writer.silence("new", expires_at=11 * SECOND)]

    found = silences(path, *records, now=10 * SECOND)

    assert [each.id for each in found.records] == ["new"]
    assert found.expired == 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_log_entry_is_read_with_everything_it_says(path: Path, packed: bool) -> None:
    data: dict[str, str | int | float] = {"threadTs": "1.5", "count": -3, "ratio": 0.25}
    record = writer.logged(
        '{}:{alertname="x"}',
        receiver="team",
        integration="slack",
        index=2,
        firing=[1, 2**64 - 1],
        resolved=[300],
        sent_at=17 * SECOND + 5,
        receiver_data=data,
        packed=packed,
    )

    (found,) = log(path, record).records

    assert found == LoggedNotification(
        group_key='{}:{alertname="x"}',
        receiver="team",
        integration="slack",
        index=2,
        sent_at=17 * SECOND + 5,
        expires_at=writer.LATER,
        firing=frozenset({1, 2**64 - 1}),
        resolved=frozenset({300}),
        receiver_data=data,
    )


def test_alerts_the_receiver_was_not_told_of_do_not_count_as_announced(path: Path) -> None:
    (found,) = log(path, writer.logged("{}:{}", firing=[1, 2], more=writer.members(9, [2]))).records

    assert found.firing == {1}


def test_an_old_entry_with_a_hash_of_the_group_alone_is_left_out(path: Path) -> None:
    found = log(path, writer.logged("{}:{}", more=bytes_field(3, b"\x01\x02") + number_field(4, 1)))

    assert found.records == []
    assert str(found.left_out[0].what) == "{}:{} to hook by webhook/0"
    assert found.left_out[0].why == "it does not say of which alerts it is"


def test_fields_of_newer_versions_are_passed_over(path: Path) -> None:
    more = number_field(90, 1) + bytes_field(91, b"x") + varint(92 << 3 | 1) + bytes(8) + varint(93 << 3 | 5)

    (found,) = log(path, writer.logged("{}:{}", firing=[1], more=more + bytes(4))).records

    assert found.firing == {1}


def test_moments_beyond_what_we_can_hold_are_the_nearest(path: Path) -> None:
    first = writer.silence(starts_at=-62_135_596_800 * SECOND, ends_at=253_402_300_799 * SECOND)

    (found,) = silences(path, first).records

    assert (found.starts_at, found.ends_at) == (EARLIEST, LATEST)


def test_a_truncated_file_is_refused_with_the_place_and_what_could_be_read(path: Path) -> None:
    whole = writer.file(writer.silence("s1"), writer.silence("s2"))
    second = len(whole) // 2
    path.write_bytes(whole[:-3])

    with pytest.raises(SnapshotError) as raised:
        read_silences(path, 0, Mode.FALLBACK)

    assert str(raised.value) == (
        f"{path} is damaged at byte {second}: a record of {second - 1} bytes begins here, but the file ends after "
        f"{second - 4} of them; 1 silences before it could be read"
    )


@pytest.mark.parametrize(
    ("content", "offset", "why"),
    [
        (b"\xff" * 20, 0, "a number has more than ten bytes"),
        (b"\x02\x0b\x01", 1, "there is no wire type 3"),
        (b"\x02\x0a\x05", 1, "a field does not fit the record that holds it"),
        (b"\x02\x02\x00", 1, "a field does not fit the record that holds it"),
        (b"\x02\x08\x07", 2, "field 1 has the wire type 0 instead of 2"),
        (b"\x01\x08", 2, "a number is cut off"),
        (
            writer.file(writer.logged("{}:{}", more=bytes_field(8, bytes_field(1, b"ab\xff")))),
            41,
            "a text is not UTF-8",
        ),
        (b"{}\n", 0, "a record of 123 bytes begins here, but the file ends after 2 of them"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(path: Path, content: bytes, offset: int, why: str) -> None:
    path.write_bytes(content)

    with pytest.raises(SnapshotError) as raised:
        read_notification_log(path, 0)

    assert f"is damaged at byte {offset}: {why}; 0 log entries" in str(raised.value)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"none cannot be read: No such file or directory"):
        read_notification_log(tmp_path / "none", 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_an_error_with_its_place(content: bytes) -> None:
    offset = 0
    try:
        for message in delimited(content):
            message.numbers(6)
            message.moment(2)
    except MalformedError as error:
        offset = error.offset

    assert 0 <= offset <= len(content)


LABELS = st.dictionaries(st.text(min_size=1), st.text()).map(Labels)


@given(st.lists(st.integers(0, 2**64 - 1)), st.text(), st.integers(0, 2**32), LABELS)
def test_what_is_written_is_read(numbers: list[int], text: str, moment: int, labels: Labels) -> None:
    record = bytes_field(1, text) + writer.members(6, numbers) + bytes_field(5, timestamp(moment))
    record += b"".join(bytes_field(8, bytes_field(1, n) + bytes_field(2, v)) for n, v in labels.items())

    (message,) = delimited(writer.file(record))

    assert message.text(1) == text
    assert message.numbers(6) == numbers
    assert message.moment(5) == moment
    assert Labels({each.text(1): each.text(2) for each in message.messages(8)}) == labels
