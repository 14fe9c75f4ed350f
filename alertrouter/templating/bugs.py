"""Bugs of ours that a template came upon: told in the log, once for each place, so that they can be mended."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

from alertrouter.gotemplate import TemplateError as GoTemplateError
from alertrouter.gotemplate.sites import FILE
from alertrouter.templating.errors import TemplateError

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)

# Where Jinja2 calls our functions with what a template gives them: what fails there is the template's doing.
_DOOR = "alertrouter.templating.jinja"
_LIBRARIES = {"jinja2", "markupsafe"}
_FORESEEN = (ValueError, RecursionError, MemoryError)
_MOST_TOLD = 1000
_told: set[tuple[str, str, int]] = set()


def tell(error: BaseException | None) -> None:
    """Log what made a render fail, if it was a bug. What the exception says is left out: it may quote a secret.

    Functions refuse what they are given with a ValueError, and everything that a template can do wrong has an error of
    its own; anything else that was raised in our code, or in what the Go engine made of a template, nobody foresaw.
    """
    while isinstance(error, (TemplateError, GoTemplateError)):
        error = error.__cause__
    if error is None or isinstance(error, _FORESEEN) or error.__traceback__ is None:
        return
    way = _inside(error.__traceback__)
    if all(_is_foreign(frame) for frame in way):
        return
    file, line = way[-1].tb_frame.f_code.co_filename, way[-1].tb_lineno
    place = (type(error).__name__, file, line)
    if place in _told or len(_told) >= _MOST_TOLD:
        return
    _told.add(place)
    log.error(
        "a template failed by a bug in this program",
        extra={
            "err": type(error).__name__,
            "traceback": "".join(traceback.format_tb(error.__traceback__)).rstrip(),
        },
    )


def _inside(trace: TracebackType | None) -> list[TracebackType]:
    """The innermost template on the way, and all that it called."""
    way: list[TracebackType] = []
    while trace is not None:
        if _is_template(trace):
            way.clear()
        way.append(trace)
        trace = trace.tb_next
    return way


def _is_template(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename is FILE or "__jinja_exception__" in trace.tb_frame.f_globals


def _is_foreign(trace: TracebackType) -> bool:
    """Whether what fails there is the doing of a Jinja2 template, or of Jinja2. The Go engine is ours."""
    if trace.tb_frame.f_code.co_filename is FILE:
        # What it calls stands behind it; where nothing does, the engine itself failed.
        return trace.tb_next is not None
    module = trace.tb_frame.f_globals.get("__name__", "")
    return _is_template(trace) or module == _DOOR or module.partition(".")[0] in _LIBRARIES
