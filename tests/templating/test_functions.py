"""The functions and times of notification templates that newer releases brought, and what the recorded ones leave open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertrouter.core.time import SECOND
from alertrouter.templating.case import to_lower, to_upper
from alertrouter.templating.data import DataFromJson
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.go_time import Time, parse_time
from alertrouter.templating.json_text import to_json
from alertrouter.templating.number import humanize_duration, number, parse_float
from alertrouter.templating.regex import RegexError, replace_all, search
from alertrouter.templating.templates import Templates
from alertrouter.templating.zone import UTC, FixedZone

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_714_979_289_123_000_000
SAMPLE = DataFromJson(
    json.loads((Path(__file__).parent / "data" / "mixed.json").read_text(encoding="utf-8"))
    | {"notification_reason": "repeat interval elapsed", "routeLabels": {"team": "a"}}
)


def rendered(template: str) -> str:
    return Templates.built_in().render_text(template, SAMPLE, now=NOW)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ now }}", "2024-05-06 07:08:09.123 +0000 UTC"),
        ("{{ since (index .Alerts 1).StartsAt }}", "-9m59.877s"),
        ("{{ since (index .Alerts 0).StartsAt }} {{ since (index .Alerts 0).StartsAt | humanizeDuration }}", "0s 0s"),
        ("{{ base64encode `a?>~é` }} {{ base64decode `YT8-fsOp` }}", "YT8-fsOp a?>~é"),
        ("{{ base64decode `YT8-\nfsOp\r\n` }}|{{ base64encode `` }}|{{ base64decode `` }}", "a?>~é||"),
        ("{{ base64encode `a` }} {{ base64decode `YQ==` }}", "YQ== a"),
        ("{{ toDate `2006-01-02` `2024-02-29` }}", "2024-02-29 00:00:00 +0000 UTC"),
        ("{{ toDate `2006-01-02` `nonsense` }}", "0001-01-01 00:00:00 +0000 UTC"),
        ("{{ toDate `2006-01-02` `2024-02-30` }}", "0001-01-01 00:00:00 +0000 UTC"),
        (
            "{{ mustToDate `2006-01-02T15:04:05Z07:00` `2024-02-29T10:11:12.345+02:00` }}",
            "2024-02-29 10:11:12.345 +0200 +0200",
        ),
        ("{{ routeLabels `team` }}|{{ routeLabels `missing` }}|{{ .RouteLabels }}", "a||team=a"),
        ("{{ .NotificationReason }}", "repeat interval elapsed"),
        ("{{ .CommonLabels.Values.Join `/` }} {{ (stringSlice `a` `b`).Join `` }}", "HighCPU/eu1/node ab"),
        ("{{ index .Alerts 1 | toJson }}", to_json(SAMPLE.alerts[1])),
    ],
)  # fmt: skip
def test_newer_functions(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ base64decode `YWI` }}", "error calling base64decode: illegal base64 data at input byte 0"),
        ("{{ base64decode `YWJjYWI` }}", "illegal base64 data at input byte 4"),
        ("{{ base64decode `YT+=` }}", "illegal base64 data at input byte 2"),
        ("{{ base64decode `é` }}", "illegal base64 data at input byte 0"),
        ("{{ base64decode `YQ=` }}", "illegal base64 data at input byte 3"),
        ("{{ base64decode `YQ=Q` }}", "illegal base64 data at input byte 2"),
        ("{{ base64decode `YQ==YQ==` }}", "illegal base64 data at input byte 4"),
        ("{{ base64decode `Y===` }}", "illegal base64 data at input byte 1"),
        ("{{ base64decode `YWI=YQ==` }}", "illegal base64 data at input byte 4"),
        ("{{ mustToDate `2006-01-02` `2024-2-9` }}", 'parsing time "2024-2-9" as "2006-01-02": cannot parse "2-9" as "01"'),
        ("{{ mustToDate `2006-01-02` `2024-02-30` }}", 'parsing time "2024-02-30": day out of range'),
        ("{{ mustToDate `2006-01-02` `2024-01-02x` }}", 'parsing time "2024-01-02x": extra text: "x"'),
        ("{{ mustToDate `2006-01-02` `2024-13-02` }}", 'parsing time "2024-13-02": month out of range'),
        ("{{ routeLabels 1 }}", "expected string; found 1"),
    ],
)  # fmt: skip
def test_newer_functions_that_fail(template: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(template)
    assert error in caught.value.message


@pytest.mark.parametrize(
    ("layout", "text", "shown"),
    [
        ("Mon Jan _2 15:04:05 2006", "Mon May  6 07:08:09 2024", "2024-05-06 07:08:09 +0000 UTC"),
        ("Monday, 02-Jan-06 15:04:05 MST", "monday, 06-MAY-24 07:08:09 CET", "2024-05-06 07:08:09 +0000 CET"),
        ("02 Jan 06 15:04 MST", "06 May 69 07:08 GMT+3", "1969-05-06 10:08:00 +0300 GMT+3"),
        ("2006-01-02 3:04:05PM -0700", "2024-05-06 12:08:09AM -0330", "2024-05-06 00:08:09 -0330 -0330"),
        ("2006-01-02 03:04PM", "2024-05-06 12:08PM", "2024-05-06 12:08:00 +0000 UTC"),
        ("2006-01-02T15:04:05Z07:00", "2024-05-06T07:08:09Z", "2024-05-06 07:08:09 +0000 UTC"),
        ("2006-01-02T15:04:05Z07:00", "2024-05-06T07:08:09,5Z", "2024-05-06 07:08:09.5 +0000 UTC"),
        ("15:04:05.000", "07:08:09.123", "0000-01-01 07:08:09.123 +0000 UTC"),
        ("15:04:05.999", "07:08:09", "0000-01-01 07:08:09 +0000 UTC"),
        ("2006 002", "2024 127", "2024-05-06 00:00:00 +0000 UTC"),
        ("2006 __2", "2024  60", "2024-02-29 00:00:00 +0000 UTC"),
        ("1/2/2006", "5/6/2024", "2024-05-06 00:00:00 +0000 UTC"),
        ("Jan 2 2006", "May   6 2024", "2024-05-06 00:00:00 +0000 UTC"),
        ("2006-01-02 MST", "2024-05-06 UTC", "2024-05-06 00:00:00 +0000 UTC"),
        ("2006-01-02 -07:00:00", "2024-05-06 +01:02:03", "2024-05-06 00:00:00 +0102 +0102"),
        ("2006-01-02 -07", "2024-05-06 -08", "2024-05-06 00:00:00 -0800 -0800"),
    ],
)
def test_texts_are_read_by_gos_layouts(layout: str, text: str, shown: str) -> None:
    assert str(parse_time(layout, text)) == shown


@pytest.mark.parametrize(
    ("layout", "text", "error"),
    [
        ("2006-01-02", "", 'parsing time "" as "2006-01-02": cannot parse "" as "2006"'),
        ("15:04", "25:04", 'parsing time "25:04": hour out of range'),
        ("15:04", "05:61", 'parsing time "05:61": minute out of range'),
        ("2006 002", "2023 366", 'parsing time "2023 366": day-of-year out of range'),
        ("2006-01-02 MST", "2024-05-06 x", 'parsing time "2024-05-06 x" as "2006-01-02 MST": cannot parse "x" as "MST"'),
        ("2006", 'é"', r'parsing time "\xc3\xa9\"" as "2006": cannot parse "\xc3\xa9\"" as "2006"'),
        ("Jan", "Foo", 'parsing time "Foo" as "Jan": cannot parse "Foo" as "Jan"'),
        ("15:04:05.000", "01:02:03.12", 'parsing time "01:02:03.12" as "15:04:05.000": cannot parse ".12" as ".000"'),
        ("-0700", "+2500", 'parsing time "+2500": time zone offset hour out of range'),
    ],
)  # fmt: skip
def test_texts_that_do_not_fit_a_layout(layout: str, text: str, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_time(layout, text)
    assert str(caught.value) == error


def test_a_posted_time_keeps_its_zone() -> None:
    assert Time.posted(NOW, 0).location is UTC
    assert str(Time.posted(NOW, 20_700)) == "2024-05-06 12:53:09.123 +0545 +0545"


@pytest.mark.parametrize(
    "moment", [-(2**63), 2**63 - 1, -62_135_596_800 * SECOND, 253_402_300_799 * SECOND, 0, -1]
)
def test_times_at_the_ends_of_the_world_are_shown(moment: int) -> None:
    for place in (UTC, FixedZone("", 50_400), FixedZone("", -43_200)):
        shown = str(Time(moment, place))
        if shown[4] == "-":  # Go's layouts cannot read the year 10000
            written, _, _ = shown.rpartition(" ")
            assert parse_time("2006-01-02 15:04:05.999999999 -0700", written).moment == moment


@pytest.mark.parametrize(
    ("text", "upper", "lower"), [("aß", "Aß", "aß"), ("İ", "İ", "i"), ("ΣΑΣ", "ΣΑΣ", "σασ"), ("ǆ", "Ǆ", "ǆ")]
)
def test_case_changes_one_character_for_one(text: str, upper: str, lower: str) -> None:
    assert (to_upper(text), to_lower(text)) == (upper, lower)


@pytest.mark.parametrize(
    "text", ["1__0", "_1", "1_", "0x10", "-nan", "1e", "", " 1", "١", "0x1p", "1e5000", "infin"]
)
def test_what_is_no_number_in_go(text: str) -> None:
    with pytest.raises(ValueError, match=r"^strconv\.ParseFloat: parsing "):
        parse_float(text)


def test_a_duration_too_long_for_go_is_still_told_right() -> None:
    # Go shows what is left of it in 64 bits, with the wrong sign.
    assert humanize_duration(1e20) == "1157407407407407d 9h 46m 40s"


@pytest.mark.parametrize(("value", "seconds"), [(5, 5.0), (1.5, 1.5), ("0x1p4", 16.0)])
def test_numbers_come_in_many_forms(value: object, seconds: float) -> None:
    assert number(value) == seconds


@pytest.mark.parametrize("pattern", [r"a\C", "(?<é>a)", "a{99999999999}", "a" * 200_000])
def test_what_re2_takes_and_go_does_not_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError, match="error parsing regexp: "):
        search(pattern, "")


def test_an_escaped_backslash_before_a_c_is_no_fault() -> None:
    assert search(r"\\C", r"\C")


def test_a_text_with_half_a_surrogate_pair_does_no_harm() -> None:
    assert replace_all("a", "b", "a\ud800") == "b?"
    assert to_json("\ud800") == '"\ufffd"'


def test_a_time_posted_with_the_offset_of_this_process_is_shown_in_its_zone(
    process_zone: Callable[[str], None],
) -> None:
    process_zone("Europe/Berlin")
    try:
        assert str(Time.posted(NOW, 7200)) == "2024-05-06 09:08:09.123 +0200 CEST"
        assert str(Time.posted(NOW, 3600)) == "2024-05-06 08:08:09.123 +0100 +0100"
        assert rendered("{{ now.Local }} {{ now.Local.IsDST }} {{ (tz `Local` now).Location }}") == (
            "2024-05-06 09:08:09.123 +0200 CEST true Local"
        )
    finally:
        process_zone("UTC")
