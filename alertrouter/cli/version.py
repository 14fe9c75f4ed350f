"""What `--version` prints, in the form of Alertmanager's programs."""

from __future__ import annotations

import platform

from alertrouter import ALERTMANAGER_VERSION, __version__
from alertrouter.build import MACHINE, OS


def version_text(program: str) -> str:
    """Scripts take the third word of the first line."""
    return (
        f"{program}, version {__version__} (branch: , revision: )\n"
        f"  follows:          Alertmanager {ALERTMANAGER_VERSION}\n"
        f"  python version:   {platform.python_version()}\n"
        f"  platform:         {OS}/{MACHINE}\n"
    )
