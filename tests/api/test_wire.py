"""Reading what clients post."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from alertrouter.core.labels import Labels
from alertrouter.core.time import parse_timestamp
from alertrouter.wire import (
    RawAlert,
    SchemaError,
    decode_alerts,
    decode_silence,
    pairs_from_raw,
    read_moment,
)
from alertrouter.wire.posted_alert import _decode_patiently
from alertrouter.wire.writing import encode_safely

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ALERTS = st.lists(
    st.fixed_dictionaries(
        {"labels": st.dictionaries(TEXT, TEXT, max_size=4)},
        optional={
            "annotations": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
            "startsAt": st.sampled_from([None, "", "2026-11-20T16:00:00.000Z", "2026-11-20T16:00:00+02:00"]),
            "endsAt": st.sampled_from([None, "0001-01-01T00:00:00.000Z", "2099-01-01T00:00:00Z"]),
            "generatorURL": st.sampled_from([None, "", "http://x/graph?g0.expr=up", "/x"]),
        },
    ),
    max_size=5,
)


def read(alerts: list[RawAlert]) -> list[tuple[object, ...]]:
    return [
        (
            pairs_from_raw(alert.labels)[0],
            pairs_from_raw(alert.annotations, "annotations")[0],
            read_moment(alert.startsAt),
            read_moment(alert.endsAt),
            alert.generatorURL or "",
        )
        for alert in alerts
    ]


@given(ALERTS, st.booleans())
def test_the_fast_and_the_patient_way_read_the_same(
    posted: list[dict[str, object]], ascii_only: bool
) -> None:
    body = json.dumps(posted, ensure_ascii=ascii_only).encode()
    assert read(decode_alerts(body)) == read(_decode_patiently(body))


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,\\ua1nltrefs0.-+ \n', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for decode in (decode_alerts, decode_silence):
        with suppress(SchemaError):
            decode(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["labels", "annotations", "startsAt", "matchers", "name", "x"]), inner
            )
        ),
        max_leaves=10,
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    body = json.dumps(value).encode()
    for decode in (decode_alerts, decode_silence):
        with suppress(SchemaError):
            decode(body)


def test_labels_stay_the_bytes_that_came() -> None:
    (alert,) = decode_alerts(b'[{"labels": {"b":"1", "a":"2"},"annotations":{"x":"y"}}]')
    assert bytes(alert.labels) == b'{"b":"1", "a":"2"}'
    assert bytes(alert.annotations) == b'{"x":"y"}'
    assert pairs_from_raw(alert.labels)[0] == Labels({"a": "2", "b": "1"})


def test_what_was_not_given_is_none() -> None:
    (alert,) = decode_alerts(b'[{"labels":{}}]')
    assert (alert.startsAt, alert.endsAt, alert.generatorURL) == (None, None, None)
    assert bytes(alert.annotations) == b"{}"


def test_a_label_of_the_wrong_type_refuses_the_request_when_it_is_read() -> None:
    with pytest.raises(SchemaError, match=r"Alert\.labels\.a of type string"):
        pairs_from_raw(Raw(b'{"a":1}'))
    with pytest.raises(SchemaError, match=r"\.annotations\.a of type string"):
        pairs_from_raw(Raw(b'{"a":[]}'), "annotations")


def test_null_is_an_empty_value_and_no_annotations() -> None:
    assert pairs_from_raw(Raw(b'{"a":null}'))[0] == {"a": ""}
    assert pairs_from_raw(Raw(b"null"), "annotations")[0] == {}


@pytest.mark.parametrize("labels", ["null", "[]", "5", '"a"', "true", '{"a":[]}'])
def test_labels_that_are_none_are_complained_of_in_the_same_words_either_way(labels: str) -> None:
    body = b'[{"labels":{"a":"b"}},{"labels":%b}]' % labels.encode()

    with pytest.raises(SchemaError) as fast:
        read(decode_alerts(body))
    with pytest.raises(SchemaError) as patient:
        _decode_patiently(body)

    assert str(fast.value) == str(patient.value)


def test_missing_labels_are_complained_of_by_place() -> None:
    with pytest.raises(SchemaError, match=r"1\.labels in body is required"):
        decode_alerts(b'[{"labels":{"a":"b"}},{"annotations":{}}]')


def test_a_null_among_the_alerts_is_refused_cleanly() -> None:
    for body in (b"[null]", b'[{"labels":{"a":"b"}},null]'):
        with pytest.raises(SchemaError) as refused:
            decode_alerts(body)
        assert (refused.value.status, refused.value.code) == (422, 602)


def test_a_null_among_the_matchers_is_refused_cleanly() -> None:
    body = b'{"matchers":[null],"startsAt":"","endsAt":"","createdBy":"","comment":""}'
    with pytest.raises(SchemaError, match=r"matchers\.0\.isRegex in body is required"):
        decode_silence(body)


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deep_nesting_is_refused_and_not_followed(deep: bytes) -> None:
    with pytest.raises(SchemaError):
        decode_alerts(deep)
    with pytest.raises(SchemaError):
        decode_silence(deep)


def test_a_time_is_read_with_its_zone() -> None:
    assert read_moment("2026-11-20T18:00:00+02:00") == parse_timestamp("2026-11-20T18:00:00+02:00")
    assert read_moment("0001-01-01T00:00:00.000Z") == (None, 0)
    with pytest.raises(SchemaError) as refused:
        read_moment("yesterday")
    assert (refused.value.status, refused.value.code) == (400, 400)


@given(TEXT)
def test_nothing_that_is_written_can_be_taken_for_html(text: str) -> None:
    encoded = encode_safely({text: text})
    assert msgspec.json.decode(encoded) == {text: text}
    assert not set(encoded) & set(b"<>&")
