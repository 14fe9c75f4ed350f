"""The field types that all configuration models are made of."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from alertrouter.config.document import read_document
from alertrouter.config.fields import (
    AnyStructure,
    Bool,
    ConfigModel,
    Decoding,
    Float,
    GoDuration,
    GoDurationText,
    HostPort,
    Int,
    ListOf,
    MapOf,
    PrometheusDuration,
    Secret,
    SecretUrl,
    Text,
    Unsigned,
    Url,
    check_url,
)
from alertrouter.config.problem import ConfigProblem
from alertrouter.core.time import HOUR, MINUTE, SECOND


class Titled(ConfigModel):
    """May be given as its title alone."""

    title: Text = "untitled"
    bold: Bool = True

    scalar_key: ClassVar[str] = "title"


class Everything(ConfigModel):
    text: Text = "default"
    flag: Bool = True
    maybe: Bool | None = True
    whole: Int = 7
    count: Unsigned = 7
    part: Float = 0.5
    wait: PrometheusDuration = MINUTE
    limit: GoDuration = MINUTE
    expiry: GoDurationText = MINUTE
    url: Url = "https://default"
    secret: Secret = Secret("default")
    hook: SecretUrl = SecretUrl("https://default")
    host: HostPort = HostPort("default", "25")
    texts: ListOf[Text] = ("default",)
    texts_or_none: ListOf[Text] | None = ("default",)
    pairs: MapOf[Text] = {"default": "x"}  # noqa: RUF012 - pydantic copies it
    block: Titled = Titled()
    block_or_none: Titled | None = Titled()
    blocks: ListOf[Titled] = ()
    anything: AnyStructure = "default"


def read(text: str, decoding: Decoding | None = None) -> Everything:
    node = read_document(text, "x.yml")
    return Everything.model_validate(node, context=decoding)


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        read(text)
    (detail,) = caught.value.errors()
    return str(detail["ctx"]["error"])


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("text: 1.50", "text", "1.50"),
        ("text: 2020-01-01", "text", "2020-01-01"),
        ("text: yes", "text", "yes"),
        ("text: =", "text", "="),
        ("text: 0x1F", "text", "0x1F"),
        ("flag: off", "flag", False),
        ("flag: Y", "flag", True),
        ("maybe: n", "maybe", False),
        ("whole: -5", "whole", -5),
        ("whole: 1.9", "whole", 1),
        ("whole: -1.9", "whole", -1),
        ("whole: 010", "whole", 8),
        ("count: 18446744073709551615", "count", 2**64 - 1),
        ("part: 1", "part", 1.0),
        ("wait: 1h30m", "wait", 90 * MINUTE),
        ("wait: 1d", "wait", 24 * HOUR),
        ("wait: 0", "wait", 0),
        ("limit: 1.5h", "limit", 90 * MINUTE),
        ("limit: 1000000000", "limit", SECOND),
        ("limit: -5s", "limit", -5 * SECOND),
        ("expiry: 1.5m", "expiry", 90 * SECOND),
        ("url: HTTPS://x", "url", "https://x"),
        ("host: '[::1]:smtp'", "host", HostPort("::1", "smtp")),
        ("host: ':25'", "host", HostPort("", "25")),
        ("host: ''", "host", HostPort()),
        ("texts: [a, 5, ~]", "texts", ("a", "5", "")),
        ("texts: []", "texts", ()),
        ("pairs: {a: 5, b: ~, 1: c}", "pairs", {"a": "5", "b": "", "1": "c"}),
        ("block: here", "block", Titled(title="here")),
        ("block: {title: here, bold: no}", "block", Titled(title="here", bold=False)),
        ("blocks: [a, {title: b}]", "blocks", (Titled(title="a"), Titled(title="b"))),
        ("anything: {y: [1, 1.5, 17:00, ~]}", "anything", {True: [1, 1.5, "17:00", None]}),
    ],
)
def test_values_are_read(text: str, field: str, value: object) -> None:
    assert getattr(read(text), field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("flag", False),
        ("maybe", None),
        ("whole", 0),
        ("count", 0),
        ("part", 0.0),
        ("wait", 0),
        ("limit", 0),
        ("expiry", 0),
        ("url", ""),
        ("secret", Secret()),
        ("hook", SecretUrl()),
        ("host", HostPort()),
        ("texts", ("default",)),
        ("texts_or_none", None),
        ("pairs", {"default": "x"}),
        ("block", Titled()),
        ("block_or_none", None),
        ("anything", None),
    ],
)
def test_null_is_the_zero_value_and_not_the_default(field: str, value: object) -> None:
    assert getattr(read(f"{field}: ~"), field) == value
    assert getattr(read(f"{field}:"), field) == value
    assert getattr(read("{}"), field) != value or field in {"texts", "pairs", "block"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text: [a]", "cannot unmarshal !!seq into string"),
        ("text: {a: b}", "cannot unmarshal !!map into string"),
        ("flag: 'true'", "cannot unmarshal !!str `true` into bool"),
        ("flag: 1", "cannot unmarshal !!int `1` into bool"),
        ("flag: absolutely!", "cannot unmarshal !!str `absolut...` into bool"),
        ("whole: '5'", "cannot unmarshal !!str `5` into int64"),
        ("whole: 9223372036854775808", "cannot unmarshal !!int `9223372...` into int64"),
        ("whole: yes", "cannot unmarshal !!bool `yes` into int64"),
        ("whole: .inf", "cannot unmarshal !!float `.inf` into int64"),
        ("count: -1", "cannot unmarshal !!int `-1` into uint64"),
        ("part: half", "cannot unmarshal !!str `half` into float64"),
        ("wait: 30", 'not a valid duration string: "30"'),
        ("wait: 1.5h", 'unknown unit "." in duration "1.5h"'),
        ("wait: ''", "empty duration string"),
        ("limit: 1d", "cannot unmarshal !!str `1d` into time.Duration"),
        ("limit: '10'", "cannot unmarshal !!str `10` into time.Duration"),
        ("expiry: 30", 'time: missing unit in duration "30"'),
        ("expiry: 1d", 'time: unknown unit "d" in duration "1d"'),
        ("url: ''", 'unsupported scheme "" for URL'),
        ("url: http://", "missing host for URL"),
        ("host: x", "address x: missing port in address"),
        ("texts: a", "cannot unmarshal !!str `a` into []string"),
        ("texts: {a: b}", "cannot unmarshal !!map into []string"),
        ("pairs: [a]", "cannot unmarshal !!seq into map[string]string"),
        ("pairs: {a: b, a: c}", 'key "a" already set in map'),
        ("block_or_none: [a]", "cannot unmarshal !!seq into config.plain"),
        ("txt: a", "field txt not found in type config.plain"),
        ("{text: a, text: b}", "field text already set in type config.plain"),
    ],
)
def test_values_are_refused_in_alertmanagers_words(text: str, message: str) -> None:
    assert refusal(text) == message


def test_models_can_be_made_from_plain_values() -> None:
    made = Everything.model_validate(
        {
            "text": "a",
            "flag": False,
            "wait": SECOND,
            "secret": "s",
            "url": "http://x",
            "texts": ["a"],
            "host": "a:1",
        }
    )
    assert (made.text, made.flag, made.wait, made.texts) == ("a", False, SECOND, ("a",))
    assert made.secret.reveal() == "s"
    assert made.host == HostPort("a", "1")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("hunter2")
    assert secret
    assert not Secret()
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert len({secret, Secret("hunter2")}) == 1
    assert secret.reveal() == "hunter2"
    model = Everything(secret=secret, hook=SecretUrl("https://hunter2"))
    for shown in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{[secret]}",
        repr(model),
        str(model),
        str(model.model_dump()),
    ):
        assert "hunter2" not in shown
    assert str(secret) == "<secret>"
    assert str(Secret()) == ""


def test_a_wrong_secret_is_not_in_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        read("hook: hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        read("secret: {hunter2: hunter2}")
    assert "hunter2" not in str(caught.value)


def test_a_variable_of_the_environment_is_put_in_its_place() -> None:
    decoding = Decoding(environ={"A": "x", "B_2": "y", "EMPTY": ""})
    for text, value in {
        "${A}": "x",
        "${A}${B_2}": "xy",
        "-${A}-": "-x-",
        "$${A}": "${A}",
        "$A": "$A",
        "${}": "${}",
        "${1}": "${1}",
        "${EMPTY}": "",
    }.items():
        assert read(f"secret: '{text}'", decoding).secret.reveal() == value
        assert read(f"text: '{text}'", decoding).text == text


def test_the_document_order_decides_what_a_merge_key_overrides() -> None:
    """Compat: YAML would have the explicit key win in both."""
    assert read("anything: &a {text: merged}\ntext: own\n<<: *a").text == "merged"
    assert read("anything: &a {text: merged}\n<<: *a\ntext: own").text == "own"
    assert read("anything: [&a {text: a}, &b {text: b}]\n<<: [*a, *b]").text == "a"


@pytest.mark.parametrize(
    "url",
    ["http://x", "https://user:pw@x:80/a?b#c", "http://:80", "http://[::1]:8/", "http://x/%20", "http://ü/"],
)
def test_good_urls(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("x", 'unsupported scheme "" for URL'),
        ("/x", 'unsupported scheme "" for URL'),
        ("mailto:x", 'unsupported scheme "mailto" for URL'),
        ("http:x", "missing host for URL"),
        ("http:///x", "missing host for URL"),
        ("http://x/%zz", 'parse "http://x/%zz": invalid URL escape "%zz"'),
        ("http://x/%2", 'parse "http://x/%2": invalid URL escape "%2"'),
        ("http://a b", 'parse "http://a b": invalid character " " in host name'),
        ("http://[::1", "parse \"http://[::1\": missing ']' in host"),
        ("http://x:y", 'parse "http://x:y": invalid port ":y" after host'),
        ("1:x", 'parse "1:x": first path segment in URL cannot contain colon'),
        (":x", 'parse ":x": missing protocol scheme'),
    ],
)
def test_bad_urls(url: str, message: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        check_url(url)
    assert str(caught.value) == message
