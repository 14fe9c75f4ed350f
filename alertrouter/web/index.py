"""The start page: what fires and what is silenced, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader

from alertrouter.assets import folder
from alertrouter.core.labels import label_set_order
from alertrouter.core.silence import Silence, SilenceState, list_order
from alertrouter.core.time import format_milliseconds

if TYPE_CHECKING:
    from alertrouter.api.router import Router
    from alertrouter.core.time import Moment
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known

_NO_STORE = {"cache-control": "no-cache, no-store, must-revalidate", "pragma": "no-cache", "expires": "0"}
# A page of more alerts than this is of no use to anybody.
_MOST_GROUPS = 200
_MOST_ALERTS = 50

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<circle cx="8" cy="8" r="7" fill="#d33"/><path d="M8 3v6M8 11v2" stroke="#fff" stroke-width="2"/></svg>'
)


class ShownAlert(NamedTuple):
    """An alert on the page."""

    known: Known
    silences: tuple[Silence, ...]
    inhibited_by: Known | None


class ShownGroup(NamedTuple):
    """An alert group on the page. ``left_out`` alerts are not listed."""

    group: AggregationGroup
    alerts: list[ShownAlert]
    left_out: int


def index_router(router: Router) -> APIRouter:
    """The route of the page and of its icon."""
    pages = Environment(
        loader=FileSystemLoader(folder("templates") / "web"), autoescape=True, trim_blocks=True
    )
    pages.filters["moment"] = format_milliseconds
    page = pages.get_template("index.html.j2")
    routes = APIRouter()

    @routes.get("/")
    async def index() -> Response:
        groups, silences = _groups(router), _silences(router)
        text = page.render(
            groups=groups[:_MOST_GROUPS], left_out=len(groups[_MOST_GROUPS:]), silences=silences
        )
        return HTMLResponse(text, headers=_NO_STORE)

    @routes.get("/favicon.ico")
    async def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml", headers=_NO_STORE)

    return routes


def _groups(router: Router) -> list[ShownGroup]:
    engine, now = router.engine, router.now()
    groups = []
    for group in sorted(engine.groups, key=lambda group: label_set_order(group.labels)):
        firing = [known for known in group.members if known.ends_at >= now]
        if firing:
            alerts = [
                ShownAlert(known, engine.silenced_by(known, now), engine.inhibited_by(known, now))
                for known in firing[:_MOST_ALERTS]
            ]
            groups.append(ShownGroup(group, alerts, len(firing) - len(alerts)))
    return groups


def _silences(router: Router) -> list[tuple[Silence, SilenceState]]:
    now: Moment = router.now()
    listed = sorted(router.engine.silences.values(), key=lambda silence: list_order(silence, now))
    shown = [(silence, silence.shown_state(now)) for silence in listed]
    return [(silence, state) for silence, state in shown if state is not SilenceState.EXPIRED]
