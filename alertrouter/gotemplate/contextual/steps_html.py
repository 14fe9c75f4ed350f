"""Steps through HTML: text, tags, attributes, comments."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.contextual.attributes import Holds, what_holds
from alertrouter.gotemplate.contextual.context import (
    CONTENT_STATES,
    VALUE_STATES,
    Attribute,
    Context,
    Delimiter,
    Element,
    State,
)
from alertrouter.gotemplate.contextual.steps import Step, StructureError, short, skip_space
from alertrouter.gotemplate.quoting import quote

_TAG_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9]|[:-](?=[a-zA-Z0-9]))*")
_ATTRIBUTE_NAME_END = re.compile(r"""[ \t\n\f\r=>'"<]""")
ELEMENTS: Final = {
    "script": Element.SCRIPT,
    "style": Element.STYLE,
    "textarea": Element.TEXTAREA,
    "title": Element.TITLE,
    "meta": Element.META,
}
_ATTRIBUTES: Final = {
    Holds.URL: Attribute.URL,
    Holds.STYLE: Attribute.STYLE,
    Holds.SCRIPT: Attribute.SCRIPT,
    Holds.SRCSET: Attribute.SRCSET,
}


def text(context: Context, text: str, start: int, stop: int) -> Step:
    position = start
    while True:
        opening = text.find("<", position, stop)
        if opening < 0 or opening + 1 == stop:
            return context, stop
        if text.startswith("<!--", opening, stop):
            return Context(state=State.HTML_COMMENT), opening + 4
        position = opening + 1
        closes = text[position] == "/"
        if closes:
            position += 1
            if position == stop:
                return context, stop
        if match := _TAG_NAME.match(text, position, stop):
            element = Element.NONE if closes else ELEMENTS.get(match[0].lower(), Element.NONE)
            return Context(state=State.TAG, element=element), match.end()


def _attribute_name_end(text: str, start: int, stop: int, shown: int) -> int:
    match = _ATTRIBUTE_NAME_END.search(text, start, stop)
    if match is None:
        return stop
    if match[0] in "'\"<":
        raise StructureError(f"{quote(match[0])} in attribute name: {short(text[shown:stop])}")
    return match.start()


def tag(context: Context, text: str, start: int, stop: int) -> Step:
    position = skip_space(text, start, stop)
    if position == stop:
        return context, stop
    if text[position] == ">":
        element = Element.NONE if context.element is Element.META else context.element
        return Context(state=CONTENT_STATES[context.element], element=element), position + 1
    end = _attribute_name_end(text, position, stop, start)
    if end == position:
        raise StructureError(
            f"expected space, attr name, or end of tag, but got {quote(text[position:stop])}"
        )
    name = text[position:end].lower()
    if context.element is Element.SCRIPT and name == "type":
        attribute = Attribute.SCRIPT_TYPE
    elif context.element is Element.META and name == "content":
        attribute = Attribute.META_CONTENT
    else:
        attribute = _ATTRIBUTES.get(what_holds(name), Attribute.NONE)
    state = State.ATTR_NAME if end == stop else State.AFTER_NAME
    return Context(state=state, element=context.element, attribute=attribute), end


def in_attribute_name(context: Context, text: str, start: int, stop: int) -> Step:
    end = _attribute_name_end(text, start, stop, start)
    return (context if end == stop else context._replace(state=State.AFTER_NAME)), end


def after_name(context: Context, text: str, start: int, stop: int) -> Step:
    position = skip_space(text, start, stop)
    if position == stop:
        return context, stop
    if text[position] != "=":
        return context._replace(state=State.TAG), position
    return context._replace(state=State.BEFORE_VALUE), position + 1


def before_value(context: Context, text: str, start: int, stop: int) -> Step:
    position = skip_space(text, start, stop)
    if position == stop:
        return context, stop
    delimiter = {'"': Delimiter.DOUBLE, "'": Delimiter.SINGLE}.get(text[position], Delimiter.SPACE)
    if delimiter is not Delimiter.SPACE:
        position += 1
    return context._replace(state=VALUE_STATES[context.attribute], delimiter=delimiter), position


def html_comment(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find("-->", start, stop)
    return (context, stop) if closing < 0 else (Context(), closing + 3)


def stay(context: Context, text: str, start: int, stop: int) -> Step:  # noqa: ARG001  # a step like the others
    return context, stop


_META_URL = re.compile("url=", re.IGNORECASE)


def meta_content(context: Context, text: str, start: int, stop: int) -> Step:
    match = _META_URL.search(text, start, stop)
    return (context._replace(state=State.META_CONTENT_URL), match.end()) if match else (context, stop)


def meta_content_url(context: Context, text: str, start: int, stop: int) -> Step:
    closing = text.find(";", start, stop)
    return (context, stop) if closing < 0 else (context._replace(state=State.META_CONTENT), closing + 1)
