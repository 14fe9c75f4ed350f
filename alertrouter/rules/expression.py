"""Whether an expression is PromQL; the metrics server is not asked."""

from __future__ import annotations

from dataclasses import dataclass

import promql_parser

from alertrouter.rules.model import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionProblem:
    """What is wrong with an expression. ``line`` and ``column`` count from 1 in its text; 0 where it is not known."""

    message: str
    line: int = 0
    column: int = 0
    hint: str = ""
    is_error: bool = True

    @property
    def prefix(self) -> str:
        """What Prometheus says before it in a rule file."""
        where = f"{self.line}:{self.column}: " if self.line else ""
        return f"could not parse expression: {where}parse error: "


def check_expression(text: str, dialect: Dialect = Dialect.PROMETHEUS) -> ExpressionProblem | None:
    """What is wrong with the expression; None when nothing is.

    Only what no server of the dialect takes is an error: where this knows PromQL less well than the server, it says
    nothing.
    """
    try:
        promql_parser.parse(text)
    except ValueError as error:
        if dialect is Dialect.METRICSQL:
            return None
        return ExpressionProblem(message=str(error))
    return None
