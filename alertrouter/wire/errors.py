"""What is wrong with a request body, in the words and numbers that Alertmanager's clients know."""

from __future__ import annotations


class SchemaError(ValueError):
    """The body has not the form it should have: nothing of it is taken in.

    ``status`` is the HTTP status, ``code`` the number inside the answer's object (`api-and-cli.md` 4.4).
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @classmethod
    def unreadable(cls, what: str, why: str) -> SchemaError:
        """The body, one of ``alerts`` or ``silence``, cannot be read as what it should be."""
        return cls(400, 400, f'parsing {what} body from "" failed, because {why}')

    @classmethod
    def required(cls, what: str) -> SchemaError:
        """Something that must be there is missing, or null."""
        return cls(422, 602, f"{what} in body is required")
