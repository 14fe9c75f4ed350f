"""Values that are made by the thousand: immutable for the type checker, and cheap to make.

What makes a frozen dataclass immutable while the program runs costs a tenth of a microsecond a field each time one is
made, two thirds of all that making it costs. Nobody changes a value here: the type checker sees to it. To name its fields costs
half of the rest, so where each message makes one, they are given by place, in the order of the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as value_class
else:
    _Class = TypeVar("_Class")

    def value_class(
        *, frozen: bool, slots: bool, kw_only: bool = False
    ) -> Callable[[type[_Class]], type[_Class]]:
        """``dataclass(frozen=True, slots=True)``, less the guard against being changed."""
        assert frozen, "values do not change"
        return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=True)


__all__ = ["value_class"]
