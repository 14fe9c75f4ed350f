"""The servers that the messages of a play go to, and what they keep of them."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from tests.live.scenario import Scenario, said
from tests.receivers import Answer, Behaviour, HttpReceiver, ReceivedMail, ReceivedRequest, SmtpReceiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What an integration was sent: when, in seconds of its story; in one line; and all of it.

    ``request`` is how it came, in one line; empty for a mail.
    """

    at: float
    line: str
    content: Any
    sort_key: str
    request: str = ""


class Recorder:
    """The webhook server and the mail server of one contender."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.zero: dict[str, float] = {}
        self.messages: dict[str, dict[str, list[Message]]] = {
            scenario.slug: defaultdict(list) for scenario in scenarios
        }
        self._scenarios = {scenario.slug: scenario for scenario in scenarios}
        self.http = HttpReceiver()
        self.http.answer_with(self._request)
        self.smtp = _MailServer(self)

    def _now(self, slug: str) -> float:
        # What comes before the beginning would be wrong, and shows as such.
        return time.time() - self.zero.get(slug, time.time() + 1)

    def _request(self, request: ReceivedRequest) -> Behaviour:
        _, slug, rest = request.target.split("/", 2)
        # What stands behind the first part of the path is the integration's own.
        hook = re.split(r"[/?]", rest, maxsplit=1)[0]
        now = self._now(slug)
        answers = self._scenarios[slug].answers
        answer: Behaviour = answers[hook](now) if hook in answers else Answer()
        try:
            body = request.json()
        except ValueError:
            body = request.body.decode()
        line = said(answer.status, body) if isinstance(answer, Answer) else None
        if line is not None:
            group = str(body.get("groupKey", "")) if isinstance(body, dict) else ""
            told = " ".join(request.headers.get(name, "-") for name in ("content-type", "authorization"))
            self.messages[slug][hook].append(
                Message(
                    at=now,
                    line=line,
                    content=body,
                    sort_key=group,
                    request=f"{request.method} {rest} {told}",
                )
            )
        return answer

    def mail(self, mail: ReceivedMail) -> None:
        """A mail came. Of its parts the text counts: how the default HTML looks is our own affair."""
        slug = mail.recipients[0].partition("@")[0]
        parsed = email.message_from_bytes(mail.content, _class=EmailMessage, policy=email.policy.default)
        plain = parsed.get_body(("plain",))
        content = {name: str(parsed[name]) for name in ("From", "To", "Subject")}
        content["text"] = "" if plain is None else plain.get_content()
        subject = content["Subject"]
        self.messages[slug]["mail"].append(
            Message(at=self._now(slug), line=subject, content=content, sort_key="")
        )


class _MailServer(SmtpReceiver):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    async def remember(self, mail: ReceivedMail) -> None:
        await super().remember(mail)
        self._recorder.mail(mail)
