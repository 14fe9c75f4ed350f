"""Which alerts are inhibited, by which source and rule: an index over all alerts (`semantics.md` 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alertrouter.engine.candidates import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alertrouter.core.inhibition import InhibitionRule
    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Moment
    from alertrouter.engine.known import Known


class Target(NamedTuple):
    """An alert as the target of a rule: the sources that count, and whether it matches the source side too."""

    rule: InhibitionRule
    place: int
    equal: tuple[str, ...]
    both_sides: bool


class Inhibitor(NamedTuple):
    """What inhibits an alert."""

    rule: InhibitionRule
    source: Known


class InhibitionIndex:
    """Sources by rule and the values of its ``equal`` labels. ``version`` counts what may change an answer.

    A source whose end merely passes changes answers without changing ``version``.
    """

    def __init__(self, rules: Sequence[InhibitionRule]) -> None:
        self.version = 1
        self._rules = rules
        # For each rule: equal values → sources, each with whether it matches the target side too.
        self._sources: list[dict[tuple[str, ...], dict[Known, bool]]] = [{} for _ in rules]
        self._source_rules: Candidates[int] = Candidates()
        self._target_rules: Candidates[int] = Candidates()
        for place, rule in enumerate(rules):
            self._source_rules.add(place, rule.source)
            self._target_rules.add(place, rule.target)

    def observe(self, known: Known) -> bool:
        """Take note of an alert that is new or changed; whether it is a source of any rule."""
        if not self._rules:
            return False
        is_source = False
        for place in self._source_rules.of(known.labels):
            rule = self._rules[place]
            if rule.source.match(known.labels):
                is_source = True
                same = self._sources[place].setdefault(rule.equal_values(known.labels), {})
                if known not in same:
                    same[known] = rule.target.match(known.labels)
        if is_source:
            self.version += 1
        return is_source

    def forget(self, known: Known) -> None:
        """An alert that was collected inhibits nothing any more."""
        for place in self._source_rules.of(known.labels):
            rule = self._rules[place]
            equal = rule.equal_values(known.labels)
            same = self._sources[place].get(equal)
            if same is not None and same.pop(known, None) is not None and not same:
                del self._sources[place][equal]

    def inhibitor(self, known: Known, now: Moment) -> Inhibitor | None:
        """What inhibits this alert, by the first rule that does; None when nothing does."""
        if not self._rules:
            return None
        return next(self.inhibitors(known, now), None)

    def inhibitors(self, known: Known, now: Moment) -> Iterator[Inhibitor]:
        """Everything that inhibits this alert, in the order of the rules."""
        targets = known.targets
        if targets is None:
            targets = known.targets = self._targets(known.labels)
        for rule, place, equal, both_sides in targets:
            for source, source_is_target in self._sources[place].get(equal, {}).items():
                if source.ends_at > now and not (both_sides and source_is_target):
                    yield Inhibitor(rule, source)

    def _targets(self, labels: Labels) -> tuple[Target, ...]:
        return tuple(
            [
                Target(rule, place, rule.equal_values(labels), rule.source.match(labels))
                for place in sorted(set(self._target_rules.of(labels)))
                if (rule := self._rules[place]).target.match(labels)
            ]
        )
