"""Access tokens of OAuth 2.0 (`config.md` 7.3): client credentials, and assertions signed with a key."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from alertrouter.config.http import JWT_GRANT, HttpConfig
from alertrouter.core.time import LATEST, MINUTE, SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client.files import read_credential
from alertrouter.http_client.jwt import signed_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.clock import Clock
    from alertrouter.config.http import OAuth2Config
    from alertrouter.core.time import Moment
    from alertrouter.http_client.client import HttpClient
    from alertrouter.http_client.response import Response

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A token is not used in the last seconds of its life: it might end on the way.
_MARGIN = 10 * SECOND
_ASSERTION_LIFE = 10 * MINUTE


class TokenSource:
    """Fetches a token when it is needed and keeps it until it ends or the secret file changes."""

    def __init__(
        self, config: OAuth2Config, clock: Clock, connect: Callable[[HttpConfig, Clock], HttpClient]
    ) -> None:
        self._config = config
        self._clock = clock
        self._http = connect(
            HttpConfig(
                tls_config=config.tls_config,
                proxy_url=config.proxy_url,
                no_proxy=config.no_proxy,
                proxy_from_environment=config.proxy_from_environment,
                proxy_connect_header=config.proxy_connect_header,
            ),
            clock,
        )
        self._token = ""
        self._ends_at: Moment = 0
        self._secret = ""
        self._secret_in_form = False
        self._fetching = asyncio.Lock()

    async def authorization(self) -> str:
        """The value of the ``Authorization`` header; TemporaryError when there is no token to be had."""
        secret = self._current_secret()
        async with self._fetching:
            if not self._token or secret != self._secret or self._clock.now() >= self._ends_at - _MARGIN:
                self._token, self._ends_at = await self._fetch(secret)
                self._secret = secret
            return self._token

    async def aclose(self) -> None:
        """Close the connections to the token server."""
        await self._http.aclose()

    def _current_secret(self) -> str:
        config = self._config
        if config.uses_jwt:
            if config.client_certificate_key_file:
                return read_credential(config.client_certificate_key_file, "oauth2 client certificate key")
            return config.client_certificate_key.reveal()
        if config.client_secret_file:
            return read_credential(config.client_secret_file, "oauth2 client secret")
        return config.client_secret.reveal()

    async def _fetch(self, secret: str) -> tuple[str, Moment]:
        now = self._clock.now()
        if self._config.uses_jwt:
            answer = await self._post(assertion_form(self._config, secret, now, secrets.token_hex(16)), {})
        else:
            answer = await self._ask_with_secret(secret)
        return _token(answer, now)

    async def _ask_with_secret(self, secret: str) -> Response:
        """By HTTP Basic first; a server that refuses it is given the secret in the form from then on."""
        config = self._config
        form = {"grant_type": "client_credentials", **_scope(config), **config.endpoint_params}
        in_form = form | {"client_id": config.client_id, "client_secret": secret}
        if self._secret_in_form:
            return await self._post(in_form, {})
        answer = await self._post(form, {"Authorization": _basic(config.client_id, secret)})
        if answer.is_success:
            return answer
        second = await self._post(in_form, {})
        self._secret_in_form = second.is_success
        return second

    async def _post(self, form: dict[str, str], headers: dict[str, str]) -> Response:
        body = urlencode(dict(sorted(form.items()))).encode()
        try:
            return await self._http.post(self._config.token_url, content=body, headers=_FORM | headers)
        except (TemporaryError, RejectedError) as error:
            raise TemporaryError(f"oauth2: cannot fetch token: {error}") from None


def assertion_form(config: OAuth2Config, key: str, now: Moment, token_id: str) -> dict[str, str]:
    """The form that asks for a token with a signed assertion (RFC 7523); ValueError for an unusable key."""
    claims: dict[str, Any] = {
        "iss": config.iss or config.client_id,
        "sub": config.client_id,
        "aud": config.audience or config.token_url,
        "jti": token_id,
        "iat": now // SECOND,
        "exp": (now + _ASSERTION_LIFE) // SECOND,
        **_scope(config),
        **config.claims,
    }
    try:
        assertion = signed_token(
            claims,
            key,
            algorithm=config.signature_algorithm or "RS256",
            key_id=config.client_certificate_key_id,
        )
    except ValueError as error:
        raise TemporaryError(f"oauth2: the client certificate key cannot be used: {error}") from None
    return {"grant_type": JWT_GRANT, "assertion": assertion, **_scope(config), **config.endpoint_params}


def _scope(config: OAuth2Config) -> dict[str, str]:
    return {"scope": " ".join(config.scopes)} if config.scopes else {}


def _basic(client_id: str, secret: str) -> str:
    from alertrouter.http_client.client import basic

    # RFC 6749 2.3.1: both are form-encoded before they are joined.
    return basic(quote_plus(client_id), quote_plus(secret))


def _token(answer: Response, now: Moment) -> tuple[str, Moment]:
    """The ``Authorization`` value and when it ends; the body of a refusal is not shown."""
    if not answer.is_success:
        raise TemporaryError(f"oauth2: cannot fetch token: the token server answered {answer.status_code}")
    try:
        fields = answer.json()
        token = fields["access_token"]
    except (ValueError, KeyError, TypeError):
        raise TemporaryError("oauth2: server response missing access_token") from None
    seconds = fields.get("expires_in")
    life = int(float(seconds) * SECOND) if seconds else 0
    kind = str(fields.get("token_type") or "Bearer")
    # Compat: these three are written with a capital whatever the server says, others as it says.
    kind = {"bearer": "Bearer", "mac": "MAC", "basic": "Basic"}.get(kind.lower(), kind)
    return f"{kind} {token}", now + life if life > 0 else LATEST
