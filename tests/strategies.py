"""Things for hypothesis to make up: label sets, and stories of what happens to a few alerts."""

from __future__ import annotations

from dataclasses import dataclass

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

    def happen(self, t: Timeline) -> None:
        """Do it."""
        t.at(self.at)
        sev = "crit" if self.alert in "AB" else "warn"
        group = "one" if self.alert in "AC" else "two"
        known = t.known(self.alert, sev=sev, group=group)
        fires = known is not None and known.ends_at > t.now
        match self.what:
            case "fire":
                t.fire(self.alert, sev=sev, group=group)
            case "fire briefly":
                t.fire(self.alert, sev=sev, group=group, ends=self.at + 200)
            case "resolve" if fires:
                t.resolve(self.alert, sev=sev, group=group)
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
