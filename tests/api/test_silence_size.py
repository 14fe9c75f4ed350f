"""The size of a silence, against what a real Alertmanager said of the same ones (0.33.1)."""

from __future__ import annotations

from typing import Any

import pytest

from alertrouter.settings import Settings
from tests.api.scenes import CONFIG, matcher, silence
from tests.api.server import Server


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, 101),
        ({"comment": ""}, 98),
        ({"createdBy": ""}, 97),
        ({"matchers": [matcher(), matcher()]}, 109),
        ({"matchers": [matcher(isEqual=False)]}, 103),
        ({"startsAt": "2098-01-01T00:00:00Z"}, 95),
        ({"startsAt": "2098-01-01T00:00:00.5Z"}, 101),
        ({"endsAt": "2098-01-01T00:00:00.5Z"}, 113),
        ({"annotations": {"a": "b"}}, 109),
        ({"annotations": {"a": ""}}, 108),
        ({"comment": "x" * 1000}, 1102),
    ],
)
def test_the_size_is_the_one_alertmanager_counts(changes: dict[str, Any], size: int) -> None:
    posted = silence(**changes)
    at_most = Server(CONFIG, settings=Settings(silences_max_silence_size_bytes=size))
    assert at_most.post("/api/v2/silences", posted).status == 200
    too_small = Server(CONFIG, settings=Settings(silences_max_silence_size_bytes=size - 1))
    answer = too_small.post("/api/v2/silences", posted)
    assert f"silence exceeded maximum size: {size} bytes (limit: {size - 1} bytes)" in answer.body.decode()
