"""What else is asked: that which needs files beside the configuration, flags, or the clock."""

from __future__ import annotations

import base64
import json
from typing import Any

import bcrypt

from tests.api.play import Scene, Step
from tests.api.scenes import CONFIG, JSON, NOBODY, ONE, A, G, S, alert, get, matcher, post, silence

_HASH = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)).decode()
_WEB = f"""
basic_auth_users: {{joe: '{_HASH}', ann: '{_HASH}'}}
http_server_config:
  headers: {{X-Frame-Options: deny, X-Content-Type-Options: nosniff}}
"""


def _login(credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def write(path: str, text: str) -> Step:
    return Step("WRITE", path, text.encode())


_STATUS = Scene(
    "status",
    [
        get(path)
        for path in ("/api/v2/status", "/api/v2/status/", "/api/v2/status?x=y", "/-/ready", "/-/healthy")
    ],
    CONFIG,
)

_RELOAD = Scene(
    "reloads",
    [
        post(A, [alert({"alertname": "A", "team": "db"})]),
        Step("POST", "/-/reload"),
        get("/api/v2/status"),
        write("alertmanager.yml", CONFIG.replace("team-db", "db-team")),
        Step("POST", "/-/reload"),
        get("/api/v2/receivers"),
        get("/api/v2/status"),
        Step("GET", A, wait=1.2),
        write("alertmanager.yml", "route: {receiver: nobody}\nreceivers: []\n"),
        Step("POST", "/-/reload"),
        get("/api/v2/receivers"),
        get("/-/ready"),
        write("alertmanager.yml", CONFIG),
        Step("POST", "/-/reload", b"a body"),
        get("/api/v2/receivers"),
        Step("GET", A, wait=1.2),
    ],
    CONFIG,
)

_EVERYWHERE = ("/", "/-/healthy", "/-/ready", "/metrics", "/nowhere", A, "/api/v2/nowhere", "/api/v1/alerts")
_PASSWORDS = Scene(
    "passwords",
    [
        *(get(path) for path in _EVERYWHERE),
        *(Step("GET", "/-/healthy", headers=_login(each)) for each in (
            "joe:wrong", "nobody:s3cret", "joe:", ":s3cret", "joe", ":", "joe:s3cret:", "Joe:s3cret", "joe:" + "x" * 100,
            "joe:s3cret", "ann:s3cret", "joe:s3cret",
        )),
        *(Step("GET", "/-/healthy", headers={"Authorization": each}) for each in (
            "Bearer x", "Basic", "Basic !", "Basic /w==", "basic " + base64.b64encode(b"joe:s3cret").decode(),
            "Basic  " + base64.b64encode(b"joe:s3cret").decode(), "",
        )),
        Step("POST", A, b"[]", {**JSON, **_login("joe:s3cret")}),
        Step("POST", A, b"[]", JSON),
        Step("POST", "/-/reload", None, _login("joe:wrong")),
        Step("OPTIONS", A, None, {"Origin": "http://karma", "Access-Control-Request-Method": "GET"}),
        Step("GET", A, None, _login("ann:s3cret")),
        Step("GET", "/api/v2/nowhere", None, _login("ann:s3cret")),
        write("web.yml", _WEB.replace("joe", "jim")),
        Step("GET", "/-/healthy", headers=_login("joe:s3cret")),
        Step("GET", "/-/healthy", headers=_login("jim:s3cret")),
        write("web.yml", "basic_auth_users: ["),
        Step("GET", "/-/healthy", headers=_login("joe:s3cret")),
        write("web.yml", "{}"),
        get("/-/healthy"),
    ],
    CONFIG,
    flags=("--web.config.file=FOLDER/web.yml",),
    files={"web.yml": _WEB},
)  # fmt: skip

# Whoever asks whether the server is up takes the only one.
_TOO_OFTEN = Scene(
    "too many requests",
    [get(path) for path in ("/-/healthy", A, "/metrics", "/nowhere")] + [Step("POST", A, b"[]", JSON)],
    CONFIG,
    flags=("--web.config.file=FOLDER/web.yml",),
    files={"web.yml": "rate_limit: {interval: 1h, burst: 1}"},
)

_ROUND_A_PREFIX = (
    "/", "/am", "/am/", "/am/-/healthy", "/am/api/v2", f"/am{A}", f"/am{A}/", "/am/api/v2/x", "/am//metrics", "/am/metrics/",
    "/am/api/v1/alerts", "/am/x", "/amx", A, "/-/healthy", "/metrics", "/am/am/-/healthy",
)  # fmt: skip


def _prefixed(name: str, prefix: str, *flags: str) -> Scene:
    steps = [get(path) for path in _ROUND_A_PREFIX]
    steps += [Step("POST", f"{path}/-/reload") for path in ("", "/am")]
    steps += [Step("HEAD", "/am/-/ready"), Step("PUT", f"/am{A}"), Step("OPTIONS", "/am/metrics")]
    return Scene(name, steps, CONFIG, flags=flags, prefix=prefix)


_PREFIXES = [
    _prefixed("a prefix of the external URL", "/am", "--web.external-url=http://x.example/am/"),
    _prefixed("a prefix of its own", "/am", "--web.route-prefix=am"),
    _prefixed(
        "a prefix that a proxy strips", "", "--web.external-url=http://x.example/am", "--web.route-prefix=/"
    ),
]

_LIMITED = Scene(
    "a limit per alertname",
    [
        post(A, [alert({"alertname": name, "n": str(number)}) for name in "ab" for number in range(3)]),
        post(A, [alert({"alertname": "a", "n": "0"}, annotations={"x": "y"}), alert({"alertname": "c"})]),
        get(A),
        post(A, [alert({"n": str(number)}) for number in range(4)]),
        get(A),
    ],
    CONFIG,
    flags=("--alerts.per-alertname-limit=2",),
)

_HELD = {"matchers": [matcher(name="team", value="db")], "createdBy": "karma", "comment": "ACK! this"}
_KARMA = Scene(
    "as karma and Grafana ask",
    [
        post(A, [alert({"alertname": "A", "team": "db", "instance": f"i{number}"}) for number in range(3)]),
        get("/api/v1/status/buildinfo"),
        get("/alertmanager/api/v2/status"),
        get("/api/v2/status"),
        Step("GET", S, headers={"User-Agent": "karma/v0.120", "Accept": "application/json"}),
        Step("GET", G, headers={"User-Agent": "karma/v0.120", "Accept": "application/json"}, wait=1.3),
        Step("OPTIONS", S, None, {
            "Origin": "http://karma.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }),
        Step("POST", S, json.dumps(silence(**_HELD)).encode(), {**JSON, "Origin": "http://karma.example"}),
        get(S),
        get(G),
        get(f"{S}?ruleMetadata=true&accesscontrol=true"),
        get(f"{ONE}<id1>?ruleMetadata=true&accesscontrol=true"),
        get(f"{A}?filter=team%3D%22db%22&silenced=true&active=true&inhibited=true&unprocessed=true"),
        get(f"{A}?filter=alertname%3DA&filter=team%3Ddb&silenced=false&active=true&inhibited=false"),
        get(f"{G}?silenced=false&inhibited=false&active=true&receiver=team-db"),
        Step("POST", S, json.dumps({**silence(**_HELD), "id": "<id1>", "comment": "longer"}).encode(),
             {"Content-Type": "application/json; charset=UTF-8"}),
        Step("DELETE", f"{ONE}<id1>", None, {"Content-Type": "application/json"}),
        Step("DELETE", f"{ONE}<id2>", b"", {}),
        get(S),
        get(G),
    ],
    CONFIG,
)  # fmt: skip


def _posted_like_prometheus(**more: Any) -> dict[str, Any]:
    return {
        "annotations": {"summary": "x", "empty": ""},
        "endsAt": "<t+240>",
        "startsAt": "2026-11-20T16:00:00.123Z",
        "generatorURL": "http://prom.example:9090/graph?g0.expr=up+%3D%3D+0\\u0026g0.tab=1",
        "labels": {"alertname": "Up", "instance": "a:9100", "job": "node", **more},
    }


_PROMETHEUS = Scene(
    "as Prometheus and vmalert post",
    [
        post(A, [_posted_like_prometheus(n=str(number)) for number in range(64)]),
        post(A, [_posted_like_prometheus(n=str(number)) for number in range(64)]),
        post(A, [{**_posted_like_prometheus(n="1"), "endsAt": "<t+0>"}]),
        post(A, []),
        post(A, [{
            "startsAt": "2026-11-20T18:00:00.123456789+02:00", "endsAt": "2099-11-20T18:04:00.987654321+02:00",
            "generatorURL": "http://vmalert/vmalert/alert?group_id=1&alert_id=2", "labels": {"alertname": "V", "empty": ""},
            "annotations": {},
        }]),
        Step("POST", A, json.dumps([alert({"alertname": "E"})]).encode(), {**JSON, "User-Agent": "Prometheus/3.5.0"}),
        get(A),
        get(f"{A}?filter=n%3D~%221.%2A%22"),
        Step("GET", G, wait=1.3),
    ],
    CONFIG,
)  # fmt: skip

_ACTIVE_EDITS = Scene(
    "editing active silences",
    [
        post(S, silence(startsAt="<t+5>", endsAt="<t+3600>", annotations={"a": "b"})),
        post(S, silence(id="<id1>", startsAt="<t+5>", endsAt="<t+3600>", comment="pending, the same start")),
        post(S, silence(id="<id1>", startsAt="<t+5>", endsAt="<t+3600>", comment="active"), wait=5.5),
        get(S),
        post(S, silence(id="<id1>", startsAt="<t+5>", endsAt="<t+7200>", createdBy="you")),
        get(f"{ONE}<id1>"),
        post(S, silence(id="<id1>", startsAt="<t+60>", endsAt="<t+3600>")),
        get(S),
        post(S, silence(id="<id2>", startsAt="<t+5>", endsAt="<t+3600>", matchers=[matcher(), matcher(name="b")])),
        post(
            S, silence(id="<id3>", startsAt="<t+5>", endsAt="<t+3600>", matchers=[matcher(name="b"), matcher()])
        ),
        get(S),
        Step("DELETE", f"{ONE}<id4>"),
        post(S, silence(id="<id4>", startsAt="<t+5>", endsAt="<t+3600>")),
        post(S, silence(startsAt="<t+100>", endsAt="<t+3600>", matchers=[matcher(name="p")])),
        post(S, silence(id="<id6>", startsAt="<t+0>", endsAt="<t+3600>", matchers=[matcher(name="p")])),
        get(S),
        *(get(f"{S}?{query}") for query in ("filter=a%3Db", "filter=p%3D%22b%22", "filter=p%3D~b", "filter=")),
    ],
    CONFIG,
)  # fmt: skip

_STATES = Scene(
    "silences by state",
    [
        post(S, silence(matchers=[matcher(name="active")])),
        post(S, silence(matchers=[matcher(name="pending")], startsAt="2098-01-01T00:00:00Z")),
        post(S, silence(matchers=[matcher(name="expired")])),
        Step("DELETE", f"{ONE}<id3>"),
        get(f"{S}?active=true&pending=true&expired=true"),
        *(
            get(f"{S}?{query}")
            for query in (
                "active=false",
                "pending=false",
                "expired=no",
                "active=0&pending=0&expired=0",
                "active=maybe",
            )
        ),
    ],
    CONFIG,
)

_ODD_REQUESTS = Scene(
    "odd requests",
    [
        Step("POST", A, b"[]", {**JSON, "Expect": "100-continue"}),
        Step("POST", A, b"[" + b" " * 100_000 + b"]", JSON),
        post(A, [alert({"alertname": "big", "text": "x" * 100_000})]),
        post(A, [alert({"alertname": "many", **{f"l{number}": "x" for number in range(200)}})]),
        post(A, [alert({"alertname": "lots", "n": str(number)}) for number in range(500)]),
        get(f"{A}?filter=alertname%3Dbig"),
        get(f"{A}?filter=alertname%3Dmany"),
        get(f"{A}?filter=n%3D~%224..%22"),
        get(f"{A}?" + "&".join(f"filter=n%21%3D{number}" for number in range(100))),
        Step("GET", A, b"a body", JSON),
        Step("GET", A, None, {"Accept-Encoding": "gzip", "Content-Type": "text/plain"}),
        Step("DELETE", f"{ONE}{NOBODY}", b"{}", JSON),
        Step("DELETE", f"{ONE}{NOBODY}?x=y"),
        Step("TRACE", A),
        Step("FOO", A),
        Step("FOO", "/metrics"),
        get(f"{A}?%zz"),
        get(f"{A}?a=%"),
        get(f"{A}?&&=&"),
        get("/api/v2/alerts%2Fgroups"),
        get("/api/v2/%61lerts"),
        get("/%2e%2e/metrics"),
        get("/api/v2/silence/%00"),
        get(f"{ONE}{NOBODY}%20"),
        get("/-/healthy?x"),
    ],
    CONFIG,
)

LIVE_SCENES = [
    _STATUS,
    _RELOAD,
    _PASSWORDS,
    _TOO_OFTEN,
    *_PREFIXES,
    _LIMITED,
    _KARMA,
    _PROMETHEUS,
    _ACTIVE_EDITS,
    _STATES,
    _ODD_REQUESTS,
]
