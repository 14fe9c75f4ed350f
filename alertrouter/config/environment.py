"""``${NAME}`` in our own keys and in secrets: the value of an environment variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alertrouter.config.problem import ConfigProblem, did_you_mean

if TYPE_CHECKING:
    from alertrouter.config.model import Decoding

_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(text: str, decoding: Decoding | None) -> str:
    """The text with its variables replaced; ``$${NAME}`` stands for the literal ``${NAME}``.

    ConfigProblem names a variable that is not set.
    """
    if decoding is None or decoding.environ is None or "${" not in text:
        return text
    environ = decoding.environ

    def value(found: re.Match[str]) -> str:
        escaped, name = found.groups()
        if escaped:
            return found[0][1:]
        if name not in environ:
            raise ConfigProblem(
                f"the environment variable {name} is not set",
                hint=did_you_mean(name, environ) or f"set it, or write $${{{name}}} for the text itself",
            )
        return environ[name]

    return _VARIABLE.sub(value, text)
