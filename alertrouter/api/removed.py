"""API v1, which is gone: what is left of it says so (`api-and-cli.md` 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alertrouter.api.endpoint import PlainEndpoint
from alertrouter.api.http import Answer, json_answer

if TYPE_CHECKING:
    from alertrouter.api.http import Request

_log = logging.getLogger(__name__)

_GONE = json_answer(
    b'{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of '
    b'version 0.27.0 - please use the equivalent route in the v2 API"}\n',
    410,
)


async def gone(request: Request) -> Answer:
    """That the first API is gone."""
    _log.warning(
        "v1 API received a request on a removed endpoint",
        extra={"component": "api", "version": "v1", "path": request.path, "method": request.method},
    )
    return _GONE


_READ = {"GET": gone}
_READ_AND_POST = {"GET": gone, "POST": gone}

#: By the whole path.
EXACT = {
    "/api/v1/status": PlainEndpoint("/status", _READ),
    "/api/v1/receivers": PlainEndpoint("/receivers", _READ),
    "/api/v1/alerts": PlainEndpoint("/alerts", _READ_AND_POST),
    "/api/v1/silences": PlainEndpoint("/silences", _READ_AND_POST),
}
#: By the path before an id.
PARAMETER = {"/api/v1/silence/": PlainEndpoint("/silence/:sid", {"GET": gone, "DELETE": gone})}
