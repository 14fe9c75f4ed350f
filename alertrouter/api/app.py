"""The web application: Alertmanager's paths in front, the pages behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.api import removed, why
from alertrouter.api.alerts import Alerts
from alertrouter.api.endpoint import ApiEndpoint, PlainEndpoint, UnknownApiEndpoint, not_found
from alertrouter.api.export import Exports
from alertrouter.api.express import Express
from alertrouter.api.front import Front, Paths
from alertrouter.api.listing import Listing
from alertrouter.api.past import History
from alertrouter.api.read_only import ReadOnly
from alertrouter.api.receivers import Receivers
from alertrouter.api.silences import Silences
from alertrouter.api.status import Server
from alertrouter.api.stream import Streams
from alertrouter.api.traced import Traced
from alertrouter.external_url import route_prefix
from alertrouter.web.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp

    from alertrouter.api.endpoint import Endpoint, Handler
    from alertrouter.api.http import Answer, Request
    from alertrouter.api.router import Router
    from alertrouter.api.rules import Evaluated
    from alertrouter.metrics import Metrics
    from alertrouter.settings import Settings


@dataclass(frozen=True, slots=True)
class Application:
    """What is served: an ASGI application, and the short way past it, if nothing is in that way."""

    asgi: ASGIApp
    express: Express | None


def create_app(
    router: Router, settings: Settings, metrics: Metrics, evaluated: Evaluated | None = None
) -> Application:
    """The application to serve, with the rules that are ``evaluated``, if any are."""
    prefix = route_prefix(settings.web_route_prefix, settings.web_external_url)
    alerts = Alerts(router, Listing(router))
    app: ASGIApp = Front(
        Pages(router),
        paths=_paths(router, alerts, metrics, evaluated),
        prefix=prefix,
        metrics=metrics,
        get_concurrency=settings.web_get_concurrency,
        timeout=settings.web_timeout,
    )
    app = Exports(app, router=router, prefix=prefix)
    app = Streams(app, router=router, prefix=prefix)
    if settings.web_read_only:
        app = ReadOnly(app, prefix=prefix)
    if settings.web_config_file:
        from alertrouter.api.guard import Guard

        app = Guard(app, path=Path(settings.web_config_file), now=router.now, metrics=metrics)
    # Who may post, and for how long, is looked after by what stands before the paths.
    is_open = not (settings.web_read_only or settings.web_config_file or settings.web_timeout > 0)
    return Application(Traced(app), Express(alerts, metrics, prefix=prefix) if is_open else None)


def _paths(router: Router, alerts: Alerts, metrics: Metrics, evaluated: Evaluated | None) -> Paths:
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
        "/api/alertrouter/v1/openapi.json": {"GET": _description},
        **History(router).handlers(),
        why.PATH: {"GET": why.Why(router).get},
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
        exact={**exact, **removed.EXACT, **_of_rules(evaluated)},
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


async def _description(request: Request) -> Answer:
    from alertrouter.api import description  # made when it is asked for

    return await description.get(request)


def _of_rules(evaluated: Evaluated | None) -> Mapping[str, Endpoint]:
    if evaluated is None:
        return {}
    # Who has no rules does not wait for what shows them.
    from alertrouter.api.rules_paths import rules_paths

    return rules_paths(evaluated)
