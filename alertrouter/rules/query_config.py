"""The file of ``--query.config.file``: how to reach the backend, where samples are written and alerts are sent.

At its top it is an ``http_config`` as Prometheus has it, with keys of our own beside (docs/rules.md has them all).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from alertrouter.config.document import read_document
from alertrouter.config.environment import expand
from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    Int,
    ListOf,
    MapOf,
    PrometheusDuration,
    SecretUrl,
    Text,
    text_of,
)
from alertrouter.config.http import HttpConfig, exclusive
from alertrouter.config.model import Decoding
from alertrouter.config.node import Mapping, Scalar
from alertrouter.config.problem import ConfigError, ConfigProblem, Problem, did_you_mean
from alertrouter.config.reader import Reader
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND
from alertrouter.rules.model import Dialect
from alertrouter.rules.relabel import RelabelConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as MappingType
    from pathlib import Path

    from alertrouter.core.time import Duration

#: How much later than the others each kind of backend has its data (`rules.md` 10.3).
_USUAL_OFFSETS = {"victoriametrics": 30 * SECOND, "mimir": MINUTE}


def _expanded(value: object, info: ValidationInfo) -> str:
    return expand(text_of(value), info.context)


ExpandedText = Annotated[str, PlainValidator(_expanded)]
"""Text in which ``${NAME}`` stands for an environment variable."""


def _one_of(key: str, *known: str) -> Callable[[object], str]:
    """A validator that takes one of these words."""

    def check(value: object) -> str:
        text = text_of(value)
        if text and text not in known:
            hint = did_you_mean(text, known) or f"one of {', '.join(filter(None, known))}"
            raise ConfigProblem(f'unsupported {key} "{text}"', hint=hint)
        return text or known[0]

    return check


Kind = Annotated[str, PlainValidator(_one_of("type", "prometheus", "thanos", "mimir", "victoriametrics"))]
Method = Annotated[str, PlainValidator(_one_of("method", "POST", "GET"))]
Scheme = Annotated[str, PlainValidator(_one_of("scheme", "http", "https"))]
Version = Annotated[str, PlainValidator(_one_of("api_version", "v2"))]
DialectName = Annotated[str, PlainValidator(_one_of("dialect", "", *[each.value for each in Dialect]))]


class TenantConfig(HttpConfig):
    """A client that may speak for a tenant: ``tenant`` is sent in the header that ``tenant_header`` names."""

    tenant: ExpandedText = ""
    tenant_header: Text = "X-Scope-OrgID"

    @property
    def tenant_headers(self) -> dict[str, str]:
        """The headers that name the tenant; none without one."""
        return {self.tenant_header: self.tenant} if self.tenant else {}


class QueueConfig(ConfigModel):
    """How samples wait to be written."""

    capacity: Int = 100_000
    max_samples_per_send: Int = 2_000
    min_backoff: PrometheusDuration = 30 * MILLISECOND
    max_backoff: PrometheusDuration = 5 * SECOND

    type_name: ClassVar[str] = "queue_config"

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in ("capacity", "max_samples_per_send", "min_backoff", "max_backoff"):
            if getattr(self, key) <= 0:
                raise ConfigProblem(f"{key} must be greater than 0", at=key)
        return self


class RemoteWriteConfig(TenantConfig):
    """Where samples are written to."""

    url: SecretUrl = SecretUrl()
    name: Text = ""
    timeout: PrometheusDuration = 30 * SECOND
    queue_config: QueueConfig = QueueConfig()
    write_relabel_configs: ListOf[RelabelConfig] = ()

    type_name: ClassVar[str] = "remote_write"

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        if not self.url:
            raise ConfigProblem("url for remote_write is empty", hint="add url:")
        return self


class StaticTargets(ConfigModel):
    """Hosts and ports that do not change. ``labels`` may stand there; nothing looks at them."""

    targets: ListOf[Text] = ()
    labels: MapOf[Text] = Field(default_factory=dict)

    type_name: ClassVar[str] = "static_config"


class DnsTargets(ConfigModel):
    """Hosts that are asked of the DNS, again and again. SRV records name their ports themselves."""

    names: ListOf[Text] = ()
    type: Text = "SRV"
    port: Int = 0
    refresh_interval: PrometheusDuration = 30 * SECOND

    type_name: ClassVar[str] = "dns_sd_config"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.names:
            raise ConfigProblem("DNS-SD config must contain at least one SRV record name", at="names")
        object.__setattr__(self, "type", self.type.upper())
        if self.type not in {"SRV", "A", "AAAA"}:
            raise ConfigProblem(
                f"DNS records of type {self.type} are not asked for",
                at="type",
                hint="use SRV, or A or AAAA with port:",
            )
        if self.type != "SRV" and not 0 < self.port < 65536:
            raise ConfigProblem(
                "a port is required in DNS-SD configs for all record types except SRV", at="port"
            )
        if self.refresh_interval <= 0:
            raise ConfigProblem("refresh_interval must be greater than 0", at="refresh_interval")
        return self


class AlertmanagersConfig(TenantConfig):
    """Alertmanagers that are reached in one way. Every alert goes to each of them."""

    url: SecretUrl = SecretUrl()
    urls: ListOf[SecretUrl] = ()
    scheme: Scheme = "http"
    path_prefix: Text = ""
    api_version: Version = "v2"
    timeout: PrometheusDuration = 10 * SECOND
    static_configs: ListOf[StaticTargets] = ()
    dns_sd_configs: ListOf[DnsTargets] = ()
    alert_relabel_configs: ListOf[RelabelConfig] = ()

    type_name: ClassVar[str] = "alertmanagers"

    @model_validator(mode="after")
    def _check_targets(self) -> Self:
        if self.timeout <= 0:
            raise ConfigProblem("timeout must be greater than 0", at="timeout")
        if not (self.url or self.urls or self.static_configs or self.dns_sd_configs):
            raise ConfigProblem("no Alertmanager is named", hint="add urls: or static_configs:")
        for place, static in enumerate(self.static_configs):
            for index, target in enumerate(static.targets):
                if not target or "/" in target:
                    raise ConfigProblem(
                        f'"{target}" is not a valid hostname',
                        at=("static_configs", place, "targets", index),
                        hint="write host:port; scheme and path_prefix are keys of their own",
                    )
        return self

    def fixed_urls(self) -> list[str]:
        """Where alerts are posted to, as far as no DNS must be asked."""
        given = [url.reveal() for url in (self.url, *self.urls) if url]
        targets = [target for static in self.static_configs for target in static.targets]
        return [alerts_url(url, "") for url in given] + [self.url_of(target) for target in targets]

    def url_of(self, target: str) -> str:
        """Where alerts are posted to for a host and port."""
        return alerts_url(f"{self.scheme}://{target}", self.path_prefix)


def alerts_url(base: str, path_prefix: str) -> str:
    """The address of the alerts API below a base URL, which may name it already."""
    url, _, query = base.partition("?")
    url = url.rstrip("/") + ("/" + path_prefix.strip("/") if path_prefix.strip("/") else "")
    if not url.endswith("/api/v2/alerts"):
        url += "/api/v2/alerts"
    return f"{url}?{query}" if query else url


class QueryConfig(TenantConfig):
    """The whole file. Without one, everything has its default."""

    url: SecretUrl = SecretUrl()
    urls: ListOf[SecretUrl] = ()
    type: Kind = "prometheus"
    dialect: DialectName = ""
    method: Method = "POST"
    params: MapOf[ListOf[ExpandedText]] = Field(default_factory=dict)
    timeout: PrometheusDuration = 0
    concurrency: Int = 64
    compression: Bool = True
    external_labels: MapOf[ExpandedText] = Field(default_factory=dict)
    alert_relabel_configs: ListOf[RelabelConfig] = ()
    remote_write: ListOf[RemoteWriteConfig] = ()
    alertmanagers: ListOf[AlertmanagersConfig] = ()

    type_name: ClassVar[str] = "query configuration"

    @model_validator(mode="after")
    def _check_query(self) -> Self:
        exclusive({"url": self.url, "urls": self.urls})
        for reserved in ("query", "time"):
            if reserved in self.params:
                raise ConfigProblem(f"the parameter {reserved} is the rule's own", at=("params", reserved))
        if self.concurrency <= 0:
            raise ConfigProblem("concurrency must be greater than 0", at="concurrency")
        return self

    @property
    def query_urls(self) -> list[str]:
        """The backends, each answering the same."""
        return [url.reveal() for url in (self.url, *self.urls) if url]

    @property
    def expression_dialect(self) -> Dialect:
        """What the backend reads."""
        if self.dialect:
            return Dialect(self.dialect)
        return Dialect.METRICSQL if self.type == "victoriametrics" else Dialect.PROMETHEUS

    @property
    def usual_query_offset(self) -> Duration:
        """How far in the past queries look where neither a flag nor a group says it."""
        return _USUAL_OFFSETS.get(self.type, 0)

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory, those of its blocks included."""
        return (
            super()
            .in_directory(directory)
            .model_copy(
                update={
                    "remote_write": tuple([each.in_directory(directory) for each in self.remote_write]),
                    "alertmanagers": tuple([each.in_directory(directory) for each in self.alertmanagers]),
                }
            )
        )


def load_query_config(path: Path, *, environ: MappingType[str, str] = os.environ) -> QueryConfig:
    """Read a file. ConfigError holds every problem in it; relative paths in it start at its directory."""
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Problem(file=str(path), message=message)]) from None
    root = read_document(text, str(path))
    if root is None or (isinstance(root, Scalar) and root.is_null):
        return QueryConfig()
    if not isinstance(root, Mapping):
        message = "this is no mapping with keys such as url and basic_auth"
        raise ConfigError([Problem(file=str(path), line=root.line, column=root.column, message=message)])
    reader = Reader(str(path), Decoding(environ=environ))
    config = reader.read(QueryConfig, root, ())
    if config is None or reader.problems:
        raise ConfigError(sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    return config.in_directory(path.parent)
