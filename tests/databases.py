"""A database for each test: a file that is copied, or a PostgreSQL database that is emptied and filled again."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import scalar_row
from psycopg.sql import SQL, Identifier

_MEMORY = Path("/dev/shm")
_ENOUGH = 512 * 1024 * 1024

_SHAPE = """
SELECT md5(string_agg(part, chr(10) ORDER BY part)) FROM (
    SELECT concat_ws(' ', 'column', attrelid::regclass, attnum, attname, atttypid, attnotnull, attisdropped)
        FROM pg_attribute WHERE attnum > 0 AND attrelid IN
            (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, convalidated)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgname, tgenabled)
        FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, prosrc)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'schema', nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT concat_ws(' ', 'setting', setdatabase, setrole, setconfig) FROM pg_db_role_setting
) AS parts(part)
"""
"""One word for everything in a database but its rows."""


def fast_folder() -> Path:
    """A new folder in memory where there is enough of it, else in the temporary directory: each commit of SQLite waits
    for its disk.
    """
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH
    return Path(tempfile.mkdtemp(prefix="guidon-test-", dir=_MEMORY if in_memory else None))


def administer(server: str, statement: str) -> None:
    """Run one statement that stands outside every transaction."""
    with psycopg.connect(_plain(server), autocommit=True) as conn:
        conn.execute(statement.encode("utf-8"))


def create(server: str, name: str, template: str = "template1") -> str:
    """A new database beside the others; its URL."""
    administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


class Pool:
    """Copies of one PostgreSQL database. To put the rows back takes a tenth of what it takes to copy it once more."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._numbers = itertools.count()
        self._free: list[str] = []
        with self._connect(template) as conn:
            self._tables, self._rows, self._counters = _contents(conn)
            self._shape = _shape(conn)

    def take(self) -> str:
        """The URL of a database that is as the template is, and nobody else's."""
        if self._free:
            return self._free.pop()
        return create(self._server, f"test_{os.getpid()}_{next(self._numbers)}", self._template)

    def give_back(self, url: str) -> None:
        """Make it what it was. One in which more than rows has changed is thrown away."""
        name = str(sa.make_url(url).database)
        with self._connect(name) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            fits = _shape(conn) == self._shape
            if fits:
                self._refill(conn)
        if fits:
            self._free.append(url)
        else:
            administer(self._server, f'DROP DATABASE "{name}" WITH (FORCE)')

    def _refill(self, conn: "psycopg.Connection[Any]") -> None:
        with conn.transaction(), conn.cursor() as cursor:
            # Neither the order of the tables nor what forbids a change of the audit log matters to a copy.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(SQL("; ").join(SQL("DELETE FROM {}").format(Identifier(table)) for table in self._tables))
            for table, rows in self._rows.items():
                with cursor.copy(SQL("COPY {} FROM STDIN (FORMAT binary)").format(Identifier(table))) as copy:
                    copy.write(rows)
            for counter, (last, called) in self._counters.items():
                cursor.execute("SELECT setval(quote_ident(%s)::regclass, %s, %s)", (counter, last, called))

    def _connect(self, name: str) -> "psycopg.Connection[Any]":
        url = sa.make_url(self._server).set(database=name).render_as_string(hide_password=False)
        return psycopg.connect(_plain(url), autocommit=True, row_factory=scalar_row)


def _contents(conn: "psycopg.Connection[Any]") -> tuple[list[str], dict[str, bytes], dict[str, tuple[int, bool]]]:
    """Every table; the rows of those that have any; and where the counters stand."""
    named = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = %s"
    tables, rows, counters = conn.execute(named, ("r",)).fetchall(), {}, {}
    for table in tables:
        if conn.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone():
            with conn.cursor().copy(SQL("COPY {} TO STDOUT (FORMAT binary)").format(Identifier(table))) as copy:
                rows[table] = b"".join(bytes(part) for part in copy)
    for counter in conn.execute(named, ("S",)).fetchall():
        stands = SQL("SELECT ARRAY[last_value, is_called::int] FROM {}").format(Identifier(counter))
        last, called = conn.execute(stands).fetchone() or (1, 0)
        counters[counter] = (last, bool(called))
    return tables, rows, counters


def _shape(conn: "psycopg.Connection[Any]") -> object:
    return conn.execute(_SHAPE).fetchone()


def _plain(url: str) -> str:
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
