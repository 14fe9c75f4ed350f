"""``tracing`` and ``event_recorder`` (`config.md` 9): read and checked as Alertmanager does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, PlainValidator, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    FilePath,
    Float,
    Int,
    ListOf,
    MapOf,
    PrometheusDuration,
    SecretUrl,
    Text,
    text_of,
)
from alertrouter.config.http import Header, HttpConfig, TlsConfig, joined
from alertrouter.config.problem import ConfigProblem
from alertrouter.config.url import SECRET
from alertrouter.core.time import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pathlib import Path


def _client_type(value: object) -> str:
    text = text_of(value)
    if text not in {"grpc", "http"}:
        raise ConfigProblem(f"expected tracing client type to be to be http or grpc, but got {text}")
    return text


def _compression(value: object) -> str:
    text = text_of(value)
    if text not in {"", "gzip"}:
        raise ConfigProblem(f"invalid compression type {text} provided, valid options: gzip")
    return text


class TracingConfig(ConfigModel):
    """Where our own traces go."""

    client_type: Annotated[str, PlainValidator(_client_type)] = "grpc"
    endpoint: Text = ""
    sampling_fraction: Float = 0.0
    insecure: Bool = False
    tls_config: TlsConfig | None = None
    headers: MapOf[Header] = Field(default_factory=dict)
    compression: Annotated[str, PlainValidator(_compression)] = ""
    timeout: PrometheusDuration = 0

    type_name: ClassVar[str] = "tracing.plain"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.endpoint:
            raise ConfigProblem("tracing endpoint must be set", hint="add endpoint: host:port")
        return self


class FileOutput(ConfigModel):
    path: FilePath = ""

    type_name: ClassVar[str] = "eventrecorder.FileOutput"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.path:
            raise ConfigProblem("event_recorder file output requires a path")
        return self

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative path starts at the directory."""
        return self.model_copy(update={"path": joined(directory, self.path)})


class WebhookOutput(ConfigModel):
    url: SecretUrl = SecretUrl()
    http_config: HttpConfig | None = None
    timeout: PrometheusDuration = 10 * SECOND
    workers: Int = 4
    max_retries: Int = 3
    retry_backoff: PrometheusDuration = 500 * MILLISECOND
    batch: Bool = False
    batch_max_events: Int = 0
    batch_max_bytes: Int = 0
    batch_flush_interval: PrometheusDuration = 0

    type_name: ClassVar[str] = "eventrecorder.WebhookOutput"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.url:
            raise ConfigProblem("event_recorder webhook output requires a url")
        if self.url.reveal() == SECRET:
            raise ConfigProblem("event_recorder webhook output requires an absolute http(s) url", at="url")
        limits = (self.batch_max_events, self.batch_max_bytes, self.batch_flush_interval)
        if min(limits) < 0:
            raise ConfigProblem("event_recorder webhook batch settings cannot be negative")
        if any(limits) and not self.batch:
            raise ConfigProblem("event_recorder webhook batch settings require batch: true")
        return self

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory."""
        if self.http_config is None:
            return self
        return self.model_copy(update={"http_config": self.http_config.in_directory(directory)})


class KafkaOutput(ConfigModel):
    brokers: ListOf[Text] = ()
    topic: Text = ""
    client_id: Text = ""
    format: Text = ""
    acks: Text = ""
    compression: Text = ""
    buffer_size: Int = 0
    tls_config: TlsConfig | None = None

    type_name: ClassVar[str] = "eventrecorder.KafkaOutput"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.brokers:
            raise ConfigProblem("event_recorder kafka: at least one broker is required")
        if not all(self.brokers):
            raise ConfigProblem("event_recorder kafka: broker entries must be non-empty", at="brokers")
        if not self.topic:
            raise ConfigProblem("event_recorder kafka output requires a topic")
        if self.format not in {"", "json", "protobuf"}:
            raise ConfigProblem(
                f'event_recorder kafka: unknown format "{self.format}", must be "json" or "protobuf"',
                at="format",
            )
        if self.acks not in {"", "none", "leader", "all"}:
            raise ConfigProblem(
                f'event_recorder kafka: unknown acks "{self.acks}", must be "none", "leader", or "all"',
                at="acks",
            )
        if self.compression not in {"", "none", "gzip", "snappy", "lz4", "zstd"}:
            raise ConfigProblem(
                f'event_recorder kafka: unknown compression "{self.compression}"', at="compression"
            )
        return self

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory."""
        if self.tls_config is None:
            return self
        return self.model_copy(update={"tls_config": self.tls_config.in_directory(directory)})


class StdoutOutput(ConfigModel):
    type_name: ClassVar[str] = "eventrecorder.StdoutOutput"
    null_is_empty: ClassVar[bool] = True


class EventRecorderConfig(ConfigModel):
    """Where events are written. It acts where the feature ``event-recorder`` is on."""

    file_outputs: ListOf[FileOutput] = ()
    webhook_outputs: ListOf[WebhookOutput] = ()
    kafka_outputs: ListOf[KafkaOutput] = ()
    stdout_outputs: ListOf[StdoutOutput] = ()

    type_name: ClassVar[str] = "eventrecorder.Config"

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory of the configuration file (`config.md` 1.7)."""
        return self.model_copy(
            update={
                name: tuple([output.in_directory(directory) for output in getattr(self, name)])
                for name in ("file_outputs", "webhook_outputs", "kafka_outputs")
            }
        )
