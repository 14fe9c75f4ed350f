from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations._json import json_body
from alertrouter.integrations.mattermost import LONGEST_TEXT, MattermostConfig, post
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"webhook_url": "{url}", "channel": "ops"}}

HOOK = "http://h/hooks/x"
FULL: dict[str, Any] = {
    "webhook_url": HOOK,
    "channel": "ops-{{ .Status }}",
    "username": "{{ .Status }}",
    "text": "text {{ .Status }}",
    "fallback": "fallback {{ .Status }}",
    "color": "#ff8000",
    "pretext": "pretext {{ .Status }}",
    "author_name": "author {{ .Status }}",
    "author_link": "http://author/{{ .Status }}",
    "author_icon": "http://author-icon/{{ .Status }}",
    "title": "title {{ .Status }}",
    "title_link": "http://title/{{ .Status }}",
    "fields": [
        {"title": "a {{ .Status }}", "value": "b"},
        {"title": "c", "value": "{{ .Status }}", "short": True},
        {"title": "e", "value": "f", "short": False},
    ],
    "thumb_url": "http://thumb/{{ .Status }}",
    "footer": "footer {{ .Status }}",
    "footer_icon": "http://footer/{{ .Status }}",
    "image_url": "http://image/{{ .Status }}",
    "icon_url": "http://icon/{{ .Status }}",
    "icon_emoji": "{{ .Status }}",
    "type": "custom_{{ .Status }}",
    "props": {"card": "card {{ .Status }}"},
    "priority": {
        "priority": '{{ if eq .Status "firing" }}URGENT{{ else }}standard{{ end }}',
        "requested_ack": True,
        "persistent_notifications": True,
    },
}
WRITTEN_OUT: dict[str, Any] = {
    "webhook_url": HOOK,
    "text": "above {{ .Status }}",
    "attachments": [
        {"text": "one {{ .Status }}", "fields": [{"title": "a", "value": "{{ .Status }}"}], "footer": "f"},
        {"pretext": "two {{ .Status }}", "color": "good"},
    ],
}


def vendor(request: ReceivedRequest) -> Answer:
    """A Mattermost server: it wants a text or an attachment, and a type of one's own to begin with custom_."""
    posted = request.json()
    if not posted.get("text") and not any(posted.get("attachments", [])):
        return Answer(400, b'{"id":"web.incoming_webhook.text.app_error","message":"No text specified."}')
    if not posted.get("type", "custom_").startswith("custom_"):
        return Answer(400, b'{"id":"web.incoming_webhook.parse.app_error"}')
    if len(posted.get("text", "")) > LONGEST_TEXT:
        return Answer(400, b'{"id":"web.incoming_webhook.split_props_length.app_error"}')
    return Answer(200, b"ok")


def config_of(values: dict[str, Any], **global_values: Any) -> MattermostConfig:
    config = configure("mattermost", values, **global_values)
    assert isinstance(config, MattermostConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    ("suffix", "values"),
    [("", {"webhook_url": HOOK}), ("_full", FULL), ("_written_out", WRITTEN_OUT)],
    ids=["by default", "with everything in it", "with attachments written out"],
)
def test_a_post(name: str, suffix: str, values: dict[str, Any]) -> None:
    config = config_of(values)

    check_golden("mattermost", f"{name}{suffix}", json_body(post(config, message(EXAMPLES[name], config))))


def test_the_text_of_the_post_is_cut_and_that_of_an_attachment_is_not() -> None:
    long = message(notification(alert(alertname="A", text="ö" * 20_000)))
    values = {"webhook_url": HOOK, "text": "{{ .CommonLabels.text }}"}

    alone = post(config_of(values), long)
    above = post(config_of(values | {"attachments": [{"text": "{{ .CommonLabels.text }}"}]}), long)

    assert (alone.text, len(alone.attachments[0].text)) == ("", 20_000)
    assert (above.text, len(above.attachments[0].text)) == ("ö" * 16_382 + "…", 20_000)


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        pytest.param({"requested_ack": True}, None, id="none given"),
        pytest.param({"priority": "Important"}, {"priority": "important"}, id="in lower case"),
        pytest.param(
            {"priority": "urgent", "requested_ack": True, "persistent_notifications": True},
            {"priority": "urgent", "requested_ack": True, "persistent_notifications": True},
            id="urgent takes everything",
        ),
        pytest.param(
            {"priority": "important", "requested_ack": True, "persistent_notifications": True},
            {"priority": "important", "requested_ack": True},
            id="only what is urgent goes on and on",
        ),
        pytest.param(
            {"priority": "standard", "requested_ack": True, "persistent_notifications": True},
            {"priority": "standard"},
            id="nobody acknowledges what is standard",
        ),
        pytest.param({"priority": "soon"}, {"priority": "standard"}, id="no such priority"),
        pytest.param({"priority": "{{ .CommonLabels.no }}"}, {"priority": "standard"}, id="rendered empty"),
    ],
)
def test_the_priority_is_one_that_mattermost_takes(
    priority: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    config = config_of({"webhook_url": HOOK, "priority": priority, "props": {"card": ""}})

    posted = json.loads(json_body(post(config, message(EXAMPLES["one_firing"], config))))

    assert posted.get("priority") == expected
    assert "props" not in posted


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param(
            {}, {}, "missing webhook_url or webhook_url_file on mattermost_config", id="nowhere to post"
        ),
        pytest.param(
            {"webhook_url": HOOK, "webhook_url_file": "f"},
            {},
            "at most one of webhook_url & webhook_url_file must be configured",
            id="two places",
        ),
        pytest.param({"webhook_url": "h"}, {}, 'unsupported scheme "" for URL', id="no URL"),
        pytest.param(
            {"webhook_url": HOOK, "fields": [{"value": "v"}]},
            {},
            "missing title in Mattermost field configuration",
            id="a field without title",
        ),
        pytest.param(
            {"webhook_url": HOOK, "attachments": [{"fields": [{"title": "t"}]}]},
            {},
            "missing value in Mattermost field configuration",
            id="a field without value",
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("mattermost", config, **global_values)

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("config", "global_values", "url", "path"),
    [
        pytest.param({"webhook_url": HOOK}, {"mattermost_webhook_url": "http://g/"}, HOOK, "", id="its own"),
        pytest.param(
            {"webhook_url_file": "f"}, {"mattermost_webhook_url": "http://g/"}, "", "f", id="its own file"
        ),
        pytest.param({}, {"mattermost_webhook_url": "http://g/"}, "http://g/", "", id="the global one"),
        pytest.param({}, {"mattermost_webhook_url_file": "g"}, "", "g", id="the global file"),
    ],
)
def test_where_it_posts(config: dict[str, Any], global_values: dict[str, Any], url: str, path: str) -> None:
    completed = config_of(config, **global_values)

    assert (completed.webhook_url.reveal(), completed.webhook_url_file) == (url, path)


async def test_a_server_takes_it() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(vendor)
        for values in ({}, FULL, WRITTEN_OUT):
            async with connected("mattermost", values | {"webhook_url": receiver.url()}) as sender:
                for name in EXAMPLES:
                    await sender.send(message(EXAMPLES[name]))

    assert len(receiver.requests) == 3 * len(EXAMPLES)


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected(
            "mattermost", {"channel": "ops"}, directory=tmp_path, mattermost_webhook_url_file="url"
        ) as sender,
    ):
        for path in ("/one", "/two"):
            (tmp_path / "url").write_text(f" {receiver.url(path)}\n")
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "url").write_text("\n")
        with pytest.raises(RejectedError, match='channel "ops": webhook url missing'):
            await sender.send(message(EXAMPLES["one_firing"]))

    assert [each.target for each in receiver.requests] == ["/one", "/two"]


async def test_a_429_is_final_unless_it_says_when_to_come_again() -> None:
    limited = {"X-Ratelimit-Limit": "10", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1"}
    async with HttpReceiver() as receiver, connected("mattermost", {"webhook_url": receiver.url()}) as sender:
        receiver.answer_with(
            Answer(429, b"limit exceeded", limited), Answer(429, b"", limited | {"Retry-After": "1"})
        )

        with pytest.raises(RejectedError, match='channel "": unexpected status code 429: limit exceeded'):
            await sender.send(message(EXAMPLES["one_firing"]))
        with pytest.raises(TemporaryError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.retry_after == SECOND
