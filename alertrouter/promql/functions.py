"""The functions of Prometheus 3, with the types of their arguments (`rules.md` 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alertrouter.promql.nodes import ValueType

_V, _M, _S, _T = ValueType.VECTOR, ValueType.MATRIX, ValueType.SCALAR, ValueType.STRING


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``variadic`` says how many arguments there may be beyond those, the last being optional; -1 for any number."""

    name: str
    arguments: tuple[ValueType, ...]
    returns: ValueType = ValueType.VECTOR
    variadic: int = 0
    is_experimental: bool = False


def _all(
    names: str, *arguments: ValueType, variadic: int = 0, is_experimental: bool = False
) -> list[Function]:
    return [
        Function(name=name, arguments=arguments, variadic=variadic, is_experimental=is_experimental)
        for name in names.split()
    ]


FUNCTIONS: Final = {
    function.name: function
    for function in (
        *_all(
            "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg"
            " histogram_count histogram_sum histogram_stddev histogram_stdvar ln log10 log2 rad sgn sin sinh"
            " sort sort_desc sqrt tan tanh timestamp",
            _V,
        ),
        *_all(
            "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase"
            " irate last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time"
            " stdvar_over_time sum_over_time",
            _M,
        ),
        *_all(
            "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time",
            _M,
            is_experimental=True,
        ),
        *_all("day_of_month day_of_week day_of_year days_in_month hour minute month year", _V, variadic=1),
        *_all("clamp", _V, _S, _S),
        *_all("clamp_max clamp_min", _V, _S),
        *_all("histogram_fraction", _S, _S, _V),
        *_all("histogram_quantile", _S, _V),
        *_all("histogram_quantiles", _V, _T, _S, _S, variadic=9, is_experimental=True),
        *_all("double_exponential_smoothing", _M, _S, _S, is_experimental=True),
        # Prometheus 2 called it so, and other servers still do.
        *_all("holt_winters", _M, _S, _S, is_experimental=True),
        *_all("info", _V, _V, variadic=1, is_experimental=True),
        *_all("label_join", _V, _T, _T, _T, variadic=-1),
        *_all("label_replace", _V, _T, _T, _T, _T),
        *_all("predict_linear", _M, _S),
        *_all("quantile_over_time", _S, _M),
        *_all("round", _V, _S, variadic=1),
        *_all("sort_by_label sort_by_label_desc", _V, _T, variadic=-1, is_experimental=True),
        *_all("start_timestamp", _V, is_experimental=True),
        *_all("vector", _S),
        Function(name="scalar", arguments=(_V,), returns=_S),
        *[Function(name=name, arguments=(), returns=_S) for name in ("pi", "time")],
        *[
            Function(name=name, arguments=(), returns=_S, is_experimental=True)
            for name in ("start", "end", "step", "range")
        ],
        *[
            Function(name=name, arguments=(_S, _S), returns=_S, is_experimental=True)
            for name in ("max_of", "min_of")
        ],
    )
}
