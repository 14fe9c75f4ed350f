"""A configuration is printed as a real Alertmanager prints it (see `record_originals`)."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml

from alertrouter.config import load, load_text
from alertrouter.config.original import to_yaml
from tests.config.record_originals import ORIGINALS

# Lines of ours (+) and of the real one's (-) that differ.
DIFFERENT: dict[str, list[str]] = {
    # Defaults that Alertmanager fills in only when it sends are filled in when the file is read.
    "chats": ["+    severity: error", "+    mrkdwn_in:", "+    - fallback", "+    - pretext", "+    - text"],
    # What is completed for the integrations stays as it was written in the global section.
    "pagers": [
        "-  opsgenie_api_url: http://ops.example/base/",
        "+  opsgenie_api_url: http://ops.example/base",
        "-  victorops_api_url: http://vo.example/base/",
        "+  victorops_api_url: http://vo.example/base",
    ],
    # An address that is not set is empty here, and null there.
    "rooms": ["-    url: null"],
    # Alertmanager squeezes this one entry into braces.
    "routes": ["-- {name: empty, time_intervals: []}", "+- name: empty", "+  time_intervals: []"],
}


NAMES = sorted([file.stem for file in ORIGINALS.glob("*.yml")])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_printed_line_by_line_as_by_alertmanager(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ORIGINALS)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    real = Path(f"{name}.printed").read_text()
    ours = load(Path(f"{name}.yml")).original
    lines = difflib.unified_diff(real.splitlines(), ours.splitlines(), n=0, lineterm="")
    different = [line for line in list(lines)[2:] if not line.startswith("@@")]
    assert different == DIFFERENT.get(name, [])


@pytest.mark.parametrize("name", NAMES)
def test_what_alertmanager_prints_can_be_read(name: str) -> None:
    printed = (ORIGINALS / f"{name}.printed").read_text()
    assert load_text(printed).original == load_text(load_text(printed).original).original


def test_secrets_and_our_own_keys_stay_out() -> None:
    printed = load_text("""
alertrouter: {close_orphaned_groups: true}
global:
  opsgenie_api_key: s3cret
  smtp_auth_secret: s3cret
  http_config:
    proxy_url: http://me:s3cret@proxy
    authorization: {credentials: s3cret}
    http_headers: {X-A: {secrets: [s3cret]}}
    tls_config: {cert: a, key: s3cret}
route: {receiver: r, alertrouter: {name: here}}
receivers:
- name: r
  webhook_configs:
  - {url: 'http://s3cret', alertrouter: {name: here}}
""").original
    assert "s3cret" not in printed
    assert "alertrouter" not in printed
    assert "here" not in printed
    assert "proxy_url: http://me:xxxxx@proxy" in printed


def test_grouping_by_nothing_is_told_from_grouping_as_the_parent() -> None:
    """Alertmanager leaves an empty list out, and reads its own print as something else."""
    text = "route: {receiver: r, group_by: [a], routes: [{group_by: []}]}\nreceivers: [{name: r}]\n"
    printed = load_text(text).original
    assert load_text(printed).routing.route.routes[0].group_by == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("a: b", "'a: b'"),
        ("#channel", "'#channel'"),
        ("{{ x }}", "'{{ x }}'"),
        ("yes", '"yes"'),
        ("5", '"5"'),
        ("1:30", '"1:30"'),
        ("2020-01-01", '"2020-01-01"'),
        ("", '""'),
        ("two\nlines\n", "|\n  two\n  lines"),
        ("bell\a", '"bell\\a"'),
        ("ü", "ü"),
        ("x" * 300, "x" * 300),
        (1.5, "1.5"),
        (2.0, "2"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_are_quoted_as_in_go(value: object, text: str) -> None:
    printed = to_yaml({"key": value})
    assert printed == f"key: {text}\n"
    assert yaml.safe_load(printed) == {"key": value}
