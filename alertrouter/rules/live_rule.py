"""One rule as it is evaluated again and again: what it has made so far, and how it fares."""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

import xxhash

from alertrouter.rules.missing import evaluate_with, lost, presence_of, stands_in
from alertrouter.rules.missing_policy import MissingData, MissingPolicy, Presence
from alertrouter.rules.model import AlertingRule, LabelMode
from alertrouter.rules.rendering import Rendering
from alertrouter.rules.series import alert_series, recorded
from alertrouter.rules.state import LimitError, Terms, Turn, evaluate, shifted, state_of
from alertrouter.rules.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.rule_state import AlertState
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RecordingRule, Rule, RuleGroup
    from alertrouter.rules.options import Options
    from alertrouter.rules.rendering import Questions
    from alertrouter.rules.state import Alerts, Seen
    from alertrouter.templating.rule_functions import Sample

    Look = Callable[[str], Awaitable[Sequence[Sample] | None]]
    Ask = Callable[[Sequence[str]], Awaitable[None]]
    Yield = Callable[[], Awaitable[None]]

_STRING_OR_COMMENT: Final = re.compile(
    r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|#[^\n]*""", re.DOTALL
)
# So many samples are rendered before everything else gets its turn.
_SAMPLES_AT_ONCE = 500
# Queries of templates that depend on each other's answers more often than this are given up.
_MOST_ROUNDS = 10


class Health(StrEnum):
    """How the last evaluation of a rule ended."""

    UNKNOWN = "unknown"
    OK = "ok"
    ERROR = "err"


class LiveRule:
    """A rule and its state. ``identity`` is the same after reloads and restarts.

    ``evaluated_at`` is the time of day, ``seconds`` what the last evaluation took. ``series`` are those that it wrote
    last. ``samples`` is how many the last answer had, ``series_fetched`` how many series the backend looked at, where it
    tells. ``missing`` is what becomes of an alert without data, None for what becomes of any that is over.
    ``failing_since`` is the first evaluation of those that failed in a row, ``updates`` are the last evaluations.
    """

    __slots__ = (
        "_added",
        "_interval",
        "_limit",
        "_link",
        "_presence",
        "_rendering",
        "_terms",
        "alerts",
        "evaluated_at",
        "failing_since",
        "health",
        "identity",
        "last_error",
        "missing",
        "rule",
        "samples",
        "seconds",
        "series",
        "series_fetched",
        "told_of_histograms",
        "updates",
        "warnings",
    )

    def __init__(self, rule: Rule, identity: int, group: RuleGroup, options: Options) -> None:
        self.rule = rule
        self.identity = identity
        self.alerts: Alerts = {}
        self.series: dict[Labels, float] = {}
        self.health = Health.UNKNOWN
        self.last_error = ""
        self.warnings: tuple[str, ...] = ()
        self.failing_since: Moment | None = None
        self.evaluated_at: Moment | None = None
        self.seconds = 0.0
        self.samples = 0
        self.series_fetched: int | None = None
        self.told_of_histograms = False
        limit = rule.update_entries_limit
        self.updates = Updates(options.update_entries_limit if limit is None else limit)
        self._limit = group.limit
        self._added = options.external_labels if options.label_mode is LabelMode.VMALERT else None
        self._link = ""
        self._rendering: Rendering | None = None
        self._terms: Terms | None = None
        self.missing: MissingData | None = None
        self._presence: Presence = Presence("")
        self._interval = group.interval or options.interval
        if isinstance(rule, AlertingRule):
            self._rendering = Rendering(
                rule,
                external_labels=options.external_labels,
                external_url=options.external_url,
                group=group.name if options.label_mode is LabelMode.VMALERT else None,
            )
            self._terms = Terms(
                hold=rule.hold,
                keep_firing=rule.keep_firing,
                limit=group.limit,
                resend_delay=options.resend_delay,
            )
            self._decide_on_missing_data(rule, options.missing)

    def _decide_on_missing_data(self, rule: AlertingRule, default: MissingData) -> None:
        missing = rule.missing.or_else(default)
        if missing.policy is MissingPolicy.RESOLVE:
            return
        self._presence = rule.presence or presence_of(rule.expression)
        if not self._presence.asks_for_absence:
            self.missing = missing

    def link(self, external_url: str) -> str:
        """Where its expression can be looked at."""
        if not self._link:
            expression = quote_plus(bare(self.rule.expression))
            self._link = f"{external_url}/graph?g0.expr={expression}&g0.tab=1"
        return self._link

    @property
    def state(self) -> AlertState | None:
        """The highest state of its alerts; None when it is inactive, or records."""
        return state_of(self.alerts.values())

    def adopt(self, other: LiveRule) -> None:
        """Go on where the same rule was before it was changed."""
        for name in (
            "alerts",
            "evaluated_at",
            "failing_since",
            "health",
            "last_error",
            "samples",
            "seconds",
            "series",
            "series_fetched",
            "told_of_histograms",
            "warnings",
        ):
            setattr(self, name, getattr(other, name))
        self.updates = other.updates.with_limit(self.updates.limit)

    def shift(self, by: Duration) -> None:
        """The clock was set by so much."""
        self.alerts = {labels: shifted(alert, by) for labels, alert in self.alerts.items()}
        if self.failing_since is not None:
            self.failing_since += by

    async def turn(
        self,
        samples: Sequence[Sample],
        at: Moment,
        *,
        complete: bool,
        questions: Questions,
        ask: Ask,
        look: Look,
        let_others_run: Yield,
    ) -> Turn:
        """What an answer makes of the alerts; they are not replaced yet. Raises SameLabelsError or LimitError.

        ``look`` asks whether data are there, where that matters; what it raises is raised here.
        """
        assert self._terms is not None
        if not samples and not self.alerts:
            return Turn()
        seen = await self._seen(samples, at, questions, ask, let_others_run)
        if self.missing is None or not complete:
            turn = evaluate(self.alerts, seen, at, self._terms, complete=complete)
        else:
            turn = evaluate_with(
                self.alerts,
                seen,
                at,
                self._terms,
                name=self.rule.name,
                policy=self.missing.policy,
                keep=self.missing.evaluations * self._interval,
                with_data=await self._with_data(seen, at, questions, look, let_others_run),
            )
        assert self._rendering is not None
        self._rendering.settled = self._rendering.settled or complete
        return turn

    async def _with_data(
        self, seen: Mapping[Labels, Seen], at: Moment, questions: Questions, look: Look, let_others_run: Yield
    ) -> set[Labels] | None:
        """The alerts whose data are there, as far as anybody must know; None when nobody can tell."""
        name = self.rule.name
        if not any(stands_in(labels, name) for labels in self.alerts) and not lost(self.alerts, seen, name):
            return set()
        samples = await look(self._presence.expression) if self._presence.expression else None
        if samples is None:
            return None
        assert self._rendering is not None
        found: set[Labels] = set()
        for start in range(0, len(samples), _SAMPLES_AT_ONCE):
            if start:
                await let_others_run()
            part = samples[start : start + _SAMPLES_AT_ONCE]
            found |= self._rendering.alerts_of(part, at=at, questions=questions)
        return found

    async def _seen(
        self, samples: Sequence[Sample], at: Moment, questions: Questions, ask: Ask, let_others_run: Yield
    ) -> dict[Labels, Seen]:
        assert self._rendering is not None
        for _ in range(_MOST_ROUNDS):
            self._rendering.failures.clear()
            seen: dict[Labels, Seen] = {}
            for start in range(0, len(samples), _SAMPLES_AT_ONCE):
                if start:
                    await let_others_run()
                part = (
                    samples[start : start + _SAMPLES_AT_ONCE] if len(samples) > _SAMPLES_AT_ONCE else samples
                )
                self._rendering.render(part, seen, before=self.alerts, at=at, questions=questions)
            if not questions.wanted:
                return seen
            await ask(sorted(questions.wanted))
            questions.wanted.clear()
        return seen

    def template_failures(self) -> list[str]:
        """What went wrong with templates in the last evaluation, each once."""
        if self._rendering is None or not self._rendering.failures:
            return []
        return list(dict.fromkeys(failure.message for failure in self._rendering.failures))

    def record(self, rule: RecordingRule, samples: Sequence[Sample]) -> dict[Labels, float]:
        """The series that a recording rule makes of an answer. Raises SameLabelsError or LimitError."""
        made = recorded(rule, samples, self._added)
        if 0 < self._limit < len(made):
            raise LimitError(f"exceeded limit of {self._limit} with {len(made)} series")
        return made

    def shown_series(self) -> dict[Labels, float]:
        """The series that tell of its alerts."""
        return alert_series(self.alerts)


def bare(expression: str) -> str:
    """An expression without comments and the space around it."""
    return _STRING_OR_COMMENT.sub(lambda found: found.group(1) or "", expression).strip()


def identities(group: RuleGroup) -> list[int]:
    """Who the rules of a group are: name and label texts; of several that are alike, the first, the second, ….

    An alert belongs to the same rule after its expression, ``for`` or annotations changed (`rules.md` 1.7).
    """
    counts: Counter[tuple[str, ...]] = Counter()
    found = []
    for rule in group.rules:
        if isinstance(rule, AlertingRule):
            texts = [(name, template.text) for name, template in sorted(rule.labels.items())]
        else:
            texts = sorted(rule.labels.items())
        key = (group.key, type(rule).__name__, rule.name, *(part for pair in texts for part in pair))
        text = "\0".join([*key, str(counts[key])])
        found.append(xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass")))
        counts[key] += 1
    return found


def same(one: RuleGroup, other: RuleGroup) -> bool:
    """Whether two groups say the same, wherever in the file."""
    return _said(one) == _said(other)


def _said(group: RuleGroup) -> tuple[object, ...]:
    rules = [
        (
            type(rule).__name__,
            rule.name,
            rule.expression,
            rule.debug,
            rule.update_entries_limit,
            _texts(rule.labels.items()),
            (rule.hold, rule.keep_firing, rule.missing, _texts(rule.annotations.items()))
            if isinstance(rule, AlertingRule)
            else (),
        )
        for rule in group.rules
    ]
    fields = [
        getattr(group, name) for name in group.__dataclass_fields__ if name not in {"rules", "line", "labels"}
    ]
    return (*fields, dict(group.labels), rules)


def _texts(pairs: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    return sorted(
        (name, text if isinstance(text, str) else getattr(text, "text", "")) for name, text in pairs
    )
