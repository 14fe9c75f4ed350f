"""Where rules are shown: beside the router's paths, or on a server that has nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.api import removed
from alertrouter.api.endpoint import PlainEndpoint
from alertrouter.api.front import Front, Paths
from alertrouter.api.http import NOT_FOUND
from alertrouter.api.management import Management
from alertrouter.api.rules import RulesApi
from alertrouter.external_url import route_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from alertrouter.api.endpoint import Endpoint, Handler
    from alertrouter.api.management import Process
    from alertrouter.api.rules import Evaluated
    from alertrouter.core.time import Moment
    from alertrouter.settings import Settings
    from alertrouter.web_metrics import WebMetrics


def rules_paths(evaluated: Evaluated) -> dict[str, Endpoint]:
    """The endpoints by their paths. Alertmanager's first API, which is gone, had alerts to post at one of them."""
    api = RulesApi(evaluated)
    handlers: dict[str, dict[str, Handler]] = {
        "/api/v1/rules": {"GET": api.rules},
        "/api/v1/alerts": {"GET": api.alerts, "POST": removed.gone},
        "/api/v1/alertmanagers": {"GET": api.alertmanagers},
        "/api/v1/status/buildinfo": {"GET": api.build},
        "/api/v1/rule": {"GET": api.rule},
        "/vmalert/api/v1/rules": {"GET": api.rules},
        "/vmalert/api/v1/rule": {"GET": api.rule},
        "/vmalert/api/v1/alerts": {"GET": api.alerts},
    }
    return {path: PlainEndpoint(path, of_path) for path, of_path in handlers.items()}


def create_rules_app(
    process: Process,
    evaluated: Evaluated,
    settings: Settings,
    metrics: WebMetrics,
    now: Callable[[], Moment],
) -> ASGIApp:
    """An application that shows rules and can be managed, and that is all."""
    management = Management(process, metrics)
    plain: dict[str, dict[str, Handler]] = {
        "/-/healthy": {"GET": management.healthy, "HEAD": management.healthy},
        "/-/ready": {"GET": management.ready, "HEAD": management.ready},
        "/-/reload": {"POST": management.reload, "PUT": management.reload},
        "/metrics": {"GET": management.exposition},
    }
    exact: dict[str, Endpoint] = {path: PlainEndpoint(path, handlers) for path, handlers in plain.items()}
    app: ASGIApp = Front(
        _nothing,
        paths=Paths(exact={**exact, **rules_paths(evaluated)}, parameter={}, below={}, folders=()),
        prefix=route_prefix(settings.web_route_prefix, settings.web_external_url),
        metrics=metrics,
        get_concurrency=settings.web_get_concurrency,
        timeout=settings.web_timeout,
    )
    if settings.web_config_file:
        from alertrouter.api.guard import Guard

        app = Guard(app, path=Path(settings.web_config_file), now=now, metrics=metrics)
    return app


async def _nothing(scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": NOT_FOUND.status, "headers": NOT_FOUND.headers})
        await send({"type": "http.response.body", "body": NOT_FOUND.body})
