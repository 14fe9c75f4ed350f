"""File patterns mean what they mean to Go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alertrouter.config.globbing import matching_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.tmpl", "b.tmpl", ".c.tmpl", "d]e.tmpl", "sub/a.tmpl", "sub/deep/a.tmpl", "a*b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.tmpl", ["a.tmpl"]),
        ("none.tmpl", []),
        ("*.tmpl", [".c.tmpl", "a.tmpl", "b.tmpl", "d]e.tmpl"]),
        ("?.tmpl", ["a.tmpl", "b.tmpl"]),
        ("[ab].tmpl", ["a.tmpl", "b.tmpl"]),
        ("[^a].tmpl", ["b.tmpl"]),
        ("[a-z].tmpl", ["a.tmpl", "b.tmpl"]),
        (r"d\]e.tmpl", ["d]e.tmpl"]),
        (r"a\*b", ["a*b"]),
        ("*/a.tmpl", ["sub/a.tmpl"]),
        ("**/a.tmpl", ["sub/a.tmpl"]),
        ("*/*/a.tmpl", ["sub/deep/a.tmpl"]),
        ("none/*", []),
    ],
)
def test_patterns(folder: Path, pattern: str, found: list[str]) -> None:
    assert [str(path.relative_to(folder)) for path in matching_files(f"{folder}/{pattern}")] == found


def test_relative_patterns_start_at_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert [str(path) for path in matching_files("sub/*.tmpl")] == ["sub/a.tmpl"]


@pytest.mark.parametrize("pattern", ["[", "a[]b", "x/[a", "a\\"])
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        matching_files(pattern)
