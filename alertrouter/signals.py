"""What the signals of the system mean to a process that serves: SIGHUP to reload, SIGTERM and SIGINT to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Coroutine


def on_signals(
    reload: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
    stack: contextlib.AsyncExitStack,
) -> None:
    """Act on signals until ``stack`` ends. To be called on the running event loop."""
    loop = asyncio.get_running_loop()
    # The loop itself would let go of them in the middle.
    reloads: set[asyncio.Task[None]] = set()

    def begin() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number, handler in ((signal.SIGHUP, begin), (signal.SIGTERM, stop), (signal.SIGINT, stop)):
        loop.add_signal_handler(number, handler)
        stack.callback(loop.remove_signal_handler, number)
