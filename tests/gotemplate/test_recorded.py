"""Every case answered as a real Alertmanager answered it: output byte by byte, errors word by word."""

from __future__ import annotations

import json

import pytest

from alertrouter.gotemplate import TemplateError
from tests.gotemplate.model import data_from_json, template_set
from tests.gotemplate.record import CASES, DATA, Case

_DATA = data_from_json(DATA.read_text())
_SET = template_set()


def _cases() -> list[object]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}-{number}")
        for path in sorted(CASES.glob("*.json"))
        if path != DATA
        for number, case in enumerate(json.loads(path.read_text()))
    ]


def _render(kind: str, template: str) -> Case:
    compile_text = _SET.html if kind.startswith("html") else _SET.text
    try:
        return {"template": template, "output": compile_text(template).render(_DATA).rstrip("\n")}
    except TemplateError as error:
        return {"template": template, "error": str(error)}


@pytest.mark.parametrize(("kind", "case"), _cases())
def test_the_answer_is_the_recorded_one(kind: str, case: Case) -> None:
    assert _render(kind, case["template"]) == case
