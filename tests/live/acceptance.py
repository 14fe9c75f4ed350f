"""The stories of Alertmanager's own acceptance suite, with the moments that its semantics give.

Where the suite posts a tenth of a second beside a flush, the moment is moved further away, inside the same interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.live.agreeing import ADDED, ALL, FIRST, REPEAT, SOME
from tests.live.scenario import (
    FAR,
    Fire,
    Scenario,
    Step,
    down_until,
    fire,
    hooks,
    open_ended,
    resolve,
    silence,
    steps,
    timeless,
    unsilence,
)
from tests.receivers import Misbehave

# Not a millisecond, as the suite has it: theirs keeps what was told for twice that long, and now and then had forgotten it.
_EACH_SECOND = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "600ms"}
_TOGETHER = {**_EACH_SECOND, "group_by": []}
_JOB_OVER_INSTANCE = {
    "source_matchers": ['alertname="JobDown"'],
    "target_matchers": ['alertname="InstanceDown"'],
    "equal": ["job", "zone"],
}


def _merged(lasting: float | None) -> Sequence[Step]:
    """Posts of one alert by sources that do not agree; what fires is posted without an end, or lasts so long."""

    def firing(at: float, since: float, version: str = "") -> Sequence[Step]:
        until = None if lasting is None else since + lasting
        return [Fire(at=at, names=["A"], since=since, until=until, annotations=_annotated(version))]

    def ended(at: float, since: float, until: float, version: str) -> Sequence[Step]:
        return [Fire(at=at, names=["A"], since=since, until=until, annotations=_annotated(version))]

    return steps(
        firing(1, 1.1),
        firing(1.3, 1),
        firing(2.4, 2, "v1"),
        firing(3.5, 1.5, "v2"),
        ended(4.3, 3, 4.2, "v2"),
        ended(4.6, 2.9, 4.6, "v3"),
        ended(4.6, 2.9, 4.1, "v3"),
        firing(5.4, 5),
    )


def _annotated(version: str) -> Mapping[str, str]:
    return {"version": version} if version else {}


_MERGED = {
    "hook": [
        (2, f"{FIRST} +A"),
        (3, f"{REPEAT} +A"),
        (4, f"{REPEAT} +A"),
        (5, f"{ALL} -A"),
        (6.4, f"{FIRST} +A"),
    ]
}
MERGED = [
    Scenario(name="MergeAlerts", route=_EACH_SECOND, steps=_merged(None), told=_MERGED, goes_on=True),
    Scenario(name="MergeAlerts with ends", route=_EACH_SECOND, steps=_merged(3), told=_MERGED, goes_on=True),
]

# resolve_timeout is 10s in these.
ACCEPTANCE = [
    *MERGED,
    Scenario(
        name="Repeat",
        route=_EACH_SECOND,
        steps=steps(open_ended(1, "A", since=1), fire(3.5, "A", since=1, until=3)),
        told={"hook": [(2, f"{FIRST} +A"), (3, f"{REPEAT} +A"), (4, f"{ALL} -A")]},
    ),
    Scenario(
        name="Retry",
        route={"group_wait": "1s", "group_interval": "2s", "repeat_interval": "3s"},
        receivers={"SELF": hooks(one={}, two={})},
        steps=steps(open_ended(1, "A", since=1)),
        told={
            "one": [(2, f"{FIRST} +A"), (6, f"{REPEAT} +A")],
            "two": [(2, f"{FIRST} +A"), (6, f"{REPEAT} +A")],
        },
        goes_on=True,
    ),
    Scenario(
        name="Batching",
        route={"group_by": [], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "4900ms"},
        steps=steps(
            open_ended(1.1, "1", since=1), open_ended(1.7, "5", since=1), fire(3.5, "2", "3", "4", since=3)
        ),
        told={
            "hook": [
                (2.1, f"{FIRST} +1 +5"),
                (4.1, f"{ADDED} +1 +2 +3 +4 +5"),
                (9.1, f"{REPEAT} +1 +2 +3 +4 +5"),
            ]
        },
        goes_on=True,
    ),
    Scenario(
        name="Resolved",
        route={"group_interval": "5s"},
        steps=steps(timeless(1, "1", "2", "3")),
        told={"hook": [(2, f"{FIRST} +1 +2 +3"), (12, f"{ALL} -1 -2 -3")]},
        own_times=True,
    ),
    Scenario(
        name="ResolvedFilter",
        route={"group_interval": "5s"},
        receivers={"SELF": hooks(all={}, firing={"send_resolved": False})},
        steps=steps(
            timeless(1, "1", "2"),
            fire(3, "1", since=1, until=4),
            open_ended(3, "3", since=3),
            open_ended(8, "3", since=3),
        ),
        told={
            "all": [(2, f"{FIRST} +1 +2"), (7, f"{ADDED} -1 +2 +3"), (12, f"{SOME} -2 +3")],
            "firing": [(2, f"{FIRST} +1 +2"), (7, f"{ADDED} +2 +3")],
        },
        own_times=True,
    ),
    Scenario(
        name="WebhookTimeout",
        route={"group_interval": "60s"},
        receivers={"SELF": hooks(hook={"timeout": "500ms"})},
        answers={"hook": down_until(3, Misbehave.HANG)},
        steps=steps(open_ended(1, "A", since=1)),
        told={"hook": [(3.3, f"{FIRST} +A")]},
    ),
    Scenario(
        name="Silencing",
        route=_TOGETHER,
        steps=steps(
            open_ended(1, "1", since=1),
            open_ended(1, "2", since=1),
            silence(2.3, "s", i="1", since=2.5, until=4.5),
        ),
        told={
            "hook": [(2, f"{FIRST} +1 +2"), (3, f"{REPEAT} +2"), (4, f"{REPEAT} +2"), (5, f"{ADDED} +1 +2")]
        },
        goes_on=True,
    ),
    Scenario(
        name="SilenceDelete",
        route=_TOGETHER,
        steps=steps(fire(1, "1", "2"), silence(1.3, "s", since=1.5, until=100), unsilence(3.5, "s")),
        told={"hook": [(4, f"{FIRST} +1 +2"), (5, f"{REPEAT} +1 +2")]},
        differs="a group that was muted at its first flush waits for `group_interval` when it is free",
        ours={"hook": [(3.5, f"{FIRST} +1 +2"), (4.5, f"{REPEAT} +1 +2")]},
        strict={"hook": [(4, f"{FIRST} +1 +2"), (5, f"{REPEAT} +1 +2")]},
        goes_on=True,
    ),
    Scenario(
        name="Inhibiting",
        route={**_TOGETHER, "repeat_interval": "1s"},
        rules=[_JOB_OVER_INSTANCE],
        steps=steps(
            open_ended(1, "test", since=1, alertname="test1"),
            open_ended(1, "aa", since=1, alertname="InstanceDown", job="testjob", zone="aa"),
            open_ended(1, "ab", since=1, alertname="InstanceDown", job="testjob", zone="ab"),
            open_ended(2.4, "job", since=2.2, alertname="JobDown", job="testjob", zone="aa"),
            resolve(3.5, "job", since=2.2, alertname="JobDown", job="testjob", zone="aa"),
        ),
        told={
            "hook": [
                (2, f"{FIRST} +aa +ab +test"),
                (3, f"{ADDED} +ab +job +test"),
                (4, f"{ADDED} +aa +ab -job +test"),
            ]
        },
        goes_on=True,
    ),
    Scenario(
        name="AlwaysInhibiting",
        route={**_TOGETHER, "repeat_interval": "1s"},
        rules=[_JOB_OVER_INSTANCE],
        steps=steps(
            open_ended(1, "aa", since=1, alertname="InstanceDown", job="testjob", zone="aa"),
            open_ended(1, "job", since=1, alertname="JobDown", job="testjob", zone="aa"),
            resolve(2.5, "job", since=1, alertname="JobDown", job="testjob", zone="aa"),
            resolve(2.5, "aa", since=1, alertname="InstanceDown", job="testjob", zone="aa"),
        ),
        told={"hook": [(2, f"{FIRST} +job"), (3, f"{ALL} -aa -job")]},
    ),
    Scenario(
        name="SendAlertsToUTF8Route",
        route={"routes": [{"matchers": ['foo🙂="bar"'], "receiver": "SELF-utf8", "group_by": ["foo🙂"]}]},
        receivers={"SELF": hooks(default={}), "SELF-utf8": hooks(utf8={})},
        steps=steps([Fire(at=1, names=["A"], since=1, until=FAR, labels={"foo🙂": "bar"})]),
        told={"utf8": [(2, f"{FIRST} +A")]},
    ),
]

_RESTARTED_TIMERS = "a reload rebuilds all groups and restarts their timers"
_SLOW = {"group_by": [], "group_interval": "6s", "repeat_interval": "10m"}

# With a start delay that ends at 3.5, or later as a program takes its time to start; and a reload at 7.
COLD_START = Scenario(
    name="ColdStart",
    differs=_RESTARTED_TIMERS,
    route=_SLOW,
    steps=steps(fire(1, "1"), fire(2, "2"), fire(7.4, "3"), fire(7.7, "4")),
    told={"hook": [(3.5, f"{FIRST} +1 +2"), (13, f"{ADDED} +1 +2 +3 +4")]},
    ours={"hook": [(3.5, f"{FIRST} +1 +2"), (9.5, f"{ADDED} +1 +2 +3 +4")]},
    strict={"hook": [(3.5, f"{FIRST} +1 +2"), (13, f"{ADDED} +1 +2 +3 +4")]},
    window=(1.3, 3.5),
)

# With a reload at 3.
RELOAD = Scenario(
    name="Reload",
    differs=_RESTARTED_TIMERS,
    route=_SLOW,
    steps=steps(fire(1, "1"), fire(4, "2")),
    told={"hook": [(2, f"{FIRST} +1"), (9, f"{ADDED} +1 +2")]},
    ours={"hook": [(2, f"{FIRST} +1"), (8, f"{ADDED} +1 +2")]},
    strict={"hook": [(2, f"{FIRST} +1"), (9, f"{ADDED} +1 +2")]},
)
