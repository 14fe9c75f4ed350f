"""What is wrong with an expression."""

from __future__ import annotations


class PromqlError(ValueError):
    """An expression is no PromQL. ``str()`` is Prometheus's message, ``1:7: parse error: unexpected end of input``.

    `position` is the place in the text, as the number of characters before it.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        self.message = message
        self.text = text
        self.position = position
        super().__init__(f"{self._place()}: parse error: {message}")

    def _place(self) -> str:
        if not self.text:
            return "unknown position"
        before = self.text[: self.position]
        # Compat: the column counts bytes.
        in_line = before[before.rfind("\n") + 1 :].encode("utf-8", "replace")
        return f"{before.count(chr(10)) + 1}:{len(in_line) + 1}"

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.text.count("\n", 0, self.position) + 1

    @property
    def column(self) -> int:
        """The column in characters, from 1."""
        return self.position - self.text.rfind("\n", 0, self.position)
