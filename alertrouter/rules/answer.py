"""What a backend answers to an instant query (`rules.md` 3.1), read from its bytes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alertrouter.rules.ports import Answer, QueryError
from alertrouter.templating.rule_functions import Histogram, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.http_client import Response

#: Of what a backend says, so many characters are shown.
LONGEST_SHOWN: Final = 500
NOT_A_VECTOR: Final = "rule result is not a vector or scalar"

# Worth asking again: the backend, or what stands before it, could not answer just now.
_TEMPORARY: Final = frozenset({429, 500, 502, 503, 504})
_KINDS: Final = {400: "bad_data", 422: "execution", 499: "canceled", 503: "unavailable", 504: "timeout"}
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Series(msgspec.Struct, frozen=True, gc=False):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    histogram: tuple[float, dict[str, Any]] | None = None


class _Data(msgspec.Struct, frozen=True, gc=False):
    resultType: str = ""  # noqa: N815 - the name on the wire
    result: msgspec.Raw = msgspec.Raw(b"")


class _Body(msgspec.Struct, frozen=True, gc=False):
    status: str = ""
    data: _Data | None = None
    errorType: str = ""  # noqa: N815
    error: str = ""
    warnings: list[str] | None = None
    isPartial: bool | None = None  # noqa: N815
    stats: Any = None


_read_body = msgspec.json.Decoder(_Body).decode
_read_vector = msgspec.json.Decoder(list[_Series] | None).decode
_read_scalar = msgspec.json.Decoder(tuple[float, str]).decode


def read_answer(response: Response, longest: int, scrub: Callable[[str], str]) -> Answer:
    """The answer of a backend, of at most ``longest`` bytes once it is unpacked.

    QueryError for everything that is none; ``scrub`` takes secrets out of what the backend says.
    """
    content = _unpacked(response, longest)
    if response.status_code != 200:
        raise _refusal(response.status_code, content, scrub)
    if not content.strip():
        raise QueryError("the backend's answer is empty", kind="bad_response")
    try:
        body = _read_body(content)
        if body.status != "success" or body.data is None:
            raise _refusal(200, content, scrub)
        samples = _samples(body.data)
    except (msgspec.DecodeError, ValueError) as error:
        shown = scrub(shortened(content))
        raise QueryError(
            f"the backend's answer cannot be read: {error}: {shown}", kind="bad_response"
        ) from None
    return Answer(
        samples,
        tuple([scrub(warning) for warning in body.warnings]) if body.warnings else (),
        bool(body.isPartial),
        None if body.stats is None else _series_fetched(body.stats),
    )


def shortened(content: bytes) -> str:
    """What a backend said, on one line, and no more than people want to read."""
    text = " ".join(content[: 8 * LONGEST_SHOWN].decode("utf-8", "replace").split())
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _unpacked(response: Response, longest: int) -> bytes:
    content = response.content
    if "gzip" in response.headers.get("Content-Encoding", ""):
        unpacking = zlib.decompressobj(_GZIP)
        try:
            content = unpacking.decompress(content, longest)
        except zlib.error:
            raise QueryError("the backend's answer is not gzip, as it says", kind="bad_response") from None
    if len(content) >= longest or len(response.content) >= longest:
        raise QueryError(
            f"the backend's answer has {longest} bytes or more: no rule can have so many series",
            temporary=False,
            kind="bad_response",
        )
    return content


def _refusal(status: int, content: bytes, scrub: Callable[[str], str]) -> QueryError:
    temporary = status in _TEMPORARY or status < 300
    try:
        body = _read_body(content)
    except msgspec.DecodeError:
        body = _Body()
    if not body.error:
        text = scrub(shortened(content))
        what = f"the backend answered {status}"
        return QueryError(
            f"{what}: {text}" if text else what,
            temporary=temporary,
            kind=_KINDS.get(status, "bad_response" if status == 200 else "unavailable"),
        )
    kind = body.errorType or _KINDS.get(status, "internal")
    return QueryError(f"{kind}: {scrub(shortened(body.error.encode()))}", temporary=temporary, kind=kind)


def _samples(data: _Data) -> list[Sample]:
    match data.resultType:
        case "vector":
            return [Sample(each.metric, _value(each)) for each in _read_vector(data.result) or ()]
        case "scalar":
            return [Sample({}, float(_read_scalar(data.result)[1]))]
        case _:
            raise QueryError(NOT_A_VECTOR, temporary=False, kind="execution")


def _value(series: _Series) -> float | Histogram:
    if series.value is not None:
        return float(series.value[1])
    if series.histogram is None:
        raise ValueError("a series without a value")
    return Histogram(_histogram_text(series.histogram[1]))


# Which ends of a bucket belong to it, by the number on the wire.
_BOUNDS: Final = {0: "(]", 1: "[)", 2: "()", 3: "[]"}


def _histogram_text(histogram: dict[str, Any]) -> str:
    """The text of a native histogram as Prometheus prints it: ``{count:3, sum:4.5, (1,2]:3}``."""
    parts = [f"count:{histogram.get('count', '0')}", f"sum:{histogram.get('sum', '0')}"]
    for bucket in histogram.get("buckets") or ():
        if not isinstance(bucket, list) or len(bucket) != 4:
            raise ValueError("a bucket of a histogram has four parts")
        bounds = _BOUNDS.get(bucket[0], "()")
        parts.append(f"{bounds[0]}{bucket[1]},{bucket[2]}{bounds[1]}:{bucket[3]}")
    return "{" + ", ".join(parts) + "}"


def _series_fetched(stats: Any) -> int | None:
    """How many series VictoriaMetrics looked at; it writes the number as text."""
    try:
        return int(stats["seriesFetched"])
    except (ValueError, KeyError, TypeError):
        return None
