"""Who we are to AWS: the chain in which credentials are looked for.

The chain, its variables and its files are those that AWS describes for all its SDKs ("Standardized credential
providers"). Not here, and said so when a profile asks for them: single sign-on and external processes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from alertrouter.config.http import HttpConfig
from alertrouter.core.time import MINUTE, parse_timestamp
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClient
from alertrouter.integrations._aws import FORM, check_answer, element, endpoint
from alertrouter.integrations._aws_profiles import Account, Profiles
from alertrouter.integrations._sigv4 import Credentials, signed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment
    from alertrouter.http_client import Response
    from alertrouter.integrations import Connection

# New ones are fetched while the old ones still have this long to live.
_MARGIN = 5 * MINUTE
_METADATA_SECONDS = 5
_SESSION_NAME = "alertrouter"
_LONGEST_CHAIN = 10


class CredentialSource:
    """Finds credentials for an account, and keeps those that end until shortly before."""

    def __init__(
        self, account: Account, connection: Connection, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._account = account
        self._connection = connection
        self._environ = environ
        self._kept: Credentials | None = None
        self._finding = asyncio.Lock()

    async def current(self, region: str) -> Credentials:
        """The credentials to sign with now; TemporaryError when there are none to be had."""
        async with self._finding:
            now = self._connection.clock.now()
            kept = self._kept
            if kept is not None and kept.ends_at is not None and now < kept.ends_at - _MARGIN:
                return kept
            search = _Search(self._connection, self._environ, region, now)
            self._kept = await search.account(self._account)
            return self._kept

    def forget(self) -> None:
        """The credentials were refused: ask for new ones next time."""
        self._kept = None


class _Search:
    """One walk along the chain."""

    def __init__(self, connection: Connection, environ: Mapping[str, str], region: str, now: Moment) -> None:
        self._connection = connection
        self._environ = environ
        self._region = region
        self._now = now

    async def account(self, account: Account) -> Credentials:
        if account.access_key:
            found = Credentials(access_key=account.access_key, secret_key=account.secret_key)
        else:
            found = await self._default(account.profile)
        if account.role_arn:
            found = await self._role(found, account.role_arn, account.external_id)
        return found

    async def _default(self, profile: str) -> Credentials:
        """Compat: a profile that is named goes before keys in the environment."""
        name = profile or self._environ.get("AWS_PROFILE", "")
        if name:
            return await self._profile(name)
        if (found := self._from_environment()) is not None:
            return found
        token_file, role = self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), self._environ.get("AWS_ROLE_ARN")
        if token_file and role:
            return await self._web_identity(token_file, role)
        if Profiles(self._environ).get("default"):
            return await self._profile("default")
        return await self._machine()

    def _from_environment(self) -> Credentials | None:
        environ = self._environ
        key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            return None
        return Credentials(
            access_key=key, secret_key=secret, session_token=environ.get("AWS_SESSION_TOKEN", "")
        )

    async def _profile(self, name: str) -> Credentials:
        profiles = Profiles(self._environ)
        roles: list[dict[str, str]] = []
        for _ in range(_LONGEST_CHAIN):
            values = profiles.get(name)
            if values is None:
                raise TemporaryError(f"there is no AWS profile called {name}")
            source = values.get("source_profile", "")
            has_keys = bool(values.get("aws_access_key_id"))
            if values.get("role_arn") and not values.get("web_identity_token_file"):
                roles.append(values)
            if not source or (source == name and has_keys):
                break
            name = source
        else:
            raise TemporaryError(f"the source_profile keys of AWS profile {name} lead in a circle")
        found = await self._base_of_profile(name, values)
        for role in reversed(roles):
            found = await self._role(found, role["role_arn"], role.get("external_id", ""))
        return found

    async def _base_of_profile(self, name: str, values: Mapping[str, str]) -> Credentials:
        if values.get("aws_access_key_id"):
            return Credentials(
                access_key=values["aws_access_key_id"],
                secret_key=values.get("aws_secret_access_key", ""),
                session_token=values.get("aws_session_token", ""),
            )
        if token_file := values.get("web_identity_token_file"):
            return await self._web_identity(token_file, values.get("role_arn", ""))
        for key in ("credential_process", "sso_session", "sso_start_url"):
            if values.get(key):
                raise RejectedError(f"AWS profile {name} uses {key}, which is not supported here")
        match values.get("credential_source"):
            case "Environment":
                if (found := self._from_environment()) is None:
                    raise TemporaryError(f"AWS profile {name}: there are no keys in the environment")
                return found
            case "EcsContainer":
                return await self._container()
            case _:
                return await self._machine()

    # From the machine or container we run in

    async def _machine(self) -> Credentials:
        environ = self._environ
        if environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or environ.get(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        ):
            return await self._container()
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise TemporaryError("no AWS credentials found")
        base = (environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254").rstrip("/")
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        token = (await self._local("PUT", f"{base}/latest/api/token", lifetime)).text
        headers = {"X-aws-ec2-metadata-token": token}
        roles = f"{base}/latest/meta-data/iam/security-credentials/"
        role = (await self._local("GET", roles, headers)).text.split("\n")[0].strip()
        return _from_json(await self._local("GET", roles + quote(role), headers))

    async def _container(self) -> Credentials:
        environ = self._environ
        if path := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            url = f"http://169.254.170.2{path}"
        else:
            url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
            _check_container_url(url)
        token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if path := environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = _read(path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        return _from_json(await self._local("GET", url, {"Authorization": token} if token else {}))

    async def _local(self, method: str, url: str, headers: Mapping[str, str]) -> Response:
        # Not through the integration's own client: neither its proxy nor its passwords are for the machine.
        http = HttpClient(HttpConfig(follow_redirects=False), self._connection.clock)
        try:
            async with asyncio.timeout(_METADATA_SECONDS):
                response = await http.request(method, url, headers=headers)
        except (TimeoutError, TemporaryError):
            raise TemporaryError(
                "no AWS credentials found: nobody answers where this machine has its own"
            ) from None
        finally:
            await http.aclose()
        if not response.is_success:
            raise TemporaryError(
                f"no AWS credentials found: the machine's own were answered {response.status_code}"
            )
        return response

    # From the security token service

    async def _role(self, signer: Credentials, role_arn: str, external_id: str) -> Credentials:
        form = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role_arn,
            "RoleSessionName": _SESSION_NAME,
        }
        if external_id:
            form["ExternalId"] = external_id
        return await self._token_service(form, signer)

    async def _web_identity(self, token_file: str, role_arn: str) -> Credentials:
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role_arn,
            "RoleSessionName": self._environ.get("AWS_ROLE_SESSION_NAME") or _SESSION_NAME,
            "WebIdentityToken": _read(token_file, "web identity token file"),
        }
        return await self._token_service(form, None)

    async def _token_service(self, form: Mapping[str, str], signer: Credentials | None) -> Credentials:
        url = endpoint("sts", self._region, self._environ)
        content = urlencode(form).encode()
        headers = FORM
        if signer is not None:
            headers = signed_headers(
                url=url,
                content=content,
                headers=FORM,
                credentials=signer,
                region=self._region,
                service="sts",
                now=self._now,
            )
        response = await self._connection.http.post(url, content=content, headers=headers)
        check_answer(response, what=form["Action"])
        return _credentials(
            element(response.text, "AccessKeyId"),
            element(response.text, "SecretAccessKey"),
            element(response.text, "SessionToken"),
            element(response.text, "Expiration"),
        )


def _from_json(response: Response) -> Credentials:
    try:
        members: dict[str, Any] = response.json()
        texts = [members[name] for name in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")]
    except (ValueError, KeyError, TypeError):
        raise TemporaryError("no AWS credentials found: the machine answers something else") from None
    return _credentials(*[str(text) for text in texts])


def _credentials(access_key: str, secret_key: str, session_token: str, expiration: str) -> Credentials:
    try:
        ends_at, _ = parse_timestamp(expiration)
    except ValueError:
        ends_at = None
    if not access_key or not secret_key or ends_at is None:
        raise TemporaryError("AWS answered without credentials")
    return Credentials(
        access_key=access_key, secret_key=secret_key, session_token=session_token, ends_at=ends_at
    )


def _check_container_url(url: str) -> None:
    """Credentials are only asked for without TLS where nobody listens: on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
        is_here = address.is_loopback or str(address) in {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        raise RejectedError("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine")


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TemporaryError(f"unable to read {what} {path}: {reason}") from None
