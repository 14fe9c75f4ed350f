"""The ``global:`` section: what it holds by itself, and what integrations add to it (`config.md` 2.1)."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Self

from pydantic import create_model, model_validator

from alertrouter.config.fields import (
    ConfigModel,
    PrometheusDuration,
)
from alertrouter.config.http import HttpConfig, exclusive
from alertrouter.core.time import MINUTE


class CoreGlobals(ConfigModel):
    """What does not belong to one kind of integration.

    ``http_config`` is the client of every integration without its own. Compat: a null there would leave
    integrations without any client, and crash Alertmanager; it is read as the defaults.
    """

    resolve_timeout: PrometheusDuration = 5 * MINUTE
    http_config: HttpConfig = HttpConfig()

    always_printed: ClassVar[frozenset[str]] = frozenset({"resolve_timeout", "http_config"})

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        # Every key and its file, those of integrations included.
        for key in type(self).model_fields:
            file = f"{key}_file"
            if hasattr(self, file):
                exclusive({key: getattr(self, key), file: getattr(self, file)})
        return self


@cache
def global_model() -> type[CoreGlobals]:
    """The model of the whole section, with what each kind of integration adds to it."""
    from alertrouter.integrations import discover

    added = [kind.globals for kind in discover().values() if kind.globals is not None]
    bases: tuple[type[ConfigModel], ...] = (CoreGlobals, *added)
    _refuse_hidden_validators(bases)
    printed: frozenset[str] = frozenset().union(*[base.always_printed for base in bases])
    # Made while running, so that no list of integrations has to be kept here; the price is that the
    # type checker knows nothing of the fields that integrations add.
    model = create_model("GlobalConfig", __base__=bases)
    assert issubclass(model, CoreGlobals)
    model.always_printed = printed
    return model


def _refuse_hidden_validators(bases: tuple[type[ConfigModel], ...]) -> None:
    # Of two validators with one name, inheritance would silently keep the first alone.
    seen: dict[str, type[ConfigModel]] = {}
    for base in bases:
        for name in base.__pydantic_decorators__.model_validators:
            owner = next(each for each in base.__mro__ if name in each.__dict__)
            if seen.setdefault(name, owner) is not owner:
                raise TypeError(f"{base.__name__} and {seen[name].__name__} both have a validator {name}")


# The order in which Alertmanager prints the section; what is not named comes after.
_PRINTED_ORDER = ("resolve", "http", "jira", "smtp", "slack", "pagerduty", "opsgenie", "wechat", "victorops")
_PRINTED_ORDER_REST = ("telegram", "webex", "rocketchat", "mattermost")


def printed_place(key: str) -> int:
    """Where a key of the section stands in a printed configuration."""
    order = (*_PRINTED_ORDER, *_PRINTED_ORDER_REST)
    prefix = key.partition("_")[0]
    return order.index(prefix) if prefix in order else len(order)
