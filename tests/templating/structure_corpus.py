"""Templated structures whose JSON is recorded from a real Alertmanager's webhook, by ``record_structures.py``."""

from __future__ import annotations

from typing import Any

# Texts that are rendered, and then read as YAML.
TEXTS = (
    "", " ", "~", "null", "Null", "NULL", "nUll", "# x", "123", "+3", "-7", "1_000", "_1", "1_", "0123", "-017", "08", "0x1F", "0X1f", "0b11", "0o17",
    "-0x1F", "1.5", "-1.5", "+.5", ".5", "1.", "1e3", "1E3", "1e-3", "1.5e+2", "1e", "e1", "0.5_0", "1__0", "0", "-0", "00", "0.0", "9223372036854775808",
    "18446744073709551615", "99999999999999999999", "-9223372036854775808", "-9223372036854775809", "123456789012345678.0", "1e21", "1e-7",
    "true", "True", "TRUE", "tRue", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON", "false", "no", "n", "N", "off", "OFF",
    "2024-01-02", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05", "12:30", "1:2:3", "17:00", "plain text", "a, b", "a:b", "http://x:90/", "a: b", "value1:",
    "Disk full: /var", "[1, 2]", '{"a": 1}', '{"a":1}', "- x", "- a\n- b: c\n", "[FIRING:2] HighCPU", "[RESOLVED] x (y z)", "{a: 1} rest", "'quoted'",
    '"quoted"', "'a': 1", "a # c", "x\n", "\nx", "  5  ", "5\n", "*x", "&a b", "&a [1]", "`", "@a", "%a", "90% full", "!x y", "!!str 5", "!!int '5'", "!!float 5", "!!bool yes",
    "!!null x", "!!binary aGk=", "|\n  x\n", "> x", "? a", "-", "- ", "--- 5", "---\na: 1\n---\nb: 2", "...", "[", "{", "{a", "[a", "a: b: c", "a: [", "<a>: b", "=", "<<",
    "{1: 2, a: b, y: z, 1.5: q, null: w}", "{a: {1: 2, b: 3}}", "[{1: 2, a: 3}]", "{<<: {a: 1, b: 0}, b: 2}", "{a: 1, a: 2}", "a:\n  - 1\n  - [x, 'y', \"5\"]\n", "a: y\nb: 'y'\nc: 012\nd: 1.0\n",
    "\ta", "a\tb", "a:\tb", "é: ü", "日本: 1", "- [a, {b: c}]\n- ~\n", "key: |\n  text\n  more\n", ":", ": a", "a:", "-a", "--", "?", "{}", "[]", "{a: }", "[a, ]", "[,]", "'it''s'", "it's", '"a\\nb"', '["a\\nb"]',
    '{"severity": "5", "n": 5, "t": "true"}', "0.1", "1e400", "07.5", "1,000", "$5", "5%", "#5", "a#b", "[a #b\n]", "{a: 1}\n{b: 2}", "x: 1\ny", "5 6",
    "{{ .Status }}", "{{ len .Alerts }}", "{{ len .Alerts }}.0", "{{ toJson .CommonLabels }}", "{{ toJson .Alerts.Resolved }}", "{{ .Alerts.Firing | len | printf `%03d` }}", "{{ `{{ .Status }}` }}",
    "{{ dict `a` `5` `b` (list 1 `y`) | toJson }}", '{{ template "slack.default.title" . }}',
)  # fmt: skip

# Structures as they stand in the configuration.
STRUCTURES: tuple[Any, ...] = (
    {"a": {"b": ["{{ .Status }}", "5", 5, True, None, 1.5, "{{ len .Alerts }}"]}},
    {"{{ .Status }}": "x", "k: v": "y", "5": "5", "plain": {"{{ .Status }}": {"deep": ["{{ .Status }}"]}}},
    ["{{ .Status }}", ["5", {"a": "[1]"}]],
    {"text": 'labels: {{ .CommonLabels }} "{{ .ExternalURL }}"'},
    "{{ .Status }}",
    "[{{ .Status }}, 5]",
    {"x": "{{ .CommonLabels | toJson }}", "y": "abc:", "z": "{{ toJson .Alerts.Firing }}"},
    {"empty": "", "list": [], "map": {}, "spaces": "  "},
)
