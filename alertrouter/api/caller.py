"""Who asks: what is known of the person or program behind a request."""

from __future__ import annotations

from typing import NamedTuple

#: Where `guard.Guard` leaves, in a request's scope, the name of the user whose password was right.
USER = "alertrouter.user"


class Caller(NamedTuple):
    """Empty texts where nothing is known. ``address`` is the other end of the connection, which may be a proxy."""

    user: str = ""
    address: str = ""


BY_SIGNAL = Caller(address="signal")
