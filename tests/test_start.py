"""What a start does not wait for, and does not keep in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _imported_by(module: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


@pytest.fixture(scope="module")
def of_daemon() -> set[str]:
    return _imported_by("alertrouter.daemon")


@pytest.mark.parametrize(
    "module",
    [
        *("alembic", "fastapi", "jinja2", "sqlalchemy.dialects.postgresql", "promql_parser"),
        *("alertrouter.insight", "alertrouter.events", "alertrouter.rules.manager", "alertrouter.web.index"),
    ],
)
def test_the_daemon_imports_no_more_than_every_daemon_needs(of_daemon: set[str], module: str) -> None:
    assert module not in of_daemon


def test_the_command_line_imports_no_http_client_to_read_its_arguments() -> None:
    assert not {"httpx", "rich", "sqlalchemy", "pydantic"} & _imported_by("alertrouter.cli.artool")
