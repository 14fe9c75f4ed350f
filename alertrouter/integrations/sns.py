"""Amazon SNS: topics, mobile devices and text messages (`config.md` 8.8)."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from alertrouter.config.fields import Bool, ConfigModel, ConfigProblem, MapOf, Secret, TemplateText, Text
from alertrouter.config.http import HttpConfig
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._aws import FORM, check_answer, code_of, endpoint, said
from alertrouter.integrations._aws_credentials import CredentialSource
from alertrouter.integrations._aws_profiles import Account
from alertrouter.integrations._sigv4 import signed_headers
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 262_144  # bytes
LARGEST_TEXT_MESSAGE = 1600  # bytes, for telephones
LONGEST_SUBJECT = 99

_DESTINATION = "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"
_CA_BUNDLE = "AWS_CA_BUNDLE"
_INVALID = frozenset(
    {"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationError"}
)
_ENDED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})


class SigV4Config(ConfigModel):
    """Who signs, and where. What is not told is looked for as all tools of AWS do.

    Compat: ``use_fips_sts_endpoint`` and ``service_name`` belong to other users of the block and mean nothing here.
    """

    region: Text = ""
    access_key: Text = ""
    secret_key: Secret = Secret()
    profile: Text = ""
    role_arn: Text = ""
    external_id: Text = ""
    use_fips_sts_endpoint: Bool = False
    service_name: Text = ""

    type_name: ClassVar[str] = "sigv4.plain"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.access_key) != bool(self.secret_key):
            raise ConfigProblem(
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
                at="access_key" if self.access_key else "secret_key",
            )
        if self.external_id and not self.role_arn:
            raise ConfigProblem("external_id can only be used with role_arn", at="external_id")
        return self


class SnsConfig(HttpIntegrationConfig):
    """An entry of ``sns_configs``."""

    api_url: TemplateText = ""
    sigv4: SigV4Config = SigV4Config()
    topic_arn: TemplateText = ""
    phone_number: TemplateText = ""
    target_arn: TemplateText = ""
    subject: TemplateText = '{{ template "sns.default.subject" . }}'
    message: TemplateText = '{{ template "sns.default.message" . }}'
    attributes: MapOf[TemplateText] = Field(default_factory=dict)
    use_aws_http_client: Bool = False

    always_printed: ClassVar[frozenset[str]] = frozenset({"sigv4"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        # Compat: one, or all three.
        if sum(map(bool, (self.topic_arn, self.phone_number, self.target_arn))) in {0, 2}:
            raise ConfigProblem(_DESTINATION)
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global client options; with AWS's own client, with TLS and proxy of them alone."""
        config = super().completed(global_config, receiver_name)
        bundle = os.environ.get(_CA_BUNDLE, "")
        if (config.use_aws_http_client or bundle) and config.http_config is not None:
            http_config = _as_of_aws(config.http_config, bundle)
            config = config.model_copy(update={"http_config": http_config})
        return config


def _as_of_aws(http_config: HttpConfig, bundle: str) -> HttpConfig:
    tls = http_config.tls_config
    if bundle and not (tls.ca or tls.ca_file or tls.ca_ref):
        tls = tls.model_copy(update={"ca_file": bundle})
    return HttpConfig(
        tls_config=tls,
        proxy_url=http_config.proxy_url,
        no_proxy=http_config.no_proxy,
        proxy_from_environment=http_config.proxy_from_environment,
        proxy_connect_header=http_config.proxy_connect_header,
    )


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published: the parameters of the Publish action, and the attributes of the message."""

    parameters: Mapping[str, str]
    attributes: Mapping[str, str]

    def form(self) -> dict[str, str]:
        """All of it as parameters, in the order of their names."""
        found = dict(self.parameters)
        for number, name in enumerate(sorted(self.attributes), 1):
            entry = f"MessageAttributes.entry.{number}"
            found[f"{entry}.Name"] = name
            found[f"{entry}.Value.DataType"] = "String"
            found[f"{entry}.Value.StringValue"] = self.attributes[name]
        return dict(sorted(found.items()))

    def acceptable(self) -> Publication:
        """The same less what SNS takes for invalid: a subject that is long or has lines, attributes without value."""
        parameters = dict(self.parameters)
        if subject := " ".join(parameters.pop("Subject", "").split()):
            parameters["Subject"] = shorten(subject, LONGEST_SUBJECT)
        return Publication(
            parameters, {name: value for name, value in self.attributes.items() if name and value}
        )


def publication(config: SnsConfig, message: Message) -> Publication:
    """The message as SNS takes it."""
    text = message.text
    limit = LARGEST_TEXT_MESSAGE if config.phone_number else LARGEST_MESSAGE
    told, is_cut = _cut(text(config.message), limit)
    found = {"Action": "Publish", "Version": "2010-03-31", "Message": told}
    if config.topic_arn:
        found["TopicArn"] = text(config.topic_arn)
        if found["TopicArn"].endswith(".fifo"):
            # Within five minutes SNS takes a second message of a group for the first.
            found["MessageDeduplicationId"] = found["MessageGroupId"] = message.notification.group_hash
    if config.phone_number:
        found["PhoneNumber"] = text(config.phone_number)
    if config.target_arn:
        found["TargetArn"] = text(config.target_arn)
    if config.subject:
        found["Subject"] = text(config.subject)
    attributes = {
        text(name, fallback=""): text(value, fallback="") for name, value in config.attributes.items()
    }
    return Publication(found, attributes | {"truncated": "true"} if is_cut else attributes)


def _cut(text: str, limit: int) -> tuple[str, bool]:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise RejectedError("non utf8 encoded message string") from None
    if len(encoded) <= limit:
        return text, False
    # Half a character at the end would make SNS refuse the whole.
    return encoded[:limit].decode("utf-8", "ignore"), True


@dataclass(frozen=True, slots=True)
class Sns:
    """Publishes messages."""

    config: SnsConfig
    connection: Connection
    account: Account
    credentials: CredentialSource

    async def send(self, message: Message) -> None:
        """Publish the message; 5xx, being too fast, and credentials that have just ended are worth another attempt."""
        region = self.account.find_region(os.environ)
        if not region:
            raise RejectedError("region not configured in sns.sigv4.region or in default credentials chain")
        # Compat: what an address of one's own has after a question mark is left out.
        url = message.text(self.config.api_url).partition("?")[0] or endpoint("sns", region, os.environ)
        published = publication(self.config, message)
        response = await self._publish(url, region, published)
        if code_of(response) in _INVALID and (less := published.acceptable()) != published:
            log.warning(
                "SNS did not take a subject or attributes; the message goes out with less: %s", said(response)
            )
            response = await self._publish(url, region, less)
        if code_of(response) in _ENDED:
            self.credentials.forget()
            raise TemporaryError(
                f"the AWS credentials have ended: {code_of(response)}",
                reason=FailureReason.of(response.status_code),
            )
        check_answer(response)

    async def _publish(self, url: str, region: str, published: Publication) -> Response:
        content = urlencode(published.form()).encode()
        headers = signed_headers(
            url=url,
            content=content,
            headers=FORM,
            credentials=await self.credentials.current(region),
            region=region,
            service="sns",
            now=self.connection.clock.now(),
        )
        return await self.connection.http.post(url, content=content, headers=headers)


def connect(config: SnsConfig, connection: Connection) -> Sns:
    """A sender with an account of its own."""
    sigv4 = config.sigv4
    account = Account(
        region=sigv4.region,
        access_key=sigv4.access_key,
        secret_key=sigv4.secret_key.reveal(),
        profile=sigv4.profile,
        role_arn=sigv4.role_arn,
        external_id=sigv4.external_id,
    )
    return Sns(config, connection, account, CredentialSource(account, connection))


INTEGRATION = IntegrationKind(name="sns", config=SnsConfig, connect=connect)
