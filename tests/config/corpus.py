"""The files of the corpus: texts in `files/*.txt`, each after a line ``##### name``.

``(+route)`` at the end of a name adds the route and the receiver that every file needs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "files"
VERDICTS = CORPUS / "verdicts.json"

_ROUTE = "route: {receiver: r}\nreceivers: [{name: r}]\n"


class Case(NamedTuple):
    name: str
    text: str


@cache
def cases() -> list[Case]:
    found = []
    for file in sorted(CORPUS.glob("*.txt")):
        for part in file.read_text().split("##### ")[1:]:
            title, _, text = part.partition("\n")
            name = title.removesuffix(" (+route)")
            text += _ROUTE if name != title else ""
            found.append(Case(f"{file.stem}: {name}", text))
    return found
