"""The wording of one message, and the set of templates it comes from."""

from __future__ import annotations

import html as markup
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from alertrouter.core.reason import Reason
from alertrouter.core.time import ZERO_TIME, format_rfc3339
from alertrouter.templating.data import Data, common, quote_pattern
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.mode import Mode
from alertrouter.templating.route_labels import RouteLabels
from alertrouter.templating.yaml_value import yaml_value

if TYPE_CHECKING:
    from alertrouter.core.alert import Alert
    from alertrouter.core.notification import Notification
    from alertrouter.core.time import Moment
    from alertrouter.templating.functions import Environment
    from alertrouter.templating.templates import Templates

_SUBJECT: Final = '{{ template "__subject" . }}'
# For what even the default wording cannot tell, a message of many megabytes above all.
_LAST_RESORT: Final = (
    '{{ template "__subject" . }}\n\n{{ len .Alerts.Firing }} firing, {{ len .Alerts.Resolved }} resolved\n'
)
_LONGEST_NOTE: Final = 300
_LONGEST_NAME: Final = 80
_QUOTED: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""")


class Message:
    """One notification, ready to be worded by the templates of an integration.

    Made by `Templates.message`; used by one task at a time. Texts are rendered when asked for.

    A template that fails does not cost the page. `text` and `html` fall back to the default wording of the
    field where one is known (``fallback``, or the ``fallbacks`` given to `Templates.message`), if need be without
    the user's own template files; several lines of it end in a note that says why. Where none is known, as for
    an URL or a key, they raise TemplateError. Every failure is in ``faults`` and reported to the `Templates`.
    """

    def __init__(
        self,
        templates: Templates,
        notification: Notification,
        *,
        external_url: str,
        now: Moment,
        fallbacks: Mapping[str, str],
        max_alerts: int = 0,
    ) -> None:
        self.notification = notification
        self.external_url = external_url
        self.faults: list[TemplateError] = []
        self._failures: list[str] = []
        self._templates = templates
        self._now = now
        self._max_alerts = max_alerts
        self._fallbacks = fallbacks
        self._environments: dict[Mode, Environment] = {}

    def limited(self, max_alerts: int) -> Message:
        """The same message with the first so many alerts at most; 0 is no limit.

        Templates see those alone, but status and common labels and annotations of all (D12). What fails to render
        there counts as a fault of this message too.
        """
        if not max_alerts or len(self.alerts) <= max_alerts:
            return self
        message = Message(
            self._templates,
            self.notification,
            external_url=self.external_url,
            now=self._now,
            fallbacks=self._fallbacks,
            max_alerts=max_alerts,
        )
        message.faults = self.faults
        return message

    @property
    def alerts(self) -> Sequence[Alert]:
        """The alerts that it shows."""
        alerts = self.notification.alerts
        return alerts[: self._max_alerts] if self._max_alerts else alerts

    @property
    def receiver(self) -> str:
        """The receiver's name as payloads show it, as a regular expression (`semantics.md` 9.1)."""
        return quote_pattern(self.notification.receiver)

    @cached_property
    def data(self) -> Data:
        """What the templates see."""
        return Data(
            self.notification,
            external_url=self.external_url,
            notification_reason=self.notification.reason.value,
            route_labels=lambda: self.route_labels,
            shown=self.alerts,
        )

    @cached_property
    def route_labels(self) -> dict[str, str]:
        """The route's labels, rendered; those that fail are left out and reported."""
        if not self.notification.route_labels:
            return {}
        # Compat: these see neither the reason nor each other but through `routeLabels`.
        data = Data(
            self.notification,
            external_url=self.external_url,
            notification_reason=Reason.UNKNOWN.value,
            route_labels=dict,
        )

        def render(template: str, route_label: Callable[[str], str]) -> str:
            return self._templates.render(template, data, now=self._now, route_label=route_label)

        return RouteLabels(
            self.notification.route_labels,
            render=render,
            failed=lambda name, error: self._fault(error, f"route label {name!r}"),
        ).all()

    @property
    def note(self) -> str:
        """One line for the reader when a template failed; empty when none did."""
        if not self.faults:
            return ""
        why = self.faults[0].message.partition("\n")[0]
        if len(why) > _LONGEST_NOTE:
            why = why[:_LONGEST_NOTE] + "…"
        return f"(A template failed, so this is the default wording: {why})"

    @property
    def failures(self) -> str:
        """Which templates failed and why, each on a line of its own; for those who run this, not for the reader."""
        return "\n".join(self._failures)

    def text(self, template: str, *, fallback: str | None = None) -> str:
        """The template in text mode. TemplateError only where no fallback is known."""
        if "{" not in template:
            return template
        try:
            return self._text(self._templates, template)
        except TemplateError as error:
            default = self._fallbacks.get(template) if fallback is None else fallback
            told = error if default is not None else _discreet(error)
            self._fault(told, self._called("text", template, fallback))
            if default is None:
                raise told from None
        text = self._default(default, self._text)
        return f"{text.rstrip(chr(10))}\n\n{self.note}\n" if "\n" in text.strip("\n") else text

    def html(self, template: str, *, fallback: str | None = None) -> str:
        """The template in HTML mode, values escaped for where they stand. Errors as for `text`."""
        try:
            return self._html(self._templates, template)
        except TemplateError as error:
            default = self._fallbacks.get(template) if fallback is None else fallback
            told = error if default is not None else _discreet(error)
            self._fault(told, self._called("html", template, fallback))
            if default is None:
                raise told from None
        text = self._default(default, self._html)
        if "\n" not in text.strip("\n"):
            return text
        before, body_end, after = text.rpartition("</body>")
        note = f"<i>{markup.escape(self.note)}</i>\n"
        return f"{before}{note}{body_end}{after}" if body_end else f"{text.rstrip(chr(10))}\n\n{note}"

    def structure(self, value: Any) -> Any:
        """A templated structure as plain JSON values (`config.md` 8.0).

        Texts in it are rendered, values also read as YAML; keys that are no texts are dropped. A text that fails
        to render becomes the default subject with a note, so that the page goes out.
        """
        if isinstance(value, str):
            return yaml_value(self._leaf(value))
        if isinstance(value, Mapping):
            return {
                self._leaf(name): self.structure(member)
                for name, member in value.items()
                if isinstance(name, str)
            }
        if isinstance(value, Sequence):
            return [self.structure(element) for element in value]
        return value

    def webhook_members(self, max_alerts: int = 0) -> dict[str, Any]:
        """The members of the webhook payload in order (`semantics.md` 9.4); ``max_alerts`` 0 is no limit.

        D12: status and common labels are those of all alerts, also of those left out.
        """
        notification = self.notification
        alerts = notification.alerts
        shown = self.limited(max_alerts).alerts
        return {
            "receiver": self.receiver,
            "status": notification.status.value,
            "alerts": [_webhook_alert(alert) for alert in shown],
            "notification_reason": notification.reason.value,
            "groupLabels": notification.group_labels,
            "commonLabels": common([alert.labels for alert in alerts]),
            "commonAnnotations": common([alert.annotations for alert in alerts]),
            "routeLabels": self.route_labels if notification.route_labels else {},
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": notification.group_key,
            "truncatedAlerts": len(alerts) - len(shown),
        }

    def _leaf(self, template: str) -> str:
        if "{" not in template:
            return template
        try:
            return self._text(self._templates, template)
        except TemplateError as error:
            self._fault(error, self._called("structure", template, _SUBJECT))
            return f"{self._default(_SUBJECT, self._text)} {self.note}"

    def _text(self, templates: Templates, template: str) -> str:
        return self._rendered(templates, template, Mode.TEXT)

    def _html(self, templates: Templates, template: str) -> str:
        return self._rendered(templates, template, Mode.HTML)

    def _rendered(self, templates: Templates, template: str, mode: Mode) -> str:
        if templates is not self._templates:
            environment = templates.environment(self._now, self._route_label, mode)
            return templates.render_in(environment, template, self.data)
        if mode not in self._environments:
            self._environments[mode] = templates.environment(self._now, self._route_label, mode)
        return templates.render_in(self._environments[mode], template, self.data)

    def _default(self, template: str, render: Callable[[Templates, str], str]) -> str:
        try:
            return render(self._templates, template)
        except TemplateError as error:
            # The user's files redefine what it is made of, and that is broken too.
            built_in = self._templates.built_in()
            try:
                return render(built_in, template)
            except TemplateError:
                self._fault(error, "default wording")
                return render(built_in, _LAST_RESORT)

    def _route_label(self, name: str) -> str:
        return self.route_labels.get(name, "")

    def _called(self, kind: str, template: str, fallback: str | None) -> str:
        """What to call a template that failed. One without a fallback may be a secret: nothing of it is shown."""
        if fallback is None and template not in self._fallbacks:
            return kind
        line = " ".join(template.split())
        return f"{kind} {line if len(line) <= _LONGEST_NAME else line[:_LONGEST_NAME] + '…'}"

    def _fault(self, error: TemplateError, where: str) -> None:
        self.faults.append(error)
        failure = f"{where}: {error.message.partition(chr(10))[0]}"
        if failure not in self._failures:
            self._failures.append(failure)
        self._templates.report(error, where)


def _discreet(error: TemplateError) -> TemplateError:
    """The error of a text that may be a secret, such as an URL: less the literals that are quoted from it."""
    message = _QUOTED.sub(lambda found: found[0] if len(found[0]) == 2 else "…", error.message)
    return TemplateError(message, file=error.file, line=error.line, column=error.column, hint=error.hint)


def _webhook_alert(alert: Alert) -> dict[str, Any]:
    ends_at = alert.ends_at
    return {
        "status": "firing" if ends_at is None else "resolved",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": format_rfc3339(alert.starts_at, alert.starts_offset),
        "endsAt": ZERO_TIME if ends_at is None else format_rfc3339(ends_at, alert.ends_offset),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.labels.fingerprint_text,
    }
