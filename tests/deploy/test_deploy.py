"""The unit and the Dockerfile fit the program: their keys exist, and so do the flags and files they name."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from alertrouter.cli import artool, daemon
from alertrouter.config import load
from alertrouter.settings import flags

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "alertrouter.service"
DOCKERFILE = DEPLOY / "Dockerfile"

# Of the keys that systemd knows, those that make sense for a daemon.
_KEYS = {
    "Unit": "After Before Conflicts Description Documentation PartOf Requires StartLimitBurst StartLimitIntervalSec Wants",
    "Service": (
        "AmbientCapabilities CapabilityBoundingSet ConfigurationDirectory Environment EnvironmentFile ExecReload ExecStart "
        "ExecStartPre Group KeyringMode KillMode KillSignal LimitNOFILE LockPersonality MemoryDenyWriteExecute MemoryMax "
        "NoNewPrivileges OOMScoreAdjust PrivateDevices PrivateMounts PrivateTmp PrivateUsers ProtectClock "
        "ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables "
        "ProtectProc ProtectSystem ReadOnlyPaths ReadWritePaths RemoveIPC Restart RestartSec RestrictAddressFamilies "
        "RestrictNamespaces RestrictRealtime RestrictSUIDSGID RuntimeDirectory StateDirectory StateDirectoryMode "
        "SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TimeoutStartSec TimeoutStopSec Type UMask User "
        "WorkingDirectory"
    ),
    "Install": "Alias Also RequiredBy WantedBy",
}


def unit() -> list[tuple[str, str, str]]:
    """Section, key and value of every line of the unit."""
    section, found = "", []
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def value(key: str) -> str:
    """The one value of a key of the unit."""
    (found,) = [each for _, name, each in unit() if name == key]
    return found


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile, with lines joined and comments gone."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8")).replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line]


def check_flags(words: Sequence[str]) -> None:
    known = {each.flag for each in flags()}
    for word in words:
        assert word.startswith("--"), word
        assert word[2:].partition("=")[0] in known, word


def test_the_unit_has_known_keys_in_their_sections() -> None:
    for section, key, _ in unit():
        assert key in _KEYS[section].split(), f"[{section}] {key}"


def test_the_unit_starts_with_flags_that_exist() -> None:
    program, *words = shlex.split(value("ExecStart"))

    assert program == "/opt/alertrouter/bin/alertrouter"
    assert words.pop() == "$ALERTROUTER_FLAGS"
    check_flags(words)
    assert f"--storage.path=/var/lib/{value('StateDirectory')}" in words


def test_the_unit_gives_messages_under_way_their_time() -> None:
    configuration = load(ROOT / "alertmanager.yml.example")

    assert int(value("TimeoutStopSec")) * 10**9 > configuration.options.delivery.drain_timeout


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/alertrouter/bin/alertrouter", "/bin/true"))

    done = subprocess.run([program, "verify", copy], capture_output=True, text=True, check=False)

    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []


def test_the_image_is_built_in_two_stages_from_a_plain_name() -> None:
    images = [arguments for name, arguments in instructions() if name == "FROM"]

    assert images == ["python:3.13-slim AS build", "python:3.13-slim"]


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sources = [
        source
        for name, arguments in instructions()
        if name == "COPY" and not arguments.startswith("--from=")
        for source in arguments.split()[:-1]
    ]

    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
    assert set(_built_from()) <= set(sources)


def _built_from() -> list[str]:
    """What the wheel is made of, by pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    folders = re.search(r"force-include\]\n((?:\".*\n)+)", text)
    assert folders is not None
    return ["pyproject.toml", "README.md", "LICENSE", "alertrouter", *re.findall(r'"(\w+)" = ', folders[1])]


def test_the_image_runs_as_nobody_with_flags_that_exist() -> None:
    said = dict(instructions())

    assert said["USER"] == "65534:65534"
    assert json.loads(said["ENTRYPOINT"]) == ["/opt/alertrouter/bin/alertrouter"]
    check_flags(json.loads(said["CMD"]))
    assert f"--storage.path={said['VOLUME']}" in json.loads(said["CMD"])


def test_the_configuration_of_the_image_tells_nobody() -> None:
    (receiver,) = load(DEPLOY / "alertmanager.yml").routing.receivers.values()

    assert list(receiver.integrations) == []


def test_command_lines_of_the_page_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"--entrypoint artool\s+alertrouter (.*)", text)

    assert len(lines) == 2
    for line in lines:
        assert artool.main("artool", [*shlex.split(line), "--help"]) == 0
        assert capsys.readouterr().err == ""
    (more,) = re.findall(r"(?m)^ALERTROUTER_FLAGS=(.*)$", text)
    check_flags(shlex.split(shlex.split(more)[0]))
    assert daemon.main("alertrouter", [*shlex.split(shlex.split(more)[0]), "--help"]) == 0
