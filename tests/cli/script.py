"""Scripts of command lines with exactly what they print, in the text files of `scripts/`.

A script is a title, files, and commands:

    # What this shows.
    -- name of a file --
    its text, up to the next line of this form, or the first command
    -- server --
    METHOD PATH STATUS BODY      one line for each answer, the body may be missing; several for one path are
    $ artool alert query         given in turn, the last one again and again
    < a line of standard input
    |a line of standard output|
    !a line of standard error|
    ? 1                          the exit status, when it is not 0
    > GET /path?query            what the server was asked
    > POST /path BODY

Without a file of its own for it, artool's configuration names the server and switches the version check off.
`ALERTROUTER_RECORD=1` writes down what is printed, for a look at the difference.
"""

from __future__ import annotations

import re
import shlex
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.forking import Forking

CONFIG = "home/.config/artool/config.yml"
_FILE = re.compile(r"-- (.+) --")


@dataclass
class Step:
    """One command, and what came of it."""

    command: str
    stdin: list[str] = field(default_factory=list)
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    status: int = 0
    requests: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The lines of the script for this step."""
        lines = [f"$ {self.command}", *[f"< {line}" for line in self.stdin]]
        lines += [f"|{line}|" for line in self.stdout] + [f"!{line}|" for line in self.stderr]
        lines += [f"? {self.status}"] if self.status else []
        lines += [f"> {request}" for request in self.requests]
        return "\n".join(lines)


@dataclass
class Script:
    """A script, read."""

    head: str
    files: dict[str, str]
    steps: list[Step]

    @classmethod
    def read(cls, text: str) -> Script:
        """The script in a text."""
        head, separator, body = text.partition("\n$ ")
        files: dict[str, str] = {}
        name = ""
        for line in head.split("\n"):
            if found := _FILE.fullmatch(line):
                name = found[1]
                files[name] = ""
            elif name:
                files[name] += line + "\n"
        return cls(head, files, list(_steps(separator.lstrip("\n") + body)))

    def text(self) -> str:
        """The script as it is written in its file."""
        return self.head.rstrip("\n") + "\n\n" + "\n\n".join(step.text() for step in self.steps) + "\n"

    def play(self, directory: Path, programs: Forking) -> Script:
        """Run the commands in this directory; a script of what they did."""
        for name, text in self.files.items():
            if name != "server":
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        with CannedServer(self.files.get("server", "")) as server:
            config = directory / CONFIG
            config.parent.mkdir(parents=True, exist_ok=True)
            usual = 'alertmanager.url: "http://SERVER"\nversion-check: "false"\n'
            config.write_text(self.files.get(CONFIG, usual).replace("SERVER", server.address))
            return Script(
                self.head, self.files, [_run(step, directory, server, programs) for step in self.steps]
            )


def _steps(text: str) -> Iterator[Step]:
    for part in filter(None, re.split(r"(?m)^\$ ", text)):
        command, *lines = part.rstrip("\n").split("\n")
        step = Step(command)
        for line in lines:
            mark, rest = line[:1], line[1:]
            match mark:
                case "<":
                    step.stdin.append(rest.removeprefix(" "))
                case "|":
                    step.stdout.append(rest.removesuffix("|"))
                case "!":
                    step.stderr.append(rest.removesuffix("|"))
                case "?":
                    step.status = int(rest)
                case ">":
                    step.requests.append(rest.removeprefix(" "))
                case _:
                    assert not line.strip(), f"{line!r} is no line of a script"
        yield step


def _run(step: Step, directory: Path, server: CannedServer, programs: Forking) -> Step:
    words = shlex.split(step.command.replace("SERVER", server.address))
    out, error, status = programs.run(words, "".join(f"{line}\n" for line in step.stdin), directory)
    made = Step(step.command, step.stdin, status=status, requests=server.taken_requests())
    # What a script holds must be true on every machine.
    made.stdout, made.stderr = (
        _lines(text.replace(server.address, "SERVER").replace(f"{directory}/", "")) for text in (out, error)
    )
    return made


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], lines[-1] + "\\"]


class CannedServer:
    """An HTTP server that gives prepared answers and remembers what it was asked."""

    def __init__(self, answers: str) -> None:
        self._answers: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for line in filter(None, answers.split("\n")):
            method, path, status, *body = line.split(" ", 3)
            self._answers.setdefault((method, path), []).append((int(status), "".join(body)))
        self._requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.address = f"127.0.0.1:{self._server.server_port}"

    def taken_requests(self) -> list[str]:
        """The requests since this was last asked."""
        taken, self._requests = self._requests, []
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, method: str, path: str) -> tuple[int, str]:
        answers = self._answers.get((method, path.partition("?")[0]), [(404, "")])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length).decode()
                server._requests.append(f"{self.command} {self.path}" + (f" {body}" if body else ""))
                status, answer = server._answer(self.command, self.path)
                self.send_response(status)
                if answer:
                    self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            do_POST = do_DELETE = do_GET  # noqa: N815  # the names are those of the library

            def log_message(self, *_: Any) -> None:
                """Nobody wants to read it."""

        return Handler
