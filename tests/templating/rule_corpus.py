"""Rule templates whose text is recorded from a real `promtool`, by ``record_rules.py``."""

from __future__ import annotations

LABELS = {"__name__": "m", "instance": "web-1.example.com:9100", "job": "node", "path": "/a b?c=d&é"}
EXTERNAL_LABELS = {"env": "prod", "replica": "a"}
EXTERNAL_URL = "http://prom.example:9090/path"
# At the time of evaluation, ten minutes after the epoch.
SERIES = {
    'up{instance="b:9090",job="x"}': 21.0,
    'up{instance="a:9090",job="y"}': 11.5,
    'named{__value__="v",instance="c"}': 1.0,
}
VALUES = (
    "0", "1234.5678", "0.0015", "0.12345", "999.99", "1024", "12345678", "-1500", "1e-27", "1e30", "NaN", "+Inf", "-Inf", "1", "-1", "0.5", "1e6", "1e21", "123456789",
    "61", "3661.5", "86400", "899.99", "59.99999", "-183845", "-0.5", "0.0012345", "1435065584.128", "-1435065584.128", "0.9999", "999999",
)  # fmt: skip

# Rendered on every value.
OF_VALUES = (
    "{{ $value }}",
    "{{ .Value }}",
    "{{ $value | humanize }}",
    "{{ humanize1024 $value }}",
    "{{ $value | humanizePercentage }}",
    "{{ $value | humanizeDuration }}",
    "{{ $value | humanizeTimestamp }}",
    "{{ $value | toTime }}",
    '{{ printf "%.2f|%.0f%%|%g|%e|%v|%8.3f" $value $value $value $value $value $value }}',
    "{{ if gt $value 10.0 }}high{{ else }}low{{ end }}",
)

# Rendered on the value 1234.5678.
OTHERS = (
    "{{ $labels }} {{ $externalLabels }} {{ $externalURL }}",
    "{{ .Labels }} {{ .ExternalLabels.env }} {{ .ExternalURL }}",
    "{{ $labels.instance }} of {{ $labels.job }} {{ $labels.nope }}|{{ index $labels `nope` }}|{{ $labels.__name__ }}",
    "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
    "{{ $labels.instance | stripPort }} {{ $labels.instance | stripDomain }}",
    '{{ stripPort "[::1]:80" }} {{ stripPort "a:b:c" }} {{ stripPort "web:" }} {{ stripPort "[::1]" }} {{ stripPort ":80" }} {{ stripPort "" }} {{ stripPort "[a]b:80" }} {{ stripPort "a]:80" }}',
    '{{ stripDomain "10.0.0.1:80" }} {{ stripDomain "a.b.c:80" }} {{ stripDomain "[2001:db8::1]:80" }} {{ stripDomain "::1" }} {{ stripDomain "a.b" }} {{ stripDomain ".a:1" }} {{ stripDomain "" }} {{ stripDomain "[a:b.c]:80" }} {{ stripDomain "a.b:" }}',
    '{{ graphLink "rate(x[5m]) > 1" }} {{ tableLink "up{job=\\"a b\\"}" }}',
    '{{ parseDuration "1h30m" }} {{ parseDuration "1d" | humanizeDuration }} {{ parseDuration "1w2d3h4m5s6ms" }} {{ parseDuration "0" }}',
    '{{ parseDuration "5x" }}',
    '{{ parseDuration "90" }}',
    '{{ parseDuration "" }}',
    '{{ parseDuration "1s1m" }}',
    '{{ define "x" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "x" (args $labels.job 2) }} {{ args 1 "b" }} {{ args }}',
    '{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }};{{ end }}',
    '{{ with query "none" }}x{{ else }}-{{ end }}',
    '{{ query "up" | sortByLabel "job" | first | value }} {{ query "up" | sortByLabel "instance" | first | label "instance" }} {{ query "named" | first | strvalue }}|{{ query "up" | first | strvalue }}|{{ (query "named" | first).Labels }}',
    '{{ query "none" | first }}',
    '{{ query "up{" }}',
    '{{ query "up" | label "x" }}',
    "{{ `hello wORLD foo-bar o'neil 3rd HELLO 日本abc ǆungla ßa ΣΑΣ` | title }} {{ toUpper `aß` }} {{ toLower `AΣ` }}",
    '{{ match "a.c" "xabc" }} {{ reReplaceAll "(.*):.*" "$1" $labels.instance }} {{ safeHtml "<b>" }}',
    '{{ (toTime 1353755652).Format "2006-01-02" }}',
    '{{ humanize "1.5e6" }} {{ humanize "abc" }}',
    "{{ humanize true }}",
    "{{ humanizeTimestamp 1e30 }}",
    "{{ toTime 1e30 }}",
    "{{ if gt $value 10 }}x{{ end }}",
    "{{ $value | title }}",
    "{{ $labels.instance.x }}",
    "{{ .Nope }}",
    "{{ $value.x }}",
    "{{ len $labels }} {{ urlquery $labels.path }} {{ html `<a>` }}",
    "line one\n{{ $value.x }}",
    "plain {not a template} }}",
)
