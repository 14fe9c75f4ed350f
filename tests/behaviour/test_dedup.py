"""What is said again and what is not: the notification log (`semantics.md` 11.4)."""

from __future__ import annotations

import pytest

from alertrouter.core.reason import NotSent, Reason
from alertrouter.core.time import HOUR, SECOND
from alertrouter.engine.engine import EngineSettings
from tests.timeline import HOOK, OK, REFUSES, Answer, Timeline, moment, sent

TWO = """
route:
  receiver: hook
  group_by: [alertname]
receivers:
  - name: hook
    webhook_configs:
      - url: http://hook.example/one
      - url: http://hook.example/two
"""

FIRING_ONLY = HOOK + "        send_resolved: false\n"


def timing(config: str = HOOK, **options: str) -> str:
    for name, value in options.items():
        config = config.replace(
            {
                "group_wait": "group_wait: 30s",
                "group_interval": "group_interval: 5m",
                "repeat_interval": "repeat_interval: 4h",
            }[name],
            f"{name}: {value}",
        )
    return config


def test_b70_changed_annotations_are_no_news() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).fire("A", annotations={"summary": "worse"})
    assert t.until(14_000) == [sent(30, Reason.FIRST, firing="A")]


@pytest.mark.parametrize("repeat", ["1h", "3599s"])
def test_b71_b72_a_repeat_comes_with_the_tick_at_which_its_interval_is_over(repeat: str) -> None:
    t = Timeline(timing(repeat_interval=repeat))
    t.at(0).fire("A")
    assert t.until(3700) == [sent(30, Reason.FIRST, firing="A"), sent(3630, Reason.REPEAT, firing="A")]


def test_b73_a_repeat_interval_below_the_group_interval_repeats_every_tick() -> None:
    t = Timeline(timing(repeat_interval="100s"))
    t.at(0).fire("A")
    assert t.until(700) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.REPEAT, firing="A"),
        sent(630, Reason.REPEAT, firing="A"),
    ]


def test_b74_the_repeat_counts_from_the_last_message() -> None:
    t = Timeline(timing(repeat_interval="10m"))
    t.at(0).fire("A")
    t.at(31).fire("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.NEW_ALERTS, firing="AB"),
        sent(930, Reason.REPEAT, firing="AB"),
    ]


def test_b75_without_resolves_the_log_still_moves_on() -> None:
    t = Timeline(FIRING_ONLY)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(330)
    assert [entry.firing for entry in t.engine.entries.values()] == [frozenset()]
    t.at(400).fire("A")
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A"), sent(430, Reason.FIRST, firing="A")]


def test_b76_a_member_that_resolved_unannounced_is_news_when_it_fires_again() -> None:
    t = Timeline(FIRING_ONLY)
    t.at(0).fire("A").fire("B")
    t.at(100).resolve("B")
    t.at(700).fire("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="AB"),
        sent(930, Reason.NEW_ALERTS, firing="AB"),
    ]


def test_b77_integrations_get_resolves_or_not_in_the_same_flush() -> None:
    t = Timeline(TWO + "        send_resolved: false\n")
    t.at(0).fire("A").fire("B")
    t.at(100).resolve("B")
    t.at(110).fire("C")
    assert t.until(400)[2:] == [
        sent(330, Reason.NEW_ALERTS, firing="AC", resolved="B", to="hook:webhook/0"),
        sent(330, Reason.NEW_ALERTS, firing="AC", to="hook:webhook/1"),
    ]


@pytest.mark.parametrize(("repeat", "lifetime"), [("1h", 7200), ("100h", 432_000)])
def test_b78_an_entry_lives_twice_the_repeat_interval_at_most_the_retention(
    repeat: str, lifetime: int
) -> None:
    t = Timeline(timing(repeat_interval=repeat), settings=EngineSettings(retention=432_000 * SECOND))
    t.at(0).fire("A")
    t.at(30)
    (entry,) = t.engine.entries.values()
    assert entry.expires_at == moment(30 + lifetime)


def test_b79_an_open_announcement_outlives_its_entrys_time() -> None:
    t = Timeline(timing(group_interval="24h", repeat_interval="1h"))
    t.at(0).fire("A")
    t.at(20_000).resolve("A").collect()
    t.at(80_000).collect()
    assert t.until(90_000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(86_430, Reason.ALL_RESOLVED, resolved="A"),
    ]


def test_b80_a_short_retention_does_not_shorten_the_repeat_interval() -> None:
    t = Timeline(settings=EngineSettings(retention=HOUR))
    t.at(0).fire("A")
    for hour in range(1, 5):
        t.at(hour * 3600).collect()
    assert t.until(14_500) == [sent(30, Reason.FIRST, firing="A"), sent(14_430, Reason.REPEAT, firing="A")]


def _second_refuses(to: str, _at: float) -> Answer:
    return REFUSES if to.endswith("/1") else OK


def test_b81_an_integration_that_refuses_is_tried_each_tick_and_the_other_not_again() -> None:
    t = Timeline(TWO, answers=_second_refuses)
    t.at(0).fire("A")
    assert t.until(700) == [sent(30, Reason.FIRST, firing="A", to="hook:webhook/0")]
    assert [a.at for a in t.attempts if a.to == "hook:webhook/1"] == [30, 330, 630]


def test_b82_who_was_never_told_is_not_told_of_the_resolve() -> None:
    t = Timeline(TWO, answers=_second_refuses)
    t.at(0).fire("A")
    t.at(400).resolve("A")
    assert t.until(1000)[1:] == [sent(630, Reason.ALL_RESOLVED, resolved="A", to="hook:webhook/0")]
    assert t.group() is None


def test_b83_a_resolve_that_nobody_takes_is_given_up_in_the_end() -> None:
    t = Timeline(timing(repeat_interval="1h"), answers=lambda _to, at: OK if at == 30 else REFUSES)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(7000).collect()
    tried = [a.at for a in t.attempts]
    assert tried[:4] == [30, 330, 630, 930]
    assert t.group() is not None
    t.at(7400).collect()
    t.at(7700)
    assert t.group() is None


def test_b84_a_named_integration_keeps_its_history_when_the_list_is_reordered() -> None:
    one = "      - url: http://hook.example/one\n        alertrouter: {name: one}\n"
    two = "      - url: http://hook.example/two\n        alertrouter: {name: two}\n"
    head = TWO[: TWO.index("      - url")]
    t = Timeline(head + one + two)
    t.at(0).fire("A")
    t.at(100).reload(head + two + one)
    assert len(t.until(1000)) == 2


def test_b84_an_integration_before_an_unnamed_one_begins_a_new_history() -> None:
    head = TWO[: TWO.index("      - url")]
    t = Timeline(HOOK)
    t.at(0).fire("A")
    t.at(100).reload(head + "      - url: http://hook.example/new\n      - url: http://hook.example/\n")
    assert t.until(400)[1:] == [sent(330, Reason.FIRST, firing="A", to="hook:webhook/1")]


def test_b85_members_are_known_by_their_labels_alone() -> None:
    t = Timeline()
    t.at(0).fire("A", annotations={"v": "1"})
    t.at(30)
    (entry,) = t.engine.entries.values()
    t.at(200).fire("A", starts=150, annotations={"v": "2"})
    known = t.known("A")
    assert known is not None
    assert entry.firing == {known.labels.identity}


def test_b86_receiver_data_lasts_as_long_as_the_firing_period() -> None:
    kept = Answer(data={"thread": "1.5"})
    t = Timeline(answers=lambda _to, at: kept if at == 30 else OK)
    t.at(0).fire("A")
    t.at(31).fire("B")
    t.at(400).resolve("A").resolve("B")
    t.at(700).fire("A")
    t.until(1000)
    assert [(at, dict(n.receiver_data)) for at, n in t.notifications] == [
        (30, {}),
        (330, {"thread": "1.5"}),
        (630, {"thread": "1.5"}),
        (730, {}),
    ]


def test_b86_receiver_data_of_a_failed_send_is_not_kept() -> None:
    t = Timeline(answers=lambda _to, at: Answer("refused", data={"thread": "x"}) if at == 30 else OK)
    t.at(0).fire("A")
    t.until(400)
    assert dict(t.notifications[0][1].receiver_data) == {}


def test_b87_the_log_is_stamped_with_the_tick_of_its_flush() -> None:
    t = Timeline(answers=lambda _to, _at: Answer(after=7))
    t.at(0).fire("A")
    t.at(100)
    (entry,) = t.engine.entries.values()
    assert (entry.flushed_at, entry.sent_at) == (moment(30), moment(37))


def test_b88_the_reasons_are_exactly_these_texts() -> None:
    assert {str(reason) for reason in Reason} == {
        "first notification",
        "new alerts added",
        "some alerts resolved",
        "all alerts resolved",
        "repeat interval elapsed",
        "unknown",
    }


def test_an_alert_that_comes_again_and_is_over_before_its_flush_has_nothing_to_announce() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(400).fire("A")
    t.at(410).resolve("A")
    t.until(1000)
    a = next(known.labels.identity for known in t.engine.known.values())
    assert t.store.decisions[-1].left_out == {a: NotSent.NOTHING_TO_ANNOUNCE}
