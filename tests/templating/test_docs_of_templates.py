"""What docs/templates.md shows is so: its examples in both languages, its functions, its list of names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alertrouter.templating.data import DataFromJson
from alertrouter.templating.functions import FUNCTIONS
from alertrouter.templating.marker import JINJA
from alertrouter.templating.templates import Templates
from tests.templating.wording import NOW

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
DATA = DataFromJson(json.loads(re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]))
EXAMPLES = re.findall(
    r"^### ([^\n]+)\n\n```gotemplate\n(.*?)\n```\n\n```jinja\n(.*?)\n```\n\n```text\n(.*?)\n```$",
    PAGE,
    re.DOTALL | re.MULTILINE,
)


def rendered(template: str) -> str:
    return Templates.built_in().render_text(template, DATA, now=NOW).rstrip()


@pytest.mark.parametrize(
    ("go", "jinja", "text"), [each[1:] for each in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
def test_an_example_gives_the_same_text_in_both_languages(go: str, jinja: str, text: str) -> None:
    assert rendered(go) == text
    assert rendered(JINJA + jinja) == text


def test_no_example_is_overlooked() -> None:
    assert len(EXAMPLES) == PAGE.count("```gotemplate") == PAGE.count("```jinja") >= 7


def test_every_default_template_is_listed_once() -> None:
    listed = re.findall(
        r"`((?:__\w+|[a-z0-9]+\.default\.\w+))`", PAGE[PAGE.index("## The templates there are") :]
    )
    names = [name for name in Templates.built_in().names() if not name.endswith(".tmpl")]

    assert sorted(listed) == names


def test_every_function_is_listed() -> None:
    assert [f.name for f in FUNCTIONS if not re.search(rf"`[^`]*\b{f.name}\b", PAGE)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slack.default.color", "danger"),
        ("pagerduty.default.client", "Alertmanager"),
        ("slack.default.text", ""),
    ],
)
def test_names_render_what_is_said(name: str, text: str) -> None:
    assert rendered(f'{{{{ template "{name}" . }}}}') == text
