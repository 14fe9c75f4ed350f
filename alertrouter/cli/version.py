"""What `--version` prints, in the form of Alertmanager's programs."""

from __future__ import annotations

import platform
import sys

from alertrouter import ALERTMANAGER_VERSION, __version__


def version_text(program: str) -> str:
    """Scripts take the third word of the first line."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return (
        f"{program}, version {__version__} (branch: , revision: )\n"
        f"  follows:          Alertmanager {ALERTMANAGER_VERSION}\n"
        f"  python version:   {platform.python_version()}\n"
        f"  platform:         {sys.platform}/{machine}\n"
    )
