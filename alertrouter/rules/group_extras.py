"""The keys of rule groups that vmalert, Thanos and Mimir add to those of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alertrouter.rules.model import PartialResponse, Stage
from alertrouter.rules.own_keys import OWN

if TYPE_CHECKING:
    from alertrouter.config.node import Node
    from alertrouter.core.time import Duration
    from alertrouter.rules.decode import Decoder

#: Each key and the system it comes from.
GROUP_EXTRAS: Final = {
    **dict.fromkeys(
        (
            *("type", "concurrency", "params", "headers", "notifier_headers"),
            *("eval_offset", "eval_delay", "eval_alignment", "debug"),
        ),
        "vmalert",
    ),
    "partial_response_strategy": "Thanos",
    **dict.fromkeys(("source_tenants", "evaluation_delay", "align_evaluation_time_on_interval"), "Mimir"),
    OWN: "alertrouter",
}


def read_extras(values: dict[str, Node], interval: Duration | None, decoder: Decoder) -> dict[str, Any]:
    """The fields of a `RuleGroup` that these keys give, for those that are there."""
    found: dict[str, Any] = {}
    if "type" in values:
        _check_type(values["type"], decoder)
    if "concurrency" in values:
        found["concurrency"] = _concurrency(values["concurrency"], decoder)
    if "params" in values:
        params = decoder.map(values["params"], "map[string][]string", decoder.texts)
        found["params"] = {name: texts for name, (_, texts) in params.items()}
    for key in ("headers", "notifier_headers"):
        if key in values:
            found[key] = _headers(values[key], decoder)
    found |= _timing(values, interval, decoder)
    if "debug" in values:
        found["debug"] = decoder.boolean(values["debug"]) is True
    if "partial_response_strategy" in values:
        found["partial_response"] = _partial_response(values["partial_response_strategy"], decoder)
    if "source_tenants" in values:
        found["source_tenants"] = decoder.texts(values["source_tenants"])
    if "align_evaluation_time_on_interval" in values:
        aligned = decoder.boolean(values["align_evaluation_time_on_interval"])
        found["align_to_interval"] = aligned is True
    return found


def _check_type(node: Node, decoder: Decoder) -> None:
    if (kind := decoder.text(node)) not in {"", "prometheus"}:
        decoder.complain(
            node,
            f'expressions of type "{kind}" cannot be evaluated here',
            "only groups of type prometheus can",
            stage=Stage.VALUE,
        )


def _concurrency(node: Node, decoder: Decoder) -> int | None:
    count = decoder.integer(node, None)
    if count is not None and count < 0:
        decoder.complain(node, f"invalid concurrency {count}, shouldn't be less than 0", stage=Stage.VALUE)
        return None
    return count


def _headers(node: Node, decoder: Decoder) -> tuple[tuple[str, str], ...]:
    found = []
    for each in decoder.items(node, "[]string"):
        name, colon, value = decoder.text(each).partition(":")
        if not colon or not name.strip():
            # The text may hold a password, and is not repeated.
            decoder.complain(
                each,
                "this is no HTTP header",
                "write a name, a colon and a value: 'X-Scope-OrgID: team'",
                stage=Stage.VALUE,
            )
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _timing(values: dict[str, Node], interval: Duration | None, decoder: Decoder) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "eval_delay" in values:
        found["eval_delay"] = decoder.duration(values["eval_delay"])
    if "eval_alignment" in values:
        found["eval_alignment"] = decoder.boolean(values["eval_alignment"])
    if "eval_offset" not in values:
        return found
    node = values["eval_offset"]
    offset = decoder.duration(node, signed=True)
    found["eval_offset"] = offset
    if offset is None:
        return found
    if found.get("eval_delay") is not None:
        decoder.complain(node, "eval_offset cannot be used with eval_delay", stage=Stage.VALUE)
    if interval is None:
        decoder.complain(node, "eval_offset needs an interval in the same group", stage=Stage.VALUE)
    elif abs(offset) > interval:
        decoder.complain(
            node, "the absolute value of eval_offset should not exceed interval", stage=Stage.VALUE
        )
    return found


def _partial_response(node: Node, decoder: Decoder) -> PartialResponse:
    text = decoder.text(node)
    for strategy in PartialResponse:
        if text.casefold() == strategy.value:
            return strategy
    if text:
        decoder.complain(
            node,
            f"failed to unmarshal \"{text}\" into 'partial_response_strategy'",
            "write warn or abort",
            stage=Stage.VALUE,
        )
    return PartialResponse.ABORT
