"""A corpus of files, good and bad, and what a real amtool said of each (see `record_verdicts`)."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest

from alertrouter.config import ConfigError, load_text
from tests.config.corpus import VERDICTS, Case, cases

# Where we answer otherwise on purpose, and what we say; None is accepted.
DIFFERENT: dict[str, str | None] = {
    # A proxy's URL may hold a password.
    "http: http_config {proxy_url: 'http://x/%zz'}": 'parse "<secret>": invalid URL escape',
    "http: http_config {proxy_url: ':x'}": 'parse "<secret>": missing protocol scheme',
    # Templates in a URL have the functions of all others.
    "receivers: webhook with a function of notifications": None,
    # amtool crashes.
    "yaml: null child route is refused here and crashes Alertmanager": "a route must not be empty",
    # Refused as well, but before anything is unfolded.
    "yaml: billion laughs": "yaml: document contains excessive aliasing",
    # A newer YAML parser takes a newer version.
    "yaml: directive of another version": None,
}

# Told alone by a real amtool, for it stops there; what else is wrong is told as well here.
_POSITION = re.compile(r"^(?:yaml: |\s*)line \d+: ")


@cache
def recorded() -> dict[str, str | None]:
    verdicts: dict[str, str | None] = json.loads(VERDICTS.read_text())["verdicts"]
    return verdicts


def messages(verdict: str) -> list[str]:
    """The messages in a verdict, without the line numbers, which we tell in another place."""
    if verdict.startswith("yaml: unmarshal errors:"):
        return [_POSITION.sub("", line) for line in verdict.splitlines()[1:]]
    return [_POSITION.sub("yaml: ", verdict)]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_files_are_accepted_and_refused_as_by_amtool(case: Case) -> None:
    verdict = DIFFERENT.get(case.name, recorded()[case.name])
    if verdict is None:
        load_text(case.text, environ={})
        return
    with pytest.raises(ConfigError) as caught:
        load_text(case.text, environ={})
    said = [problem.message for problem in caught.value.problems]
    for message in messages(verdict):
        assert any(message in each for each in said), said


@pytest.mark.parametrize(
    "case", [case for case in cases() if recorded()[case.name] is not None], ids=lambda case: case.name
)
def test_every_problem_has_a_place(case: Case) -> None:
    if DIFFERENT.get(case.name, "") is None:
        return
    with pytest.raises(ConfigError) as caught:
        load_text(case.text, environ={})
    lines = case.text.splitlines()
    for problem in caught.value.problems:
        if problem.message == "no route provided in config":
            continue
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        assert str(problem).startswith(f"alertmanager.yml:{problem.line}:{problem.column}: ")


# Printing loses what an explicit empty value overrode, a null's name, or that two secrets are equal; as in Alertmanager.
LOST_IN_PRINT = {
    "global: slack url that is the app url and token",
    "global: url null",
    "global: null booleans and text",
    "pagers: pushover ttl null",
    "pagers: telegram parse mode empty",
    "pagers: telegram parse mode null",
    "receivers: slack in full",
    "yaml: null receiver",
    "yaml: null time interval",
}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_printed_configuration_reads_as_the_same(case: Case) -> None:
    try:
        printed = load_text(case.text, environ={}).original
    except ConfigError:
        return
    if case.name not in LOST_IN_PRINT:
        assert load_text(printed, environ={}).original == printed
