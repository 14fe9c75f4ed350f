"""Connections to a mail server are used for more than one mail, and no mail is lost or doubled by that."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
import trustme

from alertrouter.config.fields import HostPort, Secret
from alertrouter.delivery.errors import TemporaryError
from alertrouter.integrations._smtp import Connections, Credentials, Server
from tests.receivers import SmtpReceiver
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.anyio


def server(receiver: SmtpReceiver, authority: trustme.CA | None = None, hello: str = "us.test") -> Server:
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    return Server(
        address=HostPort(receiver.host, str(receiver.port)),
        server_name="mail.test",
        hello=hello,
        context=context,
        implicit_tls=False,
        require_tls=authority is not None,
        credentials=Credentials(
            identity="",
            username="me",
            password=Secret("p"),
            password_file="",
            secret=Secret(),
            secret_file="",
            directory=Path(),
        ),
    )


class Sending:
    """One who sends mails through a server. ``rest`` and ``patience`` are those of ``Connections``."""

    def __init__(self, to: Server, *, rest: float = PATIENCE, patience: float = PATIENCE) -> None:
        self.to = to
        self.connections = Connections(rest=rest, patience=patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connections.aclose()

    async def send(self, *texts: str) -> None:
        for text in texts:
            await self.connections.deliver(self.to, "am@example.org", ["ops@example.org"], text.encode())


def texts(receiver: SmtpReceiver) -> Sequence[str]:
    return [mail.content.decode().strip() for mail in receiver.mails]


async def test_mails_that_follow_each_other_go_over_one_connection_with_one_login() -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.test").configure_cert(tls)
    async with (
        SmtpReceiver(tls=tls, mechanisms=("PLAIN",), password="p") as receiver,
        Sending(server(receiver, authority)) as sending,
    ):
        await sending.send("one", "two", "three")
        assert texts(receiver) == ["one", "two", "three"]
        assert {(mail.login, mail.encrypted, mail.hello) for mail in receiver.mails} == {
            ("PLAIN:me", True, "us.test")
        }
        assert (receiver.connections, receiver.attempted) == (1, ["PLAIN"])
    assert not receiver.open


async def test_a_connection_that_the_server_ended_is_replaced() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send("one")
        receiver.hang_up()
        await sending.send("two", "three")
        assert texts(receiver) == ["one", "two", "three"]
        assert receiver.connections == 2


@pytest.mark.parametrize("tired", ["421 too many mails on this connection", "451 later", "550 never"])
async def test_a_server_may_want_a_new_connection_for_more_mails(tired: str) -> None:
    async with (
        SmtpReceiver(most_mails=2, tired=tired) as receiver,
        Sending(server(receiver)) as sending,
    ):
        await sending.send("one", "two", "three", "four", "five")
        assert texts(receiver) == ["one", "two", "three", "four", "five"]
        assert receiver.connections == 3


async def test_a_kept_connection_on_which_nobody_answers_is_not_waited_for_long() -> None:
    async with (
        SmtpReceiver(most_mails=1) as receiver,
        Sending(server(receiver), patience=0.05) as sending,
    ):
        await sending.send("one", "two")
        assert texts(receiver) == ["one", "two"]
        assert receiver.connections == 2


async def test_what_is_refused_on_a_new_connection_too_is_refused() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send("one")
        receiver.refusals["RCPT"] = "450 later"
        with pytest.raises(TemporaryError, match="send RCPT command: 450 later"):
            await sending.send("two")
        assert receiver.connections == 2
        del receiver.refusals["RCPT"]
        await sending.send("three")
        assert texts(receiver) == ["one", "three"]


@pytest.mark.parametrize("before", [[], ["one"]])
async def test_a_mail_that_may_have_been_taken_is_not_sent_again_unasked(before: list[str]) -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send(*before)
        receiver.rude = True
        with pytest.raises(TemporaryError, match="send DATA command: "):
            await sending.send("two")
        assert texts(receiver) == [*before, "two"]
        assert receiver.connections == 1
        receiver.rude = False
        await sending.send("three")
        assert receiver.connections == 2


async def test_a_mail_that_is_refused_ends_its_connection() -> None:
    async with SmtpReceiver(refusals={"DATA": "554 spam"}) as receiver, Sending(server(receiver)) as sending:
        for _ in range(2):
            with pytest.raises(TemporaryError, match="send DATA command: 554 spam"):
                await sending.send("one")
        assert receiver.connections == 2
        await until(lambda: not receiver.open)


async def test_a_sender_that_is_cut_off_leaves_no_connection_in_the_middle_of_a_mail() -> None:
    async with SmtpReceiver(most_mails=1) as receiver, Sending(server(receiver)) as sending:
        await sending.send("one")
        task = asyncio.create_task(sending.send("two"))
        await until(lambda: not sending.connections._idle)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: not receiver.open)
        await sending.send("three")
        assert texts(receiver) == ["one", "three"]


async def test_another_way_to_the_server_takes_another_connection() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send("one")
        sending.to = server(receiver, hello="other.test")
        await sending.send("two")
        assert [mail.hello for mail in receiver.mails] == ["us.test", "other.test"]
        await until(lambda: len(receiver.open) == 1)


async def test_a_connection_that_is_not_needed_for_a_while_is_ended() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver), rest=0.01) as sending:
        await sending.send("one")
        await until(lambda: not receiver.open)
        assert not sending.connections._idle
        await sending.send("two")
        assert (texts(receiver), receiver.connections) == (["one", "two"], 2)


async def test_few_connections_are_kept_after_many_mails_at_once() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await asyncio.gather(*[sending.send(f"{number}") for number in range(12)])
        assert sorted(map(int, texts(receiver))) == list(range(12))
        await until(lambda: len(receiver.open) == 4)
        await sending.send("more")
        assert len(receiver.open) == 4
    assert not sending.connections._ending


async def test_a_connection_is_replaced_after_a_hundred_mails() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send(*map(str, range(101)))
        assert len(receiver.mails) == 101
        assert receiver.connections == 2


async def test_a_connection_that_is_kept_ends_when_the_event_loop_cancels_what_is_left() -> None:
    async with SmtpReceiver() as receiver, Sending(server(receiver)) as sending:
        await sending.send("one")
        [ending] = sending.connections._ending
        ending.cancel()
        await until(lambda: not receiver.open)
        await sending.send("two")
        assert texts(receiver) == ["one", "two"]
