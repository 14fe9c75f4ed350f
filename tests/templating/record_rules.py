"""Records what a real `promtool` makes of the templates in ``rule_corpus.py``, into ``recorded/rules.json``.

    python -m tests.templating.record_rules path/to/promtool

A unit test of rules that expects nothing fails, and says what it got: every template is an annotation.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.templating.rule_corpus import (
    EXTERNAL_LABELS,
    EXTERNAL_URL,
    LABELS,
    OF_VALUES,
    OTHERS,
    SERIES,
    VALUES,
)

HERE = Path(__file__).parent
_ANNOTATION = re.compile(r'a(\d+)="((?:[^"\\]|\\.)*)"')


def main(promtool: str) -> None:
    """Run every case and write the answers."""
    version = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True)
    answers = [
        {"template": template, "value": value, "text": text}
        for value in VALUES
        for template, text in expanded(promtool, value, OF_VALUES).items()
    ]
    answers += [
        {"template": template, "value": "1234.5678", "text": text}
        for template, text in expanded(promtool, "1234.5678", OTHERS).items()
    ]
    document = {"recorded_from": version.stdout.partition(" (")[0], "answers": answers}
    text = json.dumps(document, indent=0, ensure_ascii=False, sort_keys=True)
    (HERE / "recorded" / "rules.json").write_text(text + "\n", encoding="utf-8")


def expanded(promtool: str, value: str, templates: tuple[str, ...]) -> dict[str, str]:
    """The text of each template when the expression has this value."""
    annotations = {f"a{place}": template for place, template in enumerate(templates)}
    rules = {"groups": [{"name": "g", "rules": [{"alert": "X", "expr": "m", "annotations": annotations}]}]}
    name, *labels = LABELS
    series = f"{LABELS[name]}{{{','.join(f'{label}={json.dumps(LABELS[label], ensure_ascii=False)}' for label in labels)}}}"
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "10m",
        "tests": [
            {
                "interval": "10m",
                "external_labels": EXTERNAL_LABELS,
                "external_url": EXTERNAL_URL,
                "input_series": [
                    {"series": text, "values": f"{number} {number}"}
                    for text, number in ((series, value), *SERIES.items())
                ],
                "alert_rule_test": [{"eval_time": "10m", "alertname": "X", "exp_alerts": []}],
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "rules.yml", rules)
        write(Path(folder) / "test.yml", test)
        done = subprocess.run(
            [promtool, "test", "rules", f"{folder}/test.yml"],
            capture_output=True,
            check=False,
            text=True,
            env={"TZ": "UTC"},
        )
    found = {
        int(place): ast.literal_eval(f'"{text}"')
        for place, text in _ANNOTATION.findall(done.stdout + done.stderr)
    }
    if len(found) != len(templates):
        raise SystemExit(f"{value}: {len(found)} of {len(templates)} answers: {done.stdout}{done.stderr}")
    return {template: found[place] for place, template in enumerate(templates)}


def write(path: Path, value: Any) -> None:
    """JSON is YAML, and leaves no doubt about what is a text."""
    path.write_text(json.dumps(value), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
