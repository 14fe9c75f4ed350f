"""Record what a real Alertmanager answers to the scenes:

    python -m tests.api.record /path/to/alertmanager

Starts one on a free port of this machine for each scene and writes ``golden/answers.json``.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.api.play import Raw, Scene, Step, play
from tests.api.scenes import SCENES

GOLDEN = Path(__file__).parent / "golden" / "answers.json"


def main(binary: str) -> None:
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    number = (version.stdout or version.stderr).split()[2]
    answers: dict[str, list[str]] = {}
    for scene in SCENES:
        with running([binary], scene) as port:
            told = play(scene, partial(ask, port), time.time_ns)
        answers[scene.name] = [json.dumps(answer, ensure_ascii=False) for answer in told]
    GOLDEN.parent.mkdir(exist_ok=True)
    scenes = [
        json.dumps(name, ensure_ascii=False) + ": [\n" + ",\n".join(told) + "\n]"
        for name, told in answers.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join([f'"version": "{number}"', *scenes]) + "\n}\n")


@contextmanager
def running(command: Sequence[str], scene: Scene) -> Iterator[int]:
    """An Alertmanager, or what is started like one, with the configuration of a scene; its port."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "alertmanager.yml"
        config.write_text(scene.config)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        process = subprocess.Popen(
            [
                *command,
                f"--config.file={config}",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                *([f"--enable-feature={scene.features}"] if scene.features else []),
                *scene.flags,
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_up(port, process)
            yield port
        finally:
            process.terminate()
            process.wait()


def wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError("Alertmanager ended")
        try:
            if ask(port, Step("GET", "/-/ready")).status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("Alertmanager does not answer")


def ask(port: int, step: Step) -> Raw:
    """One request over a real connection."""
    time.sleep(step.wait or 0.02)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
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


if __name__ == "__main__":
    main(sys.argv[1])
