"""artool's own configuration files: values for flags that are not given."""

from __future__ import annotations

import os
from pathlib import Path

from alertrouter.cli.errors import Failure

# `comment_required` is how very old files spell it.
_OLD_SPELLINGS = {"comment_required": "require-comment"}


def files() -> list[Path]:
    """Where values are looked for; the first file that has one wins. amtool's own files come last."""
    home = os.environ.get("HOME", "")
    return [
        *([Path(home) / ".config/artool/config.yml"] if home else []),
        Path("/etc/artool/config.yml"),
        *([Path(home) / ".config/amtool/config.yml"] if home else []),
        Path("/etc/amtool/config.yml"),
    ]


def load(paths: list[Path]) -> dict[str, str]:
    """The values in these files by the name of the flag. Failure when a file is there and cannot be used."""
    found: dict[str, str] = {}
    for path in paths:
        for name, value in _read(path).items():
            found.setdefault(_OLD_SPELLINGS.get(name, name), value)
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"could not load config file: read {path}: {str(reason).lower()}") from None
    import yaml

    try:
        # BaseLoader reads every scalar as the text that stands there: `no` stays "no", as with amtool.
        node = yaml.load(text, yaml.BaseLoader)  # noqa: S506  # it makes nothing but texts, lists and mappings
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise Failure(f"could not load config file: {where}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise Failure(f"could not load config file: {path}: {error}") from None
    if not node:
        return {}
    if not isinstance(node, dict):
        raise Failure(f"could not load config file: {path}: a mapping of flag names to values is wanted")
    for name, value in node.items():
        if not isinstance(value, str):
            raise Failure(f"could not load config file: {path}: the value of {name} must be a text")
    return node
