"""Templates whose output is recorded from a real Alertmanager's `amtool`, by ``record.py``.

Each is rendered on the data sets of ``data/``; ``on`` narrows them. What a user could see of our data and functions should
be in here; the language itself has its own tests beside the engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from alertrouter.templating.mode import Mode

DATA_SETS = ("mixed", "firing", "resolved", "empty", "zones", "odd")


@dataclass(frozen=True, slots=True)
class Case:
    """A template, the data sets it is rendered on, and how."""

    template: str
    on: tuple[str, ...] = ("mixed",)
    mode: Mode = Mode.TEXT


DEFAULT_NAMES = (
    "__alertmanager", "__alertmanagerURL", "__description", "__subject",
    "discord.default.content", "discord.default.message", "discord.default.title",
    "email.default.subject",
    "jira.default.description", "jira.default.priority", "jira.default.summary",
    "mattermost.default.color", "mattermost.default.fallback", "mattermost.default.text", "mattermost.default.title",
    "mattermost.default.titlelink", "mattermost.default.username",
    "msteams.default.summary", "msteams.default.text", "msteams.default.title",
    "msteamsv2.default.text", "msteamsv2.default.title",
    "opsgenie.default.description", "opsgenie.default.message", "opsgenie.default.source",
    "pagerduty.default.client", "pagerduty.default.clientURL", "pagerduty.default.description",
    "pushover.default.message", "pushover.default.title", "pushover.default.url",
    "rocketchat.default.alias", "rocketchat.default.emoji", "rocketchat.default.iconurl", "rocketchat.default.text",
    "rocketchat.default.title", "rocketchat.default.titlelink",
    "slack.default.callbackid", "slack.default.color", "slack.default.fallback", "slack.default.footer",
    "slack.default.iconemoji", "slack.default.iconurl", "slack.default.pretext", "slack.default.text",
    "slack.default.title", "slack.default.titlelink", "slack.default.username",
    "sns.default.message", "sns.default.subject",
    "telegram.default.message",
    "victorops.default.entity_display_name", "victorops.default.monitoring_tool", "victorops.default.state_message",
    "webex.default.message",
    "wechat.default.agent_id", "wechat.default.message", "wechat.default.to_party", "wechat.default.to_tag",
    "wechat.default.to_user",
)  # fmt: skip
LIST_NAMES = ("__text_alert_list", "__text_alert_list_markdown", "pagerduty.default.instances")

# These are made for receivers that take HTML.
HTML_NAMES = ("telegram.default.message", "pushover.default.message", "__alertmanagerURL")
WORDINGS = ("mixed", "firing", "resolved", "empty", "odd")

DEFAULTS = [
    *(Case(f'{{{{ template "{name}" . }}}}', WORDINGS) for name in DEFAULT_NAMES),
    *(Case(f'{{{{ template "{name}" . }}}}', WORDINGS, Mode.HTML) for name in HTML_NAMES),
    *(
        Case(f'{{{{ template "{name}" .Alerts{part} }}}}', WORDINGS)
        for name in LIST_NAMES
        for part in ("", ".Firing", ".Resolved")
    ),
]

# The default mail is our own; Go says how it escapes it.
MAILS = [Case('{{ template "email.default.html" . }}', ("mixed", "odd", "empty"), Mode.HTML)]

_DATA = (
    "{{ .Receiver }}|{{ .Status }}|{{ .ExternalURL }}|{{ len .Alerts }}",
    "{{ .GroupLabels }}|{{ .CommonLabels }}|{{ .CommonAnnotations }}",
    "{{ .CommonLabels.Names }}|{{ .CommonLabels.Values }}|{{ .CommonLabels.SortedPairs }}",
    "{{ .CommonLabels.SortedPairs.Names }}|{{ .CommonLabels.SortedPairs.Values }}|{{ .CommonLabels.String }}",
    "{{ .CommonLabels.nope }}|{{ index .CommonLabels `nope` }}|{{ len .CommonLabels }}",
    "{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }};{{ else }}none{{ end }}",
    "{{ range .CommonLabels.SortedPairs }}{{ .Name }}:{{ .Value }} {{ end }}",
    "{{ range $i, $p := .CommonLabels.SortedPairs }}{{ $i }}{{ $p }}{{ end }}",
    "{{ .CommonLabels.Remove .GroupLabels.Names }}|{{ .CommonLabels.Remove (stringSlice `job` `x`) }}|{{ .CommonLabels }}",
    "{{ (.CommonLabels.Remove .GroupLabels.Names).Values | join `/` }}",
    "{{ .Alerts.Firing }}|{{ .Alerts.Resolved | len }}",
    "{{ range .Alerts }}{{ .Status }} {{ .Labels.instance }} {{ .Fingerprint }} {{ .GeneratorURL }};{{ end }}",
    "{{ range .Alerts }}{{ . }}\n{{ end }}",
    "{{ toJson .Alerts }}|{{ toJson .CommonLabels }}|{{ toJson .GroupLabels.SortedPairs }}",
    "{{ range .Alerts }}{{ toJson . }}{{ toJson .StartsAt }}{{ toJson .EndsAt }}{{ end }}",
    "{{ printf `%v|%s|%q` .CommonLabels .CommonLabels .CommonLabels.Values }}",
    "{{ printf `%T %T %T %T` .CommonLabels .CommonLabels.SortedPairs .Alerts .Alerts.Firing }}",
    "{{ if .CommonAnnotations }}yes{{ else }}no{{ end }}{{ if .Alerts.Firing }}yes{{ else }}no{{ end }}",
    "{{ range .Alerts }}{{ if .EndsAt.IsZero }}ongoing{{ else }}{{ .EndsAt.Sub .StartsAt }}{{ end }} {{ end }}",
    "{{ range .Alerts }}{{ .StartsAt }}|{{ .EndsAt }}\n{{ end }}",
)

_TIMES = (
    "{{ $t.Format `2006-01-02 15:04:05` }}",
    "{{ $t.Format `Mon Jan _2 15:04:05 2006` }}|{{ $t.Format `Monday, 02-Jan-06 3:04PM MST` }}",
    "{{ $t.Format `2006-01-02T15:04:05Z07:00` }}|{{ $t.Format `2006-01-02T15:04:05.999999999Z07:00` }}",
    "{{ $t.Format `02/01/06 03:04:05.000 pm -0700 -07:00 Z0700 Z07 -07 -070000 -07:00:00 Z070000 Z07:00:00` }}",
    "{{ $t.Format `15:04:05,000` }}|{{ $t.Format `05.00` }}|{{ $t.Format `05.0000000000000` }}|{{ $t.Format `05,99999` }}",
    "{{ $t.Format `2006 002 __2 1 2 3 4 5` }}|{{ $t.Format `January 2nd 2006` }}|{{ $t.Format `Month Januar Monda` }}",
    "{{ $t.Format `2006-01-02 15:04:05 KST` }}|{{ $t.Format `_2006 __2006 0020` }}|{{ $t.Format `.00012 .9` }}",
    "{{ $t | date `Jan 2` }}|{{ date `3:04` $t }}|{{ $t.Format `` }}|{{ $t.Format `é日 06` }}",
    "{{ $t.Unix }} {{ $t.UnixMilli }} {{ $t.UnixMicro }} {{ $t.UnixNano }}",
    "{{ $t.Year }} {{ $t.Month }} {{ printf `%d` $t.Month }} {{ $t.Day }} {{ $t.Weekday }} {{ printf `%d` $t.Weekday }} {{ $t.YearDay }}",
    "{{ $t.Hour }} {{ $t.Minute }} {{ $t.Second }} {{ $t.Nanosecond }}",
    "{{ $t.UTC }}|{{ $t.Local }}|{{ $t.Location }}",
    "{{ $t.AddDate 0 1 -1 }}|{{ $t.AddDate -1 -5 0 }}|{{ $t.AddDate 0 13 31 }}|{{ $t.Add 28800e9 }}|{{ $t.Add -1 }}",
    "{{ $t.Truncate 3600000000000 }}|{{ $t.Round 3600000000000 }}|{{ $t.Truncate 0 }}|{{ $t.Round 7 }}|{{ $t.Truncate 86400e9 }}",
    "{{ $t.After $u }} {{ $t.Before $u }} {{ $t.Equal $t }} {{ $t.Compare $u }} {{ $t.Compare $t }} {{ $u.Compare $t }}",
    "{{ $t.IsZero }} {{ $t.IsDST }} {{ $t.GoString }} {{ $t.MarshalText }} {{ $t.MarshalJSON }}",
    "{{ $d := $t.Sub $u }}{{ $d }} {{ $d.Hours }} {{ $d.Minutes }} {{ $d.Seconds }} {{ $d.Milliseconds }} {{ $d.Microseconds }} {{ $d.Nanoseconds }}",
    "{{ $d := $u.Sub $t }}{{ $d }} {{ $d.Abs }} {{ $d.Round 60e9 }} {{ $d.Truncate 60e9 }} {{ $d.Round 7 }} {{ humanizeDuration $d }} {{ printf `%d %s %v` $d $d $d }}",
    "{{ $t | tz `America/New_York` }}|{{ $t | tz `` }}|{{ $t | tz `UTC` }}|{{ $t | tz `Asia/Kathmandu` }}",
    "{{ $t | tz `Asia/Kolkata` | date `15:04:05 -0700 MST Z07:00` }}|{{ $t | tz `Australia/Lord_Howe` }}|{{ ($t | tz `Europe/Berlin`).IsDST }}",
    "{{ ($t | tz `Europe/Berlin`).AddDate 0 6 0 }}|{{ ($t | tz `America/Sao_Paulo`).Format `MST` }}|{{ (tz `Europe/Dublin` $t).Location }}",
    "{{ ((tz `Europe/Berlin` $t).AddDate 0 -1 -36).Add 3600e9 }}|{{ (tz `Etc/GMT+5` $t) }}|{{ $t.In (tz `Asia/Tokyo` $u).Location }}",
    "{{ eq $t.Month 5 }} {{ gt ($t.Sub $u) 0 }} {{ eq $t $t }} {{ printf `%s|%v|%q` $t $t $t.Month }}",
    "{{ toJson $t }} {{ toJson $t.Month }} {{ toJson ($t.Sub $u) }} {{ toJson (tz `Asia/Kathmandu` $t) }}",
    "{{ $t.EndOf }}",
    "{{ $t.Sub 5 }}",
    "{{ $t.Add `5` }}",
    "{{ $t.Add (len `abc`) }}",
    "{{ $t.AddDate 1 2 }}",
    "{{ date `2006` 5 }}",
    "{{ tz `Nope/Zone` $t }}",
    "{{ tz `../x` $t }}",
    "{{ tz `europe/berlin` $t }}",
    "{{ (index .Alerts 0).StartsAt.Location.String }}",
)

_FUNCTIONS = (
    "{{ `a bß` | toUpper }} {{ `A BİΣ` | toLower }} {{ toUpper `ŉﬁ` }}",
    (
        "{{ range (stringSlice `hello wORLD foo-bar` `o'neil it's a.b x_y` `3rd HELLO 3RD` `a..b a:b a·b` `WARNING: DISK full (sda1)` "
        "`ǆungla ßa ŉa ﬁn İSTANBUL ΣΑΣ σας` `日本abc ひらがなabc カタカナabc ไทยabc 한국abc` `a1b2C ²A Ⅳa` `a’b a‘b a,b 1,2` `i̇X ǰx a/b {e}` `ა abc ꭰx` "
        "`aΣ. aΣb Σ` `e\u0301ABC x\u200dY`) }}{{ . | title }}|{{ toUpper . }}|{{ toLower . }}\n{{ end }}"
    ),
    "{{ join `,` (stringSlice `a` `b`) }}|{{ stringSlice }}|{{ stringSlice `a` `b` }}|{{ len (stringSlice `a`) }}",
    "{{ .GroupLabels.SortedPairs.Values | join ` ` }}",
    "{{ match `(?i)WEB` `a web` }} {{ match `` `` }} {{ match `^b` `ab` }} {{ match `\\pL` `é` }} {{ match `\\w` `é` }} {{ match `a$` `a\n` }}",
    "{{ trimSpace `\t\n a b\u00a0\u2003\u3000 ` }}|{{ trimSpace `\x1c a \x1f` }}|",
    "{{ list 1 `a` nil true }}|{{ append (list 1) 2 `x` }}|{{ append nil 1 }}|{{ list }}|{{ len (list 1 2) }}|{{ index (list 1 2) 1 }}",
    "{{ dict `z` 1 `a` `b` }}|{{ (dict `k` `v`).k }}|{{ dict }}|{{ (dict).nope }}|{{ $d := dict `k` (list 1 2) }}{{ index $d.k 1 }}",
    "{{ urlUnescape `a%20b+c%2F` }}|{{ urlUnescape `%E2%82%AC` }}|{{ urlUnescape `a%2bb` }}",
    "{{ toJson `<a>&é\n\u2028\x7f\\\"/` }} {{ toJson true }} {{ toJson nil }} {{ toJson 1 }} {{ toJson 'a' }}",
    "{{ toJson (list 1.0 1e21 1e20 123456789012345678.0 1e-7 0.000001 1.5 -0.5 1e100 100.25 0.1) }}",
    "{{ toJson (dict `b` 1.0 `a` (list 1 `x` true nil)) }} {{ toJson (stringSlice) }} {{ toJson (list) }} {{ toJson (dict) }}",
    "{{ `a b` | safeHtml }} {{ `slack://x` | safeUrl }} {{ `a` | safeHtml | toUpper }}",
    (
        "{{ range (list 0 1 59 60 61 3600 3661.5 86399.9 86400 899.99 1.2345 59.99999 60.5 -183845 -0.5 -1.5 0.0012345 1e-30 1e15 0.99999 `3600` "
        "`1_000` `0x1p4` `inf` `-Inf` `nan` `.5` `5.`) }}{{ humanizeDuration . }} {{ end }}"
    ),
    "{{ reReplaceAll `(.*):.*` `$1` `web-1:9100` }}|{{ `web:9100` | reReplaceAll `:\\d+$` `` }}",
    "{{ reReplaceAll `(.)` `$1x` `ab` }}|{{ reReplaceAll `(.)` `${1}x` `ab` }}|{{ reReplaceAll `a*` `-` `baac` }}|{{ reReplaceAll `.*` `x` `abc` }}",
    "{{ reReplaceAll `(?m)^` `> ` `a\nb\n` }}|{{ reReplaceAll `(?P<n>a)` `<${n}$0$$>` `bab` }}|{{ reReplaceAll `a` `$9$zz` `a` }}",
    "{{ reReplaceAll `a` `${` `a` }}|{{ reReplaceAll `a` `$` `a` }}|{{ reReplaceAll `a` `$ $-${-}${}` `a` }}|{{ reReplaceAll `` `-` `aé日` }}",
    "{{ reReplaceAll `(a)(b)?` `[$2]` `a` }}|{{ reReplaceAll `x*` `-` `aéb` }}|{{ reReplaceAll `$` `!` `a\n` }}|{{ reReplaceAll `a` `$0a` `a` }}",
    "{{ reReplaceAll `(a)(?P<n>b)` `$2$n$01$1` `ab` }}|{{ reReplaceAll `(?<n>a)` `$n` `a` }}|{{ reReplaceAll `é` `e` `aé日 é` }}",
    "{{ join `,` (list `a`) }}",
    "{{ join `,` .Alerts }}",
    "{{ join .CommonLabels.Values `,` }}",
    "{{ toUpper 1 }}",
    "{{ toUpper (len `x`) }}",
    "{{ toUpper nil }}",
    "{{ toUpper (dict).x }}",
    "{{ toUpper }}",
    "{{ toUpper `a` `b` }}",
    "{{ match `(` `x` }}",
    "{{ match `[` `x` }}",
    "{{ match `a**` `x` }}",
    "{{ match `a{1001}` `x` }}",
    "{{ match `*` `x` }}",
    "{{ match `(?=a)` `x` }}",
    "{{ match `\\1` `x` }}",
    "{{ match `x)` `x` }}",
    "{{ match `[b-a]` `x` }}",
    "{{ match `\\C` `x` }}",
    "{{ match `a` 1 }}",
    "{{ reReplaceAll `(` `` `x` }}",
    "{{ append .Alerts 1 }}",
    "{{ append (stringSlice `a`) 1 }}",
    "{{ append 1 1 }}",
    "{{ dict `a` }}",
    "{{ dict 1 2 }}",
    "{{ urlUnescape `%zz` }}",
    "{{ urlUnescape `%2` }}",
    "{{ urlUnescape `%` }}",
    "{{ humanizeDuration `x` }}",
    "{{ humanizeDuration true }}",
    "{{ humanizeDuration nil }}",
    "{{ humanizeDuration (list 1) }}",
    "{{ humanizeDuration .CommonLabels }}",
    "{{ humanizeDuration `1e400` }}",
    "{{ humanizeDuration `0x10` }}",
    "{{ toJson toUpper }}",
    "{{ .CommonLabels.Remove (list `job`) }}",
    "{{ .CommonLabels.Remove 1 }}",
    "{{ .Nope }}",
    "{{ .alerts }}",
    "{{ .Alerts.Nope }}",
    "{{ range .Alerts }}{{ .Label.instance }}{{ end }}",
    "{{ .CommonLabels.nope.x }}",
    "{{ .Status.x }}",
    "{{ (index .CommonLabels.SortedPairs 0).Nope }}",
    "{{ (index .Alerts 7).Status }}",
    "{{ stringSlice 1 }}",
    "{{ nope }}",
)

_USERS = (
    "[{{ .Status | toUpper }}{{ if eq .Status `firing` }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .CommonLabels.alertname }} on {{ .CommonLabels.cluster }}",
    "{{ range .Alerts }}\n*{{ .Labels.alertname }}* {{ .Labels.instance }} is {{ .Status }}\n{{- end }}",
    "{{ range $i, $a := .Alerts }}{{ if $i }}, {{ end }}{{ $a.Labels.instance }}={{ $a.Status }}{{ end }}",
    "{{ $sev := `none` }}{{ range .Alerts.Firing }}{{ if eq .Labels.severity `critical` }}{{ $sev = `critical` }}{{ else if and (eq .Labels.severity `warning`) (ne $sev `critical`) }}{{ $sev = `warning` }}{{ end }}{{ end }}{{ $sev }}",
    "{{ .ExternalURL }}/#/silences/new?filter=%7B\n{{- range .CommonLabels.SortedPairs -}}\n  {{- if ne .Name `alertname` -}}\n    {{- .Name }}%3D%22{{ .Value | urlquery }}%22%2C%20\n  {{- end -}}\n{{- end -}}\nalertname%3D%22{{ .CommonLabels.alertname }}%22%7D",
    "{{ range .Alerts.Firing }}{{ or .Annotations.description .Annotations.summary `n/a` }}; {{ .Labels.team | or `unowned` }}|{{ end }}",
    "{{ with .CommonAnnotations.runbook_url }}Runbook: {{ . }}{{ else with (index .Alerts 0).Annotations.runbook_url }}First runbook: {{ . }}{{ else }}none{{ end }}",
    "{{ $out := list }}{{ range .Alerts }}{{ $out = append $out (dict `host` .Labels.instance `state` .Status `tags` (list .Labels.severity .Labels.job)) }}{{ end }}{{ dict `count` (len .Alerts) `alerts` $out `url` .ExternalURL | toJson }}",
    "{{ define `row` }}[{{ .k }}: {{ .v | toUpper }}]{{ end }}{{ range .GroupLabels.SortedPairs }}{{ template `row` (dict `k` .Name `v` .Value) }}{{ end }}",
    "{{ define `__subject` }}CUSTOM {{ .GroupLabels.alertname }}{{ end }}{{ template `slack.default.title` . }} | {{ template `slack.default.fallback` . }}",
    "{{ if or (eq .CommonLabels.severity `critical`) (eq .CommonLabels.severity `page`) }}P1{{ else if eq .CommonLabels.severity `` }}P3{{ else }}P5{{ end }}",
    "{{ range .Alerts.Resolved }}{{ $d := .EndsAt.Sub .StartsAt }}{{ $d }} / {{ $d | humanizeDuration }} / {{ printf `%.1f` $d.Hours }}h{{ end }}",
    "{{ range .Alerts }}{{ with .Annotations }}{{ .SortedPairs.Values | join `; ` }}{{ end }}\n{{ end }}",
)

_HTML = (
    '<tr><td>{{ (index .Alerts 0).Annotations.summary }}</td><td><a href="{{ (index .Alerts 0).GeneratorURL }}">src</a></td></tr>',
    '<td style="background-color: {{ if eq .Status `firing` }}#E6522C{{ else }}green{{ end }}">{{ .Alerts | len }}</td>',
    "{{ (index .Alerts 0).Annotations.description }} vs {{ (index .Alerts 0).Annotations.description | safeHtml }}",
    '<a href="https://g/d/x?var-instance={{ (index .Alerts 0).Labels.instance }}&amp;t={{ .CommonLabels.alertname }}">{{ .CommonLabels }}</a>',
    '<b>{{ .CommonLabels.alertname }}</b>\n{{ range .Alerts.Firing }}• {{ .Annotations.summary }} <a href="{{ .GeneratorURL }}">graph</a>\n{{ end }}',
    '<a href="{{ `slack://open` | safeUrl }}">{{ `slack://open` }}</a><a href="{{ `slack://open` }}">x</a>',
    "{{ (index .Alerts 0).StartsAt }} {{ (index .Alerts 0).StartsAt.Format `15:04+` }} {{ .Alerts.Firing }} {{ .CommonLabels.Values }} {{ toJson .CommonLabels }}",
)

FUNCTIONS = [
    *(Case(template, DATA_SETS) for template in _DATA),
    *(
        Case(
            f"{{{{ $t := (index .Alerts 0).StartsAt }}}}{{{{ $u := (index .Alerts 1).StartsAt }}}}{template}",
            ("mixed", "zones"),
        )
        for template in _TIMES
    ),
    *(Case(template) for template in _FUNCTIONS),
    *(Case(template, ("mixed", "resolved")) for template in _USERS),
    *(Case(template, mode=Mode.HTML) for template in _HTML),
]
