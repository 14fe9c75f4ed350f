"""Rules and their surroundings, read from files and read again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from alertrouter.config import ConfigError
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.engine.changes import StoredState
from alertrouter.evaluator import Evaluator, external_labels
from alertrouter.rules.model import Dialect
from alertrouter.settings import Settings
from alertrouter.startup import FatalError, check
from tests.rules.metrics_server import MetricsServer
from tests.rules.world import HandClock
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.core.rule_state import RuleChanges

pytestmark = pytest.mark.anyio

RULES = """
groups:
  - name: node
    interval: 1m
    align_evaluation_time_on_interval: true
    rules:
      - alert: Down
        expr: up == 0
        annotations: {summary: "{{ $externalLabels.cluster }}"}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Process:
    """An evaluator with its files, and the door its alerts go through."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.rules = folder / "rules.yml"
        self.rules.write_text(RULES)
        self.config = folder / "query.yml"
        self.config.write_text("")
        self.bodies: list[bytes] = []
        self.changes: list[RuleChanges] = []
        self.clock = HandClock()
        plain = Settings(
            rules_file=(str(self.rules),),
            query_url=("http://127.0.0.1:9/prometheus/",),
            query_config_file=str(self.config),
        )
        self.settings = replace(plain, **settings)  # type: ignore[arg-type]
        self.evaluator = self.made()

    def made(self, *, alone: bool = False) -> Evaluator:
        return Evaluator(
            self.settings,
            self.clock,
            CollectorRegistry(),
            remember=self.changes.append,
            post=None if alone else self.post,
        )

    async def post(self, body: bytes) -> Sequence[str]:
        self.bodies.append(body)
        return []

    async def forward(self, minutes: float, server: MetricsServer) -> None:
        """Let the slots pass, and the server answer what it is asked in them."""
        asked, bodies = len(server.asked), len(self.bodies)
        await self.clock.forward(round(minutes * MINUTE))
        await until(lambda: len(server.asked) > asked and len(self.bodies) > bodies)


def test_the_kind_of_backend_decides_what_is_usual(tmp_path: Path) -> None:
    process = Process(tmp_path, query_type="victoriametrics")
    options = process.evaluator.read().options
    assert (options.dialect, options.query_offset) == (Dialect.METRICSQL, 30 * SECOND)
    process.settings = replace(process.settings, rules_query_offset="5s")
    assert process.made().read().options.query_offset == 5 * SECOND
    process.settings = replace(process.settings, query_type="", rules_query_offset="")
    process.config.write_text("type: mimir\nexternal_labels: {a: file, b: file}\n")
    process.settings = replace(process.settings, external_label=("b=flag",))
    options = process.made().read().options
    assert (options.dialect, options.query_offset) == (Dialect.PROMETHEUS, MINUTE)
    assert options.external_labels == {"a": "file", "b": "flag"}


def test_links_lead_to_the_backend_without_its_password(tmp_path: Path) -> None:
    process = Process(tmp_path, query_url=("http://user:secret@prometheus:9090/path/?a=b",))
    assert process.evaluator.read().options.external_url == "http://prometheus:9090/path"
    process.settings = replace(process.settings, query_external_url="https://metrics.example/")
    assert process.made().read().options.external_url == "https://metrics.example"


def test_strict_is_as_in_prometheus(tmp_path: Path) -> None:
    process = Process(tmp_path)
    options = process.evaluator.read().options
    assert (options.resend_on_query_error, options.resolve_removed) == (True, True)
    # Other Alertmanagers let alerts of removed rules expire.
    assert not process.made(alone=True).read().options.resolve_removed
    process.settings = replace(process.settings, compat_strict=True)
    options = process.made().read().options
    assert (options.resend_on_query_error, options.resolve_removed) == (False, False)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    process = Process(tmp_path, query_url=())
    with pytest.raises(FatalError, match=r"give --query\.url"):
        process.evaluator.read()
    process.config.write_text("url: http://127.0.0.1:9\nnonsense: 1\n")
    with pytest.raises(ConfigError, match="nonsense"):
        process.evaluator.read()
    process.config.write_text("url: http://127.0.0.1:9\n")
    process.rules.write_text("groups: [{name: a, rules: [{alert: A}, {record: b}]}]")
    with pytest.raises(FatalError) as raised:
        process.evaluator.read()
    assert str(raised.value).count("field 'expr' must be set in rule") == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"query_url": ("ftp://x",)}, "--query.url: unsupported scheme"),
        ({"external_label": ("nonsense",)}, '--external.label: "nonsense" is no label: write NAME=VALUE'),
        ({"rules_query_offset": "soon"}, "--rules.query-offset: not a valid duration string"),
    ],
)
def test_flags_that_cannot_be_meant(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(FatalError) as raised:
        Process(tmp_path, **settings).evaluator.read()
    assert str(raised.value).startswith(message)


def test_intervals_must_be_longer_than_nothing() -> None:
    with pytest.raises(FatalError, match=r"--evaluation\.interval must be greater than 0"):
        check(Settings(evaluation_interval=0))


def test_an_external_label_may_be_quoted() -> None:
    assert external_labels(["cluster=c1", 'replica="a"', "x="]) == {"cluster": "c1", "replica": "a", "x": ""}


async def test_nobody_to_hear_of_alerts_is_an_error(tmp_path: Path) -> None:
    evaluator = Process(tmp_path).made(alone=True)
    with pytest.raises(FatalError, match=r"--alertmanager\.url"):
        await evaluator.start(evaluator.read(), StoredState())


async def test_another_query_configuration_comes_into_force_without_a_gap(tmp_path: Path) -> None:
    async with MetricsServer() as before, MetricsServer() as after:
        for server in (before, after):
            server.series["up == 0"] = [{"instance": "a"}]
        process = Process(tmp_path, query_url=())
        process.config.write_text(f"url: {before.url}\nexternal_labels: {{cluster: c1}}\n")
        evaluator = process.evaluator
        await evaluator.start(evaluator.read(), StoredState())
        await process.forward(1.2, before)
        assert b'"cluster":"c1"' in process.bodies[-1]
        first = evaluator.groups()[0].rules[0].alerts

        process.config.write_text(f"url: {before.url}\nnonsense: 1\n")
        with pytest.raises(ConfigError):
            evaluator.read()

        process.config.write_text(f"url: {after.url}\nexternal_labels: {{cluster: c2}}\n")
        await evaluator.prepare(evaluator.read())()
        await process.forward(2, after)
        assert len(before.asked) == 1
        assert b'"cluster":"c2"' in process.bodies[-1]
        assert b'"summary":"c2"' in process.bodies[-1]
        (alert,) = evaluator.groups()[0].rules[0].alerts.values()
        assert alert.fired_at == next(iter(first.values())).fired_at
        await evaluator.stop()


async def test_a_group_that_is_as_before_is_left_alone(tmp_path: Path) -> None:
    process = Process(tmp_path)
    evaluator = process.evaluator
    await evaluator.start(evaluator.read(), StoredState())
    (group,) = evaluator.groups()
    process.rules.write_text("# nothing new\n" + RULES)
    await evaluator.prepare(evaluator.read())()
    assert evaluator.groups()[0] is group
    await evaluator.stop()
