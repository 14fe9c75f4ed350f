"""The same command line to artool and to a real amtool, against the same real Alertmanager: what both print must be equal.

Where it is not, on purpose, the case says why; such a case fails when the two come to agree.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.peers import free_port, peer, running, version

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

CONFIG = """\
route:
  receiver: default
  group_by: [alertname]
  routes:
  - matchers: ['team="db"']
    receiver: team-DB-pager
    continue: true
  - matchers: ['team=~"db|web"']
    receiver: team-web
  - matchers: ['severity="critical"']
    receiver: crit
    routes:
    - matchers: ['service!="x"', 'a="b"']
      receiver: crit-x
  - receiver: default
    match: {foo: 'bar\\x'}
    match_re: {zoo: 'a.*'}
  - receiver: default
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [alertname]
receivers:
- name: default
- name: team-DB-pager
- name: team-web
- name: crit
- name: crit-x
- name: unused
  webhook_configs: [{url: 'http://127.0.0.1:5/x'}]
"""
TEMPLATE = '{{ define "hi" }}Hello {{ .Receiver }}: {{ range .Alerts }}{{ .Labels.instance }} {{ .Status }}. {{ end }}{{ end }}'
DATA = """\
{"receiver": "r<", "status": "firing", "alerts": [{"status": "firing", "labels": {"a": "b"}, "annotations": {},
 "startsAt": "2026-11-20T16:12:54+02:00"}], "groupLabels": {"g": "h"}, "externalURL": "u"}
"""
FILES = {
    "am.yml": CONFIG,
    "templates.yml": "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['t/*.tmpl', 'none/*.tmpl']\n",
    "bad.yml": "route: {receiver: nope, bogus: 1}\nreceivers: []\n",
    "empty.yml": "",
    "t/a.tmpl": TEMPLATE,
    "data.json": DATA,
    "broken.json": "{",
    "arguments": "alert\n# a comment\nquery\n-o\nextended\n",
}


# What older ones print differs in ways that nobody will miss.
NEW = (0, 33)


@dataclass(frozen=True)
class Case:
    """A command line. ``differs`` says why artool does something else; ``since`` is the first amtool that has it."""

    line: str
    stdin: str | None = None
    differs: str = ""
    since: tuple[int, int] = (0, 25)


# The state that the looking commands see: made once, by amtool, before them.
STATE = [
    "alert add Route team=db severity=critical --start=2026-11-20T16:12:54+02:00 --end=2099-01-01T00:00:00.5Z -- x=y",
    "alert add Route severity=warning --generator-url=http://prometheus/graph --annotation=summary='\"disk full\"' --annotation='b=\"<&>\"'",
    "alert add 'a=\"b c\"' 'd=\"ü\\nx\"'",
    "silence add foo 'x!=\"y\"' -c 'deploy <b> & ü' -a joe --start=2098-01-01T00:00:00+02:00 --end=2099-01-01T00:00:00Z",
    "silence add 'a=~b|c' -d 2h -c 'two\nlines' -a ann",
    "silence add 'instance!~\"x.*\"' b=c -d 30m -c 'a\ttab' -a joe",
    "silence add team=db -d 3h -c muted -a joe",
]

LOOKING = [
    Case("alert"),
    Case("alert query"),
    Case("alert -o extended"),
    Case("-o extended alert"),
    Case("alert query -oextended"),
    Case("alert -o json"),
    Case("alert --output json"),
    Case("-o json alert query -s"),
    Case("alert query -i"),
    Case("alert query --silenced", since=NEW),
    Case("alert query --unprocessed"),
    Case("alert query -siau", since=NEW),
    Case("alert query --active --no-silenced"),
    Case("alert query --no-active"),
    Case("alert query -r 'team.*' -s", since=NEW),
    Case("alert query --receiver='('", since=NEW),
    Case("alert query Route -sia", since=NEW),
    Case("alert Route -i"),
    Case("alert query nothing"),
    Case("alert query alertname=Route -i"),
    Case("alert query 'alertname=~R.*' 'severity!=critical' -sia"),
    Case("alert query foo x", since=NEW),
    Case("alert query 'x=\"y'", since=NEW),
    Case("alert query foo 'x=~('", since=NEW),
    Case("alert query foo '{a=\"b\"}'", since=NEW),
    Case("alert query ''"),
    Case("alert query -- -x"),
    Case("alert query 'a=b c'"),
    Case("--enable-feature=utf8-strict-mode alert query 'a=b c'", since=(0, 27)),
    Case("--date.format=2006-01-02T15:04:05.000Z07:00 alert"),
    Case("--date.format='Mon Jan _2 3:04PM 2006' alert -o extended"),
    Case("silence"),
    Case("silence query"),
    Case("silence -o extended", since=NEW),
    Case("silence query -o json"),
    Case("silence query -q"),
    Case("silence -qojson"),
    Case("silence query foo"),
    Case("silence query foo -o json"),
    Case("silence query 'a=~b|c'"),
    Case("silence query 'a=~\"b|c\"' -o extended"),
    Case("silence query b=c 'instance!~x.*'"),
    Case("silence query --within 1h"),
    Case("silence query --within=1d -q", since=NEW),
    Case("silence query --within=1w --created-by=joe", since=NEW),
    Case("silence query --within 0s -q"),
    Case("silence query --created-by joe"),
    Case("silence query --created-by nobody"),
    Case("silence query --expired"),
    Case("silence --expired --within=1h"),
    Case("silence query --id nope", since=(0, 27)),
    Case("silence query --within x"),
    Case("silence query foo x", since=NEW),
    Case("silence query -", since=NEW),
    Case("cluster"),
    Case("cluster show"),
    Case("cluster show -o extended"),
    Case("cluster -o json"),
    Case("config"),
    Case("config show"),
    Case("config show -o json"),
    Case(
        "config -o extended",
        differs="amtool prints where the values are in its memory; artool prints the values",
    ),
    Case("config routes", since=NEW),
    Case("config routes show", since=NEW),
    Case("config routes test", since=NEW),
    Case("config routes test team=db", since=NEW),
    Case("config routes test --tree team=db service=x", since=NEW),
    Case("config routes test --tree", since=NEW),
    Case("config routes show --config.file=am.yml", since=(0, 27)),
    Case("config routes --config.file=am.yml test severity=critical a=b service=y --tree", since=(0, 27)),
    Case("config routes test --config.file am.yml severity=critical a=c --tree", since=(0, 27)),
    Case("config routes test --config.file=am.yml foo", since=(0, 27)),
    Case("config routes test --config.file=am.yml 'foo!=x'", since=(0, 27)),
    Case(
        "config routes test --config.file=am.yml team=db --verify.receivers=team-DB-pager,team-web",
        since=(0, 27),
    ),
    Case("config routes test --config.file=am.yml team=db --verify.receivers=team-web --tree", since=(0, 27)),
    Case("config routes show --config.file=nofile"),
    Case("config routes test 'a=b,c=d' --verify.receivers=x", since=NEW),
    Case("check-config am.yml"),
    Case("check-config am.yml am.yml"),
    Case("check-config templates.yml"),
    Case("check-config", stdin=CONFIG),
    Case("check-config nofile"),
    Case("check-config t"),
    Case("check-config bad.yml", differs="artool says all that is wrong, each with file, line and column"),
    Case("check-config empty.yml", differs="artool says which file is empty"),
    Case("template render --template.glob='t/*.tmpl' --template.text='{{ template \"hi\" . }}'", since=NEW),
    Case(
        "template render --template.glob='none/*' --template.text='{{ .ExternalURL }} {{ .GroupLabels }} {{ .CommonLabels }}'",
        since=NEW,
    ),
    Case("template render --template.glob='t/*' --template.text='{{ .Receiver }}<&' --template.type=html"),
    Case(
        "template render --template.glob='t/*' --template.text='{{ range .Alerts }}{{ .Labels }}{{ .StartsAt }}|{{ .EndsAt }}{{ end }}{{ .Receiver }}' --template.data=data.json",
        since=NEW,
    ),
    Case("template render --template.glob='t/*' --template.text=x --template.data=nofile"),
    Case("template render --template.glob='t/*' --template.text=x --template.data=broken.json"),
    Case("template render --template.glob='t/*' --template.text=x --template.type=xml"),
    Case("template render --template.glob='t/*'", since=NEW),
    Case("@arguments"),
    Case("@nofile"),
    Case("alert --bogus"),
    Case("alert query -z"),
    Case("silence query -qo"),
    Case("silence query -qo=json"),
    Case("-q silence"),
    Case("-o xml alert"),
    Case("--timeout=5x alert"),
    Case("--timeout=5 alert"),
    Case("--output=json --output=json alert"),
    Case("alert query -s -s"),
    Case("alert query --no-receiver"),
    Case("cluster show x"),
    Case("bogus"),
    Case("template"),
    Case("template bogus"),
    Case("template render x"),
    Case("silence import a b"),
    Case("silence import -w x"),
    Case("silence --duration"),
    Case("alert --start=1"),
    Case("--enable-feature=bogus cluster", since=(0, 27)),
    Case("help bogus"),
    Case("silence query --expired=true"),
    Case("--alertmanager.url=http://127.0.0.1:1/ cluster"),
    Case("--alertmanager.url=ftp:///x cluster"),
    Case("--alertmanager.url=//SERVER cluster"),
    Case("--alertmanager.url=http://SERVER/x cluster", since=NEW),
    Case("--alertmanager.url=http://SERVER/x alert", since=NEW),
    Case("--alertmanager.url=https://SERVER cluster"),
    Case("--alertmanager.url=SERVER cluster", differs="a host and a port are enough for artool"),
]

CHANGING = [
    Case("alert add foo bar"),
    Case("alert add 'x!=y'"),
    Case("alert add foo --annotation=q"),
    Case("alert add foo --annotation='q!=u'"),
    Case("alert add foo --start=1"),
    Case("alert add foo --start=2026-11-20"),
    Case("alert add foo --start='2026-11-20 10:00:00Z'"),
    Case("alert add foo --end=2026-13-20T10:00:00Z"),
    Case("alert add foo --start=2026-11-20T10:00:00Z --end=2026-11-19T10:00:00Z"),
    Case("alert add"),
    Case("alert add new --generator-url='not a url'"),
    Case("alert add new a=b --annotation=summary=x"),
    Case("silence add new -c x"),
    Case("silence add new 'a=~b' -c x -d 1d2h -a me --annotation=ticket=J-1"),
    Case("silence add new -c x --start=2098-01-01T00:00:00+02:00 --end=2098-01-01T00:00:00Z"),
    Case("silence add new -c x --start=2098-01-01T00:00:00Z -d 1w"),
    Case("silence add new --no-require-comment"),
    Case("silence add new"),
    Case("silence add -c x"),
    Case("silence add foo bar -c x"),
    Case("silence add foo bar"),
    Case("silence add foo 'x=~(' -c x"),
    Case("silence add '' -c x"),
    Case("silence add foo -c x -d 90"),
    Case("silence add foo -c x -d 1x"),
    Case("silence add foo -c x -d 0s"),
    Case("silence add foo -c x -d ''"),
    Case("silence add foo -c x -d '1h 2m'"),
    Case("silence add foo -d 1x"),
    Case("silence add foo --start=x"),
    Case("silence add foo -c x --start=2020-01-01T00:00:00Z --end=2019-01-01T00:00:00Z"),
    Case("silence add foo -c x --start=2020-01-01T00:00:00Z"),
    Case("silence add foo -c x --end=2100-01-01"),
    Case("silence add foo -c x --annotation='q!=w'"),
    Case("silence add foo --annotation=q"),
    Case("silence update"),
    Case("silence update nope"),
    Case("silence update 00000000-0000-0000-0000-000000000000"),
    Case("silence update PENDING -c 'new comment'"),
    Case("silence update PENDING --start=2097-01-01T00:00:00Z -d 3h -o extended"),
    Case("silence update PENDING --end=2020-01-01T00:00:00Z"),
    Case("silence update PENDING -d x"),
    Case("silence update PENDING -d 0s"),
    Case("silence update PENDING --start=x"),
    Case("silence update PENDING -o json"),
    Case(
        "silence update PENDING -q",
        differs="amtool 0.33 and 0.34 print where the id is in memory",
        since=NEW,
    ),
    Case("silence expire"),
    Case("silence expire nope"),
    Case("silence expire 00000000-0000-0000-0000-000000000000"),
    Case("silence expire PENDING"),
    Case("silence expire PENDING PENDING"),
    Case("silence update PENDING -c reborn"),
    Case("silence import nofile"),
    Case("silence import t"),
    Case("silence import", stdin="[]"),
    Case("silence import", stdin="null"),
    Case("silence import", stdin=""),
    Case("silence import", stdin="{"),
    Case("silence import", stdin='[{"id":"a"}]'),
    Case(
        "silence import",
        stdin='[{"id":"00000000-0000-0000-0000-000000000000","extra":1,"matchers":[{"name":"a","value":"b","isRegex":false}],'
        '"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","comment":"c","createdBy":"d"}]',
    ),
    Case("silence import", stdin="{}", differs="artool does not take what is not an array for an empty one"),
    Case("silence import", stdin="[]x", differs="artool sends nothing unless all of it can be read"),
    Case(
        "silence import",
        stdin='[{"matchers":[]},',
        differs="artool sends nothing unless all of it can be read",
    ),
    Case("silence import", stdin="x", differs="artool says where the JSON is wrong"),
]


class Server:
    """A server in a folder of its own, with the same configuration, files and state as every other."""

    def __init__(self, program: Path, amtool: Path, directory: Path) -> None:
        self.directory = directory
        self.address = f"127.0.0.1:{free_port()}"
        self.amtool = amtool
        self.version = version(amtool)
        self.pending = ""
        # Called by amtool's name, ours prints amtool's name.
        self.artool = directory / "bin" / "amtool"
        self._program = program

    @contextmanager
    def up(self) -> Iterator[Server]:
        """Run it until the end of the block."""
        self.artool.parent.mkdir()
        self.artool.symlink_to(Path(sys.executable).with_name("artool"))
        for name, text in FILES.items():
            (self.directory / name).parent.mkdir(exist_ok=True)
            (self.directory / name).write_text(text)
        command: list[str | Path] = [
            self._program,
            f"--config.file={self.directory / 'am.yml'}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        log = self.directory / "log"
        with running(command, ready=f"http://{self.address}/-/ready", log=log, directory=self.directory):
            for line in STATE:
                out, error, status = self.run(self.amtool, line)
                assert (error, status) == ("", 0), (line, out)
            self.pending = self.run(self.amtool, "silence query -q foo")[0].split()[0]
            yield self

    def run(self, program: Path, line: str, stdin: str | None = None) -> tuple[str, str, int]:
        """Standard output, standard error and exit status."""
        words = shlex.split(line.replace("SERVER", self.address).replace("PENDING", self.pending))
        if not any("alertmanager.url" in word for word in words):
            words.insert(0, f"--alertmanager.url=http://{self.address}")
        done = subprocess.run(
            [program, "--no-version-check", *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory / "home"), "TZ": "Europe/Helsinki"},
        )
        out, error = (text.replace(self.address, "SERVER") for text in (done.stdout, done.stderr))
        return out, error, done.returncode


@pytest.fixture(scope="module")
def amtool() -> Path:
    return peer("ALERTROUTER_PEER_AMTOOL", "amtool")


@pytest.fixture(scope="module")
def alertmanager() -> Path:
    return peer("ALERTROUTER_PEER_ALERTMANAGER", "alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="module")
def server(alertmanager: Path, amtool: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(alertmanager, amtool, tmp_path_factory.mktemp("peer")).up() as server:
        yield server


@pytest.fixture
def fresh_pair(alertmanager: Path, amtool: Path, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """An Alertmanager and our daemon that nobody has spoken to yet."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    ours = Path(sys.executable).with_name("alertrouter")
    with (
        Server(alertmanager, amtool, tmp_path / "theirs").up() as their_server,
        Server(ours, amtool, tmp_path / "ours").up() as our_server,
    ):
        yield their_server, our_server


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# amtool writes what it has to say of matchers on standard output, where scripts read ids and JSON; we do not.
_LOG_LINE = re.compile(r"(?m)^(?:time|ts)=\S+ (?:level|caller)=.*\n")
_OUR_WARNING = re.compile(r"(?m)^Warning: the matchers .*\n")


_MOMENT = re.compile(r"\b20[0-8]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?")


def _comparable(printed: tuple[str, str, int], *, mask: bool) -> tuple[str, str, int]:
    out, error, status = printed
    out, error = _LOG_LINE.sub("", out), _OUR_WARNING.sub("", _LOG_LINE.sub("", error))
    if mask:  # what differs from one run to the next
        out, error = (_MOMENT.sub("<moment>", _UUID.sub("<id>", text)) for text in (out, error))
    return out, error, status


def _compare(server: Server, case: Case, *, mask: bool) -> str:
    """What differs although it should not, or agrees although there is a reason; empty when all is well."""
    theirs = _comparable(server.run(server.amtool, case.line, case.stdin), mask=mask)
    ours = _comparable(server.run(server.artool, case.line, case.stdin), mask=mask)
    if case.differs:
        return f"{case.line}: no difference any more: {case.differs}" if ours == theirs else ""
    return "" if ours == theirs else f"{case.line}\n  amtool {theirs}\n  artool {ours}"


@pytest.mark.parametrize("case", LOOKING, ids=lambda case: case.line)
def test_looking_prints_the_same(server: Server, case: Case) -> None:
    if server.version < case.since:
        pytest.skip(f"amtool {server.version} is older than {case.since}")
    assert _compare(server, case, mask=False) == ""


def test_changing_prints_the_same(server: Server) -> None:
    if server.version < NEW:
        pytest.skip(f"amtool {server.version} is older than {NEW}")
    problems = [_compare(server, case, mask=True) for case in CHANGING]  # in this order

    assert "\n".join(filter(None, problems)) == ""


# What amtool prints of our server and not of an Alertmanager, with the reason.
DIFFERENT_SERVER = {
    "config show -o json": "the version is ours",
}


def test_amtool_sees_no_difference_between_the_servers(fresh_pair: tuple[Server, Server]) -> None:
    server, our_server = fresh_pair
    if server.version < NEW:
        pytest.skip(f"amtool {server.version} is older than {NEW}")
    problems = []
    for case in [*LOOKING, *CHANGING]:
        if case.line in DIFFERENT_SERVER or case.differs:
            continue
        theirs = _comparable(server.run(server.amtool, case.line, case.stdin), mask=True)
        ours = _comparable(our_server.run(server.amtool, case.line, case.stdin), mask=True)
        if ours != theirs:
            problems.append(f"{case.line}\n  of Alertmanager {theirs}\n  of alertrouter  {ours}")

    assert "\n".join(problems) == ""


def test_silences_move_from_one_server_to_another(fresh_pair: tuple[Server, Server]) -> None:
    server, our_server = fresh_pair
    status = our_server.run(our_server.artool, "silence export --file=silences.json")[2]
    text = (our_server.directory / "silences.json").read_text()
    out, error, imported = server.run(server.artool, "silence import", stdin=text)

    assert (status, error, imported) == (0, "", 0)
    assert len(out.split()) == len(json.loads(text)) > 0
