"""The example that newcomers start from loads, and does what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertrouter.config import Configuration, load, load_text
from alertrouter.core.labels import Labels
from alertrouter.core.time import MINUTE, SECOND, parse_timestamp

EXAMPLE = Path(__file__).parent.parent / "alertmanager.yml.example"


@pytest.fixture(scope="module")
def example() -> Configuration:
    return load(EXAMPLE, environ={})


def test_it_loads_without_its_secrets(example: Configuration) -> None:
    assert {warning.hint for warning in example.warnings} == {"it is read when a message is sent"}
    assert all("/etc/alertrouter/secrets/" in warning.message for warning in example.warnings)
    assert all(warning.line for warning in example.warnings)


def test_it_is_a_plain_alertmanager_file() -> None:
    assert "\nalertrouter:" not in EXAMPLE.read_text()
    assert " alertrouter:" not in EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"alertname": "DiskFull"}, ["operations-mail"]),
        ({"alertname": "Watchdog", "severity": "page"}, ["watchdog"]),
        ({"alertname": "Down", "severity": "page"}, ["pager"]),
        (
            {"severity": "page", "team": "database", "environment": "production"},
            ["pager", "database-slack"],
        ),
        ({"team": "database", "environment": "laptop"}, ["operations-mail"]),
        ({"severity": "ticket"}, ["ticket-system"]),
    ],
)
def test_alerts_go_where_the_comments_say(
    example: Configuration, labels: dict[str, str], receivers: list[str]
) -> None:
    assert [route.receiver.name for route in example.routing.route.match(labels)] == receivers


def test_options_are_inherited(example: Configuration) -> None:
    (page,) = example.routing.route.match({"severity": "page"})
    assert (page.group_wait, page.group_interval) == (10 * SECOND, 5 * MINUTE)
    assert page.group_by == ("alertname", "cluster", "service")
    (ticket,) = example.routing.route.match({"severity": "ticket"})
    labels = Labels({"severity": "ticket", "anything": "else"})
    assert ticket.group_labels(labels) == labels


@pytest.mark.parametrize(
    ("interval", "moment", "holds"),
    [
        ("office-hours", "2026-11-20T09:00:00Z", True),
        ("office-hours", "2026-11-20T16:30:00Z", False),
        ("office-hours", "2026-11-21T09:00:00Z", False),
        ("backup-window", "2026-11-21T23:30:00Z", True),
        ("backup-window", "2026-11-22T03:59:00Z", True),
        ("backup-window", "2026-11-22T04:00:00Z", False),
        ("backup-window", "2026-12-31T12:00:00Z", True),
    ],
)
def test_the_time_intervals_hold_when_the_comments_say(
    example: Configuration, interval: str, moment: str, *, holds: bool
) -> None:
    parsed, _ = parse_timestamp(moment)
    assert parsed is not None
    assert example.routing.time_intervals[interval].contains(parsed) is holds


def test_its_print_loads_again(example: Configuration) -> None:
    printed = example.original
    again = load_text(printed, environ={})
    assert again.original == printed
    assert [route.id for route in again.routing.route.walk()] == [
        route.id for route in example.routing.route.walk()
    ]
