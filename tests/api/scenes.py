"""What Alertmanager was asked, and is asked of us (`api-and-cli.md` 13)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.api.play import Scene, Step

CONFIG = """
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1s
  routes:
    - matchers: [team="db"]
      receiver: team-db
      continue: true
    - matchers: [team=~"db|web"]
      receiver: team-web
      group_by: ['...']
    - matchers: [severity="critical"]
      receiver: crit
      mute_time_intervals: [always]
inhibit_rules:
  - source_matchers: [alertname="Source"]
    target_matchers: [inhibit="yes"]
    equal: [zone]
receivers:
  - name: default
    labels: {owner: core}
  - name: team-db
  - name: team-web
  - name: crit
  - name: unused
time_intervals:
  - name: always
    time_intervals:
      - times: [{start_time: "00:00", end_time: "24:00"}]
"""

JSON = {"Content-Type": "application/json"}
START, END = "2026-11-20T16:00:00.000Z", "2099-01-01T00:00:00.000Z"
NOBODY = "4789e58e-a589-4744-9cb6-a6bf0636a3a9"


def get(path: str, **headers: str) -> Step:
    return Step("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def post(path: str, body: Any, *, exact_words: bool = True, wait: float = 0.0) -> Step:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Step("POST", path, encoded, JSON, exact_words, wait)


def alert(_labels: dict[str, str] | None = None, /, **more: Any) -> dict[str, Any]:
    return {"labels": _labels or {}, "startsAt": START, "endsAt": END, **more}


def silence(**changes: Any) -> dict[str, Any]:
    whole = {
        "matchers": [{"name": "a", "value": "b", "isRegex": False}],
        "startsAt": START,
        "endsAt": END,
        "createdBy": "me",
        "comment": "c",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def matcher(**changes: Any) -> dict[str, Any]:
    whole = {"name": "a", "value": "b", "isRegex": False, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


A, G, S, ONE = "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences", "/api/v2/silence/"

_FINGERPRINTS = Scene(
    "fingerprints",
    [
        post(
            A,
            [
                alert({**labels, "empty": ""})
                for labels in (
                    {"alertname": "HighCPU"},
                    {"alertname": "HighCPU", "instance": "web-1:9100", "job": "node", "severity": "warning"},
                    {"alertname": "Größe", "city": "Zürich", "emoji": "🙂"},
                    {"a": "1", "B": "2", "_c": "3", "alertname": "Case"},
                    {"alertname": 'Quote "q" \\ <&> \n nl', "path": "/var/log"},
                    {"alertname": "UTF8Name", "host.name": "x", "温度": "high"},
                    {"alertname": "Zero"},
                )
            ],
        ),
        get(A),
        get(f"{A}/"),
    ],
    CONFIG,
)

_POSTING = Scene(
    "what may be posted",
    [
        post(A, b""),
        post(A, b"  "),
        post(A, b"[]"),
        post(A, b"null"),
        post(A, [{}, alert({"a": "schema"})]),
        get(A),
        post(A, [{"labels": {}}, alert({"a": "kept"})]),
        get(A),
        post(A, [alert({"a": "1"}, startsAt=END, endsAt=START), alert({"": "x"}), alert({"x": ""})]),
        post(A, [alert({"a": "2"}, annotations={"": "x"})]),
        post(A, [{"labels": {"a": "equal"}, "startsAt": END, "endsAt": END}]),
        post(A, b"{"),
        post(A, b"["),
        post(A, b'[{"labels":{"a":"b"}}'),
        post(A, b"{}"),
        post(A, b'"x"'),
        post(A, b"1"),
        post(A, b"[1]", exact_words=False),
        post(A, b'["a"]', exact_words=False),
        post(A, b"[[]]", exact_words=False),
        post(A, b'[{"labels":1}]'),
        post(A, b'[{"labels":[]}]'),
        post(A, b'[{"labels":"x"}]'),
        post(A, b'[{"labels":null}]'),
        post(A, b'[{"labels":{"a":1}}]'),
        post(A, b'[{"labels":{"a":true}}]'),
        post(A, b'[{"labels":{"a":{}}}]'),
        post(A, b'[{"labels":{"a":[]}}]'),
        post(A, b'[{"labels":{"a":null}}]'),
        post(A, b'[{"labels":{"a":"b"},"annotations":[]}]'),
        post(A, b'[{"labels":{"a":"b"},"annotations":{"a":1}}]', exact_words=False),
        post(A, b'[{"labels":{"a":"b"},"startsAt":1}]'),
        post(A, b'[{"labels":{"a":"b"},"startsAt":"x"}]', exact_words=False),
        post(A, b'[{"labels":{"a":"b"},"startsAt":"2026-11-20t16:00:00z"}]', exact_words=False),
        post(A, b'[{"labels":{"a":"b"},"endsAt":"2026-11-20T16:00:00-0700"}]', exact_words=False),
        post(A, b'[{"labels":{"a":"b"},"generatorURL":1}]'),
        post(A, b'[{"labels":{"a":"b"}},{},{"labels":1}]'),
        post(A, b'[{"labels":{}},{"labels":{"a":"b"},"generatorURL":"x y"}]'),
        post(A, b"[{]"),
        post(A, b'[{"a" 1}]'),
        post(A, b"[{a:1}]"),
        post(A, b'[{"labels":{"a":"b",}}]'),
        post(A, b"[1 2]", exact_words=False),
        post(A, b'[{"labels":{"a":"\n"}}]'),
        post(A, b'[{"labels":{"a":"\x00"}}]'),
        post(A, b'[{"labels":{"a":"\\x"}}]', exact_words=False),
        post(A, b'[{"x":tru}]', exact_words=False),
        post(A, b"\xef\xbb\xbf[]", exact_words=False),
        post(A, b"[NaN]"),
        post(A, b"[Infinity]"),
        post(A, b'[{"x":' + b"9" * 5000 + b',"labels":{}}]'),
        post(A, b"\x1f\x8b\x08\x00", exact_words=False),
        get(A),
    ],
    CONFIG,
)

_ODD_JSON = Scene(
    "odd but good JSON",
    [
        post(A, json.dumps([alert({"a": "trailing"})]).encode() + b"trailing"),
        post(A, b'[{"Labels":{"a":"case"},"ENDSAT":"%b","startsat":"%b"}]' % (END.encode(), START.encode())),
        post(
            A,
            b'[{"labels":{"a":"b","a":"last"},"endsAt":"%b","startsAt":"%b"}]'
            % (END.encode(), START.encode()),
        ),
        post(
            A,
            b'[{"labels":{"a":"x\xe2\x82y\xff\xfe"},"endsAt":"%b","startsAt":"%b"}]'
            % (END.encode(), START.encode()),
        ),
        post(
            A,
            b'[{"labels":{"a":"u\\ud800v\\ud83d\\ude00"},"endsAt":"%b","startsAt":"%b"}]'
            % (END.encode(), START.encode()),
        ),
        post(A, [alert({"a": "nul\0"}), alert({"a": "unknown"}, foo={"x": [1, 2, {}]})]),
        post(A, [alert({"a": "nulls"}, annotations=None, generatorURL=None)]),
        post(
            A,
            [alert({"a": "html <&>"}, annotations={"x": "<&>", "empty": ""}, generatorURL="http://x/?a=<&>")],
        ),
        get(A),
    ],
    CONFIG,
)

_TIMES = Scene(
    "times",
    [
        post(
            A,
            [
                alert(
                    {"a": "offset"}, startsAt="2026-11-20T18:00:00+02:00", endsAt="2099-01-01T02:00:00+02:00"
                )
            ],
        ),
        post(A, [alert({"a": "negative"}, startsAt="2026-11-20T12:30:00.5-03:30")]),
        post(A, [alert({"a": "nine digits"}, startsAt="2026-11-20T16:00:00.123999999Z")]),
        post(A, [alert({"a": "comma"}, startsAt="2026-11-20T16:00:00,25Z")]),
        post(A, [alert({"a": "no seconds"}, startsAt="2026-11-20T16:00Z")]),
        post(A, [alert({"a": "no zone"}, startsAt="2026-11-20T16:00:00")]),
        post(A, [alert({"a": "blank"}, startsAt="2026-11-20 16:00:00")]),
        post(A, [alert({"a": "date"}, startsAt="2026-11-20")]),
        post(A, [alert({"a": "epoch"}, startsAt="")]),
        post(A, [alert({"a": "zero"}, startsAt="0001-01-01T00:00:00.000Z")]),
        post(A, [alert({"a": "zero end"}, endsAt="0001-01-01T00:00:00.000Z")]),
        post(A, [{"labels": {"a": "no times"}}]),
        post(A, [{"labels": {"a": "only end"}, "endsAt": END}]),
        post(A, [{"labels": {"a": "far start"}, "startsAt": END}]),
        get(A),
    ],
    CONFIG,
)

_MERGING = Scene(
    "reports of one alert",
    [
        post(A, [alert({"a": "start"}), alert({"a": "start"}, startsAt="2026-11-20T17:00:00Z")]),
        post(A, [alert({"a": "explicit"})]),
        post(A, [{"labels": {"a": "explicit"}}]),
        post(A, [{"labels": {"a": "timeout"}, "startsAt": START}]),
        post(A, [{"labels": {"a": "timeout"}, "startsAt": START}]),
        post(A, [alert({"a": "resolved"})]),
        post(A, [{"labels": {"a": "resolved"}, "startsAt": START, "endsAt": "2026-11-20T16:30:00Z"}]),
        post(A, [alert({"a": "annotated"}, annotations={"x": "1"})]),
        post(A, [alert({"a": "annotated"}, annotations={"y": "2"}, startsAt="2026-11-20T18:00:00Z")]),
        get(A),
        post(A, [alert({"a": "resolved"}, startsAt="2026-11-20T17:00:00Z")]),
        get(f"{A}?filter=a%3Dresolved"),
    ],
    CONFIG,
)

_URLS = Scene(
    "generator URLs",
    [
        post(A, [alert({"a": "b"}, generatorURL=url)])
        for url in (
            "", "*", "/", "/x", "//x", "http://x", "http://x/a b", "http://x:80", "http://x:", "http:", "http:x",
            "mailto:a@b", "http://[::1]:3/", "http://[fe80::1%25en0]/", "http://u:p@x/", "http://x/#f", "http:///x",
            "http://xü/", "h+t.t-p:foo", "http://x/<y>", "a:b/c", "http://x/?%zz", "/a?b#c",
            "x", "example.com/x", "?x=1", " ", "**", "#", "/%zz", "http://x/%zz", "http://a b/", "://x", "1http://x",
            "http://x:8a", "http://[::1", "http://%41/", "http://u:%zz@x/", "http://x/\x01", "/\x7f", "http://x\\y/",
            "http://u p@x/", "http://x{}/", "http://[::1]x/", "a/b:c",
        )
    ],
    CONFIG,
)  # fmt: skip

_HEADERS = Scene(
    "media types",
    [
        Step("POST", A, b"[]", {"Content-Type": "text/plain"}),
        Step("POST", A, b"[]", {}),
        Step("POST", A, b"[]", {"Content-Type": "APPLICATION/JSON; charset=utf-8"}),
        Step("POST", A, b"[]", {"Content-Type": "application/json;"}),
        Step("POST", A, b"[]", {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        Step("POST", A, b"[]", {"Content-Type": "foo"}),
        Step("POST", A, b"[]", {"Content-Type": "a b; c"}, exact_words=False),
        Step("POST", A, b"", {"Content-Type": "text/plain"}),
        Step("POST", A, b"[]", {**JSON, "Accept": "text/html"}),
        Step("POST", A, b"", {**JSON, "Accept": "text/html"}),
        *(
            get(A, Accept=accept)
            for accept in (
                "text/html", "application/json", "*/*", "text/html,*/*;q=0.1", "application/*", "application/json;q=0",
                "text/html, application/json", "", "foo", "APPLICATION/JSON", "application/vnd.api+json",
                "application/json;version=1", "text/*",
            )
        ),
        get(f"{A}?filter=x", Accept="text/html"),
        Step("DELETE", f"{ONE}x", None, {"Accept": "text/html"}),
        get(f"{ONE}x", Accept="text/html"),
        Step("POST", S, b"{}", {**JSON, "Accept": "text/html"}),
    ],
    CONFIG,
)  # fmt: skip

_PATHS = Scene(
    "paths",
    [
        *(
            get(path)
            for path in (
                "/x", "/metrics/", "//metrics", "/metrics/?a=b", "/-/healthy", "/-/ready", "/-/reload", "/-/healthy/",
                "/-/", "/-/nope/", "/debug", "/debug/", "/debug/foo", "/api", "/api/", "/api/v3", "/script.js",
                "/api/v1", "/api/v1/status", "/api/v1/receivers", "/api/v1/alerts", "/api/v1/silences",
                "/api/v1/silence/x", "/api/v1/silence", "/api/v1/status/buildinfo", "/api/v1/alerts/",
                "/api/v2", "/api/v2/", "/api/v2/foo", "/api/v2//alerts", "/api//v2/alerts?x=1", "/api/v2/../x", "/..",
                "/api/v2/alerts//", "/api/v2/alerts/x", "/api/v2/alerts/groups/", "/api/v2/receivers/", "/API/v2/alerts",
                "/api/v2/Alerts", "/api/v2/silence", "/api/v2/silence/", "/api/v2/silence/nope", f"{ONE}{NOBODY}",
                f"{ONE}{NOBODY}/", f"{ONE}{NOBODY.upper()}", f"{ONE}{NOBODY.replace('-', '')}", f"{ONE}a/b",
                "/api/v2/swagger.json", "/alertmanager/api/v2/status",
            )
        ),
        *(
            Step(method, path)
            for method in ("PUT", "HEAD", "OPTIONS", "DELETE", "POST", "PATCH")
            for path in (
                "/", "/metrics", "/-/healthy", "/x", A, f"{ONE}{NOBODY}", "/api/v2/x", "/api/v2/status",
                "/api/v1/alerts", "/api/v1/status", "/api/v1/silence/1", "/metrics/", "//metrics", "/favicon.ico",
            )
        ),
        *(Step(method, "/-/reload") for method in ("GET", "PUT", "HEAD", "OPTIONS")),
    ],
    CONFIG,
)  # fmt: skip

_CORS = Scene(
    "other origins",
    [
        Step(
            "OPTIONS", path, None, {"Origin": "http://karma", "Access-Control-Request-Method": method, **more}
        )
        for path, method, more in (
            (A, "GET", {}),
            (A, "POST", {}),
            (A, "HEAD", {}),
            (A, "DELETE", {}),
            (A, "PUT", {}),
            (A, "get", {}),
            (A, "POST", {"Access-Control-Request-Headers": "content-type"}),
            (A, "POST", {"Access-Control-Request-Headers": "accept,content-type,x-requested-with"}),
            (A, "POST", {"Access-Control-Request-Headers": "accept, content-type"}),
            (A, "POST", {"Access-Control-Request-Headers": "authorization"}),
            (A, "POST", {"Access-Control-Request-Headers": ""}),
            ("/api/v2/nope", "GET", {}),
            ("/metrics", "GET", {}),
        )
    ]
    + [
        Step("OPTIONS", A, None, {"Origin": "http://karma"}),
        Step("OPTIONS", A, None, {"Access-Control-Request-Method": "GET"}),
        Step("GET", A, None, {"Origin": "http://karma"}),
        Step("GET", A, None, {"Origin": ""}),
        Step("GET", f"{A}?filter=x", None, {"Origin": "http://karma"}),
        Step("GET", "/-/healthy", None, {"Origin": "http://karma"}),
        Step("GET", "/api/v2/x", None, {"Origin": "http://karma"}),
        Step("POST", A, b"[]", {**JSON, "Origin": "http://karma"}),
        Step("PUT", A, None, {"Origin": "http://karma"}),
        Step("HEAD", A, None, {"Origin": "http://karma"}),
        Step("DELETE", f"{ONE}{NOBODY}", None, {"Origin": "http://karma"}),
    ],
    CONFIG,
)

_MIXED = [
    alert({"alertname": "Active", "zone": "a"}),
    alert({"alertname": "Silenced", "a": "b"}),
    alert({"alertname": "Source", "zone": "b"}),
    alert({"alertname": "Inhibited", "inhibit": "yes", "zone": "b"}),
    alert({"alertname": "Both", "inhibit": "yes", "zone": "b", "a": "b"}),
    alert({"alertname": "Db", "team": "db", "job": "j", "instance": "i2"}),
    alert({"alertname": "Db", "team": "db", "job": "j", "instance": "i1"}),
    alert({"alertname": "Web", "team": "web"}),
    alert({"alertname": "Crit", "severity": "critical", "job": "j"}),
]

_QUERIES = Scene(
    "queries",
    [
        post(S, silence()),
        post(A, _MIXED),
        Step("GET", A, wait=2.0),
        *(
            get(f"{path}?{query}")
            for path in (A, G)
            for query in (
                "active=false", "silenced=false", "inhibited=false", "active=true&silenced=false&inhibited=false",
                "active=false&silenced=false&inhibited=false", "active=false&inhibited=false", "active=maybe", "active=",
                "active=TRUE", "active=Yes", "active=on", "active=ok", "active=t", "active=selected", "active=checked",
                "active=enabled", "active=0", "active=true&active=no", "silenced=x&inhibited=0", "muted=false",
                "unprocessed=false", "foo=bar", "receiver=team", "receiver=team-.*", "receiver=", "receiver=crit",
                "receiver=x&receiver=default", "receiver=%28", "receiver=%28%3F%3Dx%29", "receiver_matchers=owner%3Dcore",
                "receiver_matchers=owner%3D%22%22", "receiver_matchers=name%3D~team.*&receiver_matchers=name%21%3Dteam-db",
                "receiver=team-db&receiver_matchers=name%3Dteam-web", "receiver_matchers=foo", "receiver_matchers=",
                "filter=team%3Ddb", "filter=team%3Ddb&filter=instance%3Di1", "filter=team%3D%22%22", "filter=team%21%3D%22%22",
                "filter=team%21%3Ddb", "filter=", "filter", "filter=foo", "filter=foo&filter=", "filter=team%3Ddb;x",
                "filter=x%zz", "%66ilter=foo", "filter=%ff", "filter=team+%3D+db",
            )
        ),
        get(G),
        get("/api/v2/receivers"),
        *(
            get(f"/api/v2/receivers?{query}")
            for query in (
                "receiver_matchers=owner%3Dcore", "receiver_matchers=owner%3D%22%22&receiver_matchers=name%3D~team.*",
                "receiver_matchers=foo", "receiver_matchers=x%3Dy",
            )
        ),
    ],
    CONFIG,
)  # fmt: skip

_MATCHER_TEXTS = (
    "team=db", " team = db ", 'team="db"', "team=~db|web", "a:b=c", "bad-name=x", '"a b"="c d"', "ünï=x", "1a=b", "foo=",
    "team=db,", "team='db'", "team=db web", "foo=bar=baz", "foo=!", r'foo="a\.b"', r'foo="\t"', r'foo="\u00fc"', "foo", "",
    '{team="db"}', 'team="db",severity="critical"', 'foo="x', "foo=~(", 'foo=~"(?=x)"', 'foo=~"a{1001}"',
    "foo!=", "foo!~x", "foo=~", "team=db}", "{team=db",
)  # fmt: skip
_LABELLED = [
    alert({"alertname": "M", **labels})
    for labels in (
        {"team": "db"}, {"team": "web"}, {"team": "db,"}, {"team": "'db'"}, {"team": "db web"}, {"a:b": "c"},
        {"foo": "bar=baz"}, {"foo": "!"}, {"foo": r"a\.b"}, {"foo": r"\t"}, {"foo": "\t"}, {"foo": "ü"},
        {"foo": r"\u00fc"}, {"bad_name": "x"},
    )
]  # fmt: skip
_UTF8_LABELLED = [
    alert({"alertname": "U", **labels})
    for labels in ({"bad-name": "x"}, {"a b": "c d"}, {"ünï": "x"}, {"1a": "b"})
]


def _matcher_scene(mode: str, features: str) -> Scene:
    return Scene(
        f"matchers, {mode}",
        [
            post(A, _LABELLED),
            post(A, _UTF8_LABELLED),
            post(A, [alert({"a": "b"}, annotations={"bad-name": "x"})]),
            post(S, silence(matchers=[matcher(name="bad-name")])),
            *(Step("GET", f"{A}?filter={quote(text, safe='')}") for text in _MATCHER_TEXTS),
        ],
        CONFIG,
        features,
    )


_SILENCE_FORMS = Scene(
    "what a silence must have",
    [
        post(S, body, exact_words=exact)
        for body, exact in (
            (b"", True), (b"null", True), (b"[]", False), (b"{}", True), (b'"x"', False), (b"{", True),
            (silence(comment=...), True), (silence(createdBy=...), True), (silence(endsAt=...), True),
            (silence(startsAt=...), True), (silence(matchers=...), True), (silence(matchers=[]), True),
            (silence(matchers=None), True), (silence(comment=None), True), (silence(comment=1), True),
            (silence(matchers=1), True), (silence(matchers=[1]), True), (silence(matchers={}), True),
            *(
                (silence(matchers=[matcher(**changes)]), True)
                for changes in (
                    {"name": ...}, {"value": ...}, {"isRegex": ...}, {"name": ..., "value": ..., "isRegex": ...},
                    {"name": None}, {"name": 1}, {"isRegex": "x"}, {"isEqual": "x"}, {"name": ""}, {"value": ""},
                    {"value": "(", "isRegex": True}, {"value": ".*", "isRegex": True}, {"value": "(?=x)", "isRegex": True},
                    {"value": "", "isRegex": True, "isEqual": True},
                )
            ),
            (silence(matchers=[matcher(), matcher(name="")]), True),
            (silence(matchers=[matcher(value=""), matcher(name="x", value="", isRegex=False)]), True),
            (silence(startsAt="x"), False), (silence(startsAt=1), True), (silence(startsAt=None), True),
            (silence(endsAt=None), True), (silence(endsAt=""), True), (silence(endsAt="0001-01-01T00:00:00.000Z"), True),
            (silence(startsAt=END), True), (silence(endsAt="2026-11-20T16:00:01Z"), True), (silence(id=1), True),
            (silence(id="nope"), True), (silence(id=NOBODY), True), (silence(annotations={"a": 1}), True),
            (silence(annotations=[]), True), (silence(comment=..., matchers=[]), True),
        )
    ]
    + [get(S)],
    CONFIG,
)  # fmt: skip

_SILENCE_LIFE = Scene(
    "the life of silences",
    [
        post(S, silence()),
        get(f"{ONE}<id1>"),
        post(S, silence(comment="", createdBy="", annotations={"ticket": "<J-1>", "": ""}, id="")),
        post(
            S,
            silence(
                matchers=[matcher(isEqual=False, value=""), matcher(name="ü", value="x.*", isRegex=True)]
            ),
        ),
        post(S, silence(startsAt="0001-01-01T00:00:00.000Z", id=None)),
        post(S, silence(startsAt="")),
        post(S, silence(startsAt="2098-01-01T00:00:00Z", matchers=[matcher(name="pending")])),
        post(S, silence(startsAt="2097-01-01T00:00:00+01:00", endsAt="2098-06-01T00:00:00Z")),
        get(S),
        get(f"{S}?filter=a%3Db"),
        get(f"{S}?filter=a%3D~b"),
        get(f"{S}?filter=%C3%BC%3D~%22x.*%22&filter=a%21%3D%22%22"),
        get(f"{S}?filter=foo"),
        get(f"{S}?ruleMetadata=true&accesscontrol=true&filter=pending%3Db"),
        Step("DELETE", f"{ONE}<id1>"),
        get(f"{ONE}<id1>"),
        Step("DELETE", f"{ONE}<id1>"),
        Step("DELETE", f"{ONE}<id6>"),
        get(f"{ONE}<id6>"),
        Step("DELETE", f"{ONE}{NOBODY}"),
        Step("DELETE", f"{ONE}nope"),
        get(S),
    ],
    CONFIG,
)

_SILENCE_EDITS = Scene(
    "editing silences",
    [
        post(S, silence(startsAt="2098-01-01T00:00:00Z", annotations={"x": "y"})),
        post(S, silence(id="<id1>", startsAt="2098-02-01T00:00:00Z", comment="later")),
        get(f"{ONE}<id1>"),
        post(
            S,
            silence(
                id="<id1>", startsAt="2098-02-01T00:00:00Z", endsAt="2098-03-01T00:00:00Z", createdBy="you"
            ),
        ),
        post(S, silence(id="<id1>", startsAt="2098-02-01T00:00:00Z", matchers=[matcher(value="c")])),
        get(f"{ONE}<id1>"),
        get(f"{ONE}<id2>"),
        post(S, silence(id="<id2>", startsAt=START, matchers=[matcher(value="c", isEqual=True)])),
        get(f"{ONE}<id2>"),
        get(f"{ONE}<id3>"),
        post(S, silence(id="<id3>", startsAt=START, matchers=[matcher(value="c")])),
        post(S, silence(id="<id1>")),
        Step("GET", S, wait=1.0),
        post(S, silence(id="<id3>", matchers=[matcher(value="c")], comment="expired ones are replaced")),
        get(S),
    ],
    CONFIG,
)

_SILENCE_LIMITS = Scene(
    "limits on silences",
    [
        post(S, silence(comment="x" * 1000, startsAt="2098-01-01T00:00:00Z", annotations={"a": ""})),
        post(S, silence(comment="one")),
        post(S, silence(comment="two")),
        post(S, silence(comment="three")),
        post(S, silence(id="<id1>", matchers=[matcher(value="c")])),
        Step("DELETE", f"{ONE}<id1>"),
        post(S, silence(comment="four")),
        get(S),
    ],
    CONFIG,
    flags=("--silences.max-silences=2", "--silences.max-silence-size-bytes=500"),
)

SCENES = [
    _FINGERPRINTS,
    _POSTING,
    _ODD_JSON,
    _TIMES,
    _MERGING,
    _URLS,
    _HEADERS,
    _PATHS,
    _CORS,
    _QUERIES,
    _matcher_scene("default", ""),
    _matcher_scene("classic", "classic-mode"),
    _matcher_scene("strict", "utf8-strict-mode"),
    _SILENCE_FORMS,
    _SILENCE_LIFE,
    _SILENCE_EDITS,
    _SILENCE_LIMITS,
]
