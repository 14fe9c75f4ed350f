"""Where the daemon listens: several addresses, sockets of systemd, and what cannot be listened on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from alertrouter.listen import ListenError, open_sockets, port_of, systemd_sockets, text_of
from benchmarks.processes import free_port
from tests.daemon.process import Daemon
from tests.waiting import until

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def _families() -> dict[str, str]:
    """The loopback addresses of this machine, and how they are written: it may have no IPv6."""
    found = {"127.0.0.1": "127.0.0.1"}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        found["::1"] = "[::1]"
    return found


def test_several_addresses_are_listened_on() -> None:
    families = _families()
    *ones, every = opened = open_sockets([*(f"{written}:0" for written in families.values()), ":0"])
    try:
        for one, written in zip(ones, families.values(), strict=True):
            assert text_of(one) == f"{written}:{port_of(one)}"
            socket.create_connection(one.getsockname()[:2]).close()
        # No host is every host, of both families.
        for host in families:
            socket.create_connection((host, port_of(every))).close()
    finally:
        for each in opened:
            each.close()


def test_one_that_cannot_be_listened_on_closes_the_others() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy: int = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"listen tcp 127.0.0.1:{busy}: bind: address already in use"):
            open_sockets([f"127.0.0.1:{port}", f"127.0.0.1:{busy}"])
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("vsock://:9093", "vsock is not supported: listen on a TCP address"),
        ("vsock://3:9093", "vsock is not supported"),
        ("nope", "missing or bad port"),
        ("", "missing or bad port"),
        ("127.0.0.1:", "missing or bad port"),
        ("127.0.0.1:99999", "missing or bad port"),
        ("127.0.0.1:http", "missing or bad port"),
        ("::1:9093", r"write \[host\]:port"),
        ("nowhere.invalid:9093", "listen tcp nowhere.invalid:9093: "),
    ],
)
def test_what_cannot_be_listened_on_is_named(address: str, complaint: str) -> None:
    with pytest.raises(ListenError, match=complaint):
        open_sockets([address])


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}],
)
def test_without_sockets_of_systemd_the_flag_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ListenError, match="systemd passed no sockets"):
        systemd_sockets(environ)


def test_the_daemon_answers_on_every_address(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, CONFIG, "--web.listen-address=127.0.0.1:0") as daemon:

            def addresses() -> set[str]:
                return {line.split("address=")[1].strip() for line in daemon.said if "Listening on" in line}

            await until(lambda: len(addresses()) == 2)
            for address in addresses():
                assert (await daemon.client.get(f"http://{address}/-/healthy")).text == "OK"

    asyncio.run(story())


class Activated(Daemon):
    """Started as systemd starts it: with open sockets from descriptor 3 on."""

    def __init__(self, folder: Path, listeners: Sequence[socket.socket]) -> None:
        super().__init__(folder, CONFIG)
        self._listeners = listeners

    async def launch(self) -> None:
        self.said.clear()
        descriptors = [listener.fileno() for listener in self._listeners]
        moves = " ".join(f"{3 + place}<&{number}" for place, number in enumerate(descriptors))
        self.process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            f'export LISTEN_PID=$$ LISTEN_FDS={len(descriptors)}; exec "$@" {moves}',
            "bash",
            sys.executable,
            "-m",
            "alertrouter",
            f"--config.file={self.config}",
            f"--storage.path={self.storage}",
            "--web.systemd-socket",
            stderr=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
        )
        self._reading = asyncio.create_task(self._read())


def test_sockets_of_systemd_are_served(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def story() -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as first,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as second,
        ):
            second.bind(path)
            second.listen()
            async with Activated(tmp_path, [first, second]) as daemon:
                assert daemon.client.base_url.port == port_of(first)
                await until(lambda: any(f"address={path}" in line for line in daemon.said))
                async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
                    await until(lambda: _answers(client))

    asyncio.run(story())


async def _answers(client: httpx.AsyncClient) -> bool:
    return (await client.get("http://x/-/healthy")).text == "OK"
