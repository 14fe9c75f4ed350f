"""Log lines on stderr, as logfmt or JSON, in Alertmanager's form (`api-and-cli.md` 8.3).

The rest of the program logs with the standard library and gives fields as ``extra``; nothing else has to know the form.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS = ("logfmt", "json")

_LEVEL_NAMES = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARN",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "ERROR",
}
# What every record has; anything else on it was given as a field.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_PLAIN = re.compile(r"[^\s=\"\x00-\x1f\x7f]+")

# Libraries that would log every request, or every step of their work, at the level of our own news.
_QUIET = {
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiosmtplib": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
}


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send what is logged from this level on to stderr, or another stream; ValueError for unknown words."""
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: use one of {', '.join(LEVELS)}")
    if form not in FORMATS:
        raise ValueError(f"unknown log format {form!r}: use one of {', '.join(FORMATS)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Logfmt() if form == "logfmt" else Json())
    root = logging.getLogger()
    for each in list(root.handlers):
        root.removeHandler(each)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name, least in _QUIET.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(least, LEVELS[level]))


class Logfmt(logging.Formatter):
    """``time=2026-11-20T16:11:21.538Z level=INFO source=daemon.py:97 msg="…" key=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        pairs = [
            ("time", _time(record, 3)),
            ("level", _level(record)),
            ("source", f"{record.filename}:{record.lineno}"),
            ("msg", record.getMessage()),
            *_fields(record, self),
        ]
        return " ".join([f"{name}={_logfmt_value(value)}" for name, value in pairs])


class Json(logging.Formatter):
    """An object with ``time``, ``level``, ``source``, ``msg`` and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(
            {
                "time": _time(record, 9),
                "level": _level(record),
                "source": f"{record.filename}:{record.lineno}",
                "msg": record.getMessage(),
                **dict(_fields(record, self)),
            },
            default=str,
            ensure_ascii=False,
        )


def _time(record: logging.LogRecord, digits: int) -> str:
    seconds, fraction = divmod(round(record.created * 1_000_000), 1_000_000)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{fraction * 1000:09d}"[: 20 + digits] + zone


def _level(record: logging.LogRecord) -> str:
    return _LEVEL_NAMES.get(record.levelno, record.levelname)


def _fields(record: logging.LogRecord, formatter: logging.Formatter) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _STANDARD:
            yield name, value
    if record.exc_info:
        if record.exc_info[1] is not None and not hasattr(record, "err"):
            yield "err", str(record.exc_info[1]) or type(record.exc_info[1]).__name__
        yield "traceback", formatter.formatException(record.exc_info)


def _logfmt_value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            text = value
        case _:
            text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
