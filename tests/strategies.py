"""Things for hypothesis to make up: label sets, and stories of what happens to a few alerts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.timeline import Timeline

# Anything that can be written as UTF-8.
texts = st.characters(codec="utf-8")

labels = st.dictionaries(st.text(texts, min_size=1, max_size=6), st.text(texts, max_size=8), max_size=5)


@dataclass(frozen=True)
class Event:
    """Something that a client or a person does, at a second of the story."""

    at: int
    what: str
    alert: str = "A"

    def happen(self, t: Timeline, **others: str) -> None:
        """Do it, to an alert that has these labels, too."""
        t.at(self.at)
        labels: dict[str, Any] = {
            "sev": "crit" if self.alert in "AB" else "warn",
            "group": "one" if self.alert in "AC" else "two",
            **others,
        }
        known = t.known(self.alert, **labels)
        fires = known is not None and known.ends_at > t.now
        match self.what:
            case "fire":
                t.fire(self.alert, **labels)
            case "fire briefly":
                t.fire(self.alert, ends=self.at + 200, **labels)
            case "resolve" if fires:
                t.resolve(self.alert, **labels)
            case "silence":
                t.silence(f'name="{self.alert}"', ends=self.at + 700)
            case "expire":
                for silence in list(t.engine.silences.values()):
                    t.expire(silence)
            case "collect":
                t.collect()


events = st.builds(
    Event,
    at=st.integers(0, 3000),
    what=st.sampled_from(
        ["fire", "fire", "fire", "fire briefly", "resolve", "resolve", "silence", "expire", "collect"]
    ),
    alert=st.sampled_from("ABCD"),
)

#: A story: what happens, in order.
stories = st.lists(events, min_size=1, max_size=14).map(
    lambda story: sorted(story, key=lambda event: event.at)
)

_seconds = st.sampled_from(["0s", "10s", "30s", "45s", "2m", "5m"])
_intervals = st.sampled_from(["30s", "1m", "2m", "5m", "10m"])
_matchers = st.sampled_from(
    ['sev="warn"', 'sev="crit"', 'group="one"', 'group!="one"', 'name=~"A|D"', 'name="B"', 'team="other"']
)
_mutings = st.lists(st.sampled_from(["early", "late"]), max_size=1)
_receivers = st.sampled_from(["hook", "both", "quiet", "hole"])


def _route(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"matchers": st.lists(_matchers, min_size=1, max_size=2)},
        optional={
            "receiver": _receivers,
            "continue": st.booleans(),
            "group_by": st.sampled_from([["alertname"], ["group"], ["sev", "group"], ["..."]]),
            "group_wait": _seconds,
            "group_interval": _intervals,
            "repeat_interval": st.sampled_from(["5m", "20m", "1h"]),
            "mute_time_intervals": _mutings,
            "active_time_intervals": _mutings,
            "routes": children,
        },
    )


_roots = st.fixed_dictionaries(
    {
        "receiver": _receivers,
        "group_by": st.sampled_from([["alertname"], ["group"], ["..."]]),
        "group_wait": _seconds,
        "group_interval": _intervals,
        "repeat_interval": st.sampled_from(["5m", "20m", "1h"]),
        "routes": st.lists(_route(st.lists(_route(st.just([])), max_size=2)), max_size=3),
    }
)
_rules = st.lists(
    st.sampled_from(
        [
            {"source_matchers": ['sev="crit"'], "target_matchers": ['sev="warn"'], "equal": ["group"]},
            {"source_matchers": ['name="B"'], "target_matchers": ['name=~"A|D"'], "equal": []},
            {"source_matchers": ['name=~"C|D"'], "target_matchers": ['name=~"C|D"'], "equal": ["alertname"]},
        ]
    ),
    max_size=2,
)


def _configuration(root: dict[str, Any], rules: list[dict[str, Any]], wants: list[bool]) -> str:
    def hook(name: str, wanted: bool) -> dict[str, Any]:
        return {"url": f"http://{name}.example/", "send_resolved": wanted}

    return json.dumps(
        {
            "route": root,
            "inhibit_rules": rules,
            "receivers": [
                {"name": "hook", "webhook_configs": [hook("hook", wants[0])]},
                {"name": "both", "webhook_configs": [hook("one", wants[1]), hook("two", wants[2])]},
                {"name": "quiet", "webhook_configs": [hook("quiet", False)]},
                {"name": "hole"},
            ],
            "time_intervals": [
                {"name": name, "time_intervals": [{"times": [{"start_time": start, "end_time": end}]}]}
                for name, start, end in (("early", "00:10", "00:30"), ("late", "00:25", "24:00"))
            ],
        }
    )


#: Configurations for stories: any tree of a few routes to four receivers, one of which tells nobody.
configurations = st.builds(_configuration, _roots, _rules, st.lists(st.booleans(), min_size=3, max_size=3))
