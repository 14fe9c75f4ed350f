"""Record what a real Alertmanager answers to the scenes:

    python -m tests.api.record /path/to/alertmanager

Starts one on a free port of this machine for each scene and writes ``golden/answers.json``.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.processes import free_port
from tests.api.play import Raw, Scene, Step, play
from tests.api.scenes import SCENES
from tests.waiting import PATIENCE, wait_until

GOLDEN = Path(__file__).parent / "golden" / "answers.json"


def main(binary: str) -> None:
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    number = (version.stdout or version.stderr).split()[2]
    answers: dict[str, list[str]] = {}
    for scene in SCENES:
        with running(program(binary), scene) as server:
            told = play(scene, server.ask, time.time_ns)
        answers[scene.name] = [json.dumps(answer, ensure_ascii=False) for answer in told]
    GOLDEN.parent.mkdir(exist_ok=True)
    scenes = [
        json.dumps(name, ensure_ascii=False) + ": [\n" + ",\n".join(told) + "\n]"
        for name, told in answers.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join([f'"version": "{number}"', *scenes]) + "\n}\n")


class Process(Protocol):
    """A started server; `subprocess.Popen` is one."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def wait(self) -> int: ...


Start = Callable[[Sequence[str]], Process]


def program(*words: str | Path) -> Start:
    """Starts a program."""
    return lambda flags: subprocess.Popen([*words, *flags], stderr=subprocess.DEVNULL)


@dataclass(frozen=True)
class Running:
    """A server on this machine, and the folder with its files."""

    port: int
    folder: Path

    def ask(self, step: Step) -> Raw:
        """One request over a real connection, or a file written anew."""
        # Their clock is finer than what they show: what comes first must be older.
        time.sleep(step.wait or 0.01)
        if step.method == "WRITE":
            (self.folder / step.path).write_bytes(step.body or b"")
            return Raw(0, {}, b"")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(step.method, step.path.replace(" ", "%20"), skip_accept_encoding=True)
            for name, value in step.headers.items():
                connection.putheader(name, value)
            if step.body is not None:
                connection.putheader("Content-Length", str(len(step.body)))
            connection.endheaders(step.body)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Raw(answer.status, headers, answer.read())
        finally:
            connection.close()


@contextmanager
def running(start: Start, scene: Scene) -> Iterator[Running]:
    """An Alertmanager, or what is started like one, with the configuration of a scene."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {"alertmanager.yml": scene.config, **scene.files}.items():
            (folder / file).write_text(text)
        port = free_port()
        process = start(
            [
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                *([] if "cluster.listen" in str(scene.flags) else ["--cluster.listen-address="]),
                *([f"--enable-feature={scene.features}"] if scene.features else []),
                *(flag.replace("FOLDER", str(folder)) for flag in scene.flags),
            ]
        )
        server = Running(port, folder)
        try:
            _wait_until_up(server, scene, process)
            yield server
        finally:
            process.terminate()
            process.wait()


def _wait_until_up(server: Running, scene: Scene, process: Process) -> None:
    def is_up() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the server of {scene.name} ended")
        try:
            # It may want a password, or have had enough of us.
            return server.ask(Step("GET", f"{scene.prefix}/-/ready")).status in {200, 401, 429}
        except OSError:
            return False

    wait_until(is_up)


if __name__ == "__main__":
    main(sys.argv[1])
