"""Every integration has a page whose tables of keys are those of its model; the examples on it are loaded, and a list leads to it.

With UPDATE_DOCS set, the tables are written, to be read before a commit.
"""

from __future__ import annotations

import os
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import pytest

from alertrouter.config import fields as known
from alertrouter.config import load_text
from alertrouter.config.fields import ConfigModel, PrintedAs, marks_of
from alertrouter.config.http import HttpConfig, TlsConfig
from alertrouter.config.schema import configs_key
from alertrouter.integrations import IntegrationOptions, discover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from alertrouter.integrations import IntegrationKind

PAGES = Path(__file__).parent.parent.parent / "docs" / "integrations"
_TABLES = re.compile(r"<!-- keys -->\n.*?<!-- /keys -->\n", re.DOTALL)
_EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_LISTED = re.compile(r"^\* \[(?P<title>.+?)\]\((?P<kind>\w+)\.md\), `(?P<key>\w+)`: \S.*$", re.MULTILINE)

# What a type of field takes, in words. The order decides where marks are alike.
_WORDS: list[tuple[Any, str]] = [
    (known.TemplateText, "template"),
    (known.HtmlTemplateText, "HTML template"),
    (known.FilePath, "path of a file"),
    (known.Url, "URL"),
    (known.ProxyUrl, "URL"),
    (known.Bool, "true or false"),
    (known.Int, "whole number"),
    (known.Unsigned, "whole number, not negative"),
    (known.PrometheusDuration, "duration"),
    (known.GoDuration, "duration, no days"),
    (known.GoDurationText, "duration, no days"),
    (known.AnyStructure, "anything, its texts are templates"),
]
_CLASSES: dict[Any, str] = {
    known.Secret: "secret",
    known.SecretTemplateText: "secret, a template",
    known.SecretUrl: "secret URL",
    known.HostPort: "host:port",
    HttpConfig: "options of the HTTP client",
    TlsConfig: "options of TLS",
    IntegrationOptions: ", ".join([f"`{name}`" for name in IntegrationOptions.model_fields]),
}


def word_for(annotation: Any, metadata: tuple[Any, ...]) -> str:
    """What the key takes, for people."""
    for alias, word in _WORDS:
        if alias.__metadata__[0] in metadata and set(alias.__metadata__[1:]) <= set(metadata):
            return word
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return word_for(next(each for each in arguments if each is not type(None)), ())
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel) and annotation not in _CLASSES:
        return "a template, or the keys below" if annotation.scalar_key else "the keys below"
    inside = {
        Annotated: lambda: word_for(arguments[0], annotation.__metadata__),
        tuple: lambda: f"list: {word_for(arguments[0], ())}",
        dict: lambda: f"map of your own keys: {word_for(arguments[1], ())}",
    }
    return inside[origin]() if origin in inside else _CLASSES.get(annotation, "text")


def default_of(field: FieldInfo) -> str:
    """What holds while the key is not set."""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return "true" if default else "false"
    if not isinstance(default, str | int) or not default:
        return ""
    forms = [mark.form for mark in marks_of(field) if isinstance(mark, PrintedAs)]
    shown = forms[0](default) if forms and isinstance(default, int) else str(default)
    return "`" + shown.replace("|", "\\|") + "`"


def global_for(key: str, kind: IntegrationKind) -> str:
    """The key of the global section that holds while this one is not set."""
    if key == "http_config":
        return key
    names = set(kind.globals.model_fields) if kind.globals is not None else set[str]()
    return next(
        (name for name in (f"{kind.name}_{key}", f"{kind.name}_api_{key}", f"smtp_{key}") if name in names),
        "",
    )


def table_of(model: type[ConfigModel], kind: IntegrationKind | None = None) -> Iterator[str]:
    """The keys of a block; with a kind, of its entries, which the global section completes."""
    yield "| Key | Takes | Unless set |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        key = field.alias or name
        shared = global_for(key, kind) if kind is not None else ""
        shown = f"`{shared}` of `global:`" if shared else default_of(field)
        yield f"| `{key}` | {word_for(field.annotation, tuple(field.metadata))} | {shown} |"


def blocks_of(model: type[ConfigModel]) -> Iterator[tuple[str, type[ConfigModel]]]:
    """The blocks below a model, with the keys they stand under."""
    for name, field in model.model_fields.items():
        for block in _models_in(field.annotation):
            if block not in _CLASSES:
                yield field.alias or name, block
                for key, below in blocks_of(block):
                    yield f"{field.alias or name}.{key}", below


def _models_in(annotation: Any) -> Iterator[type[ConfigModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def tables_of(kind: IntegrationKind) -> str:
    lines = list(table_of(kind.config, kind))
    for key, block in blocks_of(kind.config):
        lines += ["", f"Below `{key}`:", "", *table_of(block)]
    if kind.globals is not None:
        lines += ["", "In the `global:` section:", "", *table_of(kind.globals)]
    return "<!-- keys -->\n" + "\n".join(lines) + "\n<!-- /keys -->\n"


def page_of(name: str) -> Path:
    return PAGES / f"{name}.md"


@pytest.mark.parametrize("name", discover())
def test_the_tables_are_those_of_the_model(name: str) -> None:
    text = page_of(name).read_text(encoding="utf-8")
    assert len(_TABLES.findall(text)) == 1, "mark the place with <!-- keys --> and <!-- /keys -->"
    wanted = _TABLES.sub(lambda _: tables_of(discover()[name]), text)
    if os.environ.get("UPDATE_DOCS"):
        page_of(name).write_text(wanted, encoding="utf-8")
    assert text == wanted or os.environ.get("UPDATE_DOCS")


@pytest.mark.parametrize("name", discover())
def test_the_examples_are_loaded(name: str) -> None:
    examples = _EXAMPLE.findall(page_of(name).read_text(encoding="utf-8"))
    assert examples
    for example in examples:
        assert configs_key(name) in example
        loaded = load_text(example, environ={})
        receivers = loaded.routing.route.walk()
        assert any(each.kind == name for route in receivers for each in route.receiver.integrations)


def test_the_list_leads_to_every_page_under_its_title() -> None:
    listed = list(_LISTED.finditer((PAGES / "README.md").read_text(encoding="utf-8")))

    assert [each["kind"] for each in listed] == list(discover())
    for each in listed:
        title = page_of(each["kind"]).read_text(encoding="utf-8").partition("\n")[0]
        assert (title, each["key"]) == (f"# {each['title']}", configs_key(each["kind"]))


def test_there_is_no_page_of_what_is_no_integration() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {"README", *discover()}
