"""What the documentation shows works: its configurations load, and its command lines are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alertrouter.cli import artool, daemon
from alertrouter.config import load_text
from alertrouter.settings import flags

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROGRAMS = {"artool": artool.main, "alertrouter": daemon.main}


def blocks(language: str) -> list[tuple[str, str]]:
    """Where each block of a language begins, and its text."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            if block[1] == language:
                line = text.count("\n", 0, block.start(2)) + 1
                found.append((f"{page.relative_to(ROOT)}:{line}", block[2]))
    return found


CONFIGURATIONS = [(where, text) for where, text in blocks("yaml") if re.search("^route:", text, re.MULTILINE)]
COMMAND_LINES = [
    (f"{where}: {line}", line)
    for where, text in blocks("sh")
    for line in text.replace("\\\n", " ").splitlines()
    if line.partition(" ")[0] in _PROGRAMS
]


@pytest.mark.parametrize(("where", "text"), CONFIGURATIONS, ids=[where for where, _ in CONFIGURATIONS])
def test_a_configuration_loads(where: str, text: str) -> None:
    environ = {name: f"https://{name.lower()}.example/x" for name in re.findall(r"\$\{(\w+)\}", text)}

    configuration = load_text(text, file=where, environ=environ)

    assert configuration.routing.receivers


@pytest.mark.parametrize(("where", "line"), COMMAND_LINES, ids=[where for where, _ in COMMAND_LINES])
def test_a_command_line_is_understood(where: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(line, comments=True)

    status = _PROGRAMS[program](program, [*words, "--help"])

    told = capsys.readouterr()
    assert (status, told.err) == (0, ""), where
    assert "usage:" in told.out


def test_there_is_something_to_try() -> None:
    assert len(CONFIGURATIONS) >= 5
    assert len(COMMAND_LINES) >= 4


def test_the_page_about_evaluation_has_every_flag_of_rules() -> None:
    text = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    beginnings = ("rules.", "query.", "evaluation.", "external.", "remote-write.")
    for flag in flags():
        if flag.flag.startswith(beginnings):
            assert f"| `--{flag.flag}` |" in text, flag.flag
