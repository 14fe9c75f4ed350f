"""What answers and failures of the backend do to rules (`rules.md` R50 to R67)."""

from __future__ import annotations

import math

import pytest

from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.rules.live_rule import Health
from alertrouter.rules.model import PartialResponse
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer, QueryError
from alertrouter.templating.rule_functions import Histogram, Sample
from tests.rules.story import Result, Story, alerting, minutes, sample, unreachable, while_minutes


def failing(first: float, last: float, after: list[Sample]) -> Story:
    """Firing from the first minute, and the backend away for some."""
    story = Story(alerting())

    def answer(minute: float) -> Result:
        if first <= minute <= last:
            return unreachable()
        return [sample()] if minute < first else after

    story.answer(answer)
    return story


def test_nothing_changes_while_the_backend_fails() -> None:  # R50
    story = failing(1, 9, [sample()])
    story.evaluate(0)
    for minute in range(1, 10):
        story.evaluate(minute)
        assert story.states() == ["firing"]
        assert minutes(story.alert().active_at) == 0
        assert story.rule().health is Health.ERROR
        assert story.rule().last_error == "connection refused"
    assert story.times() == [0]
    assert story.live.counts.failures == 9


def test_after_a_failure_it_goes_on_where_it_was() -> None:  # R51
    story = failing(1, 9, [sample()])
    story.evaluate(0, 10)
    assert [(each.at, each.starts) for each in story.sent] == [(0, 0), (10, 0)]
    assert story.rule().health is Health.OK
    assert story.rule().last_error == ""


def test_after_a_failure_what_is_gone_is_resolved() -> None:  # R52
    story = failing(1, 9, [])
    story.evaluate(0, 10)
    assert (story.sent[-1].at, story.sent[-1].ends) == (10, 10)


def test_while_a_query_fails_who_fires_is_told_again() -> None:  # R53
    story = failing(1, 9, [sample()])
    story.options = Options(tell_when_blind=False)
    story.reload(alerting())
    story.evaluate(0, 9)
    assert [(each.at, each.starts, each.ends) for each in story.sent] == [
        (at, 0, at + 4) for at in (0, 2, 4, 6, 8)
    ]
    assert story.rule().health is Health.ERROR
    assert story.live.counts.resent == 4


def test_a_backend_that_is_gone_for_good_is_not_covered_up_for_ever() -> None:
    story = failing(1, 9999, [])
    story.options = Options(longest_resend=HOUR, tell_when_blind=False)
    story.reload(alerting())
    story.evaluate(0, 120)
    assert story.sent[-1].at == 60
    assert story.states() == ["firing"]


def test_for_goes_on_through_failures() -> None:  # R54
    story = Story(alerting(hold=5 * MINUTE))
    story.answer(lambda minute: unreachable() if minute in {2, 3} else [sample()])
    story.evaluate(0, 5)
    assert story.states() == ["firing"]


def test_a_failure_at_the_end_of_for_puts_it_off() -> None:  # R55
    story = Story(alerting(hold=5 * MINUTE))
    story.answer(lambda minute: unreachable() if minute == 5 else [sample()])
    story.evaluate(0, 5)
    assert story.states() == ["pending"]
    story.evaluate(6)
    assert story.sent[0].starts == 6


def test_a_scalar_is_one_alert_without_labels() -> None:  # R56
    story = Story(alerting(labels={"severity": "page"}))
    story.answer([Sample({}, 1.0)])
    story.evaluate(0)
    assert story.alert().labels == {"alertname": "Down", "severity": "page"}


def test_an_answer_that_is_no_vector_is_an_error() -> None:  # R57
    story = Story(alerting())
    story.answer(
        lambda minute: [sample()] if minute == 0 else QueryError("rule result is not a vector or scalar")
    )
    story.evaluate(0, 1)
    assert story.states() == ["firing"]
    assert story.rule().last_error == "rule result is not a vector or scalar"


def test_what_is_no_number_fires_too() -> None:  # R58
    story = Story(alerting())
    story.answer([sample(math.nan, i="1"), sample(math.inf, i="2"), sample(-math.inf, i="3")])
    story.evaluate(0, 1)
    assert [str(each.value) for each in story.rule().alerts.values()] == ["nan", "inf", "-inf"]
    assert story.times() == [0, 0, 0]


def test_a_native_histogram_fires_too() -> None:
    story = Story(alerting(annotations={"summary": "{{ $value }}"}))
    story.answer([Sample({}, Histogram("{count:3, sum:6}"))])
    story.evaluate(0)
    assert story.alert().value == "{count:3, sum:6}"
    assert story.sent[0].annotations == {"summary": "{count:3, sum:6}"}


SAME = "vector contains metrics with the same labelset after applying alert labels"


def test_samples_that_differ_in_their_name_only_are_an_error() -> None:  # R59
    story = Story(alerting())
    story.answer(lambda minute: [sample(__name__=name) for name in (("a",) if minute == 0 else ("a", "b"))])
    story.evaluate(0, 2)
    assert story.states() == ["firing"]
    assert story.times() == [0]
    assert story.rule().last_error == SAME
    assert story.rule().health is Health.ERROR


def test_a_rule_label_that_hides_the_difference_is_an_error() -> None:  # R60
    story = Story(alerting(labels={"instance": "all"}))
    story.answer([sample(instance="a"), sample(instance="b")])
    story.evaluate(0)
    assert story.rule().last_error == SAME
    assert story.rule().alerts == {}


def test_too_many_alerts_are_all_forgotten() -> None:  # R61
    story = Story(alerting(), limit=2)
    story.answer(lambda minute: [sample(i=name) for name in ("ab" if minute == 0 else "abc")])
    story.evaluate(0, 3)
    assert story.rule().last_error == "exceeded limit of 2 with 3 alerts"
    assert story.rule().alerts == {}
    assert story.rows == {}
    assert story.times() == [0, 0]


def test_resolved_alerts_do_not_count_for_the_limit() -> None:  # R62
    story = Story(alerting(), limit=2)
    story.answer(lambda minute: [sample(i=str(minute)), sample(i=f"also {minute}")])
    story.evaluate(0, 3)
    assert len(story.rule().alerts) == 8
    assert story.rule().health is Health.OK


def test_a_negative_limit_is_none() -> None:
    story = Story(alerting(), limit=-1)
    story.answer([sample(i="a"), sample(i="b")])
    story.evaluate(0)
    assert story.states() == ["firing", "firing"]


def test_warnings_of_the_backend_are_shown() -> None:  # R64
    story = Story(alerting())
    story.answer(Answer([sample()], warnings=("one store is slow",)))
    story.evaluate(0)
    assert story.rule().warnings == ("one store is slow",)
    assert story.rule().health is Health.OK
    assert story.states() == ["firing"]


def test_a_partial_answer_is_an_error() -> None:  # R65
    story = Story(alerting())
    story.answer(lambda minute: [sample()] if minute == 0 else Answer([], partial=True))
    story.evaluate(0, 1)
    assert story.states() == ["firing"]
    assert story.rule().last_error == "the answer is partial: some of the data could not be read"


def test_a_partial_answer_that_is_taken_resolves_nothing() -> None:  # R65
    story = Story(alerting(hold=MINUTE), partial_response=PartialResponse.WARN)

    def answer(minute: float) -> Result:
        if minute <= 1:
            return [sample(i="firing"), *([sample(i="pending")] if minute else [])]
        return Answer([sample(i="new")], partial=minute < 9)

    story.answer(answer)
    story.evaluate(0, 8)
    found = {alert.labels["i"]: alert.state.value for alert in story.rule().alerts.values()}
    # Nothing is known of the pending one: it neither fires nor goes.
    assert found == {"firing": "firing", "pending": "pending", "new": "firing"}
    story.evaluate(9)
    assert story.states() == ["firing"]


def test_a_query_may_take_an_interval_at_most() -> None:
    for interval, longest in ((10 * SECOND, 10 * SECOND), (HOUR, 2 * MINUTE)):
        story = Story(alerting(), interval=interval)
        story.evaluate(0)
        assert story.backend.timeouts == [longest]


def test_a_bug_in_one_rule_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    story = Story(alerting(), alerting("Other", "other"))
    story.answer(ZeroDivisionError())
    story.answer([sample()], "other")
    story.evaluate(0)
    assert story.rule(0).last_error == "internal error: see the log"
    assert story.states(1) == ["firing"]
    assert "because of a bug" in caplog.text


def test_a_failure_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    story = Story(alerting(), alerting("Other", "other"))
    story.answer(lambda minute: unreachable() if 1 <= minute <= 3 else [])
    story.answer(lambda minute: unreachable() if 1 <= minute <= 3 else [], "other")
    story.evaluate(0, 5)
    assert [record.message for record in caplog.records] == [
        "Evaluating rules failed",
        "Evaluating rules works again",
    ]


def test_which_of_two_failing_rules_fails_first_is_not_logged_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    story = Story(alerting(), alerting("Other", "other"))
    story.answer(unreachable())
    story.answer(unreachable(), "other")
    story.backend.is_late = lambda expression, minute: (expression == "other") == (minute % 2 == 0)
    story.evaluate(0, 5)
    assert [(record.message, record.__dict__["err"]) for record in caplog.records] == [
        ("Evaluating rules failed", "Down: connection refused")
    ]


def test_a_group_that_is_never_answered_is_an_alert_of_its_own() -> None:
    story = Story(alerting(), alerting("Other", "other"), options=Options())

    def answer(minute: float) -> Result:
        return unreachable() if 2 <= minute <= 10 else []

    story.answer(answer)
    story.answer(answer, "other")
    story.evaluate(0, 6)
    assert story.sent == []
    story.evaluate(7, 12)
    assert [(each.at, each.starts, each.ends) for each in story.sent] == [
        (7, 7, 11),
        (9, 7, 13),
        (11, 7, 11),
    ]
    assert story.sent[0].labels == {"alertname": "RuleBackendDown", "rule_group": "rules.yml;node"}
    assert "connection refused" in story.sent[0].annotations["description"]


@pytest.mark.parametrize(
    ("error", "strict"),
    [
        # Another rule is answered, or could be.
        (QueryError("parse error", kind="bad_data"), False),
        (unreachable(), True),
    ],
)
def test_a_rule_that_is_wrong_itself_is_no_blindness(error: QueryError, strict: bool) -> None:
    story = Story(alerting(), options=Options(tell_when_blind=not strict))
    story.answer(error)
    story.evaluate(0, 10)
    assert story.sent == []


def test_a_group_of_which_one_rule_is_answered_is_not_blind() -> None:
    story = Story(alerting(), alerting("Other", "other"), options=Options())
    story.answer(unreachable())
    story.evaluate(0, 10)
    assert story.sent == []


def test_a_rule_that_is_debugged_tells_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    story = Story(alerting(), debug=True)
    story.answer([sample()])
    story.evaluate(0)
    (record,) = caplog.records
    assert record.__dict__["query"] == "up == 0"
    assert record.__dict__["time"] == "2023-11-14T22:14:00Z"
    assert record.__dict__["alerts"] == {"firing": 1}


def test_nothing_that_is_not_there_is_ever_resolved_by_an_outage() -> None:
    story = Story(alerting(keep=2 * MINUTE), options=Options())
    story.answer(lambda minute: unreachable() if 3 <= minute <= 30 else while_minutes((0, 1))(minute))
    story.evaluate(0, 30)
    # Kept since minute 2, and nothing was seen since: it is decided when there is an answer again.
    assert story.states() == ["firing"]
    story.evaluate(31)
    assert story.states() == []
