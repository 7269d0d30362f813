"""The database: what a table looks like, how it is read, and the one way to write.

Every write goes through `Database.write(fn)`: `fn(conn)` decides on row counts, may be run again, and holds no
transaction over argon2 or a socket. Returning commits (a `Refused` too); raising rolls back. On SQLite one writer
thread per process gathers what is waiting into one durable commit, each piece in a savepoint; on PostgreSQL each is a
transaction of its own.
"""

import contextlib
import contextvars
import functools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect, Engine, MetaData, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, class_mapper
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R", bound="Row")

_GATHERED = 64  # pieces of work in one SQLite commit at the most
_BUSY_FOR = 5_000  # milliseconds that SQLite waits for another process's write
_TRIES = 6  # of one PostgreSQL transaction that lost a race
_READ_ONLY = "25006"  # read_only_sql_transaction
_LOST_RACE = {"40001", "40P01"}  # serialization_failure, deadlock_detected


class Unavailable(Exception):
    """The database cannot be read or written now (busy, full, read-only, gone). Nothing was done; trying later may
    help.
    """


class Instant(TypeDecorator[datetime]):
    """A moment, always in UTC, on both databases."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite keeps text without a zone: give it UTC, so that text order is time order."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Aware, in UTC, whatever the database's own zone is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(DeclarativeBase):
    """Base of every table. An instance is a plain record: it is never attached to a session and never writes itself."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text(),
        bytes: sa.LargeBinary(),
        datetime: Instant(),
        int: sa.BigInteger(),
        dict[str, Any]: sa.JSON(),
        list[str]: sa.JSON(),
    }

    def __init__(self, **values: Any) -> None:
        """With the values of its columns, put where SQLAlchemy reads them: its own way notes for each what changed, for a session
        that is not there, and takes as long as the INSERT.
        """
        vars(self).update(values)


def find(conn: Connection, model: type[R], *where: sa.ColumnElement[bool]) -> R | None:
    """The one row that fits, or None."""
    found = conn.execute(sa.select(model.__table__).where(*where)).one_or_none()
    return None if found is None else record_of(model, found)


def find_by(conn: Connection, model: type[R], column: InstrumentedAttribute[Any], value: object) -> R | None:
    """The one row with this value in this column, or None; quicker than `find`, for what every sign-in or token looks up."""
    found = conn.execute(_by(model, column), {"which": value}).one_or_none()
    return None if found is None else record_of(model, found)


@functools.cache
def _by(model: type[Row], column: InstrumentedAttribute[Any]) -> sa.Select[Any]:
    """Made once for each column: to make a statement anew costs more than to run it."""
    return sa.select(model.__table__).where(column == sa.bindparam("which"))


def get(conn: Connection, model: type[R], *where: sa.ColumnElement[bool]) -> R:
    """The one row that must be there: a miss is a bug."""
    return record_of(model, conn.execute(sa.select(model.__table__).where(*where)).one())


def list_rows(
    conn: Connection,
    model: type[R],
    *where: sa.ColumnElement[bool],
    order_by: Any = None,
    limit: int | None = None,
) -> list[R]:
    """Every row that fits, in the order asked for."""
    statement = sa.select(model.__table__).where(*where).limit(limit)
    if order_by is not None:
        statement = statement.order_by(order_by)
    return [record_of(model, found) for found in conn.execute(statement)]


def record_of(model: type[R], found: sa.Row[Any]) -> R:
    """One row of a `select(model.__table__)`, as a record; only to be looked at, so that it needs nothing of SQLAlchemy's own."""
    record = model.__new__(model)
    vars(record).update(zip(_names(model), found, strict=True))
    return record


@functools.cache
def _names(model: type[Row]) -> tuple[str, ...]:
    class_mapper(model)  # makes the attributes readable, which else the first constructor would do
    return tuple(model.__table__.columns.keys())


def add(conn: Connection, row: Row) -> None:
    """Insert a record. A broken constraint is a fault here; where losing a race is ordinary, use `add_unless_taken`."""
    conn.execute(_insert_into(type(row)), _values(row))


@functools.cache
def _insert_into(model: type[Row]) -> sa.Insert:
    """One statement for each table, made once: to make it anew costs more than to run it."""
    return sa.insert(cast("sa.Table", model.__table__))


def add_unless_taken(conn: Connection, row: Row) -> bool:
    """Insert a record unless a unique value in it is taken; tell whether it went in. This spends one-time things by
    INSERT.
    """
    statement = upsert(conn, type(row)).values(_values(row)).on_conflict_do_nothing()
    # SQLAlchemy forgets an INSERT's row count on PostgreSQL unless it is told to keep it.
    return conn.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def upsert(conn: Connection, model: type[Row]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, in this database's dialect."""
    return upsert_for(conn.dialect.name, model)


def upsert_for(dialect: str, model: type[Row]) -> sqlite.Insert | postgresql.Insert:
    """The same for a statement that is made once for each dialect."""
    return postgresql.insert(model) if dialect == "postgresql" else sqlite.insert(model)


def swap(conn: Connection, statement: sa.Update | sa.Delete) -> bool:
    """Run one conditional UPDATE or DELETE and tell whether it hit exactly one row: the only way a one-time thing is
    spent.
    """
    return conn.execute(statement).rowcount == 1


def _values(row: Row) -> dict[str, Any]:
    return {key: value for key, value in vars(row).items() if not key.startswith("_sa_")}


@dataclass(slots=True)
class _Work:
    """One `fn` on its way to the SQLite writer, with the context variables of who asked."""

    fn: Callable[[Connection], Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    done: Future[Any] = field(default_factory=Future)


class Database:
    """One database, SQLite or PostgreSQL, for any number of threads of one process."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        """`url` is SQLAlchemy's: `sqlite:////path/file.db` or `postgresql://…` (psycopg 3 is filled in)."""
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": pool_size, "pool_timeout": 10}
        if self.is_sqlite:
            # Every transaction ends before its connection goes back; the pool need not roll back once more.
            self._readers = _sqlite_engine(parsed, "BEGIN", query_only=True, pool_reset_on_return=None, **pool)
            self._writer = _sqlite_engine(
                parsed, "BEGIN IMMEDIATE", query_only=False, pool_size=1, max_overflow=1, pool_reset_on_return=None
            )
        else:
            self._writer = sa.create_engine(parsed, pool_pre_ping=True, **pool)
            self._readers = self._writer.execution_options(postgresql_readonly=True)
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def engine(self) -> Engine:
        """For migrations and bulk loads, which keep their own transactions."""
        return self._writer

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state and cannot write."""
        with _faults(), self._readers.connect() as conn:
            yield conn

    def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn(conn)` in a durable transaction and return what it returned. Raises `Unavailable` when nothing
        could be written.
        """
        return self._write_sqlite(fn) if self.is_sqlite else self._write_postgresql(fn)

    def write_prepared(
        self, prepare: Callable[[Connection], P], fn: Callable[[Connection, P], T], *, waiting: bool
    ) -> T:
        """For a load of minutes: `prepare(conn)` reads, and writes to temporary tables alone; then `fn(conn, prepared)` is a
        durable write of its own. Each runs once. On SQLite nobody waits for the first, so what it read may be out of date
        when the second begins, unless others are kept `waiting` from the start. On PostgreSQL both are one transaction.
        SQLite follows no foreign keys in it, which takes as long as to write: `fn` must not need that.
        """
        with _faults(), self._writer.connect() as conn:
            conn.detach()  # closed in the end, with its temporary tables, and not given to anybody else
            raw: Any = conn.connection.dbapi_connection
            if self.is_sqlite:
                raw.execute("PRAGMA foreign_keys=OFF")
            if self.is_sqlite and not waiting:
                conn.execution_options(begin="BEGIN")
                with conn.begin():
                    prepared = prepare(conn)
                conn.execution_options(begin="BEGIN IMMEDIATE")
                with conn.begin():
                    result = fn(conn, prepared)
            else:
                with conn.begin():
                    result = fn(conn, prepare(conn))
            if self.is_sqlite:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log grew as large as the load
            return result

    def close(self) -> None:
        """Finish the writer and every pooled connection."""
        with self._starting:
            if self._thread is not None:
                self._queue.put(None)
                self._thread.join()
                self._thread = None
        self._writer.dispose()
        self._readers.dispose()

    def _write_postgresql(self, fn: Callable[[Connection], T]) -> T:
        with _faults():
            for _ in range(_TRIES - 1):
                try:
                    with self._writer.begin() as conn:
                        return fn(conn)
                except DBAPIError as lost:
                    if getattr(lost.orig, "sqlstate", None) not in _LOST_RACE:
                        raise
            with self._writer.begin() as conn:
                return fn(conn)

    def _write_sqlite(self, fn: Callable[[Connection], T]) -> T:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
                    self._thread.start()
        work = _Work(fn)
        self._queue.put(work)
        with _faults():
            result: T = work.done.result()
        return result

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            gathered = [first]
            stop = False
            while len(gathered) < _GATHERED and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    stop = True
                    break
                gathered.append(following)
            self._commit(gathered)
            if stop:
                return

    def _commit(self, gathered: list[_Work]) -> None:
        """One durable commit for all that was gathered. Nobody is answered before it is on the disk."""
        answers: list[tuple[_Work, Any, BaseException | None]] = []
        try:
            with self._writer.begin() as conn:
                answers.extend(_in_savepoint(conn, work) for work in gathered)
        except BaseException as fault:  # noqa: BLE001 - whatever it was, every caller waits for an answer
            for work in gathered:
                work.done.set_exception(fault)
            return
        for work, result, fault_of_one in answers:
            if fault_of_one is None:
                work.done.set_result(result)
            else:
                work.done.set_exception(fault_of_one)


def _in_savepoint(conn: Connection, work: _Work) -> tuple[_Work, Any, BaseException | None]:
    raw: Any = conn.connection.dbapi_connection  # these three words need nothing of what SQLAlchemy does around one
    raw.execute("SAVEPOINT piece")
    try:
        result = work.context.run(work.fn, conn)
    except BaseException as fault:  # noqa: BLE001 - one piece's fault is its caller's, not the others'
        raw.execute("ROLLBACK TO piece")
        raw.execute("RELEASE piece")
        return work, None, fault
    raw.execute("RELEASE piece")
    return work, result, None


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """An outage is told apart from a bug, and the driver's text (it may hold values) stays inside."""
    try:
        yield
    except OperationalError as outage:
        raise Unavailable(type(outage.orig).__name__) from outage
    except InternalError as outage:
        # A PostgreSQL server that only reads, as a standby does, says so in this way.
        if getattr(outage.orig, "sqlstate", None) != _READ_ONLY:
            raise
        raise Unavailable(type(outage.orig).__name__) from outage
    except sa.exc.TimeoutError as outage:
        raise Unavailable("no connection was free") from outage


def _use_wal(raw: sqlite3.Connection) -> None:
    """Switch the file to WAL, which it then stays in. SQLite does not wait for its turn at that (R170): so we do."""
    for _ in range(_BUSY_FOR // 50):
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as busy:
            if busy.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.05)
        else:
            return
    raw.execute("PRAGMA journal_mode=WAL")


def _sqlite_engine(url: sa.URL, begin: str, *, query_only: bool, **pool: Any) -> Engine:
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_FOR / 1000, "check_same_thread": False}, **pool)

    @event.listens_for(engine, "connect")
    def set_up(raw: Any, _record: Any) -> None:
        # The driver's own transaction handling opens none for a SELECT and a deferred one for a write, which then fails
        # at once with "locked" (R170): we say BEGIN ourselves.
        raw.isolation_level = None
        raw.execute(f"PRAGMA busy_timeout={_BUSY_FOR}")
        _use_wal(raw)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            raw.execute(f"PRAGMA {pragma}")
        if query_only:
            raw.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin_ourselves(conn: Connection) -> None:
        if not query_only:
            conn.exec_driver_sql(
                conn.get_execution_options().get("begin", begin)
            )  # it may have to wait for another process, in vain
            return
        raw: Any = conn.connection.dbapi_connection
        raw.execute(begin)

    return engine
