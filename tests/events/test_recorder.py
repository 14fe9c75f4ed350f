"""The recorder and its outputs: real files, a real HTTP server."""

from __future__ import annotations

import json
import os
import resource
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alertrouter.clock import SystemClock
from alertrouter.config import load_text
from alertrouter.config.observability import EventRecorderConfig
from alertrouter.core.labels import Labels
from alertrouter.core.time import SECOND
from alertrouter.engine.events import Event, InhibitionMuted, SilenceCreated
from alertrouter.events import EventMetrics, EventRecorder
from alertrouter.events.output import FileOutput
from tests.receivers import Answer, HttpReceiver, Misbehave
from tests.timeline import Timeline
from tests.waiting import until


def config(text: str, directory: Path = Path()) -> EventRecorderConfig | None:
    """What a file with this ``event_recorder`` says."""
    whole = f"route: {{receiver: r}}\nreceivers: [{{name: r}}]\nevent_recorder: {text}\n"
    return load_text(whole, directory=directory).event_recorder


class Running:
    """A recorder with its metrics."""

    def __init__(self, patience: int = 5 * SECOND) -> None:
        self.registry = CollectorRegistry()
        self.recorder = EventRecorder(
            instance="here", clock=SystemClock(), metrics=EventMetrics(self.registry), patience=patience
        )

    def count(self, name: str, **labels: str) -> float:
        """The value of a series; 0 when it is not there."""
        return self.registry.get_sample_value(f"alertmanager_{name}", labels) or 0.0


@asynccontextmanager
async def running(
    text: str, directory: Path = Path(), *, patience: int = 5 * SECOND
) -> AsyncIterator[Running]:
    """A recorder that has begun, and is closed in the end."""
    run = Running(patience)
    await run.recorder.begin(config(text, directory))
    try:
        yield run
    finally:
        await run.recorder.close()


def silences(count: int, start: int = 0) -> list[Event]:
    """So many events, each with a comment that numbers it."""
    t = Timeline()
    made = [t.silence('a="b"', ends=100, comment=str(number)) for number in range(start, start + count)]
    return [SilenceCreated(0, silence) for silence in made]


def comments(lines: list[Any]) -> list[str]:
    """The numbers of those events among these; start and stop as their names."""
    found = []
    for line in lines:
        [(member, content)] = line["data"].items()
        found.append(content["silence"]["comment"] if "silence" in content else member)
    return found


def lines_of(path: Path) -> list[Any]:
    """The lines of a file, read."""
    return [json.loads(line) for line in path.read_text().splitlines()]


BEGIN, END = "alertmanagerStartupEvent", "alertmanagerShutdownEvent"


async def has_lines(path: Path, count: int) -> None:
    """Wait for so many lines in a file."""
    await until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count)


@pytest.mark.anyio
async def test_a_file_gets_every_event_in_order_and_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for run in range(2):
        async with running("{file_outputs: [{path: events.jsonl}]}", tmp_path) as it:
            for event in silences(1000, run * 1000):
                it.recorder.append(event)
    numbers = [str(number) for number in range(2000)]
    assert comments(lines_of(path)) == [BEGIN, *numbers[:1000], END, BEGIN, *numbers[1000:], END]
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~umask
    labels = {"event_type": "silence_created", "output": f"file:{path}"}
    assert it.count("events_recorded_total", **labels, result="success") == 1000
    written = sum(len(line) + 1 for line in path.read_text().splitlines()[1003:-1])
    assert it.count("event_recorder_bytes_written_total", **labels) == written
    assert it.count("event_recorder_queue_length") == 0


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["renamed", "removed", "replaced"])
async def test_a_file_that_was_taken_away_is_made_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "events.jsonl"
    async with running(f"{{file_outputs: [{{path: {path}}}]}}") as it:
        await has_lines(path, 1)
        if how == "renamed":
            path.rename(tmp_path / "old")
        elif how == "removed":
            path.unlink()
        else:
            (tmp_path / "new").write_text("")
            (tmp_path / "new").rename(path)
        for event in silences(1):
            it.recorder.append(event)
        await has_lines(path, 1)
    assert comments(lines_of(path)) == ["0", END]


@pytest.mark.anyio
async def test_a_file_that_cannot_be_opened_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = tmp_path / "good"
    text = f"{{file_outputs: [{{path: {tmp_path}/none/bad}}, {{path: {good}}}]}}"
    async with running(text):
        pass
    assert comments(lines_of(good)) == [BEGIN, END]
    [record] = [r for r in caplog.records if r.levelname == "ERROR"]
    assert (record.getMessage(), vars(record)["err"]) == (
        "An event file cannot be opened",
        "No such file or directory",
    )


@pytest.mark.anyio
async def test_a_file_that_is_lost_counts_and_is_told_once_and_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "events"
    async with running(f"{{file_outputs: [{{path: {path}}}]}}") as it:
        await has_lines(path, 1)
        folder.rename(tmp_path / "away")
        labels = {"event_type": "silence_created", "output": f"file:{path}"}

        def failed() -> float:
            return it.count("events_recorded_total", **labels, result="error")

        first, second = silences(2)
        it.recorder.append(first)
        await until(lambda: failed() == 1)
        it.recorder.append(second)
        await until(lambda: failed() == 2)
        folder.mkdir()
        for event in silences(1, 2):
            it.recorder.append(event)
        await has_lines(path, 1)
    assert comments(lines_of(path)) == ["2", END]
    assert [r.getMessage() for r in caplog.records] == [
        "An event output takes no events",
        "An event output takes events again",
    ]


def test_half_a_line_is_not_continued(tmp_path: Path) -> None:
    output = FileOutput(str(tmp_path / "events"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files stands for a full disk. Python ignores the signal that comes with it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        written, error = output.write([b"{}", b'{"long": 123456}', b"{}"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert written == 1
    assert error is not None
    assert output.write([b"{}"]) == (1, None)
    output.close()
    assert (tmp_path / "events").read_text() == '{}\n{"long"\n{}\n'


@pytest.mark.anyio
async def test_a_webhook_gets_one_event_a_request(tmp_path: Path) -> None:
    async with HttpReceiver() as hook:
        async with running(f"{{webhook_outputs: [{{url: '{hook.url('/in?key=1')}', workers: 1}}]}}") as it:
            for event in silences(3):
                it.recorder.append(event)
        assert comments([request.json() for request in hook.requests]) == [BEGIN, "0", "1", "2", END]
        first = hook.requests[0]
        assert (first.method, first.target) == ("POST", "/in?key=1")
        assert first.headers["content-type"] == "application/json"
        name = f"webhook:http://127.0.0.1:{hook.port}"
        labels = {"event_type": "silence_created", "output": name}
        assert it.count("events_recorded_total", **labels, result="success") == 3
        assert it.count("event_output_drops_total", output=name) == 0


@pytest.mark.anyio
async def test_a_webhook_gets_arrays_where_that_is_wanted() -> None:
    async with HttpReceiver() as hook:
        text = (
            f"{{webhook_outputs: [{{url: '{hook.url()}', batch: true, batch_max_events: 4,"
            " batch_flush_interval: 1h, workers: 1}]}"
        )
        async with running(text) as it:
            for event in silences(10):
                it.recorder.append(event)
        bodies = [comments(request.json()) for request in hook.requests]
        assert bodies == [[BEGIN, "0", "1", "2"], ["3", "4", "5", "6"], ["7", "8", "9", END]]


@pytest.mark.anyio
async def test_a_batch_does_not_wait_for_ever_nor_grow_past_its_size() -> None:
    async with HttpReceiver() as hook:
        size = len(json.dumps(silences(1)[0].silence.id)) + 1000  # type: ignore[union-attr]
        text = (
            f"{{webhook_outputs: [{{url: '{hook.url()}', batch: true, batch_max_bytes: {size},"
            " batch_flush_interval: 50ms, workers: 1}]}"
        )
        async with running(text) as it:
            await hook.wait_for(1)
            for event in silences(20):
                it.recorder.append(event)
            await hook.wait_for(3)
        numbers = [number for request in hook.requests for number in comments(request.json())]
        assert numbers == [BEGIN, *map(str, range(20)), END]
        assert all(len(request.body) <= size for request in hook.requests)


@pytest.mark.anyio
async def test_a_webhook_that_fails_is_tried_again_and_then_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with HttpReceiver() as hook:
        hook.answer_with(Answer(500), Misbehave.CLOSE, Answer(200), Answer(404), Answer(404), Answer(200))
        secret = hook.url("/token-in-the-path").replace("http://", "http://user:secret@")
        text = f"{{webhook_outputs: [{{url: '{secret}', workers: 1, max_retries: 3, retry_backoff: 10ms}}]}}"
        async with running(text) as it:
            for event in silences(1):
                it.recorder.append(event)
            await hook.wait_for(6)
            hook.answer_with(Answer(404))
            for event in silences(1, 1):
                it.recorder.append(event)
            await hook.wait_for(9)
        numbers = comments([request.json() for request in hook.requests])
        assert numbers == [BEGIN] * 3 + ["0"] * 3 + ["1"] * 3 + [END] * 3
        given_up = it.registry.get_sample_value(
            "alertrouter_event_output_failures_total", {"output": f"webhook:http://127.0.0.1:{hook.port}"}
        )
        assert given_up == 2
    said = [f"{r.getMessage()} {vars(r).get('err', '')}" for r in caplog.records]
    assert said == [
        "An event output does not take events it answered 500",
        "An event output takes events again ",
        "An event output does not take events it answered 404",
        "An event output takes events again ",
        "An event output does not take events it answered 404",
    ]
    assert "secret" not in caplog.text
    assert "token" not in caplog.text


@pytest.mark.anyio
async def test_two_webhooks_on_a_host_are_told_apart_and_credentials_are_sent() -> None:
    async with HttpReceiver() as hook:
        text = (
            f"{{webhook_outputs: [{{url: '{hook.url('/a')}'}},"
            f" {{url: '{hook.url('/b')}', http_config: {{basic_auth: {{username: u, password: p}}}}}}]}}"
        )
        async with running(text) as it:
            pass
        assert {request.target for request in hook.requests} == {"/a", "/b"}
        assert all(("authorization" in r.headers) == (r.target == "/b") for r in hook.requests)
        for suffix in ("", "#2"):
            labels = {"event_type": "alertmanager_startup_event"}
            output = f"webhook:http://127.0.0.1:{hook.port}{suffix}"
            assert it.count("events_recorded_total", **labels, output=output, result="success") == 1


@pytest.mark.anyio
async def test_b191_a_webhook_that_hangs_delays_nobody_and_its_queue_overflows(tmp_path: Path) -> None:
    path = tmp_path / "events"
    async with HttpReceiver() as hook:
        hook.answer_with(Misbehave.HANG)
        text = (
            f"{{webhook_outputs: [{{url: '{hook.url()}', timeout: 1h, max_retries: 1}}],"
            f" file_outputs: [{{path: {path}}}]}}"
        )
        async with running(text, patience=SECOND // 2) as it:
            for event in silences(3000):
                it.recorder.append(event)
            await has_lines(path, 3001)
            name = f"webhook:http://127.0.0.1:{hook.port}"
            await until(lambda: it.count("event_output_drops_total", output=name) >= 1500)
        # What a dead webhook has not taken is not waited for: that would take longer than a test may.
        assert len(hook.requests) < 100


@pytest.mark.anyio
async def test_b191_a_full_queue_drops_and_takes_no_time(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    it = Running()
    await it.recorder.begin(config(f"{{file_outputs: [{{path: {fifo}}}]}}"))
    events = silences(1) * 30_000
    # Were a pipe waited for that nobody reads, this would never end.
    for event in events:
        it.recorder.append(event)
    dropped = it.count("events_dropped_total", event_type="silence_created")
    assert dropped >= 30_000 - 8192 - 2000
    os.close(reader)
    await it.recorder.close()


@pytest.mark.anyio
async def test_another_configuration_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    async with HttpReceiver() as hook:
        async with running(
            f"{{webhook_outputs: [{{url: '{hook.url()}', workers: 1}}], file_outputs: [{{path: {old}}}]}}"
        ) as it:
            for event in silences(1):
                it.recorder.append(event)
            await it.recorder.reconfigure(config(f"{{file_outputs: [{{path: {new}}}]}}"))
            for event in silences(1, 1):
                it.recorder.append(event)
        assert comments([request.json() for request in hook.requests]) == [BEGIN, "0"]
    assert comments(lines_of(old)) == [BEGIN, "0"]
    assert comments(lines_of(new)) == ["1", END]


@pytest.mark.anyio
async def test_the_old_outputs_stay_when_a_new_one_cannot_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = tmp_path / "old"
    async with running(f"{{file_outputs: [{{path: {old}}}]}}") as it:
        await it.recorder.reconfigure(
            config(f"{{file_outputs: [{{path: {tmp_path}/new}}, {{path: {tmp_path}/none/bad}}]}}")
        )
        for event in silences(1):
            it.recorder.append(event)
    assert comments(lines_of(old)) == [BEGIN, "0", END]
    assert "The outputs of the event recorder stay as they were" in caplog.text


@pytest.mark.anyio
async def test_kafka_is_refused_and_the_rest_works(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events"
    kafka = "kafka_outputs: [{brokers: ['here:9092'], topic: t}]"
    async with running(f"{{{kafka}, file_outputs: [{{path: {path}}}]}}"):
        pass
    assert comments(lines_of(path)) == [BEGIN, END]
    assert "Events are not written to Kafka: use a file, stdout or a webhook" in caplog.text


@pytest.mark.anyio
async def test_standard_output_gets_lines_too(capfd: pytest.CaptureFixture[str]) -> None:
    async with running("{stdout_outputs: [{}]}") as it:
        for event in silences(2):
            it.recorder.append(event)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert comments(lines) == [BEGIN, "0", "1", END]
    labels = {"event_type": "silence_created", "output": "stdout", "result": "success"}
    assert it.count("events_recorded_total", **labels) == 2


@pytest.mark.anyio
async def test_nothing_configured_is_nothing_written() -> None:
    it = Running()
    await it.recorder.begin(None)
    for event in silences(10):
        it.recorder.append(event)
    await it.recorder.close()
    assert it.count("event_recorder_queue_length") == 0


@pytest.mark.anyio
async def test_what_cannot_be_encoded_is_counted_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "events"
    async with running(f"{{file_outputs: [{{path: {path}}}]}}") as it:
        bad = Labels({"alertname": "\ud800"})
        silence = silences(1)[0]
        assert isinstance(silence, SilenceCreated)
        it.recorder.append(SilenceCreated(0, silence.silence))
        it.recorder.append(InhibitionMuted(SECOND, None, bad, bad))  # type: ignore[arg-type]
        for event in silences(1, 1):
            it.recorder.append(event)
    assert comments(lines_of(path)) == [BEGIN, "0", "1", END]
    assert it.count("event_serialize_errors_total", event_type="inhibition_muted_alert") == 1
