"""What a real Alertmanager's `amtool` made of the same templates on the same data."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from alertrouter.templating.data import DataFromJson
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.mode import Mode
from alertrouter.templating.templates import Templates

HERE = Path(__file__).parent
NOW = 1_714_979_289_123_000_000


def recorded(name: str) -> list[dict[str, str]]:
    document = json.loads((HERE / "recorded" / f"{name}.json").read_text(encoding="utf-8"))
    answers: list[dict[str, str]] = document["answers"]
    return answers


@cache
def data_set(name: str) -> Any:
    return json.loads((HERE / "data" / f"{name}.json").read_text(encoding="utf-8"))


def rendered(answer: dict[str, str]) -> str:
    data = DataFromJson(data_set(answer["data"]))
    return Templates.built_in().render(
        answer["template"], data, now=NOW, route_label=lambda _: "", mode=Mode[answer["mode"].upper()]
    )


CASES = [
    pytest.param(answer, id=f"{name}-{number}-{answer['data']}-{answer['mode']}")
    for name in ("defaults", "functions", "mails")
    for number, answer in enumerate(recorded(name))
]


@pytest.mark.parametrize("answer", CASES)
def test_we_render_what_alertmanager_renders(answer: dict[str, str]) -> None:
    if "output" in answer:
        assert rendered(answer) == answer["output"]
    else:
        with pytest.raises(TemplateError) as caught:
            rendered(answer)
        assert caught.value.message == answer["error"]
