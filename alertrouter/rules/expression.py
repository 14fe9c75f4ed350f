"""Whether an expression is PromQL; the metrics server is not asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import promql_parser

from alertrouter.promql.errors import PromqlError
from alertrouter.promql.parser import TooDeepError, parse
from alertrouter.rules.model import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionProblem:
    """What is wrong with an expression. ``line`` and ``column`` count from 1 in its text."""

    message: str
    """As in a rule file: ``could not parse expression: 1:7: parse error: …``."""
    line: int
    column: int
    hint: str = ""


# The library's time grows with the square of the length, and it takes the process down with it when brackets are nested
# some ten thousand deep.
_LONGEST_FOR_LIBRARY: Final = 1_000


@lru_cache(maxsize=32_768)
def check_expression(text: str, dialect: Dialect = Dialect.PROMETHEUS) -> ExpressionProblem | None:
    """What is wrong with the expression; None when nothing is, or when a server of the dialect could see it otherwise.

    The compiled library answers most at once. It refuses some of what the newest Prometheus takes, and says neither where
    nor why: so when it refuses, our own reader decides.
    """
    if dialect is Dialect.METRICSQL:
        return None
    if len(text) <= _LONGEST_FOR_LIBRARY and _library_takes(text):
        return None
    try:
        parse(text)
    except TooDeepError:
        return None
    except PromqlError as error:
        return ExpressionProblem(
            message=f"could not parse expression: {error}", line=error.line, column=error.column
        )
    return None


def _library_takes(text: str) -> bool:
    try:
        promql_parser.parse(text)
    except ValueError:
        return False
    return True
