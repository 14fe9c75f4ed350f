"""TLS of the web server. New connections use what the files say now, as exporter-toolkit's do."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from alertrouter.api.openssl import UnsupportedError, accept_any_certificate, set_groups
from alertrouter.api.web_config import CIPHERS, CURVES, WebConfigError, load_web_config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from alertrouter.api.web_config import TlsServer

log = logging.getLogger(__name__)

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_ASKS_FOR_CERTIFICATE = {
    "RequestClientCert": ssl.CERT_OPTIONAL,
    "RequireClientCert": ssl.CERT_REQUIRED,
    "RequireAnyClientCert": ssl.CERT_REQUIRED,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TAKES_ANY_CERTIFICATE = {"RequestClientCert", "RequireClientCert", "RequireAnyClientCert"}


def server_context(path: Path) -> ssl.SSLContext | None:
    """What the listeners need to speak TLS as this file says; None when they should not. Raises ``WebConfigError``."""
    tls = load_web_config(path).tls_server_config
    return _Following(path, _build(tls, path), _stamp(path, tls)) if tls.is_used else None


class _Following(ssl.SSLContext):
    """Hands every connection to the context that fits the files as they are then.

    While they cannot be used, as in the middle of being replaced, the last that could goes on.
    """

    _path: Path
    _current: ssl.SSLContext
    _seen: object

    def __new__(cls, path: Path, current: ssl.SSLContext, seen: object) -> Self:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context._path = path
        context._current = current
        context._seen = seen
        return context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        self._look_again()
        return self._current.wrap_bio(*args, **kwargs)

    def _look_again(self) -> None:
        stamp: object = None
        try:
            tls = load_web_config(self._path).tls_server_config
            stamp = _stamp(self._path, tls)
            if stamp == self._seen:
                return
            self._current = _build(tls, self._path)
        except WebConfigError as error:
            if stamp is None or stamp != self._seen:
                log.error("TLS goes on with the certificates it had", extra={"err": str(error)})  # noqa: TRY400
        self._seen = stamp


def _stamp(path: Path, tls: TlsServer) -> object:
    """Changes when any of the files does."""
    files = [path, *(_file(path, name) for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name)]
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _file(path: Path, name: str) -> Path:
    return path.parent / name


def _build(tls: TlsServer, path: Path) -> ssl.SSLContext:
    if not tls.is_used:
        raise WebConfigError(f"{path}: tls_server_config: TLS cannot be switched off without a restart")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _choose(context, tls)
    context.set_alpn_protocols(["http/1.1"])
    try:
        _load_certificate(context, tls, path)
        _ask_clients(context, tls, path)
        if tls.curve_preferences:
            set_groups(context, [CURVES[name] for name in tls.curve_preferences])
    except UnsupportedError as error:
        raise WebConfigError(f"{path}: tls_server_config: {error}") from None
    return context


def _choose(context: ssl.SSLContext, tls: TlsServer) -> None:
    """Versions and ciphers."""
    with warnings.catch_warnings():  # Old versions are deprecated; whoever writes them down knows.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[tls.min_version]
        context.maximum_version = _VERSIONS[tls.max_version]
    chosen = [CIPHERS[name] for name in tls.cipher_suites if CIPHERS[name]]
    if tls.cipher_suites and not chosen:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    elif tls.min_version in {"TLS10", "TLS11"}:
        # OpenSSL takes both for too weak at its usual level.
        context.set_ciphers(":".join([*(chosen or ["DEFAULT"]), "@SECLEVEL=0"]))
    elif chosen:
        context.set_ciphers(":".join(chosen))
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _load_certificate(context: ssl.SSLContext, tls: TlsServer, path: Path) -> None:
    with _as_file(tls.cert, path, tls.cert_file) as cert, _as_file(tls.key, path, tls.key_file) as key:
        for what, file in ((tls.cert_file, cert), (tls.key_file, key)):
            _readable(path, what, file)
        try:
            # Without the function OpenSSL would ask the terminal for the passphrase of an encrypted key.
            context.load_cert_chain(cert, key, password=lambda: "")
        except (OSError, ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise WebConfigError(
                f"{path}: tls_server_config: certificate and key cannot be used: {reason}"
            ) from None


def _readable(path: Path, name: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise WebConfigError(f"{path}: tls_server_config: {name}: {error.strerror or error}") from None


def _ask_clients(context: ssl.SSLContext, tls: TlsServer, path: Path) -> None:
    mode = _ASKS_FOR_CERTIFICATE.get(tls.client_auth_type)
    if mode is None:
        return
    context.verify_mode = mode
    if tls.client_allowed_sans:
        context.sslobject_class = _allowing(tls.client_allowed_sans)
    if tls.client_auth_type in _TAKES_ANY_CERTIFICATE:
        accept_any_certificate(context)
    try:
        if tls.client_ca:
            context.load_verify_locations(cadata=tls.client_ca)
        elif tls.client_ca_file:
            context.load_verify_locations(_file(path, tls.client_ca_file))
        else:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise WebConfigError(f"{path}: tls_server_config: the client CA cannot be used: {reason}") from None


def _allowing(names: Collection[str]) -> type[ssl.SSLObject]:
    class Allowing(ssl.SSLObject):
        """Takes only clients whose certificate bears one of the names."""

        def do_handshake(self) -> None:
            super().do_handshake()
            shown = self.getpeercert()
            if shown and not set(_names(shown)) & set(names):
                raise ssl.SSLCertVerificationError(
                    "the client's certificate bears none of client_allowed_sans"
                )

    return Allowing


def _names(certificate: Any) -> Iterator[str]:
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            with contextlib.suppress(ValueError):
                yield str(ipaddress.ip_address(name.strip()))
        else:
            yield name


@contextlib.contextmanager
def _as_file(text: str, path: Path, name: str) -> Iterator[Path]:
    """The file of this name beside the configuration, or one with this text for as long as it takes to read it."""
    if name or not text:
        yield _file(path, name)
        return
    # `ssl` reads certificates and keys from files alone. This one only the user of this process can read.
    descriptor, made = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        yield Path(made)
    finally:
        Path(made).unlink()
