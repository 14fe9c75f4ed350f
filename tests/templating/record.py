"""Records what a real `amtool` makes of the templates in ``corpus.py``, into ``recorded/*.json``.

    python -m tests.templating.record path/to/amtool path/to/its/default.tmpl path/to/its/email.tmpl

The tests compare our answers with the recorded ones, so they need neither. The default mail is ours, not theirs.
Errors are recorded without the program's name in front.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from alertrouter.assets import folder
from tests.templating.corpus import DEFAULTS, FUNCTIONS, MAILS, Case

HERE = Path(__file__).parent


def main(amtool: str, *defaults: str) -> None:
    """Run every case and write the answers."""
    version = subprocess.run([amtool, "--version"], capture_output=True, text=True, check=True)
    program = version.stdout.split("\n", maxsplit=1)[0].partition(" (")[0]
    ours = tuple(str(path) for path in sorted((folder("templates") / "notify").glob("*.tmpl")))
    for name, files, cases in (
        ("defaults", defaults, DEFAULTS),
        ("functions", defaults, FUNCTIONS),
        ("mails", ours, MAILS),
    ):
        answers = [
            {"template": case.template, "mode": case.mode.name.lower(), "data": data}
            | answer(amtool, files, case, data)
            for case in cases
            for data in case.on
        ]
        document = {"recorded_from": program, "answers": answers}
        text = json.dumps(document, indent=0, ensure_ascii=False, sort_keys=True)
        (HERE / "recorded" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def answer(amtool: str, files: tuple[str, ...], case: Case, data: str) -> dict[str, str]:
    """``output`` or ``error`` of one case on one data set."""
    command = [
        amtool, "template", "render", *[f"--template.glob={path}" for path in files], f"--template.text={case.template}",
        f"--template.data={HERE / 'data' / data}.json", f"--template.type={case.mode.name.lower()}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False, env={"TZ": "UTC"})
    if done.returncode == 0:
        return {"output": done.stdout.decode("utf-8", "replace")}
    return {"error": done.stderr.decode("utf-8", "replace").removeprefix("amtool: error: ").rstrip("\n")}


if __name__ == "__main__":
    main(*sys.argv[1:])
