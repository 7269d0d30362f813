"""The indexes and constraints of people and their parts, taken off while a directory is filled and made again at once behind it.

To sort all rows once takes a third of the time that it takes to find the place of each. It pays while most rows are new; and since
PostgreSQL lets nobody read meanwhile, it is done only where there were fewer people before than come now.
"""

from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy import Connection

from idp.directory.tables import PARTS, DeersPerson

_FEW = 2_000  # people, for whom it is not worth the while
_POSTGRESQL_SORT = 128  # MiB
_PEOPLE: Final = cast("sa.Table", DeersPerson.__table__)
_TABLES: Final = [cast("sa.Table", part.__table__) for part in PARTS]


def worth_taking_off(*, new: int, before: int) -> bool:
    """Whether so many `new` people are better brought in without them, where so many were there `before`."""
    return new >= max(before, _FEW)


def take_off(conn: Connection, *, people: bool = False) -> None:
    """Those of a person's parts, until `make_again` in the same transaction. Nobody else reads or writes these tables meanwhile.
    `people`: also what people are found by, until `make_people_again`.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{_POSTGRESQL_SORT}MB'")
        # All at once, people first as every query has them: who reads now is waited for, and nobody for each other.
        names = ", ".join(table.name for table in (_PEOPLE, *_TABLES))
        conn.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        for constraint in reversed(_constraints()):
            conn.execute(sa.schema.DropConstraint(constraint))
    for index in (*_indexes(*_TABLES), *(_indexes(_PEOPLE) if people else ())):
        conn.execute(sa.schema.DropIndex(index))


def make_people_again(conn: Connection) -> None:
    """Raises `IntegrityError` where two have the same key."""
    for index in _indexes(_PEOPLE):
        conn.execute(sa.schema.CreateIndex(index))


def make_again(conn: Connection) -> None:
    """Raises `IntegrityError` for rows that break them."""
    for index in _indexes(*_TABLES):
        conn.execute(sa.schema.CreateIndex(index))
    if conn.dialect.name == "postgresql":
        for constraint in _constraints():
            conn.execute(sa.schema.AddConstraint(constraint, isolate_from_table=False))


def may_take_off(conn: Connection) -> bool:
    """PostgreSQL lets only a table's owner do it; where the tables belong to somebody else, each row finds its place by itself."""
    if conn.dialect.name != "postgresql":
        return True
    owned = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY(%s::regclass[])"
    return bool(conn.exec_driver_sql(owned, ([table.name for table in (_PEOPLE, *_TABLES)],)).scalar_one())


def _indexes(*tables: sa.Table) -> list[sa.Index]:
    return [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]


def _constraints() -> list[sa.Constraint]:
    """The primary keys, and then what leads from them to people."""
    return [
        *(table.primary_key for table in _TABLES),
        *(key for table in _TABLES for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))),
    ]
