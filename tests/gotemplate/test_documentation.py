"""The examples in the package's documentation are true."""

from __future__ import annotations

import doctest

import alertrouter.gotemplate


def test_the_examples_hold() -> None:
    result = doctest.testmod(alertrouter.gotemplate, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted >= 4
    assert not result.failed
