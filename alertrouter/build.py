"""What this program was built from and runs on, in the words of Go's programs, which their readers know."""

from __future__ import annotations

import platform
import sys

#: In place of Go's version.
LANGUAGE = f"python{platform.python_version()}"
OS = sys.platform
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def context() -> str:
    """What is logged at the start."""
    return f"(python={platform.python_version()}, platform={OS}/{MACHINE}, user=, date=, tags=)"
