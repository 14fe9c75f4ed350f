"""Records what a real amtool says of every file of the corpus: ``python record_verdicts.py /path/to/amtool``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.config.corpus import VERDICTS, cases


def verdict(amtool: str, text: str) -> str | None:
    """The message with which a file is refused; None when it is accepted."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "alertmanager.yml"
        file.write_text(text)
        done = subprocess.run(
            [amtool, "check-config", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
    if done.returncode == 0:
        return None
    if "FAILED: " not in done.stdout:
        return "crash: " + done.stderr.splitlines()[0]
    return done.stdout.partition("FAILED: ")[2].partition("\n\n")[0].strip()


def main() -> None:
    amtool = sys.argv[1]
    version = subprocess.run([amtool, "--version"], capture_output=True, text=True, check=True).stdout
    recorded = {case.name: verdict(amtool, case.text) for case in cases()}
    answer = {"amtool": version.split()[2], "verdicts": recorded}
    VERDICTS.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
