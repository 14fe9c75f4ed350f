"""Which node of a template each piece of generated code stands for, and what people are told when one fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from alertrouter.gotemplate.errors import ExecError, LimitError
from alertrouter.gotemplate.faults import Fault, OverLimit

if TYPE_CHECKING:
    from types import TracebackType

    from alertrouter.gotemplate.nodes import Tree

FILE: Final = "<go template>"
UNIT: Final = "__unit__"


@dataclass(frozen=True, slots=True)
class Site:
    """A place that can fail: its node, the function or method called there, and the nodes of its arguments."""

    node: Any
    calls: str = ""
    arguments: tuple[Any, ...] = ()


@dataclass(slots=True)
class Unit:
    """What is needed to explain a failure inside one generated function."""

    tree: Tree
    sites: list[Site] = field(default_factory=list)


def explain(error: Exception, tree: Tree) -> ExecError:
    """The error people see for whatever ended a render of this tree."""
    unit, site = _failing_site(error.__traceback__)
    limit = isinstance(error, (OverLimit, RecursionError, MemoryError))
    kind = LimitError if limit else ExecError
    if unit is None or site is None:
        return kind(_message(error, ""), name=tree.source.name, template=tree.name)
    node = site.node
    if isinstance(error, Fault) and 0 <= error.argument < len(site.arguments):
        node = site.arguments[error.argument]
    source = unit.tree.source
    return kind(
        _message(error, site.calls),
        name=source.name,
        line=source.line(node.position),
        column=source.byte_column(node.position),
        template=unit.tree.name,
        context=str(node),
    )


def _message(error: Exception, calls: str) -> str:
    match error:
        case Fault():
            return str(error)
        case RecursionError():
            return "exceeded maximum depth"
        case MemoryError():
            return "out of memory"
        case UnboundLocalError():
            return "undefined variable"
    text = str(error) or type(error).__name__
    return f"error calling {calls}: {text}" if calls else text


def _failing_site(trace: TracebackType | None) -> tuple[Unit | None, Site | None]:
    unit, line = None, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename is FILE:
            unit, line = trace.tb_frame.f_globals[UNIT], trace.tb_lineno
        trace = trace.tb_next
    if unit is None or not 1 <= line <= len(unit.sites):
        return None, None
    return unit, unit.sites[line - 1]
