"""What differs from the Alertmanager at hand, on purpose, where the configuration, the build or the version is concerned."""

from __future__ import annotations

from tests.api.known import Answer, Known, without_body, without_members
from tests.api.play import Step


def _lists_silences_by_state(step: Step, _: Answer) -> bool:
    path, _mark, query = step.path.partition("?")
    return path == "/api/v2/silences" and any(
        each.startswith(("active=", "pending=", "expired=")) for each in query.split("&")
    )


def _are_metrics(step: Step, theirs: Answer) -> bool:
    return bool(theirs["status"] == 200) and step.path.endswith("/metrics")


def _is_page(_: Step, theirs: Answer) -> bool:
    kind: str = theirs["headers"].get("content-type", "")
    return theirs["status"] == 200 and kind.startswith("text/html")


KNOWN = (
    Known(
        reason="version, start and language are ours",
        where=lambda step, _: step.path.partition("?")[0].rstrip("/").endswith("/api/v2/status"),
        left=without_members("versionInfo"),
    ),
    Known(
        reason="silences are listed by state since 0.34, and this is older",
        where=_lists_silences_by_state,
        left=without_body,
    ),
    Known(reason="the pages are our own", where=_is_page, left=without_body),
    Known(reason="metrics are compared by themselves", where=_are_metrics, left=without_body),
    Known(
        reason="the web server knows the methods of HTTP alone",
        where=lambda step, _: step.method == "FOO",
        left=lambda answer: {"refused": answer["status"] in {400, 405}},
    ),
    Known(
        reason="what is wrong with a configuration is told in our own words, all of it",
        where=lambda step, theirs: step.path.endswith("/-/reload") and theirs["status"] == 500,
        left=without_body,
    ),
)
