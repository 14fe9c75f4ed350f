"""A daemon with a secret in every field that takes one: nothing it says shows any of them, whatever goes wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
import yaml
from pydantic import BaseModel

from alertrouter.config.values import Secret
from alertrouter.integrations import discover
from tests.daemon.process import Daemon, alert
from tests.receivers import Answer, Behaviour, HttpReceiver, ReceivedRequest, SmtpReceiver
from tests.waiting import until

pytestmark = pytest.mark.live

# HUSH(x) is the secret called x. HTTP and PROXY are servers that refuse everything and repeat what they were sent.
CONFIG = """
global:
  smtp_smarthost: SMTP
  smtp_from: a@example.com
  smtp_require_tls: false
  smtp_auth_username: somebody
  smtp_auth_password: HUSH(smtp password)
  smtp_auth_secret: HUSH(smtp secret)
  slack_api_url: HTTP/HUSH(global-slack-url)
  opsgenie_api_key: HUSH(global opsgenie key)
  opsgenie_api_url: HTTP/opsgenie/
  victorops_api_key: HUSH(global-victorops-key)
  victorops_api_url: HTTP/victorops/
  telegram_bot_token: HUSH(global-telegram-token)
  telegram_api_url: HTTP/telegram
  wechat_api_secret: HUSH(global wechat secret)
  wechat_api_corp_id: corp
  wechat_api_url: HTTP/wechat/
  rocketchat_token: HUSH(global rocketchat token)
  rocketchat_token_id: HUSH(global rocketchat token id)
  rocketchat_api_url: HTTP/rocketchat/
  mattermost_webhook_url: HTTP/HUSH(global-mattermost-url)
  jira_api_url: HTTP/jira
  http_config:
    proxy_url: http://somebody:HUSH(global-proxy-password)@PROXY
    proxy_connect_header: {X-Secret: [HUSH(global connect header)]}
    http_headers: {X-Secret: {secrets: [HUSH(global header)]}}
route:
  receiver: with-keys-of-their-own
  group_wait: 0s
  group_by: ['...']
  routes:
    - receiver: with-global-keys
      continue: true
    - receiver: with-keys-of-their-own
      continue: true
    - receiver: with-credentials
receivers:
  - name: with-global-keys
    email_configs: [{to: x@example.com}]
    slack_configs: [{channel: '#x'}]
    opsgenie_configs: [{}]
    victorops_configs: [{routing_key: x}]
    telegram_configs: [{chat_id: 1}]
    wechat_configs: [{}]
    rocketchat_configs: [{}]
    mattermost_configs: [{}]
  - name: with-keys-of-their-own
    webhook_configs:
      - url: HTTP/HUSH(webhook-url)?token=HUSH(webhook-query)
      - url: http://somebody:HUSH(webhook-user)@127.0.0.1:1/HUSH(unreachable-webhook)
      - url: HTTP/HUSH(webhook-template)/{{ .GroupLabels.alertname }}
      - url: HTTP/HUSH(webhook-broken-template)/{{ (index .Alerts 99).Labels.x }}
    email_configs:
      - {to: x@example.com, auth_password: HUSH(email password), auth_secret: HUSH(email secret)}
      - {to: x@example.com, smarthost: 'SMTP', auth_secret: HUSH(cram secret)}
    slack_configs:
      - {channel: '#x', api_url: HTTP/HUSH(slack-url)}
      - {channel: '#x', app_token: HUSH(slack token), app_url: HTTP/slack}
    pagerduty_configs:
      - {routing_key: HUSH(routing key), url: HTTP/pagerduty}
      - {service_key: HUSH(service key), url: HTTP/pagerduty}
    opsgenie_configs: [{api_key: HUSH(opsgenie key)}]
    victorops_configs: [{api_key: HUSH(victorops-key), routing_key: x}]
    pushover_configs: [{user_key: HUSH(pushover user), token: HUSH(pushover token)}]
    sns_configs:
      - api_url: HTTP/sns
        topic_arn: arn:aws:sns:eu-west-1:123456789012:x
        sigv4: {region: eu-west-1, access_key: AKIDEXAMPLE, secret_key: HUSH(aws secret key)}
    telegram_configs: [{bot_token: HUSH(telegram-token), chat_id: 1}]
    discord_configs: [{webhook_url: HTTP/HUSH(discord-url)}]
    msteams_configs: [{webhook_url: HTTP/HUSH(teams-url)}]
    msteamsv2_configs: [{webhook_url: HTTP/HUSH(teams-two-url)}]
    webex_configs: [{api_url: HTTP/webex, room_id: x, http_config: {authorization: {credentials: HUSH(webex token)}}}]
    jira_configs: [{project: P, issue_type: Bug, http_config: {basic_auth: {username: x, password: HUSH(jira password)}}}]
    rocketchat_configs: [{token: HUSH(rocketchat token), token_id: HUSH(rocketchat token id)}]
    mattermost_configs: [{webhook_url: HTTP/HUSH(mattermost-url)}]
    incidentio_configs: [{url: HTTP/incidentio, alert_source_token: HUSH(incidentio token)}]
    wechat_configs: [{api_secret: HUSH(wechat secret), corp_id: corp}]
  - name: with-credentials
    webhook_configs:
      - url: HTTP/one
        http_config: {basic_auth: {username: x, password: HUSH(basic password)}}
      - url: HTTP/two
        http_config: {authorization: {type: Token, credentials: HUSH(credentials)}}
      - url: HTTP/three
        http_config: {bearer_token: HUSH(bearer token)}
      - url: HTTP/four
        http_config:
          oauth2:
            client_id: x
            client_secret: HUSH(client secret)
            token_url: HTTP/token
            endpoint_params: {audience: x}
            proxy_url: http://somebody:HUSH(oauth-proxy-password)@PROXY
            proxy_connect_header: {X-Secret: [HUSH(oauth connect header)]}
      - url: HTTP/five
        http_config:
          http_headers: {X-Secret: {secrets: [HUSH(header)]}}
          proxy_url: http://somebody:HUSH(proxy-password)@PROXY
          proxy_connect_header: {X-Secret: [HUSH(connect header)]}
      - url: https://127.0.0.1:1/six
        http_config:
          tls_config: {cert: CERTIFICATE, key: PRIVATE}
      - url: HTTP/seven
        http_config:
          oauth2:
            client_id: x
            grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
            client_certificate_key: HUSH(client certificate key)
            client_certificate_key_id: x
            token_url: HTTP/token
event_recorder:
  webhook_outputs:
    - url: HTTP/HUSH(event-url)?token=HUSH(event-query)
      retry_backoff: 10ms
      http_config: {authorization: {credentials: HUSH(event credentials)}}
    - url: http://somebody:HUSH(event-user)@127.0.0.1:1/HUSH(unreachable-events)
tracing:
  client_type: http
  endpoint: PROXY
  insecure: true
  sampling_fraction: 1
  headers: {X-Secret: {secrets: [HUSH(tracing header)]}}
"""


FLAG = "--enable-feature=event-recorder"


def _secret(name: str) -> str:
    return f"hush-{name.replace(' ', '-')}-{len(name)}"


def _filled(**servers: str) -> str:
    text = CONFIG
    servers["CERTIFICATE"] = json.dumps(_CERTIFICATE.cert_chain_pems[0].bytes().decode())
    servers["PRIVATE"] = json.dumps(_PRIVATE)
    for name, address in servers.items():
        text = text.replace(name, address)
    return re.sub(r"HUSH\(([^)]+)\)", lambda found: _secret(found[1]), text)


SECRETS = [_secret(name) for name in re.findall(r"HUSH\(([^)]+)\)", CONFIG)]


_AUTHORITY = trustme.CA()
_CERTIFICATE = _AUTHORITY.issue_cert("client.example")
_PRIVATE = _CERTIFICATE.private_key_pem.bytes().decode()
# Any line of the key but its first and last would do.
SECRETS += _PRIVATE.splitlines()[1:-1]


def _shown(text: str) -> list[str]:
    """The secrets that the text shows, plainly or in one of the forms in which they travel."""
    forms = {
        secret: {
            secret,
            quote(secret, safe=""),
            *(
                base64.b64encode(each.encode()).decode().rstrip("=")
                for each in (secret, f"x:{secret}", f"somebody:{secret}")
            ),
        }
        for secret in SECRETS
    }
    return [secret for secret, each in forms.items() if any(form in text for form in each)]


def _secret_fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Secret):
            yield field.alias or name


def _keys(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                if "HUSH" in str(each):
                    yield key
                yield from _keys(each)
        case list():
            for each in value:
                yield from _keys(each)


def test_every_field_that_takes_a_secret_has_one_here() -> None:
    written = yaml.safe_load(CONFIG)
    given = set(_keys(written["global"]))
    missing = []
    for kind, integration in discover().items():
        configs = [each for receiver in written["receivers"] for each in receiver.get(f"{kind}_configs", [])]
        keys = set(_keys(configs))
        missing += [f"{kind}: {name}" for name in _secret_fields(integration.config) if name not in keys]
        if integration.globals is not None:
            missing += [
                f"global: {name}" for name in _secret_fields(integration.globals) if name not in given
            ]
    # Stands instead of slack_api_url.
    assert missing == ["global: slack_app_token"]


def _refusing(request: ReceivedRequest) -> Behaviour:
    """Refuses, and tells of the request in its answer, as some servers do."""
    told = f"{request.method} {request.target} {sorted(request.headers.items())} {request.body.decode(errors='replace')}"
    return Answer(400, body=told.encode(), headers={"Content-Type": "text/plain"})


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            HttpReceiver() as http,
            HttpReceiver() as proxy,
            SmtpReceiver(mechanisms=("CRAM-MD5", "LOGIN", "PLAIN"), password="another") as smtp,
        ):
            http.answer_with(_refusing)
            proxy.answer_with(_refusing)
            config = _filled(HTTP=http.url(""), PROXY=f"127.0.0.1:{proxy.port}", SMTP=smtp.smarthost)
            async with Daemon(tmp_path, config, "--log.level=debug", "--log.silences", FLAG) as daemon:
                await daemon.post(alert("A"))

                async def all_tried() -> bool:
                    metrics = (await daemon.client.get("/metrics")).text
                    tried = re.findall(
                        r'alertmanager_notification_requests_failed_total\{integration="(\w+)"\} (\S+)',
                        metrics,
                    )
                    return {kind for kind, count in tried if float(count) > 0} >= set(discover())

                try:
                    await until(all_tried)
                except TimeoutError:
                    pytest.fail((await daemon.client.get("/metrics")).text + "".join(daemon.said))
                answers = {}
                for path in (
                    "/metrics",
                    "/api/v2/status",
                    "/api/v2/receivers",
                    "/api/v2/alerts",
                    "/api/v2/alerts/groups",
                    "/",
                ):
                    answers[path] = (await daemon.client.get(path)).text
                for name, edit in (
                    ("unknown key", lambda text: text.replace("routing_key:", "rooting_key:")),
                    ("not a URL", lambda text: text.replace("url: http://", "url: nothttp://")),
                    ("not YAML", lambda text: text.replace("global:", "global: {")),
                    (
                        "a list for a secret",
                        lambda text: re.sub(r"(api_key|token): (hush\S+)", r"\1: [\2]", text),
                    ),
                    (
                        "a key too many",
                        lambda text: text.replace(
                            "bearer_token:", "basic_auth: {password: x}, bearer_token:"
                        ),
                    ),
                ):
                    daemon.config.write_text(edit(config), encoding="utf-8")
                    answer = await daemon.client.post("/-/reload")
                    assert answer.status_code == 500, name
                    answers[f"reload: {name}"] = answer.text
                assert await daemon.stop() == 0
                answers["log"] = "".join(daemon.said)
            assert "/v1/traces" in {request.target for request in proxy.requests}
            assert any(request.target.startswith("/hush-event-url") for request in http.requests)
        assert "notify retry canceled" in answers["log"]
        shown = {where: shown for where, text in answers.items() if (shown := _shown(text))}
        guilty = [line for line in daemon.said if _shown(line)]
        assert (shown, guilty) == ({}, [])

    asyncio.run(story())
