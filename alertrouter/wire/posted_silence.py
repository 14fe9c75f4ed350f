"""Reading a posted silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.core.matcher import MatchType
from alertrouter.wire.errors import SchemaError
from alertrouter.wire.reading import Members, kind_of, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.time import Moment


class PostedMatcher(NamedTuple):
    """A matcher as posted: the regular expression is not compiled, the name not checked."""

    name: str
    type: MatchType
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedSilence:
    """A silence as posted; a time is None when it was given as the zero time."""

    id: str
    matchers: Sequence[PostedMatcher]
    starts_at: Moment | None
    ends_at: Moment | None
    created_by: str
    comment: str
    annotations: Mapping[str, str]


def decode_silence(body: bytes) -> PostedSilence:
    """The silence in a request body, checked against the schema. Raises ``SchemaError``."""
    posted = read_json(body, "silence")
    # Compat: null reads as an object without members.
    if posted is not None and not isinstance(posted, dict):
        raise SchemaError.unreadable(
            "silence",
            f"json: cannot unmarshal {kind_of(posted)} into Go value of type models.PostableSilence",
        )
    members = Members(posted or {}, "silence", "Silence")
    silence_id = Members(posted or {}, "silence", "").text("id")
    annotations = members.labels("annotations")
    comment, created_by = members.text("comment"), members.text("createdBy")
    starts_at, ends_at = members.moment("startsAt"), members.moment("endsAt")
    matchers = _read_matchers(members)

    # In the order in which the original checks; only the first problem is told.
    if comment is None:
        raise SchemaError.required("comment")
    if created_by is None:
        raise SchemaError.required("createdBy")
    if ends_at is None:
        raise SchemaError.required("endsAt")
    if matchers is None:
        raise SchemaError.required("matchers")
    if not matchers:
        raise SchemaError(422, 612, "matchers in body should have at least 1 items")
    checked = [_checked(matcher, place) for place, matcher in enumerate(matchers)]
    if starts_at is None:
        raise SchemaError.required("startsAt")
    return PostedSilence(
        id=silence_id or "",
        matchers=checked,
        starts_at=starts_at[0],
        ends_at=ends_at[0],
        created_by=created_by,
        comment=comment,
        annotations=annotations or {},
    )


class _Unchecked(NamedTuple):
    name: str | None
    value: str | None
    is_regex: bool | None
    is_equal: bool | None


def _read_matchers(members: Members) -> list[_Unchecked] | None:
    posted = members.get("matchers")
    if posted is None:
        return None
    if not isinstance(posted, list):
        raise members.wrong_type(posted, "matchers", "models.Matchers")
    return [_read_matcher(each, place) for place, each in enumerate(posted)]


def _read_matcher(posted: Any, place: int) -> _Unchecked:
    # A null among the matchers makes the original drop the connection; here it is a matcher without members.
    if posted is not None and not isinstance(posted, dict):
        raise SchemaError.unreadable(
            "silence",
            f"json: cannot unmarshal {kind_of(posted)} into Silence.matchers.{place} of type models.Matcher",
        )
    members = Members(posted or {}, "silence", f"Silence.matchers.{place}")
    return _Unchecked(
        name=members.text("name"),
        value=members.text("value"),
        is_regex=members.boolean("isRegex"),
        is_equal=members.boolean("isEqual"),
    )


def _checked(matcher: _Unchecked, place: int) -> PostedMatcher:
    if matcher.is_regex is None:
        raise SchemaError.required(f"matchers.{place}.isRegex")
    if matcher.name is None:
        raise SchemaError.required(f"matchers.{place}.name")
    if matcher.value is None:
        raise SchemaError.required(f"matchers.{place}.value")
    return PostedMatcher(matcher.name, match_type(matcher.is_regex, matcher.is_equal), matcher.value)


def match_type(is_regex: bool, is_equal: bool | None) -> MatchType:  # noqa: FBT001 - the two flags of the wire
    """The operator for the two flags of a matcher on the wire; ``isEqual`` left out means true."""
    if is_regex:
        return MatchType.NOT_REGEX if is_equal is False else MatchType.REGEX
    return MatchType.NOT_EQUAL if is_equal is False else MatchType.EQUAL
