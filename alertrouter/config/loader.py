"""The road from a file's text to a `Configuration`: read every block, check them together, compile."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.config.check import check_blocks
from alertrouter.config.compile import compile_blocks
from alertrouter.config.configuration import Configuration
from alertrouter.config.document import read_document
from alertrouter.config.file_reader import FileReader
from alertrouter.config.globbing import matching_files
from alertrouter.config.model import Decoding
from alertrouter.config.problem import ConfigError, Problem
from alertrouter.config.reader import Reader
from alertrouter.core.matcher_syntax import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping


def load(
    path: Path, *, mode: Mode = Mode.FALLBACK, environ: Mapping[str, str] | None = os.environ
) -> Configuration:
    """Read a configuration file. ConfigError holds every problem in it.

    ``environ`` is where ``${NAME}`` in secrets and in our own keys comes from; None leaves such text alone.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Problem(file=str(path), message=message)]) from None
    return load_text(text, file=str(path), directory=path.parent, mode=mode, environ=environ)


def load_text(
    text: str | bytes,
    *,
    file: str = "alertmanager.yml",
    directory: Path = Path(),
    mode: Mode = Mode.FALLBACK,
    environ: Mapping[str, str] | None = os.environ,
) -> Configuration:
    """Like `load`, from the text itself; ``file`` names it in messages, relative paths start at ``directory``."""
    decoding = Decoding(environ=environ, mode=mode)
    raw = text.encode() if isinstance(text, str) else text
    reader = Reader(file, decoding, raw.decode("utf-8", "replace").split("\n"))
    blocks = FileReader(reader, decoding, directory).read(read_document(text, file))
    if blocks is not None:
        check_blocks(blocks, reader)
    if blocks is None or reader.problems:
        raise ConfigError(_in_order(reader.problems))
    return Configuration(
        blocks=blocks,
        routing=compile_blocks(blocks),
        hash=int.from_bytes(hashlib.md5(raw, usedforsecurity=False).digest()[:6], "little"),
        template_files=[found for glob in blocks.templates for found in matching_files(glob)],
        inline_templates=reader.templates,
        warnings=_in_order(reader.warnings),
    )


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column))
