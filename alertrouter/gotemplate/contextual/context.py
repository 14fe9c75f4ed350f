"""Where in an HTML document a template is at some point of its text."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Named(Enum):
    """Members print as their Go names, which error messages show."""

    def __str__(self) -> str:
        return str(self.value)

    __hash__ = object.__hash__  # one instance each; quicker than Enum's own


class State(Named):
    TEXT = "stateText"
    TAG = "stateTag"
    ATTR_NAME = "stateAttrName"
    AFTER_NAME = "stateAfterName"
    BEFORE_VALUE = "stateBeforeValue"
    HTML_COMMENT = "stateHTMLCmt"
    RCDATA = "stateRCDATA"
    ATTR = "stateAttr"
    URL = "stateURL"
    META_CONTENT = "stateMetaContent"
    META_CONTENT_URL = "stateMetaContentURL"
    SRCSET = "stateSrcset"
    JS = "stateJS"
    JS_DOUBLE = "stateJSDqStr"
    JS_SINGLE = "stateJSSqStr"
    JS_TEMPLATE = "stateJSTmplLit"
    JS_REGEXP = "stateJSRegexp"
    JS_BLOCK_COMMENT = "stateJSBlockCmt"
    JS_LINE_COMMENT = "stateJSLineCmt"
    JS_HTML_OPEN_COMMENT = "stateJSHTMLOpenCmt"
    JS_HTML_CLOSE_COMMENT = "stateJSHTMLCloseCmt"
    CSS = "stateCSS"
    CSS_DOUBLE = "stateCSSDqStr"
    CSS_SINGLE = "stateCSSSqStr"
    CSS_DOUBLE_URL = "stateCSSDqURL"
    CSS_SINGLE_URL = "stateCSSSqURL"
    CSS_URL = "stateCSSURL"
    CSS_BLOCK_COMMENT = "stateCSSBlockCmt"
    CSS_LINE_COMMENT = "stateCSSLineCmt"
    DEAD = "stateDead"  # after break or continue


class Delimiter(Named):
    """How the attribute value we are in ends."""

    NONE = "delimNone"
    DOUBLE = "delimDoubleQuote"
    SINGLE = "delimSingleQuote"
    SPACE = "delimSpaceOrTagEnd"


class UrlPart(Named):
    NONE = "urlPartNone"
    PRE_QUERY = "urlPartPreQuery"
    QUERY_OR_FRAGMENT = "urlPartQueryOrFrag"
    UNKNOWN = "urlPartUnknown"


class Slash(Named):
    """What a slash would begin here in a script."""

    REGEXP = "jsCtxRegexp"
    DIVISION = "jsCtxDivOp"
    UNKNOWN = "jsCtxUnknown"


class Attribute(Named):
    NONE = "attrNone"
    SCRIPT = "attrScript"
    SCRIPT_TYPE = "attrScriptType"
    STYLE = "attrStyle"
    URL = "attrURL"
    SRCSET = "attrSrcset"
    META_CONTENT = "attrMetaContent"


class Element(Named):
    NONE = "elementNone"
    SCRIPT = "elementScript"
    STYLE = "elementStyle"
    TEXTAREA = "elementTextarea"
    TITLE = "elementTitle"
    META = "elementMeta"


class Context(NamedTuple):
    state: State = State.TEXT
    delimiter: Delimiter = Delimiter.NONE
    url_part: UrlPart = UrlPart.NONE
    slash: Slash = Slash.REGEXP
    braces: tuple[int, ...] = ()  # open braces inside each `${` of a script's template literal
    attribute: Attribute = Attribute.NONE
    element: Element = Element.NONE

    def __str__(self) -> str:
        depths = "[" + " ".join(map(str, self.braces)) + "]"
        return (
            f"{{{self.state} {self.delimiter} {self.url_part} {self.slash} {depths} "
            f"{self.attribute} {self.element} <nil>}}"
        )


COMMENTS = frozenset(
    {
        State.HTML_COMMENT,
        State.JS_BLOCK_COMMENT,
        State.JS_LINE_COMMENT,
        State.JS_HTML_OPEN_COMMENT,
        State.JS_HTML_CLOSE_COMMENT,
        State.CSS_BLOCK_COMMENT,
        State.CSS_LINE_COMMENT,
    }
)
SCRIPT_LITERALS = frozenset({State.JS_DOUBLE, State.JS_SINGLE, State.JS_TEMPLATE, State.JS_REGEXP})
INSIDE_TAG = frozenset({State.TAG, State.ATTR_NAME, State.AFTER_NAME, State.BEFORE_VALUE, State.ATTR})

VALUE_STATES = {
    Attribute.NONE: State.ATTR,
    Attribute.SCRIPT: State.JS,
    Attribute.SCRIPT_TYPE: State.ATTR,
    Attribute.STYLE: State.CSS,
    Attribute.URL: State.URL,
    Attribute.SRCSET: State.SRCSET,
    Attribute.META_CONTENT: State.META_CONTENT,
}
CONTENT_STATES = {
    Element.NONE: State.TEXT,
    Element.SCRIPT: State.JS,
    Element.STYLE: State.CSS,
    Element.TEXTAREA: State.RCDATA,
    Element.TITLE: State.RCDATA,
    Element.META: State.TEXT,
}


def nudge(context: Context) -> Context:
    """Where a value printed here would stand: inside a tag it becomes an attribute, after `=` an unquoted value."""
    match context.state:
        case State.TAG:
            return context._replace(state=State.ATTR_NAME)
        case State.BEFORE_VALUE:
            return context._replace(
                state=VALUE_STATES[context.attribute], delimiter=Delimiter.SPACE, attribute=Attribute.NONE
            )
        case State.AFTER_NAME:
            return context._replace(state=State.ATTR_NAME, attribute=Attribute.NONE)
        case _:
            return context


def join(first: Context, second: Context) -> Context | None:
    """The one context after two branches, or None when they disagree in more than can be carried on."""
    if first.state is State.DEAD:
        return second
    if second.state is State.DEAD or first == second:
        return first
    if first._replace(url_part=second.url_part) == second:
        return first._replace(url_part=UrlPart.UNKNOWN)
    if first._replace(slash=second.slash) == second:
        return first._replace(slash=Slash.UNKNOWN)
    # `<p title={{ if .C }}{{ . }}{{ end }}` ends inside a value on one side, before it on the other.
    nudged = nudge(first), nudge(second)
    return join(*nudged) if nudged != (first, second) else None
