"""`artool config test`: does a configuration do what its tests expect?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.routing import Routing
    from alertrouter.insight.case_run import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigTest:
    """The files of tests."""

    junit: str = flag("junit", Kind.TEXT, "Write the results to this file, in JUnit's XML, for CI.")
    files: tuple[str, ...] = argument("test-files", "Files of tests.", kind=Kind.FILES)


_ABOUT = """Test routing, grouping, inhibition, silences and times of a configuration.

For example: artool config test routing_tests.yml

Each file names a configuration and has tests: alerts that fire and are resolved, silences, moments; and what is expected
then: receivers, groups, what is suppressed and by what, and which messages went out when. The router that plays them is
that of the daemon, on a clock of its own; nothing is sent. See docs/config-tests.md.

What fails is told with file and line, with what happened instead and why. The exit status is 1 when a test fails."""


def register(config: Command) -> None:
    """Add the command to the group."""
    config.command("test", _ABOUT, ConfigTest, run)


def run(options: ConfigTest, session: Session) -> int:
    """Play all tests and print what became of them."""
    from alertrouter.cli.output import print_json, write

    if not options.files:
        raise UsageError("required argument 'test-files' not provided")
    results = [result for file in options.files for result in _play(Path(file), session)]
    if options.junit:
        _write_junit(Path(options.junit), results)
    failed = sum(bool(result.differences) for result in results)
    if session.options.output == "json":
        print_json([{**asdict(result), "ok": not result.differences} for result in results])
    else:
        for result in results:
            write(_shown(result))
        write(f"{len(results) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


def _play(path: Path, session: Session) -> list[Result]:
    from alertrouter.config import ConfigError, load
    from alertrouter.insight import case_file, case_run

    loaded: dict[Path, Routing] = {}

    def routing(config: Path) -> Routing:
        if config not in loaded:
            loaded[config] = load(config, mode=session.mode).routing
        return loaded[config]

    try:
        return case_run.run(case_file.read(path), routing, session.mode)
    except ConfigError as error:
        raise Failure("\n".join(map(str, error.problems))) from None


def _shown(result: Result) -> str:
    if not result.differences:
        return f"ok    {result.file}:{result.line}: {result.name}\n"
    lines = [f"FAIL  {result.file}:{result.line}: {result.name}"]
    for difference in result.differences:
        first, *more = difference.lines()
        lines.append(f"  {result.file}:{difference.line}: {first}")
        lines += [f"  {line}" for line in more]
    return "\n".join(lines) + "\n"


def _write_junit(path: Path, results: Sequence[Result]) -> None:
    from xml.etree import ElementTree as ET

    root = ET.Element("testsuites")
    for file in dict.fromkeys(result.file for result in results):
        of_file = [result for result in results if result.file == file]
        failures = sum(bool(result.differences) for result in of_file)
        suite = ET.SubElement(
            root, "testsuite", name=file, tests=str(len(of_file)), failures=str(failures), errors="0"
        )
        for result in of_file:
            case = ET.SubElement(
                suite, "testcase", name=result.name, classname=file, file=file, line=str(result.line)
            )
            if result.differences:
                first = result.differences[0].lines()[0]
                failure = ET.SubElement(
                    case, "failure", message=f"{file}:{result.differences[0].line}: {first}"
                )
                failure.text = _shown(result)
    try:
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
