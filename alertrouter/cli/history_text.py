"""Lines of history as texts of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alertrouter.cli.session import Session
    from alertrouter.client import Query

Line = dict[str, Any]


def matchers_query(arguments: tuple[str, ...], session: Session) -> Query:
    """Typed matchers, as a query."""
    matchers = session.with_alertname(arguments)
    for each in matchers:
        session.matcher(each)  # what is wrong with it is told here
    return [("filter", each) for each in matchers]


def alert_text(labels: dict[str, str]) -> str:
    """An alert: its name, then its other labels."""
    name = labels.get("alertname", "")
    return " ".join(filter(None, [name, pairs_text({n: v for n, v in labels.items() if n != "alertname"})]))


def pairs_text(pairs: dict[str, str]) -> str:
    """``name="value"`` for each."""
    return " ".join(f'{name}="{value}"' for name, value in pairs.items())


def why_text(line: Line) -> str:
    """Why it was sent, or not."""
    why = [line["whyNot"] or line["reason"]]
    if line["error"]:
        why.append(line["error"])
    if line["possibleDuplicate"]:
        why.append("possible duplicate, as the outcome of the one before is unknown")
    return ", ".join(filter(None, why))


def counts_text(line: Line) -> str:
    """How many alerts a notification was about."""
    counts = {
        "firing": line["firing"]["count"],
        "resolved": line["resolved"]["count"],
        "kept back": line["mutedCount"],
        # A server of an earlier version does not say.
        "left out": line.get("leftOutCount", 0),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def attempt_text(attempt: Line) -> str:
    """One attempt and its answer."""
    answer = attempt["error"] or "ok"
    return f"{attempt['number']}: {answer} ({attempt['seconds'] * 1000:.0f} ms)"


def kept_back_text(line: Line) -> str:
    """Each alert that was kept back, and by what, or that was left out, and why."""
    kept = [f"{alert_text(each['labels'])} by {', '.join(each['by'])}" for each in line["muted"]]
    left = [f"{alert_text(each['labels'])}: {each['why']}" for each in line.get("leftOut", ())]
    return "; ".join(kept + left)
