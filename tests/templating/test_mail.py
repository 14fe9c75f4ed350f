"""The default mail: what it says, and that nothing in an alert can change what it is."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from alertrouter.core.time import SECOND
from tests.templating.wording import NOW, alert, message

NASTY = "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>\"' javascript:"


class Page(HTMLParser):
    """What a reader of the mail would see, and what the mail is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.title = ""
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "br"}:
            self._within.append(tag)
        if tag == "a":
            self.links.append((dict(attrs)["href"] or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._within.pop() == tag

    def handle_data(self, text: str) -> None:
        shown = " ".join(text.split())
        if self._within[-1:] == ["title"]:
            self.title = shown
        elif self._within[-1:] != ["style"] and shown:
            self.texts.append(shown)
            if self._within[-1:] == ["a"]:
                self.links[-1] = (self.links[-1][0], shown)


FIRING = alert(
    {"alertname": "Disk", "instance": "a:9100", "job": "node"},
    {"summary": "it is <full>"},
    generator_url="http://prom/graph?a=1&b=2",
)
RESOLVED = alert({"alertname": "Disk", "instance": "b:9100", "job": "node"}, ends_at=NOW + SECOND)


def mail(*alerts: object) -> str:
    return message(*alerts).html('{{ template "email.default.html" . }}')  # type: ignore[arg-type]


def test_a_mail_says_what_there_is_to_say() -> None:
    page = Page(mail(FIRING, RESOLVED))
    assert page.title == "[FIRING:1] Disk (node)"
    assert "2 alerts for alertname=Disk" in page.texts
    assert page.links == [
        ("http://am.example.org:9093/#/alerts?receiver=team%5C.x", "View in Alertmanager"),
        ("http://prom/graph?a=1&b=2", "Source"),
        ("http://am.example.org:9093", "Sent by Alertmanager"),
    ]
    begin, end = page.texts.index("[1] Firing"), page.texts.index("[1] Resolved")
    assert page.texts[begin + 1 : end] == [
        "Labels", "alertname =", "Disk", "instance =", "a:9100", "job =", "node",
        "Annotations", "summary =", "it is <full>", "Source",
    ]  # fmt: skip
    assert page.texts[end + 1 : -1] == [
        "Labels",
        "alertname =",
        "Disk",
        "instance =",
        "b:9100",
        "job =",
        "node",
    ]


@pytest.mark.parametrize(("alerts", "colour", "heading"), [((FIRING,), "#E6522C", "1 alert for alertname=Disk"), ((RESOLVED,), "#68B90F", "1 alert for alertname=Disk")])  # fmt: skip
def test_the_heading_tells_the_state_by_its_colour(
    alerts: tuple[object, ...], colour: str, heading: str
) -> None:
    html = mail(*alerts)
    assert f"background-color: {colour};" in html
    page = Page(html)
    assert heading in page.texts
    assert ("[1] Firing" in page.texts) is (colour == "#E6522C")


def test_a_mail_can_be_read_on_a_phone_and_at_night_and_loads_nothing() -> None:
    html = mail(FIRING)
    assert html.startswith("<!DOCTYPE html>")
    assert "@media (max-width: 640px)" in html
    assert "@media (prefers-color-scheme: dark)" in html
    page = Page(html)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.elements)
    assert "url(" not in html


def test_nothing_in_an_alert_becomes_part_of_the_page() -> None:
    plain = Page(mail(alert({"alertname": "x", "a": "y"}, {"b": "z"}, generator_url="http://x")))
    nasty = Page(
        mail(alert({"alertname": NASTY, "a": NASTY}, {"b": NASTY}, generator_url="javascript:alert(1)"))
    )
    assert nasty.elements == plain.elements
    assert [name for name, _ in nasty.attributes] == [name for name, _ in plain.attributes]
    assert nasty.links[1] == ("#ZgotmplZ", "Source")
    assert NASTY in nasty.texts
