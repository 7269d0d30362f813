"""Where the rows of an import wait until all are there: temporary tables, which nobody else sees and no crash leaves behind.

They hold what the directory's own tables hold, digests and sealed facts, so they tell no more about anybody than those do. The
first file of all passes most of them by.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from idp.db import Instant
from idp.directory import indexes, people
from idp.directory.reading import Batch, Fault
from idp.directory.rows import Rows
from idp.directory.tables import DeersAddress, DeersChange, DeersIdentifier, DeersPerson, sharer
from idp.keyring import SHORT, Keyring

TWICE = "person: stands on an earlier line too"

_Row = tuple[Any, ...]

_METADATA: Final = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, _METADATA, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text())


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary())


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger())


PERSON: Final = _table(
    "import_person",
    _number("person_id"),
    _number("line"),
    sa.Column("is_new", sa.Boolean()),
    _bytes("key_mac"),
    _bytes("content_mac"),
    _bytes("facts_sealed"),
)
"""Who is new or changed. Those who are as they were do not come here."""

IDENTIFIER: Final = _table(
    "import_identifier",
    _number("person_id"),
    _bytes("mac"),
    _text("kind"),
    sa.Column("current", sa.Boolean()),
    _number("sharer"),
)
ADDRESS: Final = _table("import_address", _number("person_id"), _bytes("mac"), _text("kind"))
RELATION: Final = _table("import_relation", _number("person_id"), _bytes("sponsor_mac"))
PARTS: Final = (IDENTIFIER, ADDRESS, RELATION)

FAULT: Final = _table("import_fault", _number("line"), _text("reason"), _bytes("key_mac"), _number("person_id"))
"""The bad lines, of which there may be as many as lines."""

_PEOPLE, _IDENTIFIERS, _ADDRESSES = (
    cast("sa.Table", model.__table__) for model in (DeersPerson, DeersIdentifier, DeersAddress)
)

_SQLITE_CACHE = 128  # MiB of the database, and half as many of the temporary tables
_POSTGRESQL_SORT = 64  # MiB


EMPTY: Final = (0, 0)
"""The `state` of a directory that nobody was ever in."""


class Staging:
    """The temporary tables of one import, on the connection that it is made on."""

    def __init__(self, conn: Connection, keyring: Keyring) -> None:
        """Make the tables, and let the database take some memory for what is to come."""
        self._sqlite = conn.dialect.name == "sqlite"
        if self._sqlite:
            conn.exec_driver_sql(f"PRAGMA main.cache_size = -{_SQLITE_CACHE * 1024}")
            conn.exec_driver_sql(f"PRAGMA temp.cache_size = -{_SQLITE_CACHE * 512}")
        else:
            conn.exec_driver_sql(f"SET LOCAL work_mem = '{_POSTGRESQL_SORT}MB'")
        _METADATA.create_all(conn, checkfirst=False)
        self.state = state(conn)
        """The directory as it is while rows are put here: by it they are new or not."""
        self.unchanged = 0
        self.faults = 0
        self.rows = 0
        self._conn = conn
        self._keyring = keyring
        self._met = bytearray(self.state[0] // 8 + 1)
        """One bit for each who was there before: whether they have had their line."""

    def take(self, batch: Batch) -> None:
        """Put a batch here: who is new or changed, and what was wrong."""
        rows, faults = batch.rows, list(batch.faults)
        if known := self._known([key_mac for _, _, key_mac, _, _ in rows.people]):
            rows = self._settle(rows, known, faults)
        highest, sealed = self.state[0], self._seal(rows)
        self._put(
            PERSON,
            [
                (id_, line, id_ > highest, key_mac, content_mac, facts)
                for (id_, line, key_mac, content_mac, _), facts in zip(rows.people, sealed, strict=True)
            ],
        )
        self._put(IDENTIFIER, rows.numbers)
        self._put(ADDRESS, rows.addresses)
        self._put(RELATION, rows.sponsors)
        self._note(faults)

    def _seal(self, rows: Rows) -> list[bytes]:
        return people.seal_all(self._keyring, [(id_, facts) for id_, _, _, _, facts in rows.people])

    def _note(self, faults: list[Fault]) -> None:
        if faults:
            self._conn.execute(sa.insert(FAULT), [fault._asdict() for fault in faults])
        self.faults += len(faults)

    def _settle(self, rows: Rows, known: dict[bytes, tuple[int, bytes]], faults: list[Fault]) -> Rows:
        """Of those who are known, keep who changed, under their own id."""
        ids: dict[int, int] = {}
        kept = Rows()
        for id_, line, key_mac, content_mac, facts in rows.people:
            own, content = known.get(key_mac, (id_, None))
            if content is not None and self._has_met(own):
                faults.append(Fault(line, TWICE))
            elif content == content_mac:
                self.unchanged += 1
            else:
                ids[id_] = own
                kept.people.append((own, line, key_mac, content_mac, facts))
        kept.numbers = [
            (ids[id_], mac, kind, current, sharer(kind, ids[id_]))
            for id_, mac, kind, current, _ in rows.numbers
            if id_ in ids
        ]
        kept.addresses = [(ids[id_], mac, kind) for id_, mac, kind in rows.addresses if id_ in ids]
        kept.sponsors = [(ids[id_], mac) for id_, mac in rows.sponsors if id_ in ids]
        return kept

    def _known(self, macs: list[bytes]) -> dict[bytes, tuple[int, bytes]]:
        if self.state[0] == 0:
            return {}
        among: tuple[object, ...] = (macs,)
        if self._sqlite:
            among = (b"".join(macs), SHORT, json.dumps(list(range(1, SHORT * len(macs), SHORT))))
        found = self._conn.exec_driver_sql(_KNOWN[self._conn.dialect.name], among)
        return {mac: (id_, content) for mac, id_, content in found}

    def _has_met(self, person_id: int) -> bool:
        """Whether this is the second time; and remember it."""
        place, bit = person_id >> 3, 1 << (person_id & 7)
        met = bool(self._met[place] & bit)
        self._met[place] |= bit
        return met

    def _put(self, table: sa.Table, rows: Sequence[_Row]) -> None:
        """Add rows of digests, numbers and sealed facts, each with a value for every column in its order."""
        if not rows:
            return
        self.rows += len(rows)
        (_insert if self._sqlite else _copy)(self._conn, table, rows)


class Filling(Staging):
    """The same for the first file of all. Its people, with their numbers and addresses, go into the directory's own tables at once,
    since nobody can be there before them; only what ties them to sponsors waits until all are there.
    """

    def __init__(self, conn: Connection, keyring: Keyring, now: datetime) -> None:
        """`now`: when all of them changed."""
        super().__init__(conn, keyring)
        indexes.take_off(conn, people=True)
        as_stored = Instant().dialect_impl(conn.dialect).bind_processor(conn.dialect)
        self._now = now if as_stored is None else as_stored(now)
        self.added = 0

    def take(self, batch: Batch) -> None:
        """Put a batch where it belongs. Whether somebody stands there twice, the indexes tell in the end."""
        rows = batch.rows
        sealed = self._seal(rows)
        self._put(
            _PEOPLE,
            [
                (id_, key_mac, facts, content_mac, self._now)
                for (id_, _, key_mac, content_mac, _), facts in zip(rows.people, sealed, strict=True)
            ],
        )
        self._put(_IDENTIFIERS, rows.numbers)
        self._put(_ADDRESSES, rows.addresses)
        self._put(RELATION, rows.sponsors)
        self._note(batch.faults)
        self.added += len(rows.people)


def state(conn: Connection) -> tuple[int, int]:
    """What is another after every change of the directory: the newest person, and the newest entry of the feed."""
    highest = conn.execute(sa.select(sa.func.max(DeersPerson.id))).scalar_one() or 0
    return highest, conn.execute(sa.select(sa.func.max(DeersChange.seq))).scalar_one() or 0


_KNOWN: Final = {
    "sqlite": (
        "SELECT key_mac, id, content_mac FROM deers_person"
        " WHERE key_mac IN (SELECT substr(?, value, ?) FROM json_each(?))"  # JSON can hold places, but no bytes
    ),
    "postgresql": "SELECT key_mac, id, content_mac FROM deers_person WHERE key_mac = ANY(%s)",
}
"""One statement however many are asked for; SQLAlchemy would make it anew for each number."""


_ROWS_AT_ONCE = 100

_PLAIN: Final[Mapping[type[Any], Callable[[Any], object]]] = {sa.LargeBinary: bytearray, sa.Boolean: int}
"""What SQLite's driver takes as it is. For `bytes` and `bool` it looks for an adapter, each time anew, and that takes twice as long
as to insert the row: https://docs.python.org/3/library/sqlite3.html#how-to-adapt-custom-python-types-to-sqlite-values.
"""


def _insert(conn: Connection, table: sa.Table, rows: Sequence[_Row]) -> None:
    """Many rows by one statement: to begin and end one for each takes as long as to write it."""
    width = len(table.c)
    places = f"({', '.join('?' * width)})"
    one = f"INSERT INTO {_columns(table)} VALUES {places}"  # noqa: S608 - our own words
    many = one + f", {places}" * (_ROWS_AT_ONCE - 1)
    values = list(chain.from_iterable(_plain(table, rows)))
    last = len(values) - len(values) % (_ROWS_AT_ONCE * width)
    for start in range(0, last, _ROWS_AT_ONCE * width):
        conn.exec_driver_sql(many, tuple(values[start : start + _ROWS_AT_ONCE * width]))
    if rest := list(zip(*[iter(values[last:])] * width, strict=True)):
        conn.exec_driver_sql(one, rest)


def _copy(conn: Connection, table: sa.Table, rows: Sequence[_Row]) -> None:
    """By COPY in its binary format, for which facts need not become hexadecimal digits and back:
    https://www.psycopg.org/psycopg3/docs/basic/copy.html#binary-copy.
    """
    driver: Any = conn.connection.dbapi_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {_columns(table)} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([column.type.compile(conn.dialect).lower() for column in table.c])
            for row in rows:
                copy.write_row(row)
    except psycopg.IntegrityError as broken:
        raise IntegrityError("COPY", None, broken) from broken


def _columns(table: sa.Table) -> str:
    return f"{table.name} ({', '.join(column.name for column in table.c)})"


def _plain(table: sa.Table, rows: Sequence[_Row]) -> Iterator[_Row]:
    """Column by column, since that needs no step of Python's for each row."""
    columns: list[Iterable[object]] = []
    for column, values in zip(table.c, zip(*rows, strict=True), strict=True):
        plain = _PLAIN.get(type(column.type))
        columns.append(values if plain is None else map(plain, values))
    return zip(*columns, strict=True)
