"""The daemon as its users start it, reload it, break it and stop it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
import ssl
from pathlib import Path

import bcrypt
import httpx
import pytest
import trustme

from tests.daemon.process import CONFIG, Daemon, alert, names, resolved
from tests.receivers import Answer, HttpReceiver, Misbehave
from tests.waiting import until


def test_an_alert_comes_in_and_a_message_goes_out_and_then_another_when_it_is_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            disk = alert("DiskFull", instance="db-1")
            assert (await daemon.post(disk)).status_code == 200
            await hook.wait_for(1)
            await daemon.post(resolved(disk))
            await hook.wait_for(2)
            first, second = (request.json() for request in hook.requests)
            assert (first["status"], first["notification_reason"]) == ("firing", "first notification")
            assert (second["status"], second["notification_reason"]) == ("resolved", "all alerts resolved")
            assert await daemon.alerts() == []

    asyncio.run(story())


def test_b141_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            silenced = await daemon.silence("alertname", "Quiet")
            posted = [alert(f"A{number}") for number in range(50)] + [alert("Quiet")]
            await asyncio.gather(*[daemon.post(each) for each in posted])
            await daemon.kill()
            await daemon.start()
            listed = await daemon.alerts()
            assert {each["labels"]["alertname"] for each in listed} == {
                each["labels"]["alertname"] for each in posted
            }
            (quiet,) = [each for each in listed if each["labels"]["alertname"] == "Quiet"]
            assert quiet["status"]["silencedBy"] == [silenced]

            async def all_told() -> bool:
                told = set[str]().union(*[names(request.body) for request in hook.requests])
                return told == {f"A{number}" for number in range(50)}

            await until(all_told)

    asyncio.run(story())


def test_what_was_announced_before_a_kill_is_not_announced_after_it_and_its_resolve_is(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            disk = alert("DiskFull")
            await daemon.post(disk)
            await hook.wait_for(1)

            async def recorded() -> bool:
                with sqlite3.connect(daemon.storage / "alertrouter.db") as database:
                    return bool(database.execute("SELECT count(*) FROM notification_log").fetchone()[0])

            await until(recorded)
            await daemon.kill()
            await daemon.start()
            await daemon.post(disk)
            await asyncio.sleep(1.2)
            assert len(hook.requests) == 1
            await daemon.post(resolved(disk))
            await hook.wait_for(2)
            assert hook.requests[1].json()["status"] == "resolved"

    asyncio.run(story())


def test_a_bad_configuration_refuses_to_start_and_says_where(tmp_path: Path) -> None:
    async def story() -> None:
        daemon = Daemon(tmp_path, "route:\n  receiver: nobody\nreceivers:\n  - name: somebody\n")
        await daemon.launch()
        assert await daemon.exit_status() == 1
        text = "".join(daemon.said)
        assert "alertmanager.yml:2:13" in text
        assert "nobody" in text
        await daemon.client.aclose()

    asyncio.run(story())


def test_b172_a_bad_reload_changes_nothing_and_a_good_one_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url("/old"))) as daemon:
            good = daemon.config.read_text(encoding="utf-8")
            daemon.config.write_text("route: {receiver: nobody}\n", encoding="utf-8")
            answer = await daemon.client.post("/-/reload")
            assert answer.status_code == 500
            assert answer.text.startswith("failed to reload config: ")
            assert await daemon.metric("alertmanager_config_last_reload_successful") == 0
            await daemon.post(alert("A"))
            await hook.wait_for(1)
            assert hook.requests[0].target == "/old"

            daemon.config.write_text(good.replace("/old", "/new"), encoding="utf-8")
            assert (await daemon.client.post("/-/reload")).status_code == 200
            assert await daemon.metric("alertmanager_config_last_reload_successful") == 1
            await daemon.post(alert("B"))
            await hook.wait_for(2)
            assert hook.requests[1].target == "/new"
            assert names(hook.requests[1].body) == {"B"}

    asyncio.run(story())


BROKEN_TEMPLATE = CONFIG + "        payload: {{text: '{{{{ .Status | toUper }}}}'}}\n"


def test_a_template_that_cannot_be_rendered_is_told_when_the_file_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, BROKEN_TEMPLATE.format(url="http://127.0.0.1:9")) as daemon:
            (line,) = [each for each in daemon.said if "toUper" in each]
            assert "level=WARN" in line
            assert f"where={daemon.config}:12:39" in line

    asyncio.run(story())


def test_a_template_that_fails_costs_its_words_and_is_seen(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, BROKEN_TEMPLATE.format(url=hook.url())) as daemon:
            await daemon.post(alert("DiskFull"))
            await hook.wait_for(1)
            assert hook.requests[0].json()["text"].startswith("[FIRING:1] DiskFull")

            async def counted() -> bool:
                metrics = (await daemon.client.get("/metrics")).text
                return (
                    'alertrouter_template_failures_total{integration="webhook",receiver="hook"} 1' in metrics
                )

            await until(counted)
            daemon.process.send_signal(signal.SIGTERM)
            await daemon.process.wait()
            with sqlite3.connect(next(daemon.storage.glob("*.db*"))) as database:
                (error,) = database.execute("SELECT error FROM decisions WHERE outcome = 'sent'").fetchone()
            assert "{{ .Status | toUper }}" in error
            assert 'function "toUper" not defined' in error

    asyncio.run(story())


def test_strict_templates_refuse_to_start_and_to_reload(tmp_path: Path) -> None:
    async def story() -> None:
        good, bad = (each.format(url="http://127.0.0.1:9") for each in (CONFIG, BROKEN_TEMPLATE))
        async with Daemon(tmp_path, good, "--strict-templates") as daemon:
            daemon.config.write_text(bad, encoding="utf-8")
            answer = await daemon.client.post("/-/reload")
            assert answer.status_code == 500
            assert "alertmanager.yml:12:39" in answer.text
            assert 'function "toUper" not defined' in answer.text
            await daemon.kill()
            await daemon.launch()
            assert await daemon.process.wait() == 1

    asyncio.run(story())


def test_sighup_reloads_and_sigterm_stops_with_status_0(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/")) as daemon:
            before = await daemon.metric("alertmanager_config_hash")
            text = daemon.config.read_text(encoding="utf-8")
            daemon.config.write_text(text + "# changed\n", encoding="utf-8")
            daemon.process.send_signal(signal.SIGHUP)

            async def reloaded() -> bool:
                return await daemon.metric("alertmanager_config_hash") != before

            await until(reloaded)
            assert await daemon.stop() == 0

    asyncio.run(story())


def test_b177_a_stop_waits_for_the_message_under_way_and_records_it(tmp_path: Path) -> None:
    async def story() -> None:
        gate = asyncio.Event()
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            held = await _slow_proxy(hook.port, gate)
            async with held:
                port = held.sockets[0].getsockname()[1]
                daemon.config.write_text(CONFIG.format(url=f"http://127.0.0.1:{port}/"), encoding="utf-8")
                await daemon.client.post("/-/reload")
                await daemon.post(alert("A"))
                await hook.wait_for(1)
                stopping = asyncio.create_task(daemon.stop())
                await asyncio.sleep(0.3)
                gate.set()
                assert await stopping == 0
        with sqlite3.connect(daemon.storage / "alertrouter.db") as database:
            assert database.execute("SELECT count(*) FROM notification_log").fetchone() == (1,)
            assert database.execute("SELECT count(*) FROM intents").fetchone() == (0,)

    asyncio.run(story())


async def _slow_proxy(port: int, gate: asyncio.Event) -> asyncio.Server:
    """Passes a request on at once, and its answer when the gate opens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        up_writer.write(await reader.read(65536))
        answer = await up_reader.read(65536)
        await gate.wait()
        writer.write(answer)
        await writer.drain()
        writer.close()
        up_writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def test_b64_one_dead_receiver_delays_nobody_else(tmp_path: Path) -> None:
    config = """
route:
  receiver: live
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 500ms
  routes:
    - receiver: dead
      matchers: [team="dead"]
receivers:
  - name: live
    webhook_configs: [{url: '%s'}]
  - name: dead
    webhook_configs: [{url: '%s'}]
"""

    async def story() -> None:
        async with HttpReceiver() as live, HttpReceiver() as dead:
            dead.answer_with(Misbehave.HANG)
            async with Daemon(tmp_path, config % (live.url(), dead.url())) as daemon:
                await daemon.post(*[alert(f"D{number}", team="dead") for number in range(200)])
                await daemon.post(*[alert(f"L{number}") for number in range(200)])
                await live.wait_for(200)

    asyncio.run(story())


def test_a_database_that_cannot_be_written_costs_no_page(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            await daemon.post(alert("Before"))
            await hook.wait_for(1)
            with sqlite3.connect(daemon.storage / "alertrouter.db", isolation_level=None) as other:
                other.execute("BEGIN EXCLUSIVE")
                answer = await daemon.post(alert("During"))
                assert answer.status_code == 503
                await hook.wait_for(2)
                assert names(hook.requests[1].body) == {"During"}
                assert (await daemon.client.get("/-/ready")).status_code == 503
                assert await daemon.metric("alertrouter_journal_healthy") == 0
                other.execute("ROLLBACK")

            async def ready() -> bool:
                return (await daemon.client.get("/-/ready")).status_code == 200

            await until(ready)
            await daemon.kill()
            await daemon.start()
            assert {each["labels"]["alertname"] for each in await daemon.alerts()} == {"Before", "During"}

    asyncio.run(story())


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            daemon = Daemon(
                tmp_path, CONFIG.format(url="http://127.0.0.1:9/"), f"--web.listen-address=127.0.0.1:{port}"
            )
            await daemon.launch()
            assert await daemon.exit_status() == 1
            assert f"127.0.0.1:{port}: bind: address already in use" in "".join(daemon.said)
            await daemon.client.aclose()

    asyncio.run(story())


def test_two_daemons_on_one_database_are_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/")):
            second = Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/"))
            await second.launch()
            assert await second.exit_status() == 1
            assert "alertrouter.db" in "".join(second.said)
            await second.client.aclose()

    asyncio.run(story())


def test_bad_input_leaves_the_daemon_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            send = daemon.client.post
            json_type = {"Content-Type": "application/json"}
            bad: list[tuple[bytes, dict[str, str], int]] = [
                (b"{", json_type, 400),
                (b'{"a": 1}', json_type, 400),
                (b"[1]", json_type, 400),
                (b"[]", {}, 415),
                (b'[{"labels": {"a": 1}}]', json_type, 400),
                (b'[{"labels": {"": "x"}}]', json_type, 400),
                (b'[{"labels": {"a": "1"}, "startsAt": "yesterday"}]', json_type, 400),
                (b'[{"labels": {"a": "1"}, "startsAt": "2026-13-45T99:00:00Z"}]', json_type, 400),
                (
                    b'[{"labels": {"a": "1"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}]',
                    json_type,
                    400,
                ),
                (b"\x00" * 1000, json_type, 400),
                (b"[" * 100_000, json_type, 400),
            ]
            for body, headers, status in bad:
                answer = await send("/api/v2/alerts", content=body, headers=headers)
                assert answer.status_code == status, (body[:80], answer.status_code, answer.text[:200])
            fine: list[bytes] = [
                b'[{"labels": {"nul": "a\\u0000b"}}]',
                b'[{"labels": {"far": "1"}, "startsAt": "0001-01-01T00:00:00Z", "endsAt": "9999-12-31T23:59:59Z"}]',
                b'[{"labels": {"big": "' + b"x" * 1_000_000 + b'"}}]',
            ]
            for body in fine:
                answer = await send("/api/v2/alerts", content=body, headers=json_type)
                assert answer.status_code == 200, (body[:80], answer.status_code, answer.text[:200])
            for path, status in (
                ("/api/v2/silence/00000000-0000-4000-8000-000000000000", 404),
                ("/api/v2/silence/nope", 422),
                ("/api/v2/alerts?filter=foo", 400),
                ("/api/v2/alerts?filter=foo%3D~(", 400),
                ("/api/v2/alerts?receiver=(", 400),
                ("/api/v2/nothing", 404),
            ):
                assert (await daemon.client.get(path)).status_code == status, path
            assert (await daemon.post(alert("Good"))).status_code == 200

            async def told() -> bool:
                return any("Good" in names(request.body) for request in hook.requests)

            await until(told)

    asyncio.run(story())


@pytest.mark.slow  # 48,000 alerts are taken in, and told
def test_a_request_of_fifty_megabytes_is_taken_in_and_nothing_else_waits_for_it(tmp_path: Path) -> None:
    alerts = [b'{"labels": {"n": "%d", "pad": "%b"}}' % (n, b"x" * 1000) for n in range(48_000)]
    body = b"[" + b",".join(alerts) + b"]"

    async def story() -> None:
        async with Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/")) as daemon:
            # One group of all of them, twice a second: a replay of that takes as long as it took.
            daemon.is_replayed = False
            headers = {"Content-Type": "application/json"}
            posting = asyncio.create_task(daemon.client.post("/api/v2/alerts", content=body, headers=headers))
            answered_meanwhile = 0
            while not posting.done():
                assert (await daemon.client.get("/-/healthy")).status_code == 200
                answered_meanwhile += 1
                await asyncio.sleep(0.1)
            assert (await posting).status_code == 200
            assert answered_meanwhile > 1
            assert len(await daemon.alerts()) == 48_000

    asyncio.run(story())


def test_a_client_that_posts_a_byte_a_second_holds_up_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/")) as daemon:
            base = httpx.URL(daemon.client.base_url)
            crawlers = [await asyncio.open_connection(base.host, base.port) for _ in range(50)]
            for _, writer in crawlers:
                writer.write(b"POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
                await writer.drain()
            for _ in range(20):
                assert (await daemon.post(alert("A"))).status_code == 200
            for _, writer in crawlers:
                writer.close()

    asyncio.run(story())


def test_a_receiver_that_recovers_is_told_in_the_same_flush(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            hook.answer_with(Answer(500), Misbehave.CLOSE, Misbehave.GARBAGE, Answer(200))
            await daemon.post(alert("A"))
            await hook.wait_for(4)

            async def counted() -> bool:
                sent = await daemon.metric('alertmanager_notification_requests_total{integration="webhook"}')
                return sent == 4

            await until(counted)
            failed = 'alertmanager_notification_requests_failed_total{integration="webhook"}'
            assert await daemon.metric(failed) == 3
            given_up = 'alertmanager_notifications_failed_total{integration="webhook",reason="serverError"}'
            assert await daemon.metric(given_up) == 0

    asyncio.run(story())


def test_the_web_configuration_file_brings_tls_and_passwords(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    web = tmp_path / "web.yml"
    web.write_text(
        "tls_server_config: {cert_file: both.pem, key_file: both.pem}\n"
        f"basic_auth_users: {{ali: '{hashed}'}}\n"
    )

    async def story() -> None:
        daemon = Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/"), f"--web.config.file={web}")
        await daemon.launch()
        address = (await until(daemon.listening))[0].split("address=")[1].strip()
        await until(lambda: any('msg="TLS is enabled."' in line for line in daemon.said))
        trusting = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
            refused = await client.get(f"https://{address}/-/healthy")
            assert (refused.status_code, refused.text) == (401, "Unauthorized\n")
            taken = await client.get(f"https://{address}/-/healthy", auth=("ali", "open sesame"))
            assert taken.status_code == 200
        assert await daemon.stop() == 0
        assert "open sesame" not in "".join(daemon.said)
        await daemon.client.aclose()

    asyncio.run(story())
