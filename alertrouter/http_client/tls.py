"""TLS contexts for connections we open (`config.md` 7.2), for HTTP and for mail."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.config.http import TlsConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

# Who a file was when it was read: its device, inode, size and time of change; None when it was not there.
_FileMark = tuple[int, int, int, int] | None


def ssl_context(config: TlsConfig) -> ssl.SSLContext:
    """The context these options describe; ValueError says what is wrong with a file or a certificate."""
    authorities = _authorities(config)
    try:
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"unable to use specified CA cert {config.ca_file or '(inline)'}") from error
    # Python 3.13 began to refuse certificates for form alone that Go and browsers accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    _set_versions(context, config)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load_certificate(context, config)
    return context


class WatchedContext:
    """The context these options describe, made anew when one of the files has changed.

    Making one reads the files: ValueError as from `ssl_context`.
    """

    def __init__(self, config: TlsConfig) -> None:
        self._config = config
        self._paths = [path for path in (config.ca_file, config.cert_file, config.key_file) if path]
        self._marks = self._now_on_disk()
        self._context = ssl_context(config) if config != TlsConfig() else _plain_context()

    def current(self) -> ssl.SSLContext:
        """The same object as before unless a file has changed; ValueError when it cannot be used now."""
        if self._paths and (marks := self._now_on_disk()) != self._marks:
            self._context = ssl_context(self._config)
            self._marks = marks
        return self._context

    def _now_on_disk(self) -> list[_FileMark]:
        return [_mark(path) for path in self._paths]


@cache
def _plain_context() -> ssl.SSLContext:
    # Reading the system's certificates takes some ten milliseconds: once for all that want nothing else.
    return ssl_context(TlsConfig())


def _mark(path: str) -> _FileMark:
    try:
        status = os.stat(path)  # noqa: PTH116 -- on every request: half the cost of Path.stat
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _authorities(config: TlsConfig) -> str | None:
    if config.ca:
        return str(config.ca)
    return _read(config.ca_file, "CA cert") if config.ca_file else None


def _set_versions(context: ssl.SSLContext, config: TlsConfig) -> None:
    lowest = _VERSIONS[config.min_version] if config.min_version else ssl.TLSVersion.TLSv1_2
    highest = _VERSIONS[config.max_version] if config.max_version else ssl.TLSVersion.MAXIMUM_SUPPORTED
    if config.min_version and config.max_version and lowest > highest:
        raise ValueError(
            "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified"
        )
    if min(lowest, highest) < ssl.TLSVersion.TLSv1_2 and highest != ssl.TLSVersion.MAXIMUM_SUPPORTED:
        lowest = min(lowest, highest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if lowest < ssl.TLSVersion.TLSv1_2:
            # OpenSSL offers these versions only at its lowest security level.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = lowest
        context.maximum_version = highest


def _load_certificate(context: ssl.SSLContext, config: TlsConfig) -> None:
    certificate = str(config.cert) if config.cert else ""
    if config.cert_file:
        certificate = _read(config.cert_file, "client cert")
    if not certificate:
        return
    key = config.key.reveal() if config.key else ""
    if config.key_file:
        key = _read(config.key_file, "client key")
    with _as_file(f"{certificate}\n{key}\n") as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            where = f" ({config.cert_file})" if config.cert_file else ""
            raise ValueError(f"unable to use specified client cert{where} & key: {_reason(error)}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a certificate with its key").replace("_", " ").lower()
    return str(error)


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ValueError(f"unable to read {what}: unable to read file {path}: {reason}") from error


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path under which OpenSSL finds this text, which it takes from nowhere else; in memory where possible."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate")
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield file.name
