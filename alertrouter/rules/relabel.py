"""Rewriting label sets as Prometheus's ``relabel_configs`` do (`rules.md` 4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import model_validator

from alertrouter.config.fields import ConfigModel, ListOf, Text, Unsigned
from alertrouter.config.problem import ConfigProblem, did_you_mean
from alertrouter.templating.regex import RegexError, compiled_pattern, expansion, replace_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEFAULT_REGEX: Final = "(.*)"
_DEFAULT_REPLACEMENT: Final = "$1"
_DEFAULT_SEPARATOR: Final = ";"
_WITH_TARGET: Final = frozenset({"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"})
_OF_NAMES: Final = frozenset({"labeldrop", "labelkeep"})
_OF_EQUALS: Final = frozenset({"keepequal", "dropequal"})


class RelabelConfig(ConfigModel):
    """One step: what it looks at, and what it does. The regular expression must match the whole text."""

    source_labels: ListOf[Text] = ()
    separator: Text = _DEFAULT_SEPARATOR
    regex: Text = _DEFAULT_REGEX
    modulus: Unsigned = 0
    target_label: Text = ""
    replacement: Text = _DEFAULT_REPLACEMENT
    action: Text = "replace"

    type_name: ClassVar[str] = "relabel.Config"

    @model_validator(mode="after")
    def _check(self) -> Self:
        action = self.action.lower() or "replace"
        # The model is frozen; this is still its making.
        object.__setattr__(self, "action", action)
        if action not in _STEPS:
            raise ConfigProblem(
                f'unknown relabel action "{action}"',
                at="action",
                hint=did_you_mean(action, _STEPS) or f"one of {', '.join(sorted(_STEPS))}",
            )
        if action in _WITH_TARGET and not self.target_label:
            raise ConfigProblem(
                f"relabel configuration for {action} action requires 'target_label' value",
                hint="add target_label:",
            )
        if action == "hashmod" and not self.modulus:
            raise ConfigProblem(
                "relabel configuration for hashmod requires non-zero modulus", hint="add modulus:"
            )
        self._check_unused(action)
        try:
            compiled_pattern(_anchored(self.regex))
        except RegexError as error:
            raise ConfigProblem(str(error), at="regex") from None
        return self

    def _check_unused(self, action: str) -> None:
        given = [
            name
            for name, field in type(self).model_fields.items()
            if name != "action" and getattr(self, name) != field.default
        ]
        allowed = {"regex"} if action in _OF_NAMES else {"source_labels", "target_label"}
        if action in _OF_NAMES | _OF_EQUALS and (unused := [name for name in given if name not in allowed]):
            only = " and ".join([f"'{name}'" for name in sorted(allowed)])
            raise ConfigProblem(f"{action} action requires only {only}, and no other fields", at=unused[0])


class Relabeling:
    """Some steps, one after the other. False when there are none."""

    def __init__(self, configs: Sequence[RelabelConfig] = ()) -> None:
        self._steps = [_STEPS[config.action](config) for config in configs]

    def __bool__(self) -> bool:
        return bool(self._steps)

    def apply(self, labels: Mapping[str, str]) -> Mapping[str, str] | None:
        """The label set afterwards, a new one if anything was done; None if it was dropped, or nothing is left."""
        if not self._steps:
            return labels
        changed = dict(labels)
        for step in self._steps:
            if not step(changed):
                return None
        return changed or None


# A step changes the labels it is given, and says whether they are kept.
Step = Callable[[dict[str, str]], bool]


def _anchored(regex: str) -> str:
    return f"^(?s:{regex})$"


def _joined(config: RelabelConfig) -> Callable[[dict[str, str]], str]:
    names, separator = config.source_labels, config.separator
    if len(names) == 1:
        [name] = names
        return lambda labels: labels.get(name, "")
    return lambda labels: separator.join([labels.get(name, "") for name in names])


def _set(labels: dict[str, str], name: str, value: str) -> None:
    """Give a label a value; an empty one takes the label away."""
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _matching(config: RelabelConfig, *, kept: bool) -> Step:
    value, search = _joined(config), compiled_pattern(_anchored(config.regex)).search
    return lambda labels: (search(value(labels)) is not None) is kept


def _equal(config: RelabelConfig, *, kept: bool) -> Step:
    value, target = _joined(config), config.target_label
    return lambda labels: (labels.get(target, "") == value(labels)) is kept


def _replace(config: RelabelConfig) -> Step:
    value, search = _joined(config), compiled_pattern(_anchored(config.regex)).search
    target, replacement = expansion(config.target_label), expansion(config.replacement)

    def step(labels: dict[str, str]) -> bool:
        found = search(value(labels))
        if found is not None and (name := target(found)):
            _set(labels, name, replacement(found))
        return True

    return step


def _written(config: RelabelConfig, write: Callable[[str], str]) -> Step:
    value, target = _joined(config), config.target_label

    def step(labels: dict[str, str]) -> bool:
        _set(labels, target, write(value(labels)))
        return True

    return step


def _hashmod(config: RelabelConfig) -> Step:
    def write(text: str) -> str:
        digest = hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).digest()
        return str(int.from_bytes(digest[8:], "big") % config.modulus)

    return _written(config, write)


def _labelmap(config: RelabelConfig) -> Step:
    pattern = _anchored(config.regex)

    def step(labels: dict[str, str]) -> bool:
        search = compiled_pattern(pattern).search
        for name, value in list(labels.items()):
            if search(name) is not None:
                _set(labels, replace_all(pattern, config.replacement, name), value)
        return True

    return step


def _named(config: RelabelConfig, *, kept: bool) -> Step:
    search = compiled_pattern(_anchored(config.regex)).search

    def step(labels: dict[str, str]) -> bool:
        for name in [name for name in labels if (search(name) is not None) is not kept]:
            del labels[name]
        return True

    return step


_STEPS: Final[dict[str, Callable[[RelabelConfig], Step]]] = {
    "replace": _replace,
    "keep": lambda config: _matching(config, kept=True),
    "drop": lambda config: _matching(config, kept=False),
    "keepequal": lambda config: _equal(config, kept=True),
    "dropequal": lambda config: _equal(config, kept=False),
    "hashmod": _hashmod,
    "lowercase": lambda config: _written(config, str.lower),
    "uppercase": lambda config: _written(config, str.upper),
    "labelmap": _labelmap,
    "labeldrop": lambda config: _named(config, kept=False),
    "labelkeep": lambda config: _named(config, kept=True),
}
