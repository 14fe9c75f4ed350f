"""Templates are noted while the models are made, so that each can be checked with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.config.inline_template import FoundTemplate
from alertrouter.templating.marker import marked
from alertrouter.templating.mode import Mode

if TYPE_CHECKING:
    from alertrouter.config.model import Decoding
    from alertrouter.config.node import Scalar


def note_template(
    node: Scalar, text: str, decoding: Decoding | None, *, mode: Mode = Mode.TEXT, is_secret: bool = False
) -> str:
    """The text in the language of its tag, noted as a template of the file."""
    rendered = marked(text, node.tag)
    # Nothing else can be an action, in either language.
    if decoding is not None and "{" in text:
        decoding.templates.append(FoundTemplate(node, rendered, mode, is_secret, len(rendered) - len(text)))
    return rendered
