"""`artool check-config`: is a configuration file right, and are its templates?"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.config import Configuration, Problem

_STDIN = "/dev/stdin"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """The files to check, and how severely."""

    strict: bool = flag(
        "strict",
        Kind.BOOL,
        "Templates in the configuration itself that cannot be rendered are errors, not warnings.",
    )
    files: tuple[str, ...] = argument(
        "check-files", "Files to check; standard input when there are none.", kind=Kind.FILES
    )


_ABOUT = """Validate alertmanager config files.

Everything that is wrong is printed, each with file, line and column; also what is wrong in the templates that the
configuration names. A glob of templates that matches nothing is not an error. What is wrong in templates that stand in
the configuration itself is a warning, as for Alertmanager it is no error either: a page goes out in the default wording
then. With --strict it is an error."""


def register(program: Command) -> None:
    """Add the command to the program."""
    program.command("check-config", _ABOUT, CheckConfig, run)


def run(options: CheckConfig, session: Session) -> int:
    """Check each file; Failure when one is wrong."""
    if options.files:
        failed = sum([not _check(file, session, strict=options.strict) for file in options.files])
    else:
        if stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode):
            raise Failure("Failed to read from standard input", ends_with_blank_line=False)
        failed = 0 if _check(_STDIN, session, strict=options.strict) else 1
    if failed:
        raise Failure(f"failed to validate {failed} file(s)")
    return 0


def _check(file: str, session: Session, *, strict: bool) -> bool:
    """Whether the file is right; prints what there is to say of it."""
    from alertrouter.cli.output import write
    from alertrouter.config import ConfigError, load, load_text

    write(f"Checking '{file}'")
    try:
        if file == _STDIN:
            text = sys.stdin.buffer.read().decode("utf-8", "replace")
            found = load_text(text, file=_STDIN, directory=Path(os.curdir), mode=session.mode)
        else:
            found = load(Path(file), mode=session.mode)
    except ConfigError as error:
        _print_failure([str(problem) for problem in error.problems])
        return False
    write("  SUCCESS\n")
    _warn(found.warnings, session)
    _print_found(found)
    is_right = _check_templates(found, session, strict=strict)
    write("\n")
    return is_right


def _print_failure(problems: list[str]) -> None:
    from alertrouter.cli.output import write

    if len(problems) == 1:
        write(f"  FAILED: {problems[0]}\n\n")
    else:
        write("  FAILED:\n" + "".join(f"  {problem}\n" for problem in problems) + "\n")


def _print_found(found: Configuration) -> None:
    from alertrouter.cli.output import write

    write("Found:\n")
    counts = found.summary
    write(" - global config\n" if counts.has_global_config else "")
    write(" - route\n" if counts.has_route else "")
    write(f" - {counts.inhibit_rules} inhibit rules\n")
    write(f" - {counts.receivers} receivers\n")
    write(f" - {counts.templates} templates\n")


def _check_templates(found: Configuration, session: Session, *, strict: bool) -> bool:
    from alertrouter.cli.output import write
    from alertrouter.templating.errors import TemplateError
    from alertrouter.templating.inline import check_inline_templates
    from alertrouter.templating.templates import Templates

    if not found.template_globs and not found.inline_templates:
        return True
    try:
        templates = Templates.load(found.template_files)
    except TemplateError as error:
        write(f"  FAILED: {error}\n")
        return False
    problems = check_inline_templates(templates, found.inline_templates)
    if problems and strict:
        write("".join(f"  FAILED: {problem}\n" for problem in problems))
        return False
    write("  SUCCESS\n" if found.template_globs else "")
    _warn(problems, session)
    return True


def _warn(problems: Sequence[Problem], session: Session) -> None:
    sys.stdout.flush()
    for problem in problems:
        session.warn(f"Warning: {problem}")
