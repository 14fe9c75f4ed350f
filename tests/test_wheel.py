"""What is shipped works where nothing else of the project is: the wheel, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree so that nothing is left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("alertrouter", "templates", "migrations"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source],
        check=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_templates_and_migrations(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("alertrouter/_share/templates/notify/") for name in names)
    assert any(name.startswith("alertrouter/_share/migrations/versions/") for name in names)
    assert "alertrouter/py.typed" in names


def test_the_daemon_of_an_installed_wheel_starts(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next(environment.glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    # The libraries it needs come from here; the package itself must come from the wheel alone.
    libraries = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    (site / "libraries.pth").write_text(libraries.replace(os.pathsep, "\n"))
    shutil.copy(ROOT / "alertmanager.yml.example", tmp_path / "alertmanager.yml")
    # Nothing else may say where the package is.
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [
            environment / "bin" / "python",
            "-m",
            "alertrouter",
            "--config.file=alertmanager.yml",
            "--web.listen-address=127.0.0.1:0",
        ],
        cwd=tmp_path,
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if 'msg="Listening on"' in line:
                break
        assert said, "it said nothing"
        assert 'msg="Listening on"' in said[-1], "".join(said)
        address = said[-1].split("address=")[1].split()[0]
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=PATIENCE) as answer:
            assert answer.read() == b"OK"
        where = subprocess.check_output(
            [environment / "bin" / "python", "-c", "import alertrouter; print(alertrouter.__file__)"],
            cwd=tmp_path,
            env=variables,
            text=True,
        )
        assert str(environment) in where
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
