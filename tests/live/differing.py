"""Stories that we tell in another way than Alertmanager, each a row of docs/differences.md."""

from __future__ import annotations

import json

from tests.live.agreeing import ADDED, ALL, FIRST, REPEAT, SOME
from tests.live.scenario import (
    Scenario,
    always,
    at,
    down_until,
    fire,
    hooks,
    resolve,
    silence,
    steps,
    unsilence,
)
from tests.receivers import Answer

_INHIBITING = {
    "source_matchers": ['severity="critical"'],
    "target_matchers": ['severity="warning"'],
    "equal": ["cluster"],
}
_SLOW = {"group_interval": "4s"}
_BROKEN = "{{ (index .Alerts 7).Labels.i }}"
_SLACK = {"api_url": "HOOK/slack", "channel": "#ops"}
_SLACK_ANSWERS = {"slack": always(Answer(body=b"ok"))}
_AT_FIRST_FLUSH = "a group that was muted at its first flush waits for `group_interval` when it is free"
_NEVER_TOLD = "a resolve during a silence, an inhibition or a muting time is never told"
_UNTOLD = "the resolve of an alert that nobody was told of is a message"
_RELOAD = "a reload rebuilds all groups and restarts their timers"
_HISTORY = "an edited matcher, or a moved route, begins a new history"
_TEMPLATE = "a template that fails costs the notification"
_RETRY_AFTER = "`Retry-After` is ignored; a dead receiver is hammered by every group"

DIFFERING = [
    Scenario(
        name="the silence of a new group is ended",
        differs=_AT_FIRST_FLUSH,
        route=_SLOW,
        steps=steps(silence(0, "quiet"), fire(0, "A"), unsilence(2.5, "quiet")),
        told={"hook": [(5, f"{FIRST} +A")]},
        ours={"hook": [(2.5, f"{FIRST} +A")]},
        strict={"hook": [(5, f"{FIRST} +A")]},
    ),
    Scenario(
        name="the silence of a new group ends by itself",
        differs=_AT_FIRST_FLUSH,
        route=_SLOW,
        steps=steps(silence(0, "quiet", until=2.5), fire(0, "A"), fire(8, "B")),
        told={"hook": [(5, f"{FIRST} +A"), (9, f"{ADDED} +A +B")]},
        # The group's ticks are counted from the flush that was moved.
        ours={"hook": [(2.5, f"{FIRST} +A"), (10.5, f"{ADDED} +A +B")]},
        strict={"hook": [(5, f"{FIRST} +A"), (9, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="what inhibited a new group ends",
        differs=_AT_FIRST_FLUSH,
        route={**_SLOW, "group_by": ["i"]},
        rules=[_INHIBITING],
        steps=steps(
            fire(0, "S", severity="critical"),
            fire(0, "T", severity="warning"),
            resolve(2.5, "S", severity="critical"),
        ),
        told={"hook": [(1, f"{FIRST} +S"), (5, f"{ALL} -S"), (5, f"{FIRST} +T")]},
        ours={"hook": [(1, f"{FIRST} +S"), (5, f"{ALL} -S"), (2.5, f"{FIRST} +T")]},
        strict={"hook": [(1, f"{FIRST} +S"), (5, f"{ALL} -S"), (5, f"{FIRST} +T")]},
    ),
    Scenario(
        name="it is repeated after a multiple of the group interval",
        differs="a repeat comes one `group_interval` late when `repeat_interval` is a multiple of it",
        route={"repeat_interval": "4s"},
        # Alertmanager counts from when the message was taken: a moment late, so that its ticks do not race with that.
        answers={"hook": down_until(1.2, Answer(500))},
        steps=steps(fire(0, "A")),
        told={"hook": [(1.5, f"{FIRST} +A"), (7, f"{REPEAT} +A")]},
        ours={"hook": [(1.5, f"{FIRST} +A"), (5, f"{REPEAT} +A"), (9, f"{REPEAT} +A"), (13, f"{REPEAT} +A")]},
        goes_on=True,
    ),
    Scenario(
        name="an end during a silence",
        differs=_NEVER_TOLD,
        steps=steps(fire(0, "A"), silence(2, "quiet"), resolve(2.1, "A"), unsilence(6, "quiet")),
        told={"hook": [(1, f"{FIRST} +A")]},
        ours={"hook": [(1, f"{FIRST} +A"), (7, f"{ALL} -A")]},
    ),
    Scenario(
        name="one of two ends during a silence",
        differs=_NEVER_TOLD,
        steps=steps(fire(0, "A", "B"), silence(2, "quiet", i="A"), resolve(2.1, "A"), unsilence(6, "quiet")),
        told={"hook": [(1, f"{FIRST} +A +B")]},
        ours={"hook": [(1, f"{FIRST} +A +B"), (7, f"{SOME} -A +B")]},
    ),
    Scenario(
        name="an end while it is inhibited",
        differs=_NEVER_TOLD,
        route={"group_by": ["i"]},
        rules=[_INHIBITING],
        steps=steps(
            fire(0, "T", severity="warning"),
            fire(2, "S", severity="critical"),
            resolve(4, "T", severity="warning"),
            resolve(8, "S", since=2, severity="critical"),
        ),
        told={"hook": [(3, f"{FIRST} +S"), (9, f"{ALL} -S"), (1, f"{FIRST} +T")]},
        ours={"hook": [(3, f"{FIRST} +S"), (9, f"{ALL} -S"), (1, f"{FIRST} +T"), (9, f"{ALL} -T")]},
    ),
    Scenario(
        name="an end during a silence for one who wants to know at once",
        differs=_NEVER_TOLD,
        only_ours=True,
        receivers={"SELF": hooks(hook={"alertrouter": {"announce_muted_resolves": True}})},
        steps=steps(fire(0, "A"), silence(2, "quiet"), resolve(2.1, "A"), unsilence(6, "quiet")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ALL} -A")]},
    ),
    Scenario(
        name="an end nobody wants to know and then it fires again",
        differs="a member that resolves unannounced and fires again is taken for the same",
        receivers={"SELF": hooks(hook={"send_resolved": False})},
        steps=steps(fire(0, "A", "B"), resolve(2, "B"), fire(6, "B")),
        told={"hook": [(1, f"{FIRST} +A +B")]},
        ours={"hook": [(1, f"{FIRST} +A +B"), (7, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="it comes and goes between two ticks",
        differs=_UNTOLD,
        steps=steps(fire(0, "A"), fire(1.7, "B"), resolve(2.3, "B", since=1.7)),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{SOME} +A -B")]},
        ours={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="it comes and goes between two ticks and another comes",
        differs=_UNTOLD,
        steps=steps(fire(0, "A"), fire(1.7, "B"), resolve(2.3, "B", since=1.7), fire(2.3, "C")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ADDED} +A -B +C")]},
    ),
    Scenario(
        name="all have ended but what is silenced",
        differs='"all alerts resolved" while a muted member still fires',
        steps=steps(fire(0, "A", "B"), silence(2, "quiet", i="A"), resolve(2, "B")),
        told={"hook": [(1, f"{FIRST} +A +B"), (3, f"{ALL} -B")]},
        ours={"hook": [(1, f"{FIRST} +A +B"), (3, f"{SOME} -B")]},
    ),
    Scenario(
        name="it ends while the receiver is down",
        differs="a message is fixed when its first attempt is made, whatever happens while the receiver is down",
        route={"group_interval": "10s"},
        answers={"hook": down_until(3, Answer(500))},
        steps=steps(fire(0, "A"), resolve(2, "A")),
        told={"hook": [(3.3, f"{FIRST} +A"), (11, f"{ALL} -A")]},
        ours={},
        window=(0.3, 3.5),
    ),
    Scenario(
        name="it is silenced while the receiver is down",
        differs="a message is fixed when its first attempt is made, whatever happens while the receiver is down",
        route={"group_interval": "10s"},
        answers={"hook": down_until(3, Answer(500))},
        steps=steps(fire(0, "A", "B"), silence(2, "quiet", i="A")),
        told={"hook": [(3.3, f"{FIRST} +A +B")]},
        ours={"hook": [(3.3, f"{FIRST} +B")]},
        window=(0.3, 3.5),
    ),
    Scenario(
        name="the end of an earlier episode comes late",
        differs="a late resolve of an earlier episode resolves the alert",
        steps=steps(fire(0, "A"), fire(2, "A", since=-20, until=-10)),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ALL} -A")]},
        ours={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="one of two sources ends",
        differs="one source per inhibition rule and label values is remembered",
        rules=[_INHIBITING],
        steps=steps(
            fire(0, "S", until=90_000, severity="critical", cluster="1"),
            fire(0.1, "Q", until=80_000, severity="critical", cluster="1"),
            fire(0.2, "T", severity="warning", cluster="1"),
            resolve(2, "S", severity="critical", cluster="1"),
        ),
        told={"hook": [(1, f"{FIRST} +Q +S"), (3, f"{ADDED} +Q -S +T")]},
        ours={"hook": [(1, f"{FIRST} +Q +S"), (3, f"{SOME} +Q -S")]},
    ),
    Scenario(
        name="two equal routes",
        differs="two routes with equal matchers and receiver share one history",
        route={
            "routes": [
                {"matchers": ['i="A"'], "receiver": "SELF", "continue": True},
                {"matchers": ['i="A"'], "receiver": "SELF", "group_wait": "2s"},
            ]
        },
        steps=steps(fire(0, "A")),
        told={"hook": [(1, f"{FIRST} +A")]},
        ours={"hook": [(1, f"{FIRST} +A"), (2, f"{FIRST} +A")]},
    ),
    Scenario(
        name="it has fired for long when it ends",
        differs="the log entry of an open announcement may expire",
        route={"group_interval": "10s", "repeat_interval": "1s"},
        steps=steps(fire(0, "A"), resolve(6, "A")),
        told={"hook": [(1, f"{FIRST} +A")]},
        ours={"hook": [(1, f"{FIRST} +A"), (11, f"{ALL} -A")]},
    ),
    Scenario(
        name="what is left out of a message still fires",
        differs="with `max_alerts`, status and common labels are those of the alerts shown",
        receivers={"SELF": hooks(hook={"max_alerts": 1})},
        steps=steps(fire(0, "A", "B"), resolve(2, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (3, "resolved, some alerts resolved: -A")]},
        ours={"hook": [(1, f"{FIRST} +A"), (3, "firing, some alerts resolved: -A")]},
    ),
    # Alertmanager posts a Slack message without any text.
    Scenario(
        name="the title of a Slack message cannot be rendered",
        differs=_TEMPLATE,
        receivers={"SELF": {"slack_configs": [{**_SLACK, "title": _BROKEN}]}},
        answers=_SLACK_ANSWERS,
        steps=steps(fire(0, "A")),
        told={"slack": [(1, "something")]},
        ours={"slack": [(1, "something")]},
    ),
    Scenario(
        name="a field of a Slack message cannot be rendered",
        differs=_TEMPLATE,
        receivers={"SELF": {"slack_configs": [{**_SLACK, "fields": [{"title": "what", "value": _BROKEN}]}]}},
        answers=_SLACK_ANSWERS,
        steps=steps(fire(0, "A")),
        told={"slack": [(1, "something")]},
        ours={"slack": [(1, "something")]},
    ),
    Scenario(
        name="a payload cannot be rendered",
        differs=_TEMPLATE,
        receivers={"SELF": hooks(hook={"payload": {"text": _BROKEN}})},
        steps=steps(fire(0, "A")),
        told={},
        ours={"hook": [(1, "something")]},
    ),
    # Alertmanager begins the mail before it knows, and sends a torn one at each tick.
    Scenario(
        name="the text of a mail cannot be rendered",
        differs=_TEMPLATE,
        only_ours=True,
        receivers={"SELF": {"email_configs": [{"to": "MAIL", "html": "", "text": _BROKEN}]}},
        steps=steps(fire(0, "A")),
        told={"mail": [(1, "[FIRING:1] Alert (A the-text-of-a-mail-cannot-be-rendered)")]},
    ),
    Scenario(
        name="the subject of a mail cannot be rendered",
        differs=_TEMPLATE,
        only_ours=True,
        receivers={"SELF": {"email_configs": [{"to": "MAIL", "headers": {"subject": _BROKEN}}]}},
        steps=steps(fire(0, "A")),
        told={"mail": [(1, "[FIRING:1] Alert (A the-subject-of-a-mail-cannot-be-rendered)")]},
    ),
    Scenario(
        name="a receiver asks to be left alone for a while",
        differs=_RETRY_AFTER,
        route={"group_interval": "10s"},
        answers={"hook": down_until(2, Answer(503, headers={"Retry-After": "4"}))},
        steps=steps(fire(0, "A")),
        told={"hook": [(2.3, f"{FIRST} +A")]},
        ours={"hook": [(5, f"{FIRST} +A")]},
    ),
    Scenario(
        name="moments beyond what can be told",
        differs="moments of any year",
        steps=steps(
            at(
                0,
                json.dumps(
                    [
                        {
                            "labels": {"scenario": "SELF", "i": "A"},
                            "startsAt": "1500-01-01T00:00:00Z",
                            "endsAt": "9999-12-31T23:59:59Z",
                        }
                    ]
                ),
            )
        ),
        told={"hook": [(0, f"{FIRST} +A")]},
        ours={"hook": [(0, f"{FIRST} +A")]},
    ),
]

# What a reload does, at 3.
RELOADED = [
    Scenario(
        name="an unchanged group at a reload",
        differs=_RELOAD,
        route=_SLOW,
        steps=steps(fire(0, "A"), fire(4, "B")),
        # Alertmanager's new group has its turn at the reload, with nothing to tell, and then each 4 seconds.
        told={"hook": [(1, f"{FIRST} +A"), (7, f"{ADDED} +A +B")]},
        ours={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
        strict={"hook": [(1, f"{FIRST} +A"), (7, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="news wait at a reload",
        differs=_RELOAD,
        route=_SLOW,
        steps=steps(fire(0, "A"), fire(1.5, "B")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ADDED} +A +B")]},
        ours={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
        strict={"hook": [(1, f"{FIRST} +A"), (3, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="a group waits for its first turn at a reload",
        differs=_RELOAD,
        route={"group_wait": "4s"},
        steps=steps(fire(0, "A")),
        told={"hook": [(7, f"{FIRST} +A")]},
        ours={"hook": [(4, f"{FIRST} +A")]},
        strict={"hook": [(7, f"{FIRST} +A")]},
    ),
    Scenario(
        name="the timing of a route is edited",
        route={"group_interval": "20s"},
        route_after={"group_interval": "2s"},
        steps=steps(fire(0, "A"), fire(4, "B")),
        told={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
        ours={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="a matcher is edited",
        differs=_HISTORY,
        route={"matchers": ['team!="x"']},
        route_after={"matchers": ['team!="y"']},
        steps=steps(fire(0, "A"), resolve(6, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{FIRST} +A"), (7, f"{ALL} -A")]},
        ours={"hook": [(1, f"{FIRST} +A"), (7, f"{ALL} -A")]},
    ),
    Scenario(
        name="a route is put before another",
        differs=_HISTORY,
        route={"routes": [{"matchers": ['i="A"'], "receiver": "SELF"}]},
        route_after={
            "routes": [
                {"matchers": ['i="Z"'], "receiver": "SELF"},
                {"matchers": ['i="A"'], "receiver": "SELF"},
            ]
        },
        steps=steps(fire(0, "A"), resolve(6, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (7, f"{ALL} -A")]},
    ),
    Scenario(
        name="a named route is edited all over",
        differs=_HISTORY,
        only_ours=True,
        route={"routes": [{"matchers": ['i="A"'], "receiver": "SELF", "alertrouter": {"name": "SELF"}}]},
        route_after={
            "routes": [
                {"matchers": ['i="Z"'], "receiver": "SELF"},
                {"matchers": ['i=~"A|B"'], "receiver": "SELF", "alertrouter": {"name": "SELF"}},
            ]
        },
        steps=steps(fire(0, "A"), resolve(6, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (7, f"{ALL} -A")]},
    ),
]

# What a restart does: down from 3 to 5. Alertmanager begins again with what its clients tell it.
RESTARTED = [
    Scenario(
        name="a target is mentioned before its source",
        differs="after a restart everything old is flushed at once, partly before the sources that inhibit it are known",
        route={"group_by": ["i"]},
        rules=[_INHIBITING],
        steps=steps(
            fire(0, "S", severity="critical"),
            fire(0, "T", severity="warning"),
            fire(9, "T", since=0, severity="warning"),
            fire(12, "S", since=0, severity="critical"),
        ),
        told={"hook": [(1, f"{FIRST} +S"), (9, f"{FIRST} +T")]},
        ours={"hook": [(1, f"{FIRST} +S")]},
    ),
    Scenario(
        name="it has ended meanwhile and its client says so",
        steps=steps(fire(0, "A"), fire(9, "A", since=0, until=4)),
        told={"hook": [(1, f"{FIRST} +A"), (9, f"{ALL} -A")]},
        # Our group's ticks go on, from when it was up again.
        ours={"hook": [(1, f"{FIRST} +A"), (10, f"{ALL} -A")]},
        window=(1, 2),
    ),
    Scenario(
        name="its end passed meanwhile and its client may still come",
        differs="after an outage, alerts whose end has passed are resolved",
        steps=steps(fire(0, "A", until=4)),
        told={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="silences and what was told are known after a restart",
        steps=steps(
            fire(0, "A", "B"), silence(0.2, "quiet", i="B"), fire(9, "A", "B", since=0), fire(12, "C")
        ),
        told={"hook": [(1, f"{FIRST} +A"), (13, f"{ADDED} +A +C")]},
        window=(1, 1.5),
    ),
]
