"""Where the rows of an import wait until all are there: temporary tables, which nobody else sees and no crash leaves behind.

They hold what the directory's own tables hold, digests and sealed facts, so they tell no more about anybody than those do.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from idp.directory import people
from idp.directory.reading import Batch, Fault
from idp.directory.tables import DeersChange, DeersPerson
from idp.keyring import Keyring

TWICE = "person: stands on an earlier line too"

_METADATA: Final = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, _METADATA, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text())


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger())


PERSON: Final = _table(
    "import_person",
    _number("person_id"),
    _number("line"),
    sa.Column("is_new", sa.Boolean()),
    _text("key_mac"),
    _text("content_mac"),
    sa.Column("facts_sealed", sa.LargeBinary()),
)
"""Who is new or changed. Those who are as they were do not come here."""

IDENTIFIER: Final = _table(
    "import_identifier",
    _text("mac"),
    _number("person_id"),
    _text("kind"),
    sa.Column("current", sa.Boolean()),
    _number("line"),
)
ADDRESS: Final = _table("import_address", _text("mac"), _number("person_id"), _text("kind"))
RELATION: Final = _table("import_relation", _number("person_id"), _text("sponsor_mac"), _number("line"))
PARTS: Final = (IDENTIFIER, ADDRESS, RELATION)

FAULT: Final = _table("import_fault", _number("line"), _text("reason"), _text("key_mac"), _number("person_id"))
"""The bad lines, of which there may be as many as lines."""

_SQLITE_CACHE = 96  # MiB of the database, and half as many of the temporary tables
_POSTGRESQL_SORT = 64  # MiB


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
        self._next = self.state[0] + 1
        self._met = bytearray(self.state[0] // 8 + 1)
        """One bit for each who was there before: whether they have had their line."""

    def take(self, batch: Batch) -> None:
        """Put a batch here: who is new or changed, and what was wrong."""
        faults = list(batch.faults)
        fresh = []
        known = self._known([one.key_mac for one in batch.people])
        for one in batch.people:
            id_, content = known.get(one.key_mac, (None, None))
            if id_ is not None and self._has_met(id_):
                faults.append(Fault(one.line, TWICE))
            elif content == one.content_mac:
                self.unchanged += 1
            else:
                fresh.append((self._new_id() if id_ is None else id_, id_ is None, one))
        sealed = people.seal_all(self._keyring, [(id_, one.facts) for id_, _, one in fresh])
        self._put(
            PERSON,
            [
                (id_, one.line, is_new, one.key_mac, one.content_mac, facts)
                for (id_, is_new, one), facts in zip(fresh, sealed, strict=True)
            ],
        )
        self._put(
            IDENTIFIER, [(mac, id_, kind, use, one.line) for id_, _, one in fresh for mac, kind, use in one.numbers]
        )
        self._put(ADDRESS, [(mac, id_, kind) for id_, _, one in fresh for mac, kind in one.addresses])
        self._put(RELATION, [(id_, mac, one.line) for id_, _, one in fresh for mac in one.sponsors])
        if faults:
            self._conn.execute(sa.insert(FAULT), [fault._asdict() for fault in faults])
        self.faults += len(faults)

    def _new_id(self) -> int:
        self._next += 1
        return self._next - 1

    def _known(self, macs: list[str]) -> dict[str, tuple[int, str]]:
        if self.state[0] == 0:
            return {}
        among = json.dumps(macs) if self._sqlite else macs
        found = self._conn.exec_driver_sql(_KNOWN[self._conn.dialect.name], (among,))
        return {mac: (id_, content) for mac, id_, content in found}

    def _has_met(self, person_id: int) -> bool:
        """Whether this is the second time; and remember it."""
        place, bit = person_id >> 3, 1 << (person_id & 7)
        met = bool(self._met[place] & bit)
        self._met[place] |= bit
        return met

    def _put(self, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows of digests, numbers and sealed facts, each with a value for every column in its order."""
        if not rows:
            return
        self.rows += len(rows)
        if self._sqlite:
            places = ", ".join("?" * len(table.c))
            self._conn.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({places})", list(rows))  # noqa: S608 - our own words
            return
        driver: Any = self._conn.connection.dbapi_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
            copy.write("".join("\t".join(map(_cell, row)) + "\n" for row in rows))


def state(conn: Connection) -> tuple[int, int]:
    """What is another after every change of the directory: the newest person, and the newest entry of the feed."""
    highest = conn.execute(sa.select(sa.func.max(DeersPerson.id))).scalar_one() or 0
    return highest, conn.execute(sa.select(sa.func.max(DeersChange.seq))).scalar_one() or 0


_KNOWN: Final = {
    "sqlite": "SELECT key_mac, id, content_mac FROM deers_person WHERE key_mac IN (SELECT value FROM json_each(?))",
    "postgresql": "SELECT key_mac, id, content_mac FROM deers_person WHERE key_mac = ANY(%s)",
}
"""One statement however many are asked for; SQLAlchemy would make it anew for each number."""


def _cell(value: str | int | bytes) -> str:
    """As COPY reads it: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". No text here has to be escaped."""
    if isinstance(value, str):
        return value
    return r"\\x" + value.hex() if isinstance(value, bytes) else str(value)
