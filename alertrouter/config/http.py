"""How HTTP receivers reach the world: ``http_config``, ``tls_config`` and ``oauth2`` (`config.md` 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol, Self

from pydantic import Field, PlainValidator, model_validator

from alertrouter.config.fields import (
    AnyValue,
    Bool,
    ConfigModel,
    FilePath,
    ListOf,
    MapOf,
    ProxyUrl,
    Secret,
    Text,
    text_of,
)
from alertrouter.config.problem import ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SIGNATURE_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")

RESERVED_HEADERS = frozenset(
    {
        "Accept-Encoding",
        "Authorization",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "Host",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "User-Agent",
        "Www-Authenticate",
        "X-Amz-Content-Sha256",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "X-Prometheus-Remote-Read-Version",
        "X-Prometheus-Remote-Write-Version",
        "X-Prometheus-Scrape-Timeout-Seconds",
    }
)
"""Headers that are the client's own; ``http_headers`` must not set them."""


def exclusive(keys: Mapping[str, object], *, what: str = "") -> None:
    """ConfigProblem when more than one of these keys is set: ``at most one of a & b must be configured``."""
    given = [key for key, value in keys.items() if value]
    if len(given) > 1:
        *first, last = keys
        prefix = f"{what} " if what else ""
        raise ConfigProblem(
            f"at most one of {prefix}{', '.join(first)} & {last} must be configured",
            at=given[-1],
            hint=f"keep one of {' and '.join(given)}",
        )


def joined(directory: Path, path: str) -> str:
    """The path as seen from the configuration file's directory; an empty one stays empty."""
    return str(directory / path) if path else path


def _tls_version(value: object) -> str:
    text = text_of(value)
    if text and text not in TLS_VERSIONS:
        raise ConfigProblem(f"unknown TLS version: {text}", hint=f"one of {', '.join(TLS_VERSIONS)}")
    return text


TlsVersion = Annotated[str, PlainValidator(_tls_version)]


class TlsConfig(ConfigModel):
    """TLS as a client. Files are read when a connection is made."""

    ca: Text = ""
    cert: Text = ""
    key: Secret = Secret()
    ca_file: FilePath = ""
    cert_file: FilePath = ""
    key_file: FilePath = ""
    ca_ref: Text = ""
    cert_ref: Text = ""
    key_ref: Text = ""
    server_name: Text = ""
    insecure_skip_verify: Bool = False
    min_version: TlsVersion = ""
    max_version: TlsVersion = ""

    always_printed: ClassVar[frozenset[str]] = frozenset({"insecure_skip_verify"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"ca": self.ca, "ca_file": self.ca_file, "ca_ref": self.ca_ref})
        exclusive({"cert": self.cert, "cert_file": self.cert_file, "cert_ref": self.cert_ref})
        if sum(map(bool, (self.key, self.key_file, self.key_ref))) > 1:
            raise ConfigProblem("at most one of key and key_file must be configured", at="key_file")
        has_cert = bool(self.cert or self.cert_file or self.cert_ref)
        has_key = bool(self.key or self.key_file or self.key_ref)
        if has_cert and not has_key:
            raise ConfigProblem(
                "exactly one of key or key_file must be configured when a client certificate is configured"
            )
        if has_key and not has_cert:
            raise ConfigProblem(
                "exactly one of cert or cert_file must be configured when a client key is configured"
            )
        return self

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory."""
        names = ("ca_file", "cert_file", "key_file")
        return self.model_copy(update={name: joined(directory, getattr(self, name)) for name in names})


class BasicAuth(ConfigModel):
    """User name and password of HTTP Basic authentication."""

    username: Text = ""
    username_file: FilePath = ""
    username_ref: Text = ""
    password: Secret = Secret()
    password_file: FilePath = ""
    password_ref: Text = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive(
            {
                "username": self.username,
                "username_file": self.username_file,
                "username_ref": self.username_ref,
            },
            what="basic_auth",
        )
        exclusive(
            {
                "password": self.password,
                "password_file": self.password_file,
                "password_ref": self.password_ref,
            },
            what="basic_auth",
        )
        return self


class Authorization(ConfigModel):
    """The ``Authorization`` header: its type, and where the credentials come from."""

    type: Text = ""
    credentials: Secret = Secret()
    credentials_file: FilePath = ""
    credentials_ref: Text = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive(
            {"credentials": self.credentials, "credentials_file": self.credentials_file}, what="authorization"
        )
        kind = self.type.strip() or "Bearer"
        if kind.lower() == "basic":
            raise ConfigProblem(
                'authorization type cannot be set to "basic", use "basic_auth" instead', at="type"
            )
        # The model is frozen; this is still its making.
        object.__setattr__(self, "type", kind)
        return self


class Header(ConfigModel):
    """The values of one custom header: all are sent, ``values`` first, then ``secrets``, then ``files``."""

    values: ListOf[Text] = ()
    secrets: ListOf[Secret] = ()
    files: ListOf[FilePath] = ()

    type_name: ClassVar[str] = "config.Header"


class _Proxied(Protocol):
    proxy_url: str
    no_proxy: str
    proxy_from_environment: bool
    proxy_connect_header: dict[str, tuple[Secret, ...]]


def _check_proxy(config: _Proxied) -> None:
    if config.proxy_connect_header and not (config.proxy_from_environment or config.proxy_url):
        raise ConfigProblem(
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            at="proxy_connect_header",
        )
    if config.proxy_from_environment and config.proxy_url:
        raise ConfigProblem(
            "if proxy_from_environment is configured, proxy_url must not be configured", at="proxy_url"
        )
    if config.proxy_from_environment and config.no_proxy:
        raise ConfigProblem(
            "if proxy_from_environment is configured, no_proxy must not be configured", at="no_proxy"
        )
    if config.no_proxy and not config.proxy_url:
        raise ConfigProblem("if no_proxy is configured, proxy_url must also be configured", at="no_proxy")


class OAuth2Config(ConfigModel):
    """Tokens from an OAuth 2.0 server: client credentials, or a signed JWT grant."""

    client_id: Text = ""
    client_secret: Secret = Secret()
    client_secret_file: FilePath = ""
    client_secret_ref: Text = ""
    client_certificate_key_id: Text = ""
    client_certificate_key: Secret = Secret()
    client_certificate_key_file: FilePath = ""
    client_certificate_key_ref: Text = ""
    grant_type: Text = ""
    signature_algorithm: Text = ""
    iss: Text = ""
    audience: Text = ""
    claims: MapOf[AnyValue] = Field(default_factory=dict)
    scopes: ListOf[Text] = ()
    token_url: Text = ""
    endpoint_params: MapOf[Text] = Field(default_factory=dict)
    tls_config: TlsConfig = TlsConfig()
    proxy_url: ProxyUrl = ""
    no_proxy: Text = ""
    proxy_from_environment: Bool = False
    proxy_connect_header: MapOf[ListOf[Secret]] = Field(default_factory=dict)

    always_printed: ClassVar[frozenset[str]] = frozenset({"client_id", "token_url"})

    @property
    def uses_jwt(self) -> bool:
        """Whether tokens are asked for with a signed JWT; any other grant type means client credentials."""
        return self.grant_type == JWT_GRANT

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.client_id:
            raise ConfigProblem("oauth2 client_id must be configured")
        if not self.token_url:
            raise ConfigProblem("oauth2 token_url must be configured")
        if self.uses_jwt:
            if self.signature_algorithm and self.signature_algorithm not in SIGNATURE_ALGORITHMS:
                raise ConfigProblem(
                    "valid signature algorithms are RS256, RS384 and RS512", at="signature_algorithm"
                )
            self._check_one_of("client_certificate_key", JWT_GRANT)
        else:
            self._check_one_of("client_secret", "client_credentials")
        _check_proxy(self)
        return self

    def _check_one_of(self, key: str, grant_type: str) -> None:
        names = (key, f"{key}_file", f"{key}_ref")
        given = [name for name in names if getattr(self, name)]
        if len(given) > 1:
            raise ConfigProblem(
                f"at most one of oauth2 {', '.join(names[:2])} & {names[2]} must be configured"
                f" using grant-type={grant_type}",
                at=given[-1],
            )

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory. Compat: the certificate key's does not."""
        return self.model_copy(
            update={
                "client_secret_file": joined(directory, self.client_secret_file),
                "tls_config": self.tls_config.in_directory(directory),
            }
        )


class HttpConfig(ConfigModel):
    """The HTTP client of an integration. Credential files are read for each request.

    ``bearer_token`` and ``bearer_token_file`` are the old form of ``authorization``, and read as that.
    """

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2Config | None = None
    bearer_token: Secret = Secret()
    bearer_token_file: FilePath = ""
    tls_config: TlsConfig = TlsConfig()
    follow_redirects: Bool = True
    enable_http2: Bool = True
    proxy_url: ProxyUrl = ""
    no_proxy: Text = ""
    proxy_from_environment: Bool = False
    proxy_connect_header: MapOf[ListOf[Secret]] = Field(default_factory=dict)
    http_headers: MapOf[Header] = Field(default_factory=dict)

    always_printed: ClassVar[frozenset[str]] = frozenset({"follow_redirects", "enable_http2"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_authentication()
        _check_proxy(self)
        for name in self.http_headers:
            canonical = "-".join([part.capitalize() for part in name.split("-")])
            if canonical in RESERVED_HEADERS:
                message = f'setting header "{canonical}" is not allowed'
                raise ConfigProblem(message, at=("http_headers", name))
        if self.bearer_token or self.bearer_token_file:
            authorization = Authorization(
                type="Bearer", credentials=self.bearer_token, credentials_file=self.bearer_token_file
            )
            # The model is frozen; this is still its making.
            object.__setattr__(self, "authorization", authorization)
            object.__setattr__(self, "bearer_token", Secret())
            object.__setattr__(self, "bearer_token_file", "")
        return self

    def _check_authentication(self) -> None:
        has_bearer = bool(self.bearer_token or self.bearer_token_file)
        exclusive({"bearer_token": self.bearer_token, "bearer_token_file": self.bearer_token_file})
        if has_bearer and (self.basic_auth is not None or self.oauth2 is not None):
            raise ConfigProblem(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"
            )
        if has_bearer and self.authorization is not None:
            raise ConfigProblem("authorization is not compatible with bearer_token & bearer_token_file")
        if sum(each is not None for each in (self.basic_auth, self.oauth2, self.authorization)) > 1:
            raise ConfigProblem("at most one of basic_auth, oauth2 & authorization must be configured")

    def in_directory(self, directory: Path) -> Self:
        """A copy whose relative paths start at the directory of the configuration file (`config.md` 1.7)."""
        update: dict[str, object] = {"tls_config": self.tls_config.in_directory(directory)}
        if self.basic_auth is not None:
            names = ("username_file", "password_file")
            update["basic_auth"] = self.basic_auth.model_copy(
                update={name: joined(directory, getattr(self.basic_auth, name)) for name in names}
            )
        if self.authorization is not None:
            path = joined(directory, self.authorization.credentials_file)
            update["authorization"] = self.authorization.model_copy(update={"credentials_file": path})
        if self.oauth2 is not None:
            update["oauth2"] = self.oauth2.in_directory(directory)
        update["http_headers"] = {
            name: header.model_copy(
                update={"files": tuple([joined(directory, path) for path in header.files])}
            )
            for name, header in self.http_headers.items()
        }
        return self.model_copy(update=update)
