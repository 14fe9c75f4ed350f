"""Stories that Alertmanager and we tell alike, body by body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.live.scenario import (
    FAR,
    HOOK,
    Fire,
    Scenario,
    always,
    at,
    fire,
    hooks,
    resolve,
    silence,
    steps,
    timeless,
    unsilence,
)
from tests.receivers import Answer

FIRST = "firing, first notification:"
ADDED = "firing, new alerts added:"
SOME = "firing, some alerts resolved:"
ALL = "resolved, all alerts resolved:"
REPEAT = "firing, repeat interval elapsed:"

_CRITICAL_OVER_WARNING = {
    "source_matchers": ['severity="critical"'],
    "target_matchers": ['severity="warning"'],
    "equal": ["cluster"],
}
_ALWAYS = {
    "name": "SELF-always",
    "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}],
}
_NEVER = {"name": "SELF-never", "time_intervals": [{"years": ["1999"]}]}
_ODD_VALUES = json.dumps(
    [
        {
            "labels": {
                "scenario": "SELF",
                "alertname": 'a "quoted" \\ name\n<&>',
                "i": "ü🙂\u2028",
                "empty": "",
                "tab": "a\tb\x7f",
            },
            "annotations": {"empty": "", "long": "x" * 5000, "other": "日本語"},
            "startsAt": "2026-01-01T10:00:00.123456789+02:00",
            "endsAt": "2126-01-01T10:00:00-07:30",
            "generatorURL": "http://prometheus.example/graph?a=<b>&c=d",
        }
    ]
)
_GOOD_BETWEEN_BAD = json.dumps(
    [
        {"labels": {"scenario": "SELF", "alertname": "x", "i": "A"}},
        {
            "labels": {"scenario": "SELF", "alertname": "x", "i": "B"},
            "startsAt": "2026-01-01T10:00:00Z",
            "endsAt": "2025-01-01T10:00:00Z",
        },
        {"labels": {"scenario": "SELF", "alertname": "x", "i": "C"}},
    ]
)
_OVER_ON_ARRIVAL = json.dumps(
    [
        {
            "labels": {"scenario": "SELF", "alertname": "x", "i": "A"},
            "startsAt": "2026-01-01T10:00:00Z",
            "endsAt": "2026-01-01T11:00:00Z",
        }
    ]
)
_PAYLOAD = {
    "text": '{{ .Status | toUpper }} {{ .GroupLabels.SortedPairs.Values | join ", " }}',
    "labels": "{{ .CommonLabels | toJson }}",
    "number": "{{ len .Alerts }}",
    "truth": '{{ eq .Status "firing" }}',
    "nothing": "{{ with .CommonAnnotations.absent }}{{ . }}{{ end }}",
    "colon": "abc:",
    "{{ .Receiver }}": ["{{ .ExternalURL }}", 7, None, {"nested": "{{ (index .Alerts 0).Labels.i }}"}],
    "loop": "{{ range $n, $a := .Alerts }}{{ if $n }}, {{ end }}{{ $a.Labels.i }}={{ $a.Status }}{{ end }}",
    "reason": "{{ .NotificationReason }}",
}


_EACH_TICK = ((1, "something"), (3, "something"), (5, "something"))


def _worded(
    kind: str,
    config: Mapping[str, Any],
    *,
    answer: str = "{}",
    told: Sequence[tuple[float, str]] = _EACH_TICK,
) -> Scenario:
    """A story of an integration with its default wording."""
    return Scenario(
        name=f"the default wording of {kind}",
        receivers={"SELF": {f"{kind}_configs": [{"send_resolved": True, **config}]}},
        answers={kind: always(Answer(body=answer.encode(), headers={"Content-Type": "application/json"}))},
        steps=steps(
            fire(0, "A", "B", job="<x> & *y*", annotations={"description": '_d_ "ü"'}),
            resolve(2, "B", job="<x> & *y*"),
            resolve(4, "A", job="<x> & *y*"),
        ),
        told={kind: told},
    )


WORDED = [
    _worded("slack", {"api_url": "HOOK/slack", "channel": "#ops"}, answer='{"ok": true}'),
    _worded("pagerduty", {"url": "HOOK/pagerduty", "routing_key": "k"}),
    _worded("opsgenie", {"api_url": "HOOK/opsgenie/", "api_key": "k"}),
    _worded("victorops", {"api_url": "HOOK/victorops/", "api_key": "k", "routing_key": "r"}),
    _worded("discord", {"webhook_url": "HOOK/discord"}),
    _worded("msteams", {"webhook_url": "HOOK/msteams"}),
    _worded("msteamsv2", {"webhook_url": "HOOK/msteamsv2"}),
    _worded(
        "webex",
        {"api_url": "HOOK/webex", "room_id": "r", "http_config": {"authorization": {"credentials": "t"}}},
    ),
    _worded(
        "telegram",
        {"api_url": "HOOK/telegram", "bot_token": "t", "chat_id": 1},
        answer='{"ok": true, "result": {"message_id": 1, "date": 1, "chat": {"id": 1}}}',
    ),
    _worded(
        "rocketchat",
        {"api_url": "HOOK/rocketchat", "token": "t", "token_id": "i", "channel": "c"},
        answer='{"success": true}',
    ),
    _worded("mattermost", {"webhook_url": "HOOK/mattermost"}, answer="ok"),
    _worded(
        "wechat",
        {"api_url": "HOOK/wechat/", "api_secret": "s", "corp_id": "c"},
        answer='{"errcode": 0, "errmsg": "ok", "access_token": "a", "expires_in": 7200}',
        told=((1, "something"), *_EACH_TICK),
    ),
    _worded(
        "jira",
        {"api_url": "HOOK/jira", "project": "P", "issue_type": "Bug"},
        answer='{"issues": [], "key": "P-1", "id": "1"}',
        # It looks for an issue, and makes one unless all is well.
        told=((1, "something"), (1, "something"), (3, "something"), (3, "something"), (5, "something")),
    ),
    _worded(
        "incidentio",
        {"url": "HOOK/incidentio", "alert_source_token": "t"},
        told=((1, f"{FIRST} +A +B"), (3, f"{SOME} +A -B"), (5, f"{ALL} -A")),
    ),
]

AGREEING = [
    *WORDED,
    Scenario(
        name="one alert fires and ends",
        steps=steps(fire(0, "A"), resolve(2, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ALL} -A")]},
    ),
    Scenario(
        name="alerts of one moment are one message",
        steps=steps(fire(0, "A", "B"), fire(0.5, "C")),
        told={"hook": [(1, f"{FIRST} +A +B +C")]},
    ),
    Scenario(
        name="another alert comes with the next tick",
        steps=steps(fire(0, "A"), fire(2, "B")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="some end",
        steps=steps(fire(0, "A", "B"), resolve(2, "B"), resolve(6, "A")),
        told={"hook": [(1, f"{FIRST} +A +B"), (3, f"{SOME} +A -B"), (7, f"{ALL} -A")]},
    ),
    Scenario(
        name="it is repeated",
        route={"repeat_interval": "3s"},
        steps=steps(fire(0, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (5, f"{REPEAT} +A"), (9, f"{REPEAT} +A")]},
        goes_on=True,
    ),
    Scenario(
        name="a repeat counts from the last message",
        route={"repeat_interval": "3s"},
        steps=steps(fire(0, "A"), fire(2, "B")),
        told={
            "hook": [
                (1, f"{FIRST} +A"),
                (3, f"{ADDED} +A +B"),
                (7, f"{REPEAT} +A +B"),
                (11, f"{REPEAT} +A +B"),
            ]
        },
        goes_on=True,
    ),
    Scenario(
        name="an old alert does not wait",
        steps=steps(fire(0, "A", since=-10), fire(1, "B")),
        told={"hook": [(0, f"{FIRST} +A"), (2, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="an alert of the future fires now",
        steps=steps(fire(0, "A", since=1000)),
        told={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="over before it was told",
        steps=steps(fire(0, "A"), resolve(0.5, "A"), at(0, _OVER_ON_ARRIVAL)),
        told={},
    ),
    Scenario(
        name="it fires again after its end was told",
        steps=steps(fire(0, "A"), resolve(2, "A"), fire(6, "A")),
        told={"hook": [(1, f"{FIRST} +A"), (3, f"{ALL} -A"), (7, f"{FIRST} +A")]},
    ),
    Scenario(
        name="a flap between two ticks is nobody's business",
        route={"group_interval": "4s"},
        steps=steps(fire(0, "A"), resolve(2, "A"), fire(3.5, "A"), fire(6, "B")),
        told={"hook": [(1, f"{FIRST} +A"), (9, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="other annotations are no news but are told with the next",
        steps=steps(
            fire(0, "A"), fire(2, "A", since=0, annotations={"summary": "other", "more": "<b>"}), fire(4, "B")
        ),
        told={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="two sources of one alert agree on the earlier start",
        steps=steps(
            fire(0, "A"), fire(2, "A", since=-0.5, until=50), fire(2.2, "A", since=1, until=60), fire(4, "B")
        ),
        told={"hook": [(1, f"{FIRST} +A"), (5, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="an alert nobody mentions any more ends by itself",
        steps=steps(timeless(0, "A", "B"), timeless(2, "B")),
        # resolve_timeout is 4s here.
        told={"hook": [(1, f"{FIRST} +A +B"), (5, f"{SOME} -A +B"), (7, f"{ALL} -B")]},
        own_times=True,
    ),
    Scenario(
        name="routes go on to the next",
        route={
            "routes": [
                {"matchers": ['team="db"'], "receiver": "SELF-db", "continue": True},
                {"match_re": {"team": "d.|web"}, "receiver": "SELF-re", "group_by": ["i"]},
                {"matchers": ['team!="db"', 'i!~"X|Y"'], "receiver": "SELF-rest"},
            ]
        },
        receivers={
            "SELF": hooks(root={}),
            "SELF-db": hooks(db={}),
            "SELF-re": hooks(re={}),
            "SELF-rest": hooks(rest={}),
        },
        steps=steps(fire(0, "A", team="db"), fire(0, "B", team="web"), fire(0, "C"), fire(0, "X")),
        told={
            "root": [(1, f"{FIRST} +X")],
            "db": [(1, f"{FIRST} +A")],
            "re": [(1, f"{FIRST} +A"), (1, f"{FIRST} +B")],
            "rest": [(1, f"{FIRST} +C")],
        },
    ),
    Scenario(
        name="grouped by everything",
        route={"group_by": ["..."]},
        steps=steps(fire(0, "A"), fire(0, "B", pod="x"), resolve(2, "B", pod="x")),
        told={"hook": [(1, f"{FIRST} +A"), (1, f"{FIRST} +B"), (3, f"{ALL} -B")]},
    ),
    Scenario(
        name="grouped by nothing",
        route={"group_by": []},
        steps=steps(
            fire(0, "A", alertname="One"), fire(0, "B", alertname="Two"), fire(2, "C", alertname="Three")
        ),
        told={"hook": [(1, f"{FIRST} +A +B"), (3, f"{ADDED} +A +C +B")]},
    ),
    Scenario(
        name="grouped by labels that some lack",
        route={"group_by": ["cluster", "pod"]},
        steps=steps(fire(0, "A", cluster="a"), fire(0, "B", cluster="a", pod="x"), fire(0, "C")),
        told={"hook": [(1, f"{FIRST} +B"), (1, f"{FIRST} +A"), (1, f"{FIRST} +C")]},
    ),
    Scenario(
        name="alerts stand in order of job and instance",
        steps=steps(
            fire(0, "A", z="1"),
            fire(0, "B", job="j2", instance="1"),
            fire(0, "C", job="j1", instance="2"),
            fire(0, "D", job="j1", instance="1", a="x"),
            fire(0, "E", job="j1", instance="1"),
            fire(0, "F", instance="0"),
            fire(0, "G", job="j1"),
        ),
        told={"hook": [(1, f"{FIRST} +E +D +C +G +B +F +A")]},
    ),
    Scenario(
        name="a critical alert inhibits warnings of its cluster",
        rules=[_CRITICAL_OVER_WARNING],
        steps=steps(
            fire(0, "S", severity="critical", cluster="1"),
            fire(0, "T", severity="warning", cluster="1"),
            fire(0, "U", severity="warning", cluster="2"),
            resolve(2, "S", severity="critical", cluster="1"),
        ),
        told={"hook": [(1, f"{FIRST} +S +U"), (3, f"{ADDED} -S +T +U")]},
    ),
    Scenario(
        name="a silenced source inhibits and a source of another route too",
        rules=[_CRITICAL_OVER_WARNING],
        route={"routes": [{"matchers": ['severity="critical"', 'cluster="2"'], "receiver": "SELF-sink"}]},
        receivers={"SELF": HOOK, "SELF-sink": {}},
        steps=steps(
            silence(0, "quiet", i="S"),
            fire(0, "S", severity="critical", cluster="1"),
            fire(0, "V", severity="critical", cluster="2"),
            fire(0, "T", severity="warning", cluster="1"),
            fire(0, "U", severity="warning", cluster="2"),
            fire(0, "W", severity="warning"),
        ),
        told={"hook": [(1, f"{FIRST} +W")]},
    ),
    Scenario(
        name="what inhibits and is inhibited by one rule does not inhibit itself",
        rules=[{"source_matchers": ['a="1"'], "target_matchers": ['b="1"']}],
        steps=steps(fire(0, "A", a="1", b="1"), fire(0, "B", a="1", b="1"), fire(0, "C", b="1")),
        told={"hook": [(1, f"{FIRST} +A +B")]},
    ),
    Scenario(
        name="silenced before it fires and then no more",
        steps=steps(silence(0, "quiet", i="A"), fire(0, "A", "B"), unsilence(4, "quiet")),
        told={"hook": [(1, f"{FIRST} +B"), (5, f"{ADDED} +A +B")]},
    ),
    Scenario(
        name="silenced while it fires",
        steps=steps(fire(0, "A", "B"), silence(2, "quiet", i="A"), fire(4, "C"), unsilence(6, "quiet")),
        told={"hook": [(1, f"{FIRST} +A +B"), (5, f"{ADDED} +B +C"), (7, f"{ADDED} +A +B +C")]},
    ),
    Scenario(
        name="a silence begins and ends by itself",
        steps=steps(silence(0, "later", i="A", since=2, until=6), fire(0, "A", "B"), fire(4, "C")),
        told={"hook": [(1, f"{FIRST} +A +B"), (5, f"{ADDED} +B +C"), (7, f"{ADDED} +A +B +C")]},
    ),
    Scenario(
        name="silenced all the time",
        steps=steps(silence(0, "quiet"), fire(0.2, "A"), fire(4, "B")),
        told={},
    ),
    Scenario(
        name="ends are not told where nobody wants them",
        receivers={"SELF": hooks(hook={"send_resolved": False})},
        steps=steps(fire(0, "A", "B"), resolve(2, "B"), resolve(4, "A"), fire(8, "A")),
        told={"hook": [(1, f"{FIRST} +A +B"), (9, f"{FIRST} +A")]},
    ),
    Scenario(
        name="two integrations of one receiver",
        receivers={"SELF": hooks(all={}, firing={"send_resolved": False})},
        steps=steps(fire(0, "A", "B"), resolve(2, "B"), fire(4, "C")),
        told={
            "all": [(1, f"{FIRST} +A +B"), (3, f"{SOME} +A -B"), (5, f"{ADDED} +A +C")],
            "firing": [(1, f"{FIRST} +A +B"), (5, f"{ADDED} +A +C")],
        },
    ),
    Scenario(
        name="one integration refuses and the other is told once",
        receivers={"SELF": hooks(good={}, bad={})},
        answers={"bad": always(Answer(404))},
        steps=steps(fire(0, "A"), resolve(4, "A")),
        told={
            "good": [(1, f"{FIRST} +A"), (5, f"{ALL} -A")],
            "bad": [(1, f"refused 404: {FIRST} +A"), (3, f"refused 404: {FIRST} +A")],
        },
    ),
    Scenario(
        name="at most two alerts in a message",
        receivers={"SELF": hooks(hook={"max_alerts": 2})},
        steps=steps(fire(0, "A", "B", "C", "D", "E")),
        told={"hook": [(1, f"{FIRST} +A +B")]},
    ),
    Scenario(
        name="muted at all times",
        intervals=[_ALWAYS, _NEVER],
        route={
            "routes": [
                {"matchers": ['i="A"'], "receiver": "SELF", "mute_time_intervals": ["SELF-always"]},
                {
                    "matchers": ['i=~"A|B"'],
                    "receiver": "SELF",
                    "active_time_intervals": ["SELF-never"],
                    "continue": True,
                },
                {"matchers": ['i=~"B|C"'], "receiver": "SELF-open", "active_time_intervals": ["SELF-always"]},
                {
                    "matchers": ['i=~"D|E"'],
                    "receiver": "SELF",
                    "mute_time_intervals": ["SELF-always"],
                    "routes": [{"matchers": ['i="E"'], "receiver": "SELF-open"}],
                },
            ]
        },
        receivers={"SELF": hooks(muted={}), "SELF-open": hooks(open={})},
        steps=steps(fire(0, "A", "B", "C", "D", "E")),
        told={"open": [(1, f"{FIRST} +B +C"), (1, f"{FIRST} +E")]},
    ),
    Scenario(
        name="labels of all scripts",
        route={
            "group_by": ["Σ", "00", "a b", "x"],
            "routes": [{"matchers": ['"foo🙂"="bär"'], "receiver": "SELF-🙂"}],
        },
        receivers={"SELF": HOOK, "SELF-🙂": hooks(smile={})},
        steps=[
            Fire(
                at=0, names=["A"], since=0, until=FAR, labels={"Σ": "c", "00": "b", "a b": 'q"\n', "ö-ä": "d"}
            ),
            Fire(at=0, names=["B"], since=0, until=FAR, labels={"foo🙂": "bär"}),
        ],
        told={"hook": [(1, f"{FIRST} +A")], "smile": [(1, f"{FIRST} +B")]},
    ),
    Scenario(
        name="odd values come out as they went in",
        steps=steps(at(0, _ODD_VALUES)),
        told={"hook": [(0, f"{FIRST} +ü🙂\u2028")]},
    ),
    Scenario(
        name="the good ones of a bad post are taken",
        steps=steps(at(0, _GOOD_BETWEEN_BAD)),
        # resolve_timeout is 4s here.
        told={"hook": [(1, f"{FIRST} +A +C"), (5, f"{ALL} -A -C")]},
        own_times=True,
    ),
    Scenario(
        name="receivers with odd names",
        route={"receiver": "SELF.x(1) <ü>"},
        receivers={"SELF.x(1) <ü>": HOOK},
        steps=steps(fire(0, "A")),
        told={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="matchers of all kinds in the group key",
        route={
            "routes": [
                {
                    "matchers": ['z="1"', 'i!="x"', 'i=~"[A-C]"', r'b!~"\"q\\\\|n"'],
                    "match": {"a": 'q"\\\n'},
                    "match_re": {"a": "q.*\n"},
                    "receiver": "SELF",
                }
            ]
        },
        steps=steps(fire(0, "A", z="1", a='q"\\\n')),
        told={"hook": [(1, f"{FIRST} +A")]},
    ),
    Scenario(
        name="a payload of one's own",
        receivers={"SELF": hooks(hook={"payload": _PAYLOAD})},
        steps=steps(fire(0, "A", "B"), resolve(2, "B")),
        told={"hook": [(1, "something"), (3, "something")]},
    ),
    Scenario(
        name="the address is a template",
        receivers={"SELF": {"webhook_configs": [{"url": "HOOK/{{ .GroupLabels.alertname }}-{{ .Status }}"}]}},
        steps=steps(fire(0, "A"), resolve(2, "A")),
        told={"Alert-firing": [(1, f"{FIRST} +A")], "Alert-resolved": [(3, f"{ALL} -A")]},
    ),
    Scenario(
        name="labels of a route",
        route={"labels": {"team": "ops", "about": '{{ routeLabels "team" }}: {{ .GroupLabels.alertname }}'}},
        steps=steps(fire(0, "A")),
        told={"hook": [(1, f"{FIRST} +A")]},
        since=(0, 34),
    ),
    Scenario(
        name="mail with the default subject and a text",
        receivers={
            "SELF": {
                "email_configs": [
                    {
                        "to": "MAIL",
                        "send_resolved": True,
                        "text": '{{ template "__text_alert_list" .Alerts.Firing }}|'
                        "{{ range .Alerts.Resolved }}{{ .Labels.SortedPairs }}{{ end }} {{ .ExternalURL }}",
                    }
                ]
            }
        },
        steps=steps(fire(0, "A", "B", job="ü"), resolve(2, "B", job="ü")),
        told={
            "mail": [
                (1, "[FIRING:2] Alert (ü mail-with-the-default-subject-and-a-text)"),
                (3, "[FIRING:1] Alert (ü mail-with-the-default-subject-and-a-text)"),
            ]
        },
    ),
]
