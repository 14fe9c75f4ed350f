"""The rules and their alerts as Prometheus's API has them, for Grafana above all (`rules.md` 3.3, 3.4)."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from alertrouter import __version__
from alertrouter.api.http import Answer, json_answer
from alertrouter.build import LANGUAGE
from alertrouter.core.matcher import MatcherSyntaxError
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import SECOND, format_rfc3339
from alertrouter.gotemplate.floats import shortest_exponent, special
from alertrouter.rules.model import AlertingRule
from alertrouter.wire.writing import encode, encode_safely

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alertrouter.api.http import Query, Request
    from alertrouter.core.matcher import Matchers
    from alertrouter.core.rule_state import RuleAlertState
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.live_group import LiveGroup
    from alertrouter.rules.live_rule import LiveRule
    from alertrouter.rules.model import RuleGroup


# So many bytes are encoded between two turns of the loop: a few milliseconds' work.
_PIECE = 100_000


class Evaluated(Protocol):
    """What is shown."""

    def groups(self) -> Sequence[LiveGroup]:
        """The groups in force, by file and then by name."""

    def alertmanagers(self) -> Sequence[str]:
        """Where alerts are sent to."""

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        """A command line that asks the backend the same."""


class _BadParameterError(Exception):
    """A parameter that cannot be used; the message says which and why."""


class RulesApi:
    """``/api/v1/rules`` and what belongs to it."""

    def __init__(self, evaluated: Evaluated) -> None:
        self._evaluated = evaluated

    async def rules(self, request: Request) -> Answer:
        """The groups and their rules, those that the parameters ask for."""
        try:
            wanted = _Wanted(request.query())
            groups, token = wanted.page(self._evaluated.groups())
        except _BadParameterError as error:
            return _refused(str(error))
        return json_answer(_with_pauses(_pieces(groups, token, with_alerts=wanted.with_alerts)))

    async def rule(self, request: Request) -> Answer:
        """One rule and its last evaluations, as vmalert has them."""
        query = request.query()
        try:
            wanted = [_identity(query, name) for name in ("group_id", "rule_id")]
        except _BadParameterError as error:
            return _refused(str(error))
        for group in self._evaluated.groups():
            for rule in group.rules:
                if [group.identity, rule.identity] == wanted:
                    parts = _encoded(self._with_updates(group, rule), _active(rule))
                    return json_answer(_with_pauses(chain(parts, [b"\n"])))
        return _refused("there is no such rule in this group: were the rules changed?", "not_found", 404)

    def _with_updates(self, group: LiveGroup, live: LiveRule) -> dict[str, Any]:
        shown = _rule(group, live)
        shown["group_name"] = group.group.name
        shown["file"] = group.group.file
        shown["datasourceType"] = "prometheus"
        shown["debug"] = live.rule.debug or group.group.debug
        shown["max_updates_entries"] = live.updates.limit
        shown["updates"] = [
            {
                "time": format_rfc3339(each.began_at),
                "at": format_rfc3339(each.at),
                # Compat: nanoseconds, unlike every other duration here.
                "duration": round(each.seconds * SECOND),
                "error": each.error or None,
                "samples": each.samples,
                "series_fetched": each.series_fetched,
                "curl": self._evaluated.curl(live.rule.expression, each.at, group.group),
            }
            for each in live.updates
        ]
        return shown

    async def alerts(self, _: Request) -> Answer:
        """The alerts that are pending or firing."""
        alerts = [
            each for group in self._evaluated.groups() for rule in group.rules for each in _active(rule)
        ]
        return json_answer(_with_pauses(_data_of_alerts(alerts)))

    async def alertmanagers(self, _: Request) -> Answer:
        """Where alerts are sent to."""
        active = [{"url": url} for url in self._evaluated.alertmanagers()]
        return _data({"activeAlertmanagers": active, "droppedAlertmanagers": []})

    async def build(self, _: Request) -> Answer:
        """What this is. Grafana looks here whether somebody like Prometheus answers."""
        return _data(
            {
                "version": __version__,
                "revision": f"alertrouter {__version__}",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": LANGUAGE,
            }
        )


def _data(data: object) -> Answer:
    return json_answer(encode_safely({"status": "success", "data": data}) + b"\n")


def _refused(message: str, kind: str = "bad_data", status: int = 400) -> Answer:
    error = {"status": "error", "errorType": kind, "error": message}
    return json_answer(encode(error) + b"\n", status)


def _identity(query: Query, name: str) -> int:
    text = query.last(name)
    if not text.isdecimal() or not text.isascii() or len(text) > 20:
        raise _BadParameterError(f'invalid parameter "{name}": /api/v1/rules has the ids of groups and rules')
    return int(text)


class _Wanted:
    """The parameters of a list of rules. Names of one kind are alternatives; of each kind one must fit."""

    def __init__(self, query: Query) -> None:
        self._type = query.last("type").lower()
        if self._type not in {"", "alert", "record"}:
            raise _BadParameterError(f'invalid parameter "type": not supported value "{query.last("type")}"')
        self._rules = set(query.all("rule_name[]"))
        self._groups = set(query.all("rule_group[]"))
        self._files = set(query.all("file[]"))
        self._matchers = [_matchers(text) for text in query.all("match[]")]
        self.with_alerts = not _flag(query, "exclude_alerts")
        self._limit = _limit(query.last("group_limit"))
        self._token = query.last("group_next_token")
        if self._token and not self._limit:
            raise _BadParameterError(
                'invalid parameter "group_limit": group_limit needs to be set in order to paginate over the groups'
            )

    def page(self, groups: Sequence[LiveGroup]) -> tuple[list[tuple[LiveGroup, list[LiveRule]]], str]:
        """The groups that are asked for with their rules, and the token to go on with; empty at the end."""
        left = list(groups)
        if self._token:
            place = next((at for at, each in enumerate(left) if _token(each) == self._token), None)
            if place is None:
                raise _BadParameterError(
                    f'invalid parameter "group_next_token": no group belongs to "{self._token}": were the rules changed?'
                )
            left = left[place:]
        found: list[tuple[LiveGroup, list[LiveRule]]] = []
        for group in left:
            rules = self._rules_of(group)
            if not rules:
                continue
            if self._limit and len(found) == self._limit:
                return found, _token(group)
            found.append((group, rules))
        return found, ""

    def _rules_of(self, group: LiveGroup) -> list[LiveRule]:
        if (self._groups and group.group.name not in self._groups) or (
            self._files and group.group.file not in self._files
        ):
            return []
        return [rule for rule in group.rules if self._wants(rule)]

    def _wants(self, live: LiveRule) -> bool:
        rule = live.rule
        if self._type and (self._type == "alert") != isinstance(rule, AlertingRule):
            return False
        if self._rules and rule.name not in self._rules:
            return False
        if not self._matchers:
            return True
        # A template is whatever it becomes: it matches nothing.
        labels = {name: text for name, text in _texts(rule.labels).items() if "{{" not in text}
        return any(matchers.match(labels) for matchers in self._matchers)


def _matchers(text: str) -> Matchers:
    try:
        found = parse_matchers(text, Mode.FALLBACK).matchers
    except MatcherSyntaxError as error:
        raise _BadParameterError(f'invalid parameter "match[]": {error}') from None
    if not found:
        raise _BadParameterError('invalid parameter "match[]": match[] must contain at least one matcher')
    return found


def _flag(query: Query, name: str) -> bool:
    text = query.last(name)
    if text in {"", "0", "f", "F", "false", "FALSE", "False"}:
        return False
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    raise _BadParameterError(f'invalid parameter "{name}": "{text}" is neither true nor false')


def _limit(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or not text.isascii() or len(text) > 9 or int(text) == 0:
        raise _BadParameterError(
            f'invalid parameter "group_limit": "{text}" is no number of groups, which is 1 or more'
        )
    return int(text)


def _token(group: LiveGroup) -> str:
    return hashlib.sha1(group.group.key.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _with_pauses(parts: Iterable[bytes]) -> Iterator[bytes]:
    """An answer put together from many small parts; an empty piece gives others their turn."""
    piece: list[bytes] = []
    size = 0
    for part in parts:
        piece.append(part)
        size += len(part)
        if size > _PIECE:
            yield b"".join(piece)
            yield b""
            piece.clear()
            size = 0
    yield b"".join(piece)


def _data_of_alerts(alerts: Sequence[RuleAlertState]) -> Iterator[bytes]:
    yield b'{"status":"success","data":{"alerts":['
    yield from _listed(alerts)
    yield b"]}}\n"


def _pieces(
    groups: Sequence[tuple[LiveGroup, list[LiveRule]]], token: str, *, with_alerts: bool
) -> Iterator[bytes]:
    yield b'{"status":"success","data":{"groups":['
    for place, (group, rules) in enumerate(groups):
        before, list_of_rules, after = encode_safely(_group(group)).partition(_RULES)
        yield (b"," if place else b"") + before + list_of_rules[:-1]
        for number, rule in enumerate(rules):
            if number:
                yield b","
            yield from _encoded(_rule(group, rule), _active(rule) if with_alerts else [])
        yield b"]" + after
    yield b"]"
    if token:
        yield b',"groupNextToken":' + encode(token)
    yield b"}}\n"


def _encoded(rule: dict[str, Any], alerts: Sequence[RuleAlertState]) -> Iterator[bytes]:
    """A rule with its alerts, of which there may be tens of thousands."""
    before, list_of_alerts, after = encode_safely(rule).partition(_ALERTS)
    yield before + list_of_alerts[:-1]
    yield from _listed(alerts)
    if list_of_alerts:
        yield b"]" + after


def _listed(alerts: Sequence[RuleAlertState]) -> Iterator[bytes]:
    for place, alert in enumerate(alerts):
        yield (b"," if place else b"") + encode_safely(_alert(alert))


# Where a list is filled in. No text can hold this: its quotes would be escaped.
_RULES = b'"rules":[]'
_ALERTS = b'"alerts":[]'


def _group(live: LiveGroup) -> dict[str, Any]:
    """Without its rules."""
    group = live.group
    return {
        "name": group.name,
        "file": group.file,
        "rules": [],
        "interval": _seconds(live.interval),
        "limit": group.limit,
        "evaluationTime": live.seconds,
        "lastEvaluation": format_rfc3339(live.began_at),
        "id": str(live.identity),
    }


def _rule(group: LiveGroup, live: LiveRule) -> dict[str, Any]:
    """Without its alerts."""
    rule = live.rule
    shown: dict[str, Any] = {}
    if isinstance(rule, AlertingRule):
        state = live.state
        shown = {
            # Compat: older pages know no state "unknown", so a rule that was never evaluated is inactive.
            "state": "inactive" if state is None else state.value,
            "name": rule.name,
            "query": rule.expression,
            "duration": _seconds(rule.hold),
            "keepFiringFor": _seconds(rule.keep_firing),
            "labels": _texts(rule.labels),
            "annotations": _texts(rule.annotations),
            "alerts": [],
        }
        if live.missing is not None:
            shown["missingData"] = live.missing.policy.value
            shown["missingDataEvaluations"] = live.missing.evaluations
    else:
        shown = {"name": rule.name, "query": rule.expression, "labels": dict(rule.labels)}
    shown["health"] = live.health.value
    if live.last_error:
        shown["lastError"] = live.last_error
    if live.warnings:
        shown["warnings"] = list(live.warnings)
    shown["evaluationTime"] = live.seconds
    shown["lastEvaluation"] = format_rfc3339(live.evaluated_at)
    shown["lastSamples"] = live.samples
    if live.series_fetched is not None:
        shown["lastSeriesFetched"] = live.series_fetched
    # As vmalert has them: texts, for no number in JavaScript is so long.
    shown["id"], shown["group_id"] = str(live.identity), str(group.identity)
    shown["type"] = "alerting" if isinstance(rule, AlertingRule) else "recording"
    return shown


def _seconds(duration: Duration) -> float:
    whole, rest = divmod(duration, SECOND)
    return duration / SECOND if rest else whole


def _texts(templates: Any) -> dict[str, str]:
    return {name: each if isinstance(each, str) else each.text for name, each in templates.items()}


def _active(live: LiveRule) -> list[RuleAlertState]:
    return [each for each in live.alerts.values() if each.state is not AlertState.RESOLVED]


def _alert(alert: RuleAlertState) -> dict[str, Any]:
    shown = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state.value,
        "activeAt": format_rfc3339(alert.active_at),
    }
    if alert.keep_firing_since is not None:
        shown["keepFiringSince"] = format_rfc3339(alert.keep_firing_since)
    shown["value"] = _value(alert.value)
    return shown


def _value(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return special(value) or shortest_exponent(value)
