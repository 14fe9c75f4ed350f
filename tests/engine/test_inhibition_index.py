"""The index of inhibition names every alert whose answer a change of a source may have changed, and few others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.alert import Alert
from alertrouter.core.inhibition import InhibitionRule
from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.engine.inhibition import InhibitionIndex
from alertrouter.engine.known import Known
from tests.timeline import Timeline

CONFIG = """
route:
  receiver: hook
  group_by: [alertname, instance]
receivers:
  - name: hook
    webhook_configs: [{url: "http://hook.example/"}]
inhibit_rules:
  - source_matchers: [sev="page"]
    target_matchers: [sev="warn"]
    equal: [instance]
"""


def rule(source: str, target: str, *equal: str) -> InhibitionRule:
    sides = [parse_matchers(each, Mode.FALLBACK).matchers for each in (source, target)]
    return InhibitionRule(source=sides[0], target=sides[1], equal=equal)


RULES = [
    rule('sev="page"', 'sev=~"warn|info"', "host"),
    rule('sev=~"page|warn"', 'sev="info"'),
    rule('sev="warn"', 'sev="warn"', "host", "zone"),
]


def known(**labels: str) -> Known:
    alert = Alert(labels=Labels(labels), annotations=Labels(), starts_at=0, ends_at=100, updated_at=0)
    return Known(alert, ())


alerts = st.fixed_dictionaries(
    {
        "sev": st.sampled_from(["page", "warn", "info"]),
        "host": st.sampled_from("ab"),
        "zone": st.sampled_from("xy"),
    }
)
deeds = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["fire", "resolve", "ask", "forget"])), max_size=40
)


@given(st.lists(alerts, min_size=8, max_size=8, unique_by=lambda each: tuple(each.items())), deeds)
def test_whose_answer_changes_is_named(labels: list[dict[str, str]], happened: list[tuple[int, str]]) -> None:
    index = InhibitionIndex(RULES)
    there: dict[int, Known] = {}
    answers: dict[int, object] = {}

    def answer(place: int) -> object:
        return [each.source for each in index.inhibitors(there[place], 50)]

    for place, what in happened:
        if what == "ask" and place in there:
            answers[place] = answer(place)
            first = index.inhibitor(there[place], 50)
            assert (None if first is None else first.source) == next(iter(answers[place]), None)  # type: ignore[call-overload]
        elif what in {"fire", "resolve"}:
            each = there.setdefault(place, known(**labels[place]))
            each.ends_at = 100 if what == "fire" else 10
            named = index.observe(each)
            assert named is not None, "they are few"
            changed = {there[p] for p, before in answers.items() if answer(p) != before}
            assert changed <= set(named)
            answers = {p: answer(p) for p in answers}
        elif what == "forget" and place in there and there[place].ends_at == 10:
            gone = there.pop(place)
            answers.pop(place, None)
            gone.gone = True
            index.forget(gone)
            assert all(gone not in (index.observe(each) or ()) for each in there.values())


def test_of_a_source_of_very_many_no_target_is_named() -> None:
    index = InhibitionIndex([rule('sev="page"', 'sev="warn"')])
    for number in range(600):
        index.inhibitor(known(sev="warn", host=str(number)), 50)
    version = index.version
    assert index.observe(known(sev="page")) is None
    assert index.version > version


def test_a_source_has_no_other_groups_looked_at_again() -> None:
    t = Timeline(CONFIG)
    for host in "ab":
        t.at(0).fire("Page", alertname="Down", sev="page", instance=host)
        t.at(1).fire("Warn", alertname="Slow", sev="warn", instance=host)
    t.until(100)
    held = {group.labels["instance"]: group for group in t.engine.groups if group.held}
    before = {host: (group.version, group.recheck) for host, group in held.items()}
    t.at(101).resolve("Page", alertname="Down", sev="page", instance="a")
    after = {host: (group.version, group.recheck) for host, group in held.items()}
    assert set(held) == {"a", "b"}
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    t.until(110)
    assert [(message.firing, message.at) for message in t.sent if "Warn" in message.firing] == [
        (("Warn",), 101)
    ]
