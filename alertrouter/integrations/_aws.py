"""Where AWS is and who we are there: endpoints, regions, and the chain in which credentials are looked for.

The chain, its variables and its files are those that AWS describes for all its SDKs ("Standardized credential
providers"). Not here, and said so when a profile asks for them: single sign-on and external processes.
"""

from __future__ import annotations

import asyncio
import configparser
import ipaddress
import os
import re
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from alertrouter.config.http import HttpConfig
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import MINUTE, parse_timestamp
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClient
from alertrouter.integrations._answers import retry_after
from alertrouter.integrations._sigv4 import Credentials, signed_headers
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment
    from alertrouter.http_client import Response
    from alertrouter.integrations import Connection

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# New ones are fetched while the old ones still have this long to live.
_MARGIN = 5 * MINUTE
_METADATA_SECONDS = 5
_SESSION_NAME = "alertrouter"
_LONGEST_CHAIN = 10

_LONGEST_SHOWN = 500

_TOO_FAST = frozenset(
    {
        "KMSThrottling",
        "KMSThrottlingException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

# Where the names of a partition's hosts end otherwise than elsewhere.
_PARTITIONS = {
    "cn": "amazonaws.com.cn",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "us-isof": "csp.hci.ic.gov",
    "eu-isoe": "cloud.adc-e.uk",
    "eusc": "amazonaws.eu",
}


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> str:
    """The URL of a service in a region, unless the environment names another."""
    other = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if other:
        return other
    # "us-isob-east-1" belongs to "us-isob", and "cn-north-1" to "cn".
    begins = re.match(r"(?:(?:us|eu)-iso[a-z]?|[a-z]+)(?=-)", region)
    suffix = _PARTITIONS.get(begins[0] if begins else "", "amazonaws.com")
    return f"https://{service}.{region}.{suffix}/"


class Profiles:
    """The sections of the two shared files of AWS, read when made. A file that is not there is empty."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = Path(environ.get("HOME") or "~").expanduser() / ".aws"
        self._found: dict[str, dict[str, str]] = {}
        config = environ.get("AWS_CONFIG_FILE") or str(home / "config")
        credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / "credentials")
        for name, values in _sections(config):
            if name == "default" or name.startswith("profile "):
                self._found.setdefault(name.removeprefix("profile ").strip(), {}).update(values)
        for name, values in _sections(credentials):
            self._found.setdefault(name, {}).update(values)

    def get(self, name: str) -> dict[str, str] | None:
        """The keys of a profile; None when no file has it."""
        return self._found.get(name)


def _sections(path: str) -> list[tuple[str, dict[str, str]]]:
    parser = configparser.ConfigParser(
        interpolation=None, default_section="", delimiters=("=",), strict=False, allow_no_value=True
    )
    try:
        parser.read_string(Path(path).read_text(encoding="utf-8"), path)
    except OSError:
        return []
    except (configparser.Error, UnicodeDecodeError):
        # Its text is not shown: it is made of keys.
        raise RejectedError(f"{path} is no AWS configuration file") from None
    return [(name, {key: value or "" for key, value in parser[name].items()}) for name in parser.sections()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who to be: what an integration's ``sigv4`` block says. Empty texts are not set."""

    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""

    def find_region(self, environ: Mapping[str, str]) -> str:
        """The region: its own, or the environment's, or the profile's; empty when none is told."""
        told = self.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if told:
            return told
        profile = Profiles(environ).get(self._profile_name(environ))
        return (profile or {}).get("region", "")

    def _profile_name(self, environ: Mapping[str, str]) -> str:
        return self.profile or environ.get("AWS_PROFILE") or "default"


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


def element(xml: str, name: str) -> str:
    """The text of the first element of this name; empty when there is none.

    Answers of the query API are small and flat, so no XML parser has to be let near them.
    """
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(found[1]) if found else ""


def code_of(response: Response) -> str:
    """The name that AWS has for what is wrong; empty when it gives none."""
    return element(response.text, "Code")


def check_answer(response: Response, *, what: str = "") -> None:
    """Raise for an answer that is no success: 5xx and being too fast are worth another attempt."""
    if response.is_success:
        return
    status, code = response.status_code, code_of(response)
    said = " ".join(element(response.text, "Message").split())
    parts = [what, f"unexpected status code {status}", code, shorten(said, _LONGEST_SHOWN)]
    # Compat: the client that Alertmanager has from AWS takes these for a reason to wait, whatever the status.
    too_fast = status == 429 or code in _TOO_FAST
    raise (TemporaryError if too_fast or 500 <= status < 600 else RejectedError)(
        ": ".join([part for part in parts if part]),
        reason=FailureReason.RATE_LIMITED if too_fast else FailureReason.of(status),
        retry_after=retry_after(response),
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
