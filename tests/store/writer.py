"""Run by `test_kill.py`: writes through the journal without end and says on standard output what was acknowledged."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from alertrouter.engine.changes import Changes, StoredState
from alertrouter.store import Store
from tests.store.values import NOW, StillClock, alert, entry, fired, group, journal, silence, silenced


async def poster(opened: object, name: str) -> None:
    for number in count():
        item = f"{name}-{number}"
        changes = fired(alert(item), at=NOW + number)
        match number % 3:
            case 0:
                changes.groups.append(group(item))
            case 1:
                changes.entries.append(entry(item))
            case 2:
                changes.silences += silenced(silence(item)).silences
        assert isinstance(changes, Changes)
        await opened.write(changes)  # type: ignore[attr-defined]
        sys.stdout.write(f"{item}\n")
        sys.stdout.flush()


async def main(directory: str) -> None:
    store = Store.open(directory, StillClock())
    async with journal(store, StoredState) as opened:
        await asyncio.gather(*[poster(opened, f"poster{number}") for number in range(8)])


asyncio.run(main(sys.argv[1]))
