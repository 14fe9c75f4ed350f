"""docs/rules.md: its example is a configuration, and every key is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alertrouter.config.fields import ConfigModel
from alertrouter.config.http import HttpConfig
from alertrouter.rules.query_config import (
    AlertmanagersConfig,
    DnsTargets,
    QueryConfig,
    QueueConfig,
    RemoteWriteConfig,
    StaticTargets,
    load_query_config,
)

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml query\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    [example] = EXAMPLES
    path = tmp_path / "query.yml"
    path.write_text(example)
    config = load_query_config(path, environ={"REPLICA": "a"})

    assert config.external_labels == {"cluster": "eu-1", "replica": "a"}
    assert len(config.alertmanagers) == 2


@pytest.mark.parametrize(
    "model", [QueryConfig, RemoteWriteConfig, QueueConfig, AlertmanagersConfig, DnsTargets]
)
def test_every_key_is_explained(model: type[ConfigModel]) -> None:
    missing = [key for key in model.model_fields if not re.search(rf"\b{key}\b", PAGE)]

    assert missing == []


def test_every_key_of_an_http_client_and_of_static_targets_is_named() -> None:
    keys = [*HttpConfig.model_fields, *(key for key in StaticTargets.model_fields if key != "labels")]

    assert [key for key in keys if not re.search(rf"\b{key}\b", PAGE)] == []
