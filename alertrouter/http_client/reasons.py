"""What failed below HTTP or SMTP, in words that hold nothing of an address."""

from __future__ import annotations

import errno
import os
import socket
import ssl


def network_reason(error: BaseException) -> str:  # noqa: PLR0911 -- a table
    """Why a connection could not be made or broke."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"TLS: the certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {(error.reason or 'handshake failed').replace('_', ' ').lower()}"
        case socket.gaierror():
            return "the host name cannot be resolved"
        case TimeoutError():
            return "timed out"
        case OSError(errno=int(code)) if code in errno.errorcode:
            return os.strerror(code).lower()
        case ConnectionAbortedError():
            return "the connection was aborted"
        case ConnectionResetError():
            return "connection reset by peer"
    return "cannot connect"
