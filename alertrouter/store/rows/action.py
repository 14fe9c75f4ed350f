"""What people did, to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.store.rows.columns import Row, plain

if TYPE_CHECKING:
    from alertrouter.store.history import Action


def action_row(action: Action) -> Row:
    """``actions`` without the number."""
    return (action.at, *map(plain, action[1:]))
