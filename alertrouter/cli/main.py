"""The two console entry points. What they need is imported when it is known what is to be done."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def artool() -> NoReturn:
    """Everything a person types."""
    from alertrouter.cli.artool import main

    _exit(main, "artool")


def alertrouter() -> NoReturn:
    """The daemon."""
    from alertrouter.cli.daemon import main

    _exit(main, "alertrouter")


def _exit(main: Callable[[str, Sequence[str]], int], usual_name: str) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # whatever the locale says, as Go does
    try:
        status = main(_program_name(usual_name), [_as_text(each) for each in sys.argv[1:]])
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads our output has seen enough. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _program_name(usual: str) -> str:
    """The name this was called by, as in a link ``amtool``."""
    name = Path(sys.argv[0]).name
    return usual if name in {"", "-c", "-m", "main.py", "__main__.py"} else name


def _as_text(argument: str) -> str:
    """The argument without the marks that stand for bytes that are no UTF-8."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


if __name__ == "__main__":
    programs = {"artool": artool, "alertrouter": alertrouter}
    sys.argv[:2] = sys.argv[1:2] or ["artool"]
    programs.get(sys.argv[0], artool)()
