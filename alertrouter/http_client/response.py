"""An answer to a request, read to its end."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.core.time import SECOND
from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alertrouter.core.time import Duration

#: Of an answer no more than this is read, unless a client says otherwise; what integrations look at is far shorter.
LONGEST_ANSWER = 1 << 20


class ReceivedHeaders(Mapping[str, str]):
    """The headers of an answer as they came: most are never looked at, so nothing is made of them before."""

    __slots__ = ("_received",)

    def __init__(self, received: Sequence[tuple[bytes, bytes]]) -> None:
        self._received = received

    def __getitem__(self, name: str) -> str:
        """The first of this name, in whatever case."""
        wanted = name.lower().encode("latin-1", "replace")
        for each, value in self._received:
            if each.lower() == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(each.decode("latin-1").lower() for each, _ in self._received))

    def __len__(self) -> int:
        return len({each.lower() for each, _ in self._received})


@value_class(frozen=True, slots=True)
class Response:
    """An answer. ``headers`` is looked up without regard to case. A long body is cut off."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body decoded as JSON; ValueError when it is not."""
        try:
            return msgspec.json.decode(self.content)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error

    @property
    def retry_after(self) -> Duration | None:
        """How long the server asks to be left alone; a date is taken relative to the answer's own."""
        text = self.headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.isdecimal() and text.isascii() and len(text) < 10:
            return int(text) * SECOND
        try:
            until = parsedate_to_datetime(text)
            wait = until - parsedate_to_datetime(self.headers["Date"])
        except (ValueError, KeyError, TypeError):
            return None
        return max(0, int(wait.total_seconds())) * SECOND
