"""What a replay keeps in memory does not grow with the length of the record."""

from __future__ import annotations

import contextlib
import gc
import types
from typing import TYPE_CHECKING

import pytest

from alertrouter.core.time import LATEST, SECOND
from alertrouter.engine.engine import EngineSettings
from alertrouter.insight.difference import Comparison
from alertrouter.insight.record import moment_of
from alertrouter.insight.store_record import Lately, StoreRecord
from alertrouter.insight.verify import Reenactment
from alertrouter.store import Store
from tests.insight.test_store_record import Stored
from tests.store.values import StillClock
from tests.timeline import Timeline, routing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alertrouter.insight.record import Event

CONFIG = """
route:
  receiver: hook
  group_by: [alertname, instance]
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 30s
  routes:
    - matchers: [sev="page"]
      receiver: hook
receivers:
  - name: hook
    webhook_configs: [{url: "http://hook.example/"}]
  - name: other
    webhook_configs: [{url: "http://other.example/", send_resolved: false}]
inhibit_rules:
  - source_matchers: [sev="page"]
    target_matchers: [sev="warn"]
    equal: [instance]
"""
OTHER = CONFIG.replace("receiver: hook", "receiver: other", 1)

_NO_STATE = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    property,
)


def reachable(*roots: object) -> int:
    """How many objects somebody keeps who keeps these."""
    seen: dict[int, object] = {}
    left = list(roots)
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, _NO_STATE):
            continue
        seen[id(each)] = each
        left += gc.get_referents(each)
    return len(seen)


def lived(store: Store, cycles: int) -> Stored:
    """Alerts come that never were before, are silenced or inhibited, told of, over and forgotten; so does what is known of them."""
    stored = Stored(store)
    t = Timeline(CONFIG, store=stored, settings=EngineSettings(retention=60 * SECOND))
    for cycle in range(cycles):
        begin, host = 200 * cycle, f"host-{cycle}"
        if cycle % 3 == 0:
            t.at(begin).silence(f'instance="{host}"', ends=begin + 15)
        t.at(begin).fire("Down", alertname="Down", instance=host, sev="page" if cycle % 2 else "none")
        t.at(begin + 1).fire("Slow", alertname="Slow", instance=host, sev="warn", ends=begin + 50)
        t.at(begin + 40).resolve("Down", alertname="Down", instance=host, sev="page" if cycle % 2 else "none")
        t.at(begin + 150)
        stored.move_ends(t)
        t.collect()
    stored.write(t)
    return stored


def most_kept(record: StoreRecord, happened: Callable[[Event], None], *roots: object) -> list[int]:
    """The most that is kept at some moment in the second quarter of the record, and in the last."""
    most = [0, 0, 0, 0]
    caches = (record._labels, record._groups)
    for number, event in enumerate(record.events(0, LATEST)):
        happened(event)
        if number % 60 == 0:
            quarter = min(3, 4 * moment_of(event) // record.complete_until)
            most[quarter] = max(most[quarter], reachable(*roots, *caches))
    return [most[1], most[3]]


def verified(record: StoreRecord) -> list[int]:
    played = Reenactment()
    most = most_kept(record, played.happened, played)
    assert not played.verdict.differing, played.verdict.differences
    return most


def compared(record: StoreRecord) -> list[int]:
    comparison = Comparison(routing(CONFIG), routing(OTHER), 0, most=20)
    most = most_kept(record, comparison.happened, comparison)
    assert comparison.end(record.complete_until).alerts("moved") > 60
    return most


@pytest.mark.parametrize("kept", [verified, compared])
def test_what_is_kept_does_not_grow_with_the_record(
    tmp_path: Path, kept: Callable[[StoreRecord], list[int]]
) -> None:
    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        lived(store, 240)
        with store.reader() as connection:
            early, late = kept(StoreRecord(connection, "test", window=100, names=20))
    # A hundred and twenty cycles later. What is forgotten now and then is so in each quarter, but not as often.
    assert late < early + 120, (early, late)


def test_what_was_looked_up_lately_is_not_looked_up_again() -> None:
    lately: Lately[str] = Lately(10)
    asked: list[int] = []

    def find(unknown: object) -> dict[int, str]:
        assert isinstance(unknown, set)
        asked.extend(unknown)
        return {each: str(each) for each in unknown}

    for number in range(100):
        found = lately.among([number, number + 1, 0], find)
        assert (found[number], found[number + 1], found[0]) == (str(number), str(number + 1), "0")
        assert len(lately) <= 2 * 10 + 3
    assert sorted(asked) == list(range(101))
    lately.among([1], find)
    assert asked[-1] == 1
