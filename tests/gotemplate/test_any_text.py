"""Whatever the text, the answer is an output or an error with its place: never a crash, never a hang."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alertrouter.gotemplate import ExecError, Limits, ParseError, TemplateError, go_string, quote, sprintf
from alertrouter.gotemplate.contextual.script import to_json
from alertrouter.gotemplate.quoting import unquote
from alertrouter.gotemplate.utf8 import clean
from tests.gotemplate.model import data_from_json, template_set
from tests.gotemplate.record import DATA
from tests.gotemplate.strategies import any_bytes, broken_templates, templates

_SET = template_set(limits=Limits(seconds=0.5))
_DATA = data_from_json(DATA.read_text())
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def _answer(text: str, mode: str) -> str | TemplateError:
    try:
        return (_SET.html if mode == "html" else _SET.text)(text).render(_DATA)
    except TemplateError as error:
        return error


def _check(text: str, mode: str) -> None:
    answer = _answer(text, mode)
    match answer:
        case str():
            answer.encode()  # what comes out can be sent
        case ParseError():
            assert 0 <= answer.line <= text.count("\n") + 1
            assert answer.message
        case _:
            assert isinstance(answer, ExecError)
            assert answer.message
            assert str(answer).startswith("template: :")


@given(templates, st.sampled_from(["text", "html"]))
def test_a_template_from_the_grammar(text: str, mode: str) -> None:
    _check(text, mode)


@given(broken_templates, st.sampled_from(["text", "html"]))
def test_a_text_made_of_template_pieces(text: str, mode: str) -> None:
    _check(text, mode)


@given(any_bytes, st.sampled_from(["text", "html"]))
def test_any_bytes(text: str, mode: str) -> None:
    _check(text, mode)


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_is_copied(text: str) -> None:
    assert _SET.text(text).render(None) == clean(text)


@given(st.text(alphabet="%[]*.0123456789+-# vdsqxXfgeGcUTtbo", max_size=20), st.lists(_VALUES, max_size=4))
def test_printf_never_fails(text: str, arguments: list[object]) -> None:
    assert isinstance(sprintf(text, arguments), str)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_prints_the_digits_that_identify_it(number: float) -> None:
    assert float(go_string(number)) == number
    assert float(sprintf("%e", [number])) == float(f"{number:e}")
    assert float(to_json(number)) == number


@given(st.floats(-1e5, 1e5), st.integers(0, 12), st.integers(0, 20), st.sampled_from("feEg"))
def test_float_verbs_round_as_c_does(number: float, precision: int, width: int, verb: str) -> None:
    text = f"%{width or ''}.{precision}{verb}"
    assert sprintf(text, [number]) == text % number


@given(st.text())
def test_a_quoted_text_reads_back(text: str) -> None:
    assert unquote(quote(text)) == clean(text)
    assert _SET.text("{{ " + quote(text) + " }}").render(None) == clean(text)


@given(_VALUES)
def test_every_value_prints_and_has_a_truth(value: object) -> None:
    assert _SET.text("{{ if . }}{{ . }}{{ else }}{{ . }}{{ end }}").render({"v": value}) == go_string(
        {"v": value}
    )
