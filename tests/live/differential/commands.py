"""Command lines, and the server and files that they are about."""

from __future__ import annotations

from dataclasses import dataclass

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
# Configuration files of amtool, by home. Debian's looks in another place.
HOMES = {
    "set": "author: ann\ncomment_required: false\noutput: extended\nduration: 7h\nreceiver: crit\ndate.format: 02.01.2006\n"
    "unknown: 1\n",
    "bad": "author: [",
    "list": "[a]",
    "odd": "output: xml\n",
    "told": "alertmanager.url: http://127.0.0.1:1/\nrequire-comment: false\n",
}
for _home, _text in HOMES.items():
    for _place in ("amtool/config.yml", "prometheus/amtool.yml"):
        FILES[f"{_home}/.config/{_place}"] = _text


# What older ones print differs in ways that nobody will miss.
NEW = (0, 33)


@dataclass(frozen=True)
class Case:
    """A command line.

    ``differs`` says why artool prints something else, ``of_server`` why amtool does when our daemon answers. ``since`` is the
    first amtool that has it. ``home`` is where the configuration file is looked for. ``SERVER`` in a line is the address of
    the server, and without its URL, it is given; ``PENDING`` is the id of a silence.
    """

    line: str
    stdin: str | None = None
    differs: str = ""
    of_server: str = ""
    since: tuple[int, int] = (0, 25)
    home: str = "home"


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
    Case("config show -o json", of_server="version, start and language are ours"),
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
    Case("alert", home="set"),
    Case("alert query -o simple -r .*", home="set", since=NEW),
    Case("silence -o simple", home="set"),
    Case("cluster", home="set"),
    Case("silence", home="bad", differs="artool says in which file, where"),
    Case("silence", home="list", differs="artool says in which file"),
    Case("silence", home="odd"),
    Case("silence", home="told"),
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
    Case("silence add new a=c", home="set"),
    Case("silence add new a=d", home="told"),
    Case("silence query -q a=c", home="set"),
    Case("silence query a=c", home="set"),
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
