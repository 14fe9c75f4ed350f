"""The web application: Alertmanager's paths in front, the pages behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException

from alertrouter.api import description, removed
from alertrouter.api.alerts import Alerts
from alertrouter.api.endpoint import ApiEndpoint, PlainEndpoint, UnknownApiEndpoint, not_found
from alertrouter.api.front import Front, Paths
from alertrouter.api.listing import Listing
from alertrouter.api.past import History
from alertrouter.api.read_only import ReadOnly
from alertrouter.api.receivers import Receivers
from alertrouter.api.silences import Silences
from alertrouter.api.status import Server
from alertrouter.api.traced import Traced
from alertrouter.external_url import route_prefix
from alertrouter.web.index import index_router

if TYPE_CHECKING:
    from fastapi import Request

    from alertrouter.api.endpoint import Endpoint, Handler
    from alertrouter.api.router import Router
    from alertrouter.metrics import Metrics
    from alertrouter.settings import Settings


def create_app(router: Router, settings: Settings, metrics: Metrics) -> FastAPI:
    """The application to serve. What FastAPI would answer by itself gives way to what Alertmanager answers."""
    app = FastAPI(
        title="alertrouter", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.add_exception_handler(HTTPException, _refuse)
    app.include_router(index_router(router))
    app.add_middleware(
        Front,
        paths=_paths(router, metrics),
        prefix=route_prefix(settings.web_route_prefix, settings.web_external_url),
        metrics=metrics,
        get_concurrency=settings.web_get_concurrency,
        timeout=settings.web_timeout,
    )
    if settings.web_read_only:
        app.add_middleware(
            ReadOnly, prefix=route_prefix(settings.web_route_prefix, settings.web_external_url)
        )
    if settings.web_config_file:
        from alertrouter.api.guard import Guard

        app.add_middleware(Guard, path=Path(settings.web_config_file), now=router.now, metrics=metrics)
    app.add_middleware(Traced)
    return app


def _paths(router: Router, metrics: Metrics) -> Paths:
    alerts = Alerts(router, Listing(router))
    silences = Silences(router, metrics)
    server = Server(router, metrics)
    receivers = Receivers(router)
    api: dict[str, dict[str, Handler]] = {
        "/api/v2/status": {"GET": server.status},
        "/api/v2/receivers": {"GET": server.receivers},
        "/api/v2/alerts": {"GET": alerts.get, "POST": alerts.post},
        "/api/v2/alerts/groups": {"GET": alerts.get_groups},
        "/api/v2/silences": {"GET": silences.list, "POST": silences.post},
        "/api/alertrouter/v1/receivers": {"GET": receivers.get},
        "/api/alertrouter/v1/openapi.json": {"GET": description.get},
        **History(router).handlers(),
    }
    plain: dict[str, dict[str, Handler]] = {
        "/-/healthy": {"GET": server.healthy, "HEAD": server.healthy},
        "/-/ready": {"GET": server.ready, "HEAD": server.ready},
        "/-/reload": {"POST": server.reload},
        "/metrics": {"GET": server.exposition},
    }
    exact: dict[str, Endpoint] = {path: PlainEndpoint(path, handlers) for path, handlers in plain.items()}
    for path, handlers in api.items():
        # A slash at the end makes no difference to the API.
        exact[path] = exact[f"{path}/"] = ApiEndpoint(path, handlers)
    silence = ApiEndpoint("/api/v2/silence/{silenceID}", {"GET": silences.get, "DELETE": silences.delete})
    return Paths(
        exact={**exact, **removed.EXACT},
        parameter={"/api/v2/silence/": silence, **removed.PARAMETER},
        below={
            "/api/v2/": UnknownApiEndpoint(),
            "/api/alertrouter/v1/receivers/": ApiEndpoint(
                "/api/alertrouter/v1/receivers/{name}/test", {"POST": receivers.test}
            ),
            "/debug/": PlainEndpoint("/debug/*subpath", {"GET": not_found, "POST": not_found}),
        },
        folders={"/api/v2", "/debug"},
    )


async def _refuse(request: Request, error: Exception) -> Response:
    """What there is no page for, in Alertmanager's words."""
    assert isinstance(error, HTTPException)
    headers = {"x-content-type-options": "nosniff"}
    if error.status_code != 405:
        text = "404 page not found\n" if error.status_code == 404 else f"{error.detail}\n"
        return PlainTextResponse(text, error.status_code, headers)
    allowed = {each.strip() for each in (error.headers or {}).get("Allow", "").split(",")} - {""}
    allow = ", ".join(sorted(allowed | {"OPTIONS"}))
    if request.method == "OPTIONS":
        return Response(headers={"Allow": allow})
    return PlainTextResponse("Method Not Allowed\n", 405, headers | {"Allow": allow})
