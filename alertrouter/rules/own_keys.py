"""The keys of groups and rules that are ours alone. They stand under one key, ``alertrouter``, so that others can tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.config.problem import did_you_mean
from alertrouter.rules.missing_policy import MissingDataKeys, MissingPolicy
from alertrouter.rules.model import Stage

if TYPE_CHECKING:
    from alertrouter.config.node import Node
    from alertrouter.rules.decode import Decoder

#: The key that the others stand under.
OWN: Final = "alertrouter"
_KEYS: Final = frozenset({"missing_data", "missing_data_evaluations"})
_POLICIES: Final = tuple(each.value for each in MissingPolicy)


def read_own(node: Node, decoder: Decoder) -> MissingDataKeys:
    """What stands under the key; what is wrong is noted with the decoder."""
    entries = decoder.object(node, OWN, _KEYS, {}) or {}
    policy, evaluations = None, None
    if "missing_data" in entries:
        value = entries["missing_data"].value
        text = decoder.text(value)
        if text in _POLICIES:
            policy = MissingPolicy(text)
        else:
            hint = did_you_mean(text, _POLICIES) or f"write {', '.join(_POLICIES[:-1])} or {_POLICIES[-1]}"
            decoder.complain(value, f'unsupported missing_data "{text}"', hint, stage=Stage.VALUE)
    if "missing_data_evaluations" in entries:
        value = entries["missing_data_evaluations"].value
        evaluations = decoder.integer(value, None)
        if evaluations is not None and evaluations < 1:
            decoder.complain(value, "missing_data_evaluations must be 1 or more", stage=Stage.VALUE)
    return MissingDataKeys(policy=policy, evaluations=evaluations)
