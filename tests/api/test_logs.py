"""The form of log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from alertrouter.logs import configure


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.access", "httpx", "httpcore", "aiosmtplib", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(form: str, level: str = "debug") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    configure(level, form, stream)
    return logging.getLogger("alertrouter.test"), stream


def test_logfmt_is_that_of_alertmanager() -> None:
    log, stream = logged("logfmt")
    log.warning(
        "Two words",
        extra={"component": "api", "n": 3, "yes": True, "none": None, "path": 'a "b"\n', "empty": ""},
    )
    line = stream.getvalue()
    assert line.endswith(
        'msg="Two words" component=api n=3 yes=true none=null path="a \\"b\\"\\n" empty=""\n'
    )
    time, level, source, *_ = line.split(" ")
    assert len(time) >= len("time=2026-11-20T16:11:21.538Z")
    assert level == "level=WARN"
    assert source.startswith("source=test_logs.py:")
    assert stream.getvalue().count("\n") == 1


def test_json_has_the_same_in_an_object() -> None:
    log, stream = logged("json")
    log.info("hello", extra={"component": "api", "labels": {"a": "b"}})
    line = json.loads(stream.getvalue())
    assert list(line) == ["time", "level", "source", "msg", "component", "labels"]
    assert (line["level"], line["msg"], line["labels"]) == ("INFO", "hello", {"a": "b"})


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_an_exception_stays_on_its_line(form: str) -> None:
    log, stream = logged(form)
    try:
        int("boom\nbang")
    except ValueError:
        log.exception("failed")
    assert stream.getvalue().count("\n") == 1
    assert "Traceback" in stream.getvalue()


def test_the_level_is_a_floor() -> None:
    log, stream = logged("logfmt", "error")
    log.warning("quiet")
    log.error("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_the_web_server_does_not_log_every_request() -> None:
    _, stream = logged("logfmt", "info")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.error").info("Started server")
    logging.getLogger("uvicorn.error").error("what")
    assert "GET /" not in stream.getvalue()
    assert "Started" not in stream.getvalue()
    assert "what" in stream.getvalue()


@pytest.mark.parametrize(("level", "form"), [("loud", "json"), ("info", "xml")])
def test_unknown_words_are_refused(level: str, form: str) -> None:
    with pytest.raises(ValueError, match="unknown log"):
        configure(level, form)
