"""The daemon traces an alert from the request that brings it to the request that tells of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.daemon.process import CONFIG, Daemon, alert
from tests.receivers import Answer, HttpReceiver
from tests.tracing.collector import Collected, collected

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_from_the_door_to_the_receiver(tmp_path: Path) -> None:
    async def story() -> list[Collected]:
        async with HttpReceiver() as hook, HttpReceiver() as collector:
            hook.answer_with(Answer(503), Answer(200))
            config = CONFIG.format(url=hook.url("/s3cret")) + (
                f"tracing: {{client_type: http, endpoint: '127.0.0.1:{collector.port}',"
                " insecure: true, sampling_fraction: 1}\n"
            )
            async with Daemon(tmp_path, config) as daemon:
                headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
                answer = await daemon.client.post(
                    "/api/v2/alerts", json=[alert("Disk"), alert("Net")], headers=headers
                )
                assert answer.status_code == 200
                silence = await daemon.silence("alertname", "Other")
                assert (await daemon.client.delete(f"/api/v2/silence/{silence}")).status_code == 200
                await hook.wait_for(3)
                assert await daemon.stop() == 0
            spans = collected(collector)
            posts = {span.id: span for span in spans if span.name == "HTTP POST"}
            assert all(request.headers["traceparent"].split("-")[2] in posts for request in hook.requests)
            assert all(b"s3cret" not in request.body for request in collector.requests)
            return spans

    spans = asyncio.run(story())
    by_id = {span.id: span for span in spans}

    def way(span: Collected) -> list[str]:
        above = by_id.get(span.parent)
        return [*(way(above) if above else []), span.name]

    [put] = [span for span in spans if span.name == "provider.mem.Put"]
    assert way(put) == ["POST /api/v2/alerts", "api.postAlertsHandler", "provider.mem.Put"]
    assert (put.trace, by_id[by_id[put.parent].parent].parent) == (TRACE, PARENT)
    assert (put.kind, put.attributes, put.events) == (
        "PRODUCER",
        {"alerting.alerts.count": 2},
        ["alert fired", "alert fired"],
    )
    posts = [span for span in spans if span.name == "HTTP POST"]
    assert len(posts) == 3
    for post in posts:
        assert way(post) == [
            "dispatch.AggregationGroup.flush",
            "notify.RetryStage.Exec",
            "notify.Integration.Notify",
            "HTTP POST",
        ]
        assert post.trace != TRACE
    [failed] = [span for span in spans if span.name == "notify.Integration.Notify" and span.error]
    assert failed.attributes["alerting.notify.error.recoverable"] is True
    flushes = [span for span in spans if span.name == "dispatch.AggregationGroup.flush"]
    keys = {span.attributes["alerting.aggregation_group.key"] for span in flushes}
    assert keys == {'{}:{alertname="Disk"}', '{}:{alertname="Net"}'}
    assert all(span.error is None for span in flushes)
    names = {span.name for span in spans}
    assert {"silences.Set", "silences.Expire", "api.postSilencesHandler", "api.deleteSilenceHandler"} <= names


def test_a_reload_switches_tracing_on_and_off_and_a_bad_block_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as collector:
            plain = CONFIG.format(url="http://127.0.0.1:9/")
            block = f"tracing: {{client_type: http, endpoint: '127.0.0.1:{collector.port}', insecure: true, sampling_fraction: 1}}\n"
            async with Daemon(tmp_path, plain) as daemon:

                async def reload(config: str) -> int:
                    daemon.config.write_text(config, encoding="utf-8")
                    return (await daemon.client.post("/-/reload")).status_code

                await daemon.alerts()
                assert await reload(plain + block) == 200
                await daemon.client.get("/api/v2/receivers")
                bad = "tracing: {endpoint: 'here:1', headers: {X: {files: [x]}}}\n"
                assert await reload(plain + bad) == 500
                await daemon.client.get("/api/v2/status")
                assert await reload(plain) == 200
                await daemon.alerts()
                names = [span.name for span in collected(collector)]
                assert "GET /api/v2/receivers" in names
                assert "GET /api/v2/status" in names
                assert "GET /api/v2/alerts" not in names
                await daemon.stop()
            assert any(
                "header files are not supported for tracing configuration" in line for line in daemon.said
            )

    asyncio.run(story())
