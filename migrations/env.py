"""How Alembic runs the migrations: on the connection that the store hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from alertrouter.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by making a new one.
    render_as_batch=True,
)
context.run_migrations()
