"""What a shell offers, and the scripts that ask for it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from alertrouter.cli import artool, daemon
from alertrouter.cli.completion import offers, script

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [
    *("help", "alert", "silence", "check-config", "cluster", "config", "template", "receiver"),
    *("rules", "history", "explain", "replay", "db"),
]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", COMMANDS),
        ("al", COMMANDS),
        ("alert ", ["query", "add"]),
        ("silence ", ["add", "expire", "import", "export", "query", "update"]),
        ("silence query foo ", []),
        ("config routes ", ["show", "test"]),
        ("check-config ", []),
        ("help ", COMMANDS),
        ("-o ", ["simple", "extended", "json"]),
        ("alert --output j", ["simple", "extended", "json"]),
        ("alert --output = j", ["simple", "extended", "json"]),
        ("alert --output =", ["simple", "extended", "json"]),
        ("--alertmanager.url ", []),
        ("bogus ", COMMANDS),
    ],
)
def test_offers(line: str, wanted: list[str]) -> None:
    assert offers(artool.program(), line.split(" ")) == wanted


def test_flags_are_offered_where_they_are_known() -> None:
    found = offers(artool.program(), ["silence", "query", "--"])

    assert {"--expired", "--quiet", "--within", "--alertmanager.url", "--help"} <= set(found)
    assert "--require-comment" not in offers(artool.program(), ["silence", "add", "--"])
    assert "--expired" not in offers(artool.program(), ["alert", "--"])


def test_the_daemon_offers_its_flags() -> None:
    assert {"--config.file", "--web.listen-address"} <= set(offers(daemon.program(), ["--"]))
    assert offers(daemon.program(), ["--log.level", ""]) == ["debug", "info", "warn", "error"]


def test_bash_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    tool = tmp_path / "my-tool"
    tool.write_text("#!/bin/sh\nshift\nprintf 'alert\\nsilence\\nlast:%s\\n' \"$2\"\n")
    tool.chmod(0o755)
    commands = script("bash", "my-tool") + (
        f"COMP_WORDS=({tool} x la); COMP_CWORD=2; _my_tool_complete; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    )

    done = subprocess.run([bash, "-u", "-c", commands], capture_output=True, text=True, check=True)

    assert done.stdout == "last:la\n"


def test_zsh_script_names_the_program() -> None:
    text = script("zsh", "my-tool")

    assert text.startswith("#compdef my-tool\n")
    assert "compdef _my_tool my-tool" in text


@pytest.mark.parametrize(
    ("line", "registered"),
    [
        (["silence", "query"], {"silence"}),
        (["--alertmanager.url", "alert", "silence", "query"], {"alert", "silence"}),
    ],
)
def test_a_command_line_brings_in_the_commands_it_names(line: list[str], registered: set[str]) -> None:
    assert set(artool.program(line).commands) == {"help", *registered}


@pytest.mark.parametrize(
    "line", [[], ["--version"], ["nonsense"], ["help", "alert"], ["--help-long", "alert"], ["alert", "@file"]]
)
def test_a_command_line_that_may_be_about_any_command_brings_in_all(line: list[str]) -> None:
    assert set(artool.program(line).commands) == set(artool.program().commands)
