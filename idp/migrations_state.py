"""Where the database stands among the migrations, and how it is moved forward."""

import io
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from idp import schema
from idp.db import Database


def upgrade(db: Database) -> tuple[str | None, str]:
    """Migrate to the newest revision; return (before, after). Alembic's own transaction: it never shares the
    writer's.
    """
    with db.engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            # Two migrators at once: the second waits here, and then finds nothing to do. SQLite's BEGIN IMMEDIATE does
            # it by itself.
            conn.execute(text("SELECT pg_advisory_xact_lock(4743112)"))
        before = _current(conn)
        _run(conn, "upgrade", "head")
        after = _current(conn)
    return before, after or ""


def downgrade(db: Database, revision: str) -> None:
    """Go back to a revision; for tests and for an operator with a backup."""
    with db.engine.begin() as conn:
        _run(conn, "downgrade", revision)


def trouble(db: Database) -> str | None:
    """What stands between this program and this database, in a sentence; None when they fit (R169)."""
    with db.read() as conn:
        current = _current(conn)
    newest = _scripts().get_current_head()
    if current == newest:
        return None
    if current is None:
        return "The database is empty. Run `idp db upgrade`."
    if current not in {script.revision for script in _scripts().walk_revisions()}:
        return f"The database is newer than this program (revision {current}). Use the program that made it."
    return f"The database is older than this program (revision {current}, not {newest}). Run `idp db upgrade`."


def differences(db: Database) -> list[str]:
    """Where the migrated database and the declared tables differ; empty when they are the same."""
    with db.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        return [str(difference) for difference in compare_metadata(context, schema.metadata)]


def _run(conn: Connection, verb: str, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = conn
    getattr(command, verb)(config, revision)


def _current(conn: Connection) -> str | None:
    return MigrationContext.configure(conn).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    return config


def _folder() -> Path:
    """Inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
