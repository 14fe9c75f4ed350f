"""Imports go down only: the table of `docs/how-an-alert-travels.md`, held by reading the syntax trees."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "alertrouter"

# What each part may import of ours. Imports only for types count, too.
MAY_IMPORT = {
    "core": {"core"},
    "engine": {"core", "engine"},
    "gotemplate": {"gotemplate"},
    "promql": {"core", "promql"},
}
# Besides the standard library: RE2 for matchers, and the hashes of label sets.
LIBRARIES = {
    "core": {"fnv_c", "re2", "xxhash"},
    "engine": set[str](),
    "gotemplate": set[str](),
    "promql": set[str](),
}
MUST_NOT_IMPORT = {
    "api": {"delivery"},
    "web": {"delivery"},
    "cli": {"delivery"},
    "integrations": {"engine", "store"},
    "config": {"engine", "store", "delivery", "api", "cli", "daemon"},
    "store": {"api", "cli", "daemon", "delivery", "integrations", "config"},
    "templating": {"engine", "store", "delivery", "api", "cli", "daemon", "integrations"},
    "delivery": {"api", "cli", "daemon", "store"},
    "rules": {
        "api",
        "cli",
        "daemon",
        "engine",
        "evaluator",
        "intake",
        "integrations",
        "rules_daemon",
        "store",
        "web",
    },
    "events": {"api", "cli", "daemon", "store", "integrations", "templating"},
    "tracing": {"api", "cli", "daemon", "store", "engine", "delivery", "integrations"},
}

# Values that say how an attempt ended: who reads them does not act.
VALUES = {"alertrouter.delivery.errors", "alertrouter.delivery.attempt", "alertrouter.delivery.status"}


def imports(path: Path) -> set[str]:
    """The modules that a file imports, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            found.add(node.module)
            if node.module == "alertrouter":
                found |= {f"alertrouter.{alias.name}" for alias in node.names}
    return found


def files(part: str) -> list[Path]:
    found = sorted((PACKAGE / part).rglob("*.py"))
    assert found, f"there is no part called {part}"
    return found


def parts_of_ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) - VALUES if name.startswith("alertrouter.")}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_the_pure_parts_import_nothing_of_ours_but_what_is_below(part: str) -> None:
    for path in files(part):
        assert parts_of_ours(path) <= MAY_IMPORT[part], path


@pytest.mark.parametrize("part", LIBRARIES)
def test_the_pure_parts_import_nothing_but_the_standard_library(part: str) -> None:
    allowed = set(sys.stdlib_module_names) | LIBRARIES[part] | {"alertrouter"}
    for path in files(part):
        assert {name.split(".")[0] for name in imports(path)} <= allowed, path


@pytest.mark.parametrize("part", MUST_NOT_IMPORT)
def test_no_part_reaches_across(part: str) -> None:
    for path in files(part):
        assert not parts_of_ours(path) & MUST_NOT_IMPORT[part], path


@pytest.mark.parametrize("part", ["core", "engine"])
def test_the_pure_parts_have_no_async_and_log_nothing(part: str) -> None:
    for path in files(part):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [n for n in ast.walk(tree) if isinstance(n, (ast.AsyncFunctionDef, ast.Await))], path
        assert not imports(path) & {"logging", "asyncio", "random", "socket", "time"}, path
