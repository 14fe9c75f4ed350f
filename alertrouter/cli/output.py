"""What is printed: tables whose columns line up as amtool's do, one-line JSON, times in a layout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alertrouter.client import go_json
from alertrouter.core.go_quote import quote
from alertrouter.core.matcher import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from alertrouter.client import Alert, Silence, SilenceMatcher

_GAP = 2


def write(text: str) -> None:
    """Print a text as it is."""
    sys.stdout.write(text)


def print_json(value: object) -> None:
    """Print JSON in one line."""
    write(go_json(value) + "\n")


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows of cells in columns, each cell followed by its padding."""
    write(align("".join("".join(f"{cell}\t" for cell in row) + "\n" for row in rows)))


def align(text: str) -> str:
    """The text with every cell that ends in a tab padded to the width of its column.

    Compat: as Go's tabwriter does it. A column is a run of neighbouring lines that have a cell there, so the line break
    in a cell ends the columns to the right of it, and a tab in a cell begins another one.
    """
    lines = [line.split("\t") for line in text.replace("\v", "\t").split("\n")]
    padded = [""] * len(lines)
    widths: list[int] = []  # of the columns of the run that the line above belongs to
    for at, cells in enumerate(lines):
        del widths[len(cells) - 1 :]
        widths += [_width(lines, at, column) for column in range(len(widths), len(cells) - 1)]
        padding = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        padded[at] = "".join([*padding, cells[-1]])
    return "\n".join(padded)


def _width(lines: Sequence[Sequence[str]], first: int, column: int) -> int:
    """The width of the run of cells that begins here."""
    widest = 0
    for cells in lines[first:]:
        if len(cells) - 1 <= column:
            break
        widest = max(widest, len(cells[column]))
    return widest + _GAP


def time_in(layout: str) -> Callable[[str], str]:
    """Writes times of the API in one of Go's layouts, in the zone they came in."""
    from alertrouter.templating.go_time import Time, parse_time

    def show(text: str) -> str:
        try:
            moment = parse_time("2006-01-02T15:04:05Z07:00", text)
        except ValueError:
            return text
        return Time(moment.moment, moment.location).format(layout)

    return show


def instant(text: str) -> int:
    """The moment of a time of the API, for sorting; the zero time is before all others."""
    from alertrouter.core.time import EARLIEST, parse_timestamp

    moment, _ = parse_timestamp(text)
    return EARLIEST if moment is None else moment


def print_alerts(alerts: Sequence[Alert], output: str, date_format: str) -> None:
    """Print alerts as ``simple``, ``extended`` or ``json``; the tables by the start of the alerts."""
    if output == "json":
        print_json(alerts)
        return
    show = time_in(date_format)
    ordered = sorted(alerts, key=lambda alert: instant(alert["startsAt"]))
    if output == "simple":
        print_table(
            [("Alertname", "Starts At", "Summary", "State")]
            + [
                (
                    alert["labels"].get("alertname", ""),
                    show(alert["startsAt"]),
                    alert["annotations"].get("summary", ""),
                    alert["status"]["state"],
                )
                for alert in ordered
            ]
        )
        return
    print_table(
        [("Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State")]
        + [
            (
                _pairs(alert["labels"]),
                _pairs(alert["annotations"]),
                show(alert["startsAt"]),
                show(alert["endsAt"]),
                alert.get("generatorURL", ""),
                alert["status"]["state"],
            )
            for alert in ordered
        ]
    )


def _pairs(labels: Mapping[str, str]) -> str:
    # Compat: nothing in the values is escaped.
    return " ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def print_silences(silences: Sequence[Silence], output: str, date_format: str) -> None:
    """Print silences as ``simple``, ``extended`` or ``json``; the tables by the end of the silences."""
    if output == "json":
        print_json(silences)
        return
    show = time_in(date_format)
    ordered = sorted(silences, key=lambda silence: instant(silence["endsAt"]))
    if output == "simple":
        print_table(
            [("ID", "Matchers", "Ends At", "Created By", "Comment")]
            + [
                (
                    each.get("id", ""),
                    " ".join(_matchers(each)),
                    show(each["endsAt"]),
                    each["createdBy"],
                    each["comment"],
                )
                for each in ordered
            ]
        )
        return
    print_table(
        [("ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment")]
        + [
            (
                each.get("id", ""),
                "{" + ",".join(_matchers(each)) + "}",
                show(each["startsAt"]),
                show(each["endsAt"]),
                show(each["updatedAt"]),
                each["createdBy"],
                each["comment"],
            )
            for each in ordered
        ]
    )


def _matchers(silence: Silence) -> list[str]:
    return [_matcher(each) for each in silence["matchers"]]


def _matcher(matcher: SilenceMatcher) -> str:
    # Not by way of core.Matcher: a pattern that the server took must not fail to be shown here.
    operator = (
        ("=~" if matcher["isRegex"] else "=")
        if matcher.get("isEqual", True)
        else ("!~" if matcher["isRegex"] else "!=")
    )
    name, value = matcher["name"], matcher["value"]
    if RESERVED.isdisjoint(name):
        value = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{name}{operator}"{value}"'
    return f"{quote(name)}{operator}{quote(value)}"
