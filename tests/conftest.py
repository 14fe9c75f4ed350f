from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from pathlib import PurePath

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from tests.priority import first_in_line

# How long an example takes is the machine's, which may have much else to do.
settings.register_profile(
    "suite", settings(settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("suite")

# What is told by the clock, to several servers at once.
_BY_THE_CLOCK = {"test_acceptance", "test_same_messages", "test_evaluator", "test_prometheus", "test_demo"}
# What looks at servers of others a moment later, when they should have done something.
_A_MOMENT_LATER = {"test_requests", "test_import"}


class _OneStoryAtATime(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Each file as a whole; those that go by the clock one after the other, and others beside them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "by the clock" if PurePath(file).stem in _BY_THE_CLOCK else file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Those that go by the clock come before whatever else the machine does."""
    with first_in_line() if item.path.stem in _BY_THE_CLOCK | _A_MOMENT_LATER else nullcontext():
        return (yield)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """With ``--dist loadfile``, that; otherwise what xdist has."""
    return _OneStoryAtATime(config, log) if config.getvalue("dist") == "loadfile" else None
