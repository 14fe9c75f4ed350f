"""Creating, editing, listing and ending silences."""

from __future__ import annotations

import logging
import re
from time import perf_counter
from typing import TYPE_CHECKING

from alertrouter.api.http import OK, Answer, fault, json_answer, problem
from alertrouter.api.query import read_matchers
from alertrouter.core.matcher import Matcher, Matchers
from alertrouter.core.matcher_syntax import Mode, is_valid_label_name
from alertrouter.core.pattern import PatternError
from alertrouter.core.silence import InvalidSilence, Silence, SilenceNotFound, SilenceState, list_order
from alertrouter.core.time import EARLIEST
from alertrouter.gotemplate.quoting import quote
from alertrouter.wire import PostedMatcher, PostedSilence, decode_silence
from alertrouter.wire.writing import encode, encode_array, encode_silence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.api.caller import Caller
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.core.time import Moment
    from alertrouter.metrics import Metrics

_log = logging.getLogger(__name__)

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
# The shape of the address is right but nobody is at home.
_NOBODY = Answer(404)


class Silences:
    """``/api/v2/silences`` and ``/api/v2/silence/{silenceID}``."""

    def __init__(self, router: Router, metrics: Metrics) -> None:
        self._router = router
        self._metrics = metrics

    async def list(self, request: Request) -> Answer:
        """The stored silences: active, pending, ended."""
        engine, now, query = self._router.engine, self._router.now(), request.query()
        started = perf_counter()
        wanted = set(read_matchers(query.all("filter"), engine.settings.mode, _log))
        states = {state for state in SilenceState if query.flag(state.value)}
        found = [
            silence
            for silence in engine.silences.values()
            if silence.state(now) in states and _contains(silence, wanted)
        ]
        found.sort(key=lambda silence: list_order(silence, now))
        answer = json_answer(encode_array([encode_silence(silence, now) for silence in found]) + b"\n")
        self._metrics.silences_listed(len(engine.silences), perf_counter() - started)
        return answer

    async def post(self, request: Request) -> Answer:
        """Create a silence, or edit the one whose id is given."""
        posted = decode_silence(await request.body())
        try:
            proposed = propose(posted, self._router.engine.settings.mode, self._router.now())
            saved = await self._router.save_silence(proposed)
        except SilenceNotFound as error:
            return problem(404, str(error))
        except InvalidSilence as error:
            _log.error(
                "Failed to create silence",
                extra={
                    "component": "api",
                    "version": "v2",
                    "path": request.path,
                    "method": "POST",
                    "err": str(error),
                },
            )
            return problem(400, str(error))
        verb = "silence edited" if posted.id == saved.id else "silence created"
        self._router.acted(verb, saved.id, _author(request.caller, posted.created_by))
        return json_answer(encode({"silenceID": saved.id}) + b"\n")

    async def get(self, request: Request) -> Answer:
        """One silence."""
        if not _UUID.fullmatch(request.parameter):
            return _not_an_id(request)
        silence = self._router.engine.silences.get(request.parameter)
        if silence is None:
            return _NOBODY
        return json_answer(encode_silence(silence, self._router.now()) + b"\n")

    async def delete(self, request: Request) -> Answer:
        """End a silence; one that is over stays as it is."""
        if not _UUID.fullmatch(request.parameter):
            return _not_an_id(request)
        try:
            await self._router.expire_silence(request.parameter)
        except SilenceNotFound:
            return _NOBODY
        self._router.acted("silence expired", request.parameter, request.caller)
        return OK


def _author(caller: Caller, claimed: str) -> Caller:
    """Who did it by their own account, unless a password says who it was."""
    return caller if caller.user else caller._replace(user=claimed)


def _not_an_id(request: Request) -> Answer:
    return fault(422, f"silenceID in path must be of type uuid: {quote(request.parameter)}", 601)


def _contains(silence: Silence, wanted: set[Matcher]) -> bool:
    # Compat: a filter is not tried on labels; a silence must have a matcher that is literally the same.
    return not wanted or any(wanted.issubset(matchers) for matchers in silence.matcher_sets)


def propose(posted: PostedSilence, mode: Mode, now: Moment) -> Silence:
    """The silence that is asked for. Raises ``InvalidSilence``, in the order of `api-and-cli.md` 5.7."""
    # The zero time lies before everything.
    starts_at = EARLIEST if posted.starts_at is None else posted.starts_at
    ends_at = EARLIEST if posted.ends_at is None else posted.ends_at
    if starts_at >= ends_at:
        raise InvalidSilence("Failed to create silence: start time must be before end time")
    if ends_at < now:
        raise InvalidSilence("Failed to create silence: end time can't be in the past")
    return Silence(
        id=posted.id,
        matcher_sets=[compile_matchers(posted.matchers, mode)],
        starts_at=starts_at,
        ends_at=ends_at,
        created_by=posted.created_by,
        comment=posted.comment,
        annotations=posted.annotations,
    )


def compile_matchers(posted: Sequence[PostedMatcher], mode: Mode) -> Matchers:
    """The matchers of a silence. Raises ``InvalidSilence`` for the first that is wrong."""
    matchers = []
    for place, (name, match_type, value) in enumerate(posted):
        where = f"invalid silence: invalid label matcher {place} in set 0"
        if not is_valid_label_name(name, mode):
            raise InvalidSilence(f'{where}: invalid label name "{name}"')
        try:
            matchers.append(Matcher(name, match_type, value))
        except PatternError as error:
            # Compat: here the original compiles the expression as it was posted, so its complaint shows no anchors.
            complaint = str(error).replace(f"`^(?:{value})$`", f"`{value}`")
            raise InvalidSilence(f'{where}: invalid regular expression "{value}": {complaint}') from None
    return Matchers(matchers)
