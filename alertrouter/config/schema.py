"""The shape of the file, block by block; routes and integrations are read one at a time by the loader."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, create_model, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    GoType,
    ListOf,
    MapOf,
    PrometheusDuration,
    TemplateText,
    Text,
    Unsigned,
    text_of,
)
from alertrouter.config.model import Complaint, Decoding
from alertrouter.config.node import Scalar
from alertrouter.config.problem import ConfigProblem
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.matcher_syntax import Mode, is_valid_label_name, parse_matchers
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPPORTED_BY_ALERTMANAGER = (
    "discord",
    "email",
    "incidentio",
    "pagerduty",
    "slack",
    "webhook",
    "opsgenie",
    "wechat",
    "pushover",
    "victorops",
    "sns",
    "telegram",
    "webex",
    "msteams",
    "msteamsv2",
    "jira",
    "rocketchat",
    "mattermost",
)
"""The kinds of integration an Alertmanager file may have, in the order in which they are printed."""


def _as_it_is(value: object) -> object:
    return value


RawNode = Annotated[Any, PlainValidator(_as_it_is)]
"""A block that is read by itself, so that its problems do not hide those of others."""


def _mode(info: ValidationInfo) -> Mode:
    return info.context.mode if isinstance(info.context, Decoding) else Mode.FALLBACK


def _read_matchers(value: object, info: ValidationInfo) -> Matchers:
    parsed = parse_matchers(text_of(value), _mode(info))
    if isinstance(value, Scalar) and isinstance(info.context, Decoding):
        info.context.warnings += [Complaint(value, warning) for warning in parsed.warnings]
    return parsed.matchers


MatcherList = ListOf[Annotated[Matchers, PlainValidator(_read_matchers), GoType("string")]]
"""Texts of zero or more matchers each (`config.md` 5)."""


def _check_legacy_names(pairs: Mapping[str, object]) -> Any:
    for name in pairs:
        # Compat: these keys are older than UTF-8 names, and take classic ones in every mode.
        if not is_valid_label_name(name, Mode.CLASSIC):
            raise ConfigProblem(
                f'invalid label name "{name}"', at=name, hint=f'use matchers: [\'"{name}"="…"\']'
            )
    return pairs


def _pattern(value: object) -> str | None:
    return None if isinstance(value, Scalar) and value.is_null else text_of(value)


def _check_patterns(pairs: dict[str, str | None]) -> dict[str, str | None]:
    for name, pattern in pairs.items():
        if pattern is None:
            raise ConfigProblem(
                f'invalid regexp value for "{name}"', at=name, hint="write a regular expression"
            )
        try:
            Matcher.legacy_regex(name, pattern)
        except ValueError as error:
            raise ConfigProblem(str(error), at=name) from None
    return pairs


LegacyMatch = Annotated[MapOf[Text], AfterValidator(_check_legacy_names)]
LegacyMatchPattern = Annotated[
    MapOf[Annotated[str, PlainValidator(_pattern), GoType("string")]],
    AfterValidator(_check_legacy_names),
    AfterValidator(_check_patterns),
]


def combined(match: Mapping[str, str], patterns: Mapping[str, str], texts: tuple[Matchers, ...]) -> Matchers:
    """All three spellings as one, in the order of their text."""
    matchers = [Matcher(name, MatchType.EQUAL, value) for name, value in match.items()]
    matchers += [Matcher.legacy_regex(name, pattern) for name, pattern in patterns.items()]
    for each in texts:
        matchers += each
    return Matchers(sorted(matchers))


def _check_group_by(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if "..." in names:
        if any(name != "..." for name in names):
            raise ConfigProblem(
                "cannot have wildcard group_by (`...`) and other labels at the same time",
                hint="keep ['...'] alone to group by all labels",
            )
        return names
    for place, name in enumerate(names):
        if not is_valid_label_name(name, _mode(info)):
            raise ConfigProblem(f'invalid label name "{name}" in group_by list', at=(place,))
        if name in names[:place]:
            raise ConfigProblem(f'duplicated label "{name}" in group_by', at=(place,))
    return names


def _check_equal(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if not is_valid_label_name(name, _mode(info)):
            raise ConfigProblem(f'invalid label name "{name}" in equal list', at=(place,))
    return names


def _check_route_labels(labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    for name in labels:
        if not name:
            raise ConfigProblem('"" is not a valid label name')
        if not is_valid_label_name(name, _mode(info)):
            raise ConfigProblem(f'invalid label name "{name}" in route labels', at=name)
    return labels


def _not_zero(name: str) -> Any:
    def check(duration: int) -> int:
        if duration == 0:
            raise ConfigProblem(f"{name} cannot be zero")
        return duration

    return AfterValidator(check)


class RouteOptions(ConfigModel):
    """Our own keys of a route. ``name`` keeps its groups and history when its matchers change."""

    name: Text = ""


class RouteConfig(ConfigModel):
    """A node of the routing tree as written: None is "as the parent"."""

    receiver: Text = ""
    group_by: Annotated[ListOf[Text], AfterValidator(_check_group_by)] | None = None
    match: LegacyMatch = Field(default_factory=dict)
    match_re: LegacyMatchPattern = Field(default_factory=dict)
    matchers: MatcherList = ()
    mute_time_intervals: ListOf[Text] = ()
    active_time_intervals: ListOf[Text] = ()
    continues: Bool = Field(default=False, alias="continue")
    routes: ListOf[Annotated[RawNode, GoType("*config.Route")]] = ()
    group_wait: PrometheusDuration | None = None
    group_interval: Annotated[PrometheusDuration, _not_zero("group_interval")] | None = None
    repeat_interval: Annotated[PrometheusDuration, _not_zero("repeat_interval")] | None = None
    labels: Annotated[MapOf[TemplateText], AfterValidator(_check_route_labels)] = Field(default_factory=dict)
    alertrouter: RouteOptions = RouteOptions()

    always_printed: ClassVar[frozenset[str]] = frozenset({"continue"})

    def all_matchers(self) -> Matchers:
        return combined(self.match, self.match_re, self.matchers)


class InhibitRuleConfig(ConfigModel):
    """An inhibition rule as written. Nothing is required; a side left out matches every alert."""

    name: Text = ""
    source_match: LegacyMatch = Field(default_factory=dict)
    source_match_re: LegacyMatchPattern = Field(default_factory=dict)
    source_matchers: MatcherList = ()
    target_match: LegacyMatch = Field(default_factory=dict)
    target_match_re: LegacyMatchPattern = Field(default_factory=dict)
    target_matchers: MatcherList = ()
    equal: Annotated[ListOf[Text], AfterValidator(_check_equal)] = ()

    type_name: ClassVar[str] = "common.plain"

    def source(self) -> Matchers:
        return combined(self.source_match, self.source_match_re, self.source_matchers)

    def target(self) -> Matchers:
        return combined(self.target_match, self.target_match_re, self.target_matchers)


class ReceiverConfig(ConfigModel):
    """A receiver; the lists of its integrations are added by `receiver_model`."""

    name: Text = ""
    labels: MapOf[Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.name:
            raise ConfigProblem("missing name in receiver")
        given = self.labels.get("name", self.name)
        if given != self.name:
            raise ConfigProblem(
                f'receiver label "name" must match receiver name "{self.name}", got "{given}"',
                at=("labels", "name"),
            )
        return self


def configs_key(kind: str) -> str:
    """The key of a receiver under which integrations of the kind stand."""
    return f"{kind}_configs"


def printed_kinds() -> list[str]:
    """The kinds there are, Alertmanager's first and in its order."""
    from alertrouter.integrations import discover

    kinds = discover()
    known = [name for name in SUPPORTED_BY_ALERTMANAGER if name in kinds]
    return known + [name for name in kinds if name not in known]


@cache
def receiver_model() -> type[ReceiverConfig]:
    """The model of a receiver with a list for each kind of integration."""
    fields: dict[str, Any] = {}
    for kind in printed_kinds():
        element = Annotated[RawNode, GoType(f"*{kind}.{kind.capitalize()}Config")]
        fields[configs_key(kind)] = (ListOf[element], ())
    return create_model("ReceiverConfig", __base__=ReceiverConfig, **fields)


class DeliveryOptions(ConfigModel):
    """How notifications go out, unless an integration's own ``alertrouter:`` key says otherwise.

    ``concurrency`` is how many messages of one integration may be under way at once and
    ``messages_per_minute`` how many may begin, 0 is no limit; ``drain_timeout`` is how long a stopping daemon
    waits for those under way.
    """

    concurrency: Unsigned = 64
    messages_per_minute: Unsigned = 0
    drain_timeout: PrometheusDuration = 10 * SECOND


class Options(ConfigModel):
    """Our own keys at the top level, under ``alertrouter:``.

    ``close_orphaned_groups``: when a group loses its route, tell the old receiver that it is resolved.
    """

    close_orphaned_groups: Bool = False
    delivery: DeliveryOptions = DeliveryOptions()


class FileConfig(ConfigModel):
    """The top level. Every block is read by itself."""

    globals: RawNode = Field(default=None, alias="global")
    route: RawNode = None
    inhibit_rules: ListOf[Annotated[RawNode, GoType("common.InhibitRule")]] = ()
    receivers: ListOf[Annotated[RawNode, GoType("config.Receiver")]] = ()
    templates: ListOf[Text] = ()
    mute_time_intervals: ListOf[Annotated[RawNode, GoType("config.MuteTimeInterval")]] = ()
    time_intervals: ListOf[Annotated[RawNode, GoType("config.TimeInterval")]] = ()
    tracing: RawNode = None
    event_recorder: RawNode = None
    alertrouter: RawNode = None
