"""The file of ``--web.config.file``: TLS, passwords and headers of the web server (`api-and-cli.md` 1.7).

Imported only where there is such a file: its models take their time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from alertrouter.core.duration import parse_go_duration
from alertrouter.core.time import Duration

if TYPE_CHECKING:
    from pathlib import Path

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
# The names are Go's; what stands beside is OpenSSL's. Those of TLS 1.3 cannot be chosen, there and here.
CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
CURVES = {"CurveP256": "P-256", "CurveP384": "P-384", "CurveP521": "P-521", "X25519": "X25519"}


def _known(what: str, names: dict[str, str]) -> BeforeValidator:
    def check(values: object) -> object:
        for value in values if isinstance(values, list) else []:
            if value not in names:
                raise ValueError(f"unknown {what} {value!r}: use any of {', '.join(names)}")
        return values or []

    return BeforeValidator(check)


class WebConfigError(ValueError):
    """The file cannot be used; the text says which and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsServer(_Model):
    """``tls_server_config``."""

    cert: str = ""
    key: str = Field("", repr=False)
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: Literal[
        "",
        "NoClientCert",
        "RequestClientCert",
        "RequireClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ] = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: list[str] = []
    cipher_suites: Annotated[list[str], _known("cipher suite", CIPHERS)] = []
    curve_preferences: Annotated[list[str], _known("curve", CURVES)] = []
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    prefer_server_cipher_suites: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.is_used:
            return self
        if not (self.cert or self.cert_file):
            raise ValueError("missing one of cert or cert_file")
        if not (self.key or self.key_file):
            raise ValueError("missing one of key or key_file")
        if (self.client_ca or self.client_ca_file) and self.client_auth_type in {"", "NoClientCert"}:
            raise ValueError(
                "a client CA without a client_auth_type: nobody would be asked for a certificate"
            )
        return self

    @property
    def is_used(self) -> bool:
        """Whether TLS is spoken at all: not when the section is there and says nothing of certificates."""
        return bool(
            self.cert or self.key or self.cert_file or self.key_file or self.client_ca or self.client_ca_file
        )


class _Headers(_Model):
    content_security_policy: str | None = Field(None, alias="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options")
    xss_protection: str | None = Field(None, alias="X-XSS-Protection")
    strict_transport_security: str | None = Field(None, alias="Strict-Transport-Security")


class _HttpServer(_Model):
    http2: bool = True
    headers: _Headers = Field(default_factory=lambda: _Headers.model_validate({}))


class _RateLimit(_Model):
    interval: Annotated[Duration, BeforeValidator(lambda text: parse_go_duration(str(text)))] = 0
    burst: int = 0


def _is_hash(users: dict[str, str]) -> dict[str, str]:
    for name, password in users.items():
        if not password.startswith(("$2a$", "$2b$", "$2y$")):
            raise ValueError(f"the password of {name!r} is not a bcrypt hash")
    return users


_or_empty = BeforeValidator(lambda section: {} if section is None else section)


class WebConfig(_Model):
    """The whole file."""

    tls_server_config: Annotated[TlsServer, _or_empty] = Field(
        default_factory=lambda: TlsServer.model_validate({})
    )
    http_server_config: Annotated[_HttpServer, _or_empty] = Field(
        default_factory=lambda: _HttpServer.model_validate({})
    )
    basic_auth_users: Annotated[dict[str, str], BeforeValidator(lambda users: _is_hash(users or {}))] = Field(
        default={}, repr=False
    )
    rate_limit: _RateLimit | None = None


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file. Raises ``WebConfigError``."""
    try:
        return WebConfig.model_validate(yaml.safe_load(path.read_text()) or {})
    except OSError as error:
        raise WebConfigError(f"{path}: {error.strerror or error}") from None
    except yaml.YAMLError as error:
        raise WebConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        # Only places and reasons: the values may be secrets.
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise WebConfigError(f"{path}: {'; '.join(problems)}") from None
