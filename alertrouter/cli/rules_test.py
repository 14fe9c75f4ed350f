"""`artool rules test`: unit tests of rules, with given results, or through a promtool."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag
from alertrouter.cli.rules_check import dialect_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.time import Moment
    from alertrouter.rules.model import RuleSet
    from alertrouter.rules.unit_test.case import TestFile

_ABOUT = """Run unit tests of rules.

A test with results says what the metrics server would answer to each rule, and the evaluator itself does the rest: no
metrics server is needed. The form is in docs/rules.md. A test with input_series, in the form of promtool test rules, needs
PromQL: it is run by --promtool, by the promtool on the PATH, or on the metrics server that --query.url names, which must have
nothing in it and take remote write. Ends with 1 when a test fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesTest:
    """The tests to run."""

    run: tuple[str, ...] = flag(
        "run",
        Kind.TEXTS,
        "Only tests whose name matches this regular expression; repeatable.",
        placeholder="REGEX",
    )
    ignore_unknown_fields: bool = flag(
        "ignore-unknown-fields", Kind.BOOL, "Pass over keys of rule files that Prometheus does not know."
    )
    promtool: str = flag(
        "promtool",
        Kind.TEXT,
        "The promtool that runs tests with input_series; by default the one on the PATH.",
        placeholder="PATH",
    )
    query_url: str = flag(
        "query.url",
        Kind.TEXT,
        "A metrics server to throw away, with nothing in it, that runs tests with input_series in place of a promtool.",
        placeholder="URL",
    )
    write_url: str = flag(
        "remote-write.url",
        Kind.TEXT,
        "Where that server takes samples; by default --query.url with /api/v1/write.",
        placeholder="URL",
    )
    dialect: str = dialect_flag()
    files: tuple[str, ...] = argument("test-rule-file", "The unit test files.", kind=Kind.FILES)


def register(group: Command) -> None:
    """Add the command to the group."""
    group.command("test", _ABOUT, RulesTest, run)


def run(options: RulesTest, session: Session) -> int:
    """Run each file; 1 when a test fails."""
    if not options.files:
        raise Failure("name test files")
    patterns = [_pattern(text) for text in options.run]
    # What the evaluator logs stands in the outcome of the test.
    logging.getLogger("alertrouter").addHandler(logging.NullHandler())
    files = [_read(file, options) for file in options.files]
    failed = 0
    for file, end in zip(files, _ends(files, session.now()), strict=True):
        failed += not _run(file, options, patterns, session, end)
    return 1 if failed else 0


class _File(NamedTuple):
    """A file of tests and its rules; ``problems`` are what is wrong with either. ``rules`` None: a promtool runs it."""

    name: str
    read: TestFile | None = None
    rules: RuleSet | None = None
    problems: Sequence[str] = ()


def _read(name: str, options: RulesTest) -> _File:
    from alertrouter.rules.load import read_text
    from alertrouter.rules.model import RuleError
    from alertrouter.rules.unit_test.case import read_test_file

    try:
        read = read_test_file(read_text(name), name)
        if read.needs_engine and not options.query_url:
            return _File(name, read)
        return _File(name, read, _rules(read, options))
    except RuleError as error:
        return _File(name, problems=[f"    {problem}" for problem in error.problems])


def _ends(files: Sequence[_File], now: Moment) -> list[Moment]:
    """When the tests of each file end on the time line of a metrics server, so that none meets the samples of another."""
    from alertrouter.rules.unit_test.server import length

    ends = []
    for file in reversed(files):
        ends.append(now)
        if file.read is not None and file.rules is not None:
            now -= length(file.read, file.rules)
    return ends[::-1]


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise Failure(f"--run: {text!r} is no regular expression: {error}") from None


def _run(
    file: _File, options: RulesTest, patterns: list[re.Pattern[str]], session: Session, now: Moment
) -> bool:
    """Whether all tests of a file pass; on a metrics server they end at ``now``."""
    from alertrouter.cli.output import write

    failures = file.problems
    if file.read is not None:
        if file.rules is None:
            return _delegate(file.name, options)
        for warning in file.rules.warnings:
            session.warn(f"  WARNING: {warning}")
        failures = _play(file.read, file.rules, patterns, options, now)
    write(f"Unit Testing:  {file.name}\n")
    if not failures:
        write("  SUCCESS\n\n")
        return True
    write("  FAILED:\n" + "".join(f"{failure}\n" for failure in failures) + "\n")
    return False


def _rules(read: TestFile, options: RulesTest) -> RuleSet:
    from alertrouter.rules.load import load
    from alertrouter.rules.model import Dialect, KeySet

    return load(
        read.rule_files,
        directory=Path(read.file).parent,
        dialect=Dialect(options.dialect),
        strict_keys=KeySet.ANY if options.ignore_unknown_fields else KeySet.ALL_KNOWN,
    )


def _play(
    read: TestFile, rules: RuleSet, patterns: list[re.Pattern[str]], options: RulesTest, now: Moment
) -> list[str]:
    import asyncio

    from alertrouter.rules.unit_test.server import WriteError

    cases = [
        case for case in read.cases if not patterns or any(pattern.search(case.name) for pattern in patterns)
    ]
    chosen = replace(read, cases=tuple(cases))
    try:
        return asyncio.run(_play_all(chosen, rules, options, now))
    except WriteError as error:
        raise Failure(str(error)) from None


async def _play_all(read: TestFile, rules: RuleSet, options: RulesTest, now: Moment) -> list[str]:
    from alertrouter.rules.unit_test.play import play
    from alertrouter.rules.unit_test.server import Server, ServerEngine, starts

    failures = []
    url = options.query_url
    server = (
        Server(url, options.write_url or url.rstrip("/") + "/api/v1/write") if read.needs_engine else None
    )
    begins = starts(read, rules, now) if server else [0] * len(read.cases)
    try:
        for case, begin in zip(read.cases, begins, strict=True):
            engine = ServerEngine(server, case, begin) if server else None
            if found := await play(case, read, rules, engine):
                failures += [f"    name: {case.name},", *found]
    finally:
        if server:
            await server.aclose()
    return failures


def _delegate(file: str, options: RulesTest) -> bool:
    """Have a promtool run the file; whether it was content."""
    promtool = options.promtool or shutil.which("promtool")
    if not promtool:
        raise Failure(
            f"{file}: tests with input_series need PromQL, and there is no promtool: name one with --promtool, or a "
            "metrics server with --query.url, or say what it would answer, with results in place of input_series"
        )
    flags = [f"--run={each}" for each in options.run]
    flags += ["--ignore-unknown-fields"] if options.ignore_unknown_fields else []
    sys.stdout.flush()
    try:
        done = subprocess.run(  # noqa: S603 - the program is what the user asks for
            [promtool, "test", "rules", *flags, file], check=False
        )
    except OSError as error:
        raise Failure(f"{promtool}: {(error.strerror or str(error)).lower()}") from None
    return done.returncode == 0
