"""From the samples of an answer to the labels and annotations of alerts (`rules.md` 2.4, 2.5).

Rendering is most of what an evaluation costs, and most alerts look as they did a minute ago. So it is found out once for
each text what it depends on, and what cannot have changed is not rendered again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState
from alertrouter.rules.series import EXPORTED, NAME, SameLabelsError, replaced
from alertrouter.rules.state import Seen
from alertrouter.templating.rule_functions import Histogram, RuleEnvironment
from alertrouter.templating.rule_templates import RuleData

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from alertrouter.core.rule_state import RuleAlertState
    from alertrouter.core.time import Moment
    from alertrouter.rules.model import AlertingRule
    from alertrouter.rules.state import Alerts
    from alertrouter.templating.errors import TemplateError
    from alertrouter.templating.rule_functions import Sample
    from alertrouter.templating.rule_templates import RuleTemplate

_ALERTNAME: Final = "alertname"
_ALERTGROUP: Final = "alertgroup"
_LABELS: Final = re.compile(r"(?:\$labels|\.Labels)\b(?:\.(\w+))?")
# The dot by itself, which has everything in it, and what is another thing every time.
_ANYTHING: Final = re.compile(
    r"[\s(|{]\.(?!\w)|\$(?![\w.])|\bquery\b|\bnow\b|\btemplate\b|\bblock\b|\brange\b"
)


Answers = dict[str, "Sequence[Sample] | Exception"]


class Questions:
    """The queries that the templates of a rule ask. ``answers`` are shared by the rules of an iteration.

    Templates cannot wait. What is not answered yet is noted in ``wanted`` and fails; when it is answered, everything is
    rendered again.
    """

    __slots__ = ("_answers", "wanted")

    def __init__(self, answers: Answers) -> None:
        self.wanted: set[str] = set()
        self._answers = answers

    def query(self, expression: str) -> Sequence[Sample]:
        """The answer, if there is one by now. Raises what was answered instead."""
        answer = self._answers.get(expression)
        if answer is None:
            self.wanted.add(expression)
            raise LookupError("not answered yet")
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Text:
    """A label or an annotation of a rule."""

    __slots__ = ("name", "of_labels", "of_value", "template", "text")

    def __init__(self, name: str, template: RuleTemplate | str, hidden: AbstractSet[str]) -> None:
        self.name = name
        self.template = template
        text = template if isinstance(template, str) else template.text
        #: What it always is; None when it must be rendered.
        self.text = text if isinstance(template, str) or "{{" not in text else None
        #: It shows nothing that alerts with the same labels and the same value could differ in.
        self.of_labels = not _ANYTHING.search(text) and all(
            found is not None and found not in hidden for found in _names(text)
        )
        #: It may show the value.
        self.of_value = "alue" in text


def _names(text: str) -> list[str | None]:
    return [found.group(1) for found in _LABELS.finditer(text)]


class Rendering:
    """The labels and annotations of one alerting rule, prepared.

    With the name of its ``group``, alerts have the labels that vmalert would give them (`rules.md` 2.4).
    ``failures`` are the errors of templates since it was last emptied: their texts stand in the alerts. ``settled``: the
    annotations of the alerts that are there were made by this rule, not by one that was changed since or that ran in
    another process.
    """

    __slots__ = (
        "_annotations",
        "_constant",
        "_external_labels",
        "_external_url",
        "_group",
        "_labels",
        "_rule",
        "_same_labels",
        "_set_by_rules",
        "failures",
        "settled",
    )

    def __init__(
        self,
        rule: AlertingRule,
        *,
        external_labels: Mapping[str, str],
        external_url: str,
        group: str | None = None,
    ) -> None:
        self.failures: list[TemplateError] = []
        self.settled = False
        self._rule = rule
        self._external_labels = external_labels
        self._external_url = external_url
        self._group = group
        labels: Mapping[str, str | RuleTemplate] = (
            rule.labels if group is None else {**external_labels, **rule.labels}
        )
        # Of these a sample may have another value than its alert.
        hidden = {*labels, NAME, _ALERTNAME}
        if group is not None:
            hidden |= {_ALERTGROUP, *[EXPORTED + name for name in (*hidden, _ALERTGROUP)]}
        self._labels = tuple([_Text(name, labels[name], hidden) for name in sorted(labels)])
        self._set_by_rules = (*labels, _ALERTNAME, _ALERTGROUP)
        self._annotations = tuple(
            [_Text(name, rule.annotations[name], hidden) for name in sorted(rule.annotations)]
        )
        self._same_labels = all(each.of_labels or each.text is not None for each in self._annotations)
        self._constant = (
            Labels.in_order([(each.name, each.text) for each in self._annotations if each.text is not None])
            if all(each.text is not None for each in self._annotations)
            else None
        )

    def render(
        self,
        samples: Sequence[Sample],
        seen: dict[Labels, Seen],
        *,
        before: Alerts,
        at: Moment,
        questions: Questions,
    ) -> None:
        """Add what the samples say of which alert. Raises SameLabelsError.

        It counts only when ``questions`` wants no more answers afterwards.
        """
        environment = RuleEnvironment(now=at, external_url=self._external_url, query=questions.query)
        for sample in samples:
            labels, data = self._labels_of(sample, environment)
            known = before.get(labels)
            value = str(sample.value.__go_string__()) if isinstance(sample.value, Histogram) else sample.value
            if labels in seen and not questions.wanted:
                raise SameLabelsError(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            seen[labels] = Seen(self._annotations_of(known, sample, value, data, environment), value)

    def alerts_of(self, samples: Sequence[Sample], *, at: Moment, questions: Questions) -> set[Labels]:
        """The labels of the alerts that these samples would make."""
        environment = RuleEnvironment(now=at, external_url=self._external_url, query=questions.query)
        return {self._labels_of(sample, environment)[0] for sample in samples}

    def _labels_of(self, sample: Sample, environment: RuleEnvironment) -> tuple[Labels, RuleData | None]:
        """The labels of the alert that a sample makes, and what its templates see, if any has looked."""
        data: RuleData | None = None
        pairs = dict(sample.labels)
        pairs.pop(NAME, None)
        for each in self._labels:
            text = each.text
            if text is None:
                data = data or self._data(sample, sample.labels)
                text = self._expand(each, data, environment)
            if text:
                pairs[each.name] = text
            else:
                pairs.pop(each.name, None)
        pairs[_ALERTNAME] = self._rule.name
        if self._group is not None:
            data = self._as_vmalert(pairs, sample)
        return Labels([pair for pair in pairs.items() if pair[1]]), data

    def _annotations_of(
        self,
        known: RuleAlertState | None,
        sample: Sample,
        value: float | str,
        data: RuleData | None,
        environment: RuleEnvironment,
    ) -> Labels:
        if self._constant is not None:
            return self._constant
        if known is not None and not (
            self.settled and known.keep_firing_since is None and known.state is not AlertState.RESOLVED
        ):
            known = None
        if known is not None and self._same_labels and known.value == value:
            return known.annotations
        made = []
        for each in self._annotations:
            text = each.text
            if text is None:
                if (
                    known is not None
                    and each.of_labels
                    and not each.of_value
                    and each.name in known.annotations
                ):
                    text = known.annotations[each.name]
                else:
                    data = data or self._data(sample, sample.labels)
                    text = self._expand(each, data, environment)
            made.append((each.name, text))
        return Labels.in_order(made)

    def _as_vmalert(self, pairs: dict[str, str], sample: Sample) -> RuleData:
        """Add what alerts of vmalert have besides; what its annotations see."""
        if self._group:
            pairs[_ALERTGROUP] = self._group
        before = sample.labels
        shown = {**pairs, **before}
        pairs |= replaced(before, {name: pairs.get(name, "") for name in self._set_by_rules})
        return self._data(sample, shown)

    def _data(self, sample: Sample, labels: Mapping[str, str]) -> RuleData:
        return RuleData(
            labels,
            sample.value,
            external_labels=self._external_labels,
            external_url=self._external_url,
        )

    def _expand(self, text: _Text, data: RuleData, environment: RuleEnvironment) -> str:
        assert not isinstance(text.template, str)
        expanded, failure = text.template.expand_or_say_why(data, environment)
        if failure is not None:
            self.failures.append(failure)
        return expanded
