"""The installed programs: how they start, end and are called."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertrouter import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

BIN = Path(sys.executable).parent


def run(*command: str | Path, stdin: str = "", home: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": home, "COVERAGE_PROCESS_START": ""},
    )


@pytest.mark.parametrize("program", ["artool", "alertrouter"])
def test_version_is_the_third_word(program: str) -> None:
    done = run(BIN / program, "--version", "--no-such-flag")

    assert done.returncode == 0
    assert done.stdout.split()[:3] == [f"{program},", "version", __version__]
    assert re.fullmatch(r"\S+, version \S+ \(branch: \S*, revision: \S*\)", done.stdout.split("\n")[0])


@pytest.mark.parametrize(
    "command",
    [
        [BIN / "artool"],
        [BIN / "artool", "--help"],
        [BIN / "artool", "help"],
        [BIN / "alertrouter", "--help"],
        [sys.executable, "-m", "alertrouter.cli.main", "artool"],
    ],
)
def test_usage_is_printed(command: Sequence[str | Path]) -> None:
    done = run(*command)

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("usage: ")


def test_help_of_the_daemon_lists_every_setting() -> None:
    from alertrouter.settings import flags

    text = run(BIN / "alertrouter", "--help").stdout
    of_evaluate = run(BIN / "alertrouter", "evaluate", "--help").stdout

    for each in flags():
        shown = of_evaluate if each.flag == "alertmanager.url" else text
        assert re.search(rf"--(\[no-\])?{re.escape(each.flag)}\b", shown), each.flag
    assert "--alertmanager.url" not in text
    assert "--config.file" not in of_evaluate


def test_long_help_and_manual_tell_of_every_command() -> None:
    for flag in ("--help-long", "--help-man"):
        text = run(BIN / "artool", flag).stdout
        for words in ("silence import", "config routes test", "template render", "check-config"):
            assert words in text.replace("\\-", "-")
    assert run(BIN / "artool", "--help-man").stdout.startswith(".TH artool 1")


def test_help_imports_no_more_than_it_needs() -> None:
    said = run(sys.executable, "-X", "importtime", BIN / "artool", "--help").stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}

    assert "alertrouter" in imported
    assert not {"httpx", "rich", "sqlalchemy", "pydantic", "fastapi", "jinja2", "asyncio"} & imported


def test_errors_carry_the_name_the_program_is_called_by(tmp_path: Path) -> None:
    link = tmp_path / "amtool"
    link.symlink_to(BIN / "artool")

    done = run(link, "alert")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "amtool: error: required flag --alertmanager.url not provided\n"
    assert run(link, "--version").stdout.startswith("amtool, version")
    assert "complete -o default -F _amtool_complete amtool" in run(link, "--completion-script-bash").stdout


def test_who_reads_may_stop_reading() -> None:
    command = f"'{BIN}/artool' --help-long | head -c 10"

    done = run("sh", "-c", command)

    assert done.stderr == ""


def test_output_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    file = tmp_path / "am.yml"
    file.write_text("route: {receiver: a}\nreceivers: [{name: a}]\n")
    done = subprocess.run(
        [BIN / "artool", "config", "routes", f"--config.file={file}"],
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "latin-1"},
    )

    assert done.stdout.decode() == "Routing tree:\n.\n└── default-route  receiver: a\n\n"


def test_check_config_does_not_wait_for_a_terminal() -> None:
    with Path("/dev/null").open() as null:
        done = subprocess.run(
            [BIN / "artool", "check-config"], stdin=null, capture_output=True, text=True, check=False
        )

    assert done.returncode == 1
    assert done.stderr == "artool: error: Failed to read from standard input\n"


def test_the_daemon_ends_with_one_line_when_it_cannot_start(tmp_path: Path) -> None:
    done = run(
        BIN / "alertrouter",
        f"--config.file={tmp_path / 'none.yml'}",
        f"--storage.path={tmp_path}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    )

    assert done.returncode == 1
    assert "none.yml" in done.stderr
    assert "Traceback" not in done.stderr
