"""Which alerts are inhibited, by which source and rule: an index over all alerts (`semantics.md` 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alertrouter.engine.candidates import Candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from alertrouter.core.inhibition import InhibitionRule
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


# Of a source with more targets than this it is not told one by one which decisions no longer hold.
_FEW = 500


class InhibitionIndex:
    """Sources and targets by rule and the values of its ``equal`` labels.

    ``is_empty``: there are no rules. ``version`` counts what may change an answer for more targets than are worth naming. A source whose end merely passes
    changes answers without a word.
    """

    def __init__(self, rules: Sequence[InhibitionRule]) -> None:
        self.version = 1
        self._rules = rules
        self.is_empty = not rules
        # For each rule: equal values → sources, each with whether it matches the target side too.
        self._sources: list[dict[tuple[str, ...], dict[Known, bool]]] = [{} for _ in rules]
        # For each rule: equal values → the targets somebody asked about; most have values of their own, and stand alone.
        self._asked: list[dict[tuple[str, ...], Known | dict[Known, None]]] = [{} for _ in rules]
        self._source_rules: Candidates[int] = Candidates()
        self._target_rules: Candidates[int] = Candidates()
        for place, rule in enumerate(rules):
            self._source_rules.add(place, rule.source)
            self._target_rules.add(place, rule.target)

    def observe(self, known: Known) -> Collection[Known] | None:
        """Take note of an alert that is new or changed. The alerts whose answers may be others because of it, of those that
        were asked about; None when they are too many to name, and ``version`` stands for them.
        """
        if self.is_empty:
            return ()
        targets: list[Known] = []
        many = False
        for place in self._source_rules.of(known.labels):
            rule = self._rules[place]
            if rule.source.match(known.labels):
                equal = rule.equal_values(known.labels)
                same = self._sources[place].setdefault(equal, {})
                if known not in same:
                    same[known] = rule.target.match(known.labels)
                asked = self._asked[place].get(equal)
                if isinstance(asked, dict):
                    many = many or len(asked) > _FEW
                    targets += asked if not many else ()
                elif asked is not None:
                    targets.append(asked)
        if many:
            self.version += 1
            return None
        return targets

    def forget(self, known: Known) -> None:
        """An alert that was collected inhibits nothing any more, and nobody asks about it."""
        for place in self._source_rules.of(known.labels):
            rule = self._rules[place]
            equal = rule.equal_values(known.labels)
            same = self._sources[place].get(equal)
            if same is not None and same.pop(known, None) is not None and not same:
                del self._sources[place][equal]
        for _, place, equal, _ in known.targets or ():
            asked = self._asked[place]
            found = asked.get(equal)
            if isinstance(found, dict):
                found.pop(known, None)
            if found is known or found == {}:
                del asked[equal]
        known.targets = None

    def ask(self, known: Known) -> None:
        """Have ``observe`` name this alert from now on, as if it had been asked what inhibits it."""
        if not self.is_empty and known.targets is None:
            self._targets(known)

    def inhibitor(
        self, known: Known, now: Moment, ended: dict[Known, None] | None = None
    ) -> Inhibitor | None:
        """What inhibits this alert, by the first rule that does; None when nothing does.

        ``ended`` takes the sources that inhibit it no longer only because their end passed, without anybody's noticing.
        """
        if self.is_empty:
            return None
        # As ``inhibitors``, but this is asked for every member at every flush.
        targets = known.targets
        if targets is None:
            targets = self._targets(known)
        for rule, place, equal, both_sides in targets:
            sources = self._sources[place].get(equal)
            if sources is not None:
                for source, source_is_target in sources.items():
                    if source.ends_at > now:
                        if not (both_sides and source_is_target):
                            return Inhibitor(rule, source)
                    elif ended is not None and not source.over:
                        ended[source] = None
        return None

    def inhibitors(self, known: Known, now: Moment) -> Iterator[Inhibitor]:
        """Everything that inhibits this alert, in the order of the rules."""
        targets = known.targets
        if targets is None:
            targets = self._targets(known)
        for rule, place, equal, both_sides in targets:
            for source, source_is_target in self._sources[place].get(equal, {}).items():
                if source.ends_at > now and not (both_sides and source_is_target):
                    yield Inhibitor(rule, source)

    def _targets(self, known: Known) -> tuple[Target, ...]:
        """As what an alert is a target; from now on it is told of sources that change."""
        labels = known.labels
        known.targets = tuple(
            [
                Target(rule, place, rule.equal_values(labels), rule.source.match(labels))
                for place in sorted(set(self._target_rules.of(labels)))
                if (rule := self._rules[place]).target.match(labels)
            ]
        )
        if known.gone:
            return known.targets
        for _, place, equal, _ in known.targets:
            found = self._asked[place].setdefault(equal, known)
            if isinstance(found, dict):
                found[known] = None
            elif found is not known:
                self._asked[place][equal] = {found: None, known: None}
        return known.targets
