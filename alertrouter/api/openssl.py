"""What OpenSSL can and Python's `ssl` has no word for, asked of the library itself.

A context of `ssl` keeps its ``SSL_CTX`` right behind the head of the object; so it has been since Python 3.2, and so it is
checked for: where it is not known to be so, the answer is `UnsupportedError`.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

_SET_GROUPS_LIST = 92  # SSL_CTRL_SET_GROUPS_LIST
_LAST_KNOWN = (3, 13)


class UnsupportedError(Exception):
    """This Python's OpenSSL cannot be reached."""


@cache
def _take_it() -> Any:
    """What OpenSSL calls in place of its own checks; kept, for it lives as long as any connection may call it."""
    try:
        return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda _store, _argument: 1)
    except MemoryError:
        raise UnsupportedError(
            "this system does not let programs make code (MemoryDenyWriteExecute)"
        ) from None


def accept_any_certificate(context: ssl.SSLContext) -> None:
    """Ask clients for a certificate as the context says, and take whatever they show. Raises `UnsupportedError`."""
    library, handle = _reach(context)
    library.SSL_CTX_set_cert_verify_callback.restype = None
    library.SSL_CTX_set_cert_verify_callback(handle, _take_it(), None)


def set_groups(context: ssl.SSLContext, names: Sequence[str]) -> None:
    """Agree on keys in these groups alone, such as ``P-256``. Raises `UnsupportedError`."""
    library, handle = _reach(context)
    library.SSL_CTX_ctrl.restype = ctypes.c_long
    if library.SSL_CTX_ctrl(handle, _SET_GROUPS_LIST, ctypes.c_long(0), ":".join(names).encode()) != 1:
        raise UnsupportedError(f"OpenSSL does not know one of the groups {', '.join(names)}")


def _reach(context: ssl.SSLContext) -> tuple[Any, ctypes.c_void_p]:
    import _ssl

    if sys.implementation.name != "cpython" or sys.version_info[:2] > _LAST_KNOWN:
        raise UnsupportedError(f"it is not known how to ask the OpenSSL of Python {sys.version.split()[0]}")
    library = ctypes.CDLL(getattr(_ssl, "__file__", None))
    try:
        library.SSL_CTX_set_cert_verify_callback  # noqa: B018 - whether its names can be seen
        library.SSL_CTX_ctrl  # noqa: B018 - the same
    except AttributeError:
        raise UnsupportedError("the OpenSSL of this Python is built in where nobody can reach it") from None
    return library, ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
