"""The backend of the demo."""

from __future__ import annotations

import json

import pytest

from alertrouter.demo.metrics_backend import MetricsBackend


@pytest.fixture
def backend() -> MetricsBackend:
    backend = MetricsBackend()
    backend.set("up", 1, job="node", instance="a")
    backend.set("up", 0, job="node", instance="b")
    backend.set("up", 0, job="db", instance="c")
    backend.set("seconds", 4.25, instance="a")
    return backend


@pytest.mark.parametrize(
    ("query", "instances"),
    [
        ("up", ["a", "b", "c"]),
        ("up == 0", ["b", "c"]),
        ('up{job="node"} == 0', ["b"]),
        (' up { job = "node" , instance != "a", } ', ["b"]),
        ("up != 0", ["a"]),
        ("seconds > 4.2", ["a"]),
        ("seconds >= 4.25e0", ["a"]),
        ("seconds < 4", []),
        ("seconds <= 5", ["a"]),
        ('seconds{job=""}', ["a"]),
        ("nothing", []),
    ],
)
def test_queries(backend: MetricsBackend, query: str, instances: list[str]) -> None:
    assert sorted(labels["instance"] for labels, _ in backend.select(query)) == instances


@pytest.mark.parametrize(
    "query", ["", "rate(up[5m])", "up and seconds", "up{", 'up{a=~"b"}', "up{a}", "up >"]
)
def test_other_queries_are_refused(backend: MetricsBackend, query: str) -> None:
    with pytest.raises(ValueError, match="parse error"):
        backend.select(query)


def test_an_answer_is_what_prometheus_would_answer(backend: MetricsBackend) -> None:
    backend.remove("up", job="db", instance="c")
    status, body = backend.answer("query=up+%3D%3D+0&time=1700000000.5&timeout=5s")

    assert status == 200
    assert json.loads(body) == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {"metric": {"__name__": "up", "instance": "b", "job": "node"}, "value": [1700000000.5, "0"]}
            ],
        },
    }


def test_a_refusal_is_what_prometheus_would_answer(backend: MetricsBackend) -> None:
    status, body = backend.answer("query=rate(up)")

    assert (status, json.loads(body)["errorType"]) == (400, "bad_data")
