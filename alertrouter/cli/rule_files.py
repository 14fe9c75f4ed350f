"""What commands that look at rule files say of files that are not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_there(files: Iterable[str]) -> None:
    """Failure for a file that is named and is not there. A pattern may match nothing: that is a warning."""
    from alertrouter.rules.load import is_pattern

    for file in files:
        if not is_pattern(file) and not Path(file).exists():
            raise Failure(f"path '{file}' does not exist")
