"""Records what a real Alertmanager answers to every case: python -m tests.gotemplate.record PATH_TO_AMTOOL

A case file is a JSON list of objects with a `template`; this script fills in `output`, or `error`. Files whose name
begins with `html` are rendered as HTML. To add a case, add its template and run this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

from alertrouter.gotemplate.utf8 import clean, from_bytes

CASES = Path(__file__).parent / "cases"
DATA = CASES / "data.json"


class Case(TypedDict, total=False):
    template: str
    output: str
    error: str


def ask(amtool: str, template: str, kind: str) -> Case:
    done = subprocess.run(
        [
            amtool,
            "template",
            "render",
            "--template.glob=/dev/null",
            f"--template.data={DATA}",
            f"--template.type={kind}",
            f"--template.text={template}",
        ],
        capture_output=True,
        check=False,
        timeout=30,
    )
    if done.returncode:
        return {
            "template": template,
            "error": from_bytes(done.stderr).removeprefix("amtool: error: ").strip(),
        }
    # amtool ends its output with a newline, but not twice.
    return {"template": template, "output": clean(from_bytes(done.stdout)).rstrip("\n")}


def record(amtool: str, path: Path) -> None:
    cases: list[Case] = json.loads(path.read_text())
    kind = "html" if path.name.startswith("html") else "text"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda case: ask(amtool, case["template"], kind), cases))
    path.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    for file in sorted(CASES.glob("*.json")):
        if file != DATA:
            record(sys.argv[1], file)
