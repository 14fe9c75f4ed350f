"""The ``global:`` section: what it holds by itself, and what integrations add to it (`config.md` 2.1)."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Self

from pydantic import create_model, model_validator

from alertrouter.config.fields import (
    ConfigModel,
    FilePath,
    PrometheusDuration,
    Secret,
    SecretUrl,
    Text,
    Url,
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


# Keys of integrations that have no module yet: they are read and checked, so that a file which only
# mentions them stays valid. A module that comes with its own declaration replaces the one here.


class _JiraGlobals(ConfigModel):
    jira_api_url: Url = ""


class _OpsgenieGlobals(ConfigModel):
    opsgenie_api_url: Url = "https://api.opsgenie.com/"
    opsgenie_api_key: Secret = Secret()
    opsgenie_api_key_file: FilePath = ""


class _WechatGlobals(ConfigModel):
    wechat_api_url: Url = "https://qyapi.weixin.qq.com/cgi-bin/"
    wechat_api_secret: Secret = Secret()
    wechat_api_secret_file: FilePath = ""
    wechat_api_corp_id: Text = ""


class _VictoropsGlobals(ConfigModel):
    victorops_api_url: Url = "https://alert.victorops.com/integrations/generic/20131114/alert/"
    victorops_api_key: Secret = Secret()
    victorops_api_key_file: FilePath = ""


class _TelegramGlobals(ConfigModel):
    telegram_api_url: Url = "https://api.telegram.org"
    telegram_bot_token: Secret = Secret()
    telegram_bot_token_file: FilePath = ""


class _WebexGlobals(ConfigModel):
    webex_api_url: Url = "https://webexapis.com/v1/messages"


class _RocketchatGlobals(ConfigModel):
    rocketchat_api_url: Url = "https://open.rocket.chat/"
    rocketchat_token: Secret = Secret()
    rocketchat_token_file: FilePath = ""
    rocketchat_token_id: Secret = Secret()
    rocketchat_token_id_file: FilePath = ""


class _MattermostGlobals(ConfigModel):
    mattermost_webhook_url: SecretUrl = SecretUrl()
    mattermost_webhook_url_file: FilePath = ""


_WITHOUT_MODULE: dict[str, type[ConfigModel]] = {
    "jira": _JiraGlobals,
    "mattermost": _MattermostGlobals,
    "opsgenie": _OpsgenieGlobals,
    "rocketchat": _RocketchatGlobals,
    "telegram": _TelegramGlobals,
    "victorops": _VictoropsGlobals,
    "webex": _WebexGlobals,
    "wechat": _WechatGlobals,
}


@cache
def global_model() -> type[CoreGlobals]:
    """The model of the whole section, with what each kind of integration adds to it."""
    from alertrouter.integrations import discover

    kinds = discover()
    added: list[type[ConfigModel]] = [kind.globals for kind in kinds.values() if kind.globals is not None]
    added += [model for name, model in _WITHOUT_MODULE.items() if name not in kinds]
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
