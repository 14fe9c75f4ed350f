"""The zone of this process shows in templates: here it is UTC, as it was when the answers were recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def process_zone() -> Iterator[Callable[[str], None]]:
    """Puts this process into a zone for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch:

        def put(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        yield put
    time.tzset()


@pytest.fixture(scope="module", autouse=True)
def _utc(process_zone: Callable[[str], None]) -> None:
    process_zone("UTC")
