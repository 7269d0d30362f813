"""How Alembic meets the database: always on the connection that the caller gives, in the caller's transaction."""

from alembic import context
from sqlalchemy import Connection, text

from idp import schema

connection: Connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # A migration that waits for a lock stops every query behind it: give up soon, and try at a quieter time.
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
context.configure(
    connection=connection,
    target_metadata=schema.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
