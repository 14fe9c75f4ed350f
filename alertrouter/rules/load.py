"""Rule files from disk: all that patterns match, and everything that is wrong in any of them at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.config.globbing import matching_files
from alertrouter.rules.model import Dialect, KeySet, RuleError, RuleProblem, RuleSet, Stage
from alertrouter.rules.read import read_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def is_pattern(text: str) -> bool:
    """Whether a text may stand for several files, so that none may be meant."""
    return any(mark in text for mark in "*?[")


def load(
    globs: Sequence[str],
    *,
    dialect: Dialect = Dialect.PROMETHEUS,
    directory: Path | None = None,
    strict_keys: KeySet = KeySet.ALL_KNOWN,
) -> RuleSet:
    """The groups of all files that the patterns match; those of a relative pattern are looked for in ``directory``.

    Patterns are Go's, and ``**`` stands for any folders. One that matches nothing is a warning. Raises RuleError with
    every problem of every file. Reads files: not for the event loop.
    """
    problems: list[RuleProblem] = []
    warnings: list[RuleProblem] = []
    files: set[str] = set()
    for glob in globs:
        try:
            found = find(glob, directory)
        except ValueError as error:
            problems.append(RuleProblem(file=glob, message=str(error), stage=Stage.FILE))
            continue
        if not found:
            warnings.append(RuleProblem(file=glob, message="no file matches", stage=Stage.FILE))
        files.update([str(path) for path in found])
    groups = []
    for file in sorted(files):
        try:
            read, unwise = read_groups(read_text(file), file, dialect, strict_keys)
        except RuleError as error:
            problems += error.problems
        else:
            groups += read
            warnings += unwise
    if problems:
        raise RuleError(problems)
    return RuleSet(groups=tuple(groups), files=tuple(sorted(files)), warnings=tuple(warnings))


def load_text(
    text: str,
    *,
    file: str,
    dialect: Dialect = Dialect.PROMETHEUS,
    strict_keys: KeySet = KeySet.ALL_KNOWN,
) -> RuleSet:
    """The groups of a text that stands, or could stand, in this file. Raises RuleError with all that is wrong."""
    groups, warnings = read_groups(text, file, dialect, strict_keys)
    return RuleSet(groups=tuple(groups), files=(file,), warnings=tuple(warnings))


def read_text(file: str) -> str:
    """The text of a rule file; RuleError when it cannot be read."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        message = f"open {file}: no such file or directory"
    except IsADirectoryError:
        message = f"read {file}: is a directory"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"open {file}: {reason.lower()}"
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
            raise RuleError(
                [
                    RuleProblem(
                        file=file,
                        line=line,
                        column=column,
                        message="yaml: invalid leading UTF-8 octet",
                        hint="save the file as UTF-8",
                        stage=Stage.SYNTAX,
                    )
                ]
            ) from None
    raise RuleError([RuleProblem(file=file, message=message, stage=Stage.FILE)])


def find(glob: str, directory: Path | None = None) -> list[Path]:
    """The files that a pattern matches, sorted. ValueError when it is malformed."""
    if directory is not None and not glob.startswith("/"):
        glob = f"{_SPECIAL.sub(_escape, str(directory))}/{glob}"
    head, stars, tail = _split(glob)
    if not stars:
        return matching_files(glob)
    roots = matching_files(head) if head.strip("/") else [Path(head or ".")]
    below = [each for root in roots if root.is_dir() for each in _folders(root)]
    if not tail:
        return sorted({path for folder in below for path in folder.iterdir() if path.is_file()})
    found = {
        path
        for folder in below
        for path in find(f"{_SPECIAL.sub(_escape, str(folder))}/{tail}")
        if not path.is_dir()
    }
    return sorted(found)


_SPECIAL = re.compile(r"[*?\[\\]")


def _escape(special: re.Match[str]) -> str:
    return f"\\{special[0]}"


def _split(glob: str) -> tuple[str, bool, str]:
    """What stands before and after the first ``**`` that is a whole part of the path."""
    parts = glob.split("/")
    if "**" not in parts:
        return glob, False, ""
    at = parts.index("**")
    head = "/".join(parts[:at]) + ("/" if at == 1 and not parts[0] else "")
    return head, True, "/".join(parts[at + 1 :])


def _folders(root: Path) -> Iterable[Path]:
    """The folder and all below it; links to folders are not followed, so that none leads back up."""
    yield root
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return
    for each in entries:
        if each.is_dir() and not each.is_symlink():
            yield from _folders(each)
