"""The end of an import: what waits in the temporary tables goes into the directory, or it comes out which lines cannot.

The database's own constraints say whether all of it can go in. Only when they say no are the lines looked for that are to blame.
"""

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from idp import db
from idp.directory import feed, indexes, staging
from idp.directory.reading import Fault
from idp.directory.staging import ADDRESS, FAULT, IDENTIFIER, PERSON, RELATION, Filling, Staging
from idp.directory.tables import PARTS, DeersAddress, DeersIdentifier, DeersPerson, DeersRelation, NumberKind

Progress = Callable[[int], None]
"""Hears how many rows are written."""

_SPONSOR: Final = "relations.sponsor"
_COUNTED: Final = {"preserve_rowcount": True}


class Written(NamedTuple):
    """How many people."""

    added: int
    changed: int


class NobodyThere(Exception):
    """A relation leads to nobody."""


def write(conn: Connection, staged: Staging, now: datetime, *, skip_bad: bool, progress: Progress) -> Written | None:
    """Bring all that waits into the directory. Lines that cannot go in become faults: then nothing is written, or, with
    `skip_bad`, all the others are.
    """
    try:
        with conn.begin_nested():
            return _write(conn, staged, now, progress)
    except (IntegrityError, NobodyThere):
        if _find_faults(conn, cascade=skip_bad) == 0:
            raise
    return _write(conn, staged, now, progress) if skip_bad else None


def fill(conn: Connection, filling: Filling, progress: Progress) -> Written:
    """The rest of a filling. Raises `IntegrityError` and `NobodyThere`, without a word on which lines are to blame."""
    indexes.make_people_again(conn)
    progress(filling.added)
    progress(filling.added + _tie(conn))
    indexes.make_again(conn)
    progress(filling.rows)
    return Written(filling.added, 0)


def faults(conn: Connection, *, most: int | None = None) -> Generator[Fault, None, None]:
    """All of them, or the first, by line."""
    found = conn.execute(
        sa.select(FAULT.c.line, FAULT.c.reason).order_by(FAULT.c.line).limit(most),
        execution_options={"stream_results": most is None},
    )
    with found:
        for line, reason in found:
            yield Fault(line, reason)


def count_faults(conn: Connection) -> int:
    """How many lines are bad."""
    return conn.execute(sa.select(sa.func.count()).select_from(FAULT)).scalar_one()


def _write(conn: Connection, staged: Staging, now: datetime, progress: Progress) -> Written:
    if conn.dialect.name == "postgresql":
        for table in (PERSON, *staging.PARTS):
            conn.exec_driver_sql(f"ANALYZE {table.name}")  # nothing does it for a temporary table
    changed = _change(conn, now)
    columns = [PERSON.c[name] for name in ("person_id", "key_mac", "facts_sealed", "content_mac")]
    new = sa.select(*columns, sa.literal(now, db.Instant())).where(PERSON.c.is_new)
    added = _insert(conn, DeersPerson, new)
    progress(added + changed)
    bare = indexes.worth_taking_off(new=added, before=staged.state[0]) and indexes.may_take_off(conn)
    if bare:
        indexes.take_off(conn)
    _write_parts(conn, added + changed, progress)
    if bare:
        indexes.make_again(conn)
    return Written(added, changed)


def _write_parts(conn: Connection, done: int, progress: Progress) -> None:
    # In the order of their keys the rows are appended side by side; those of people who changed would each land on another page.
    for model, table in ((DeersIdentifier, IDENTIFIER), (DeersAddress, ADDRESS)):
        columns = [table.c[column.name] for column in model.__table__.c]
        done += _insert(conn, model, sa.select(*columns).order_by(table.c.person_id))
        progress(done)
    progress(done + _tie(conn))


def _tie(conn: Connection) -> int:
    """From everybody to their sponsors."""
    sponsor = DeersPerson.key_mac == RELATION.c.sponsor_mac
    ties = sa.select(RELATION.c.person_id, DeersPerson.id).join_from(RELATION, DeersPerson, sponsor)
    tied = _insert(conn, DeersRelation, ties)
    if tied < conn.execute(sa.select(sa.func.count()).select_from(RELATION)).scalar_one():
        raise NobodyThere
    return tied


def _change(conn: Connection, now: datetime) -> int:
    """Who was there before and is another now: the old parts go, and the feed tells of it."""
    known = sa.select(PERSON.c.person_id).where(~PERSON.c.is_new)
    changed = conn.execute(
        sa.update(DeersPerson)
        .where(DeersPerson.id == PERSON.c.person_id, ~PERSON.c.is_new)
        .values(content_mac=PERSON.c.content_mac, facts_sealed=PERSON.c.facts_sealed, changed_at=now)
    ).rowcount
    if changed:
        for part in PARTS:
            conn.execute(sa.delete(part).where(part.__table__.c.person_id.in_(known)))
        feed.note_imported(conn, known)
    return changed


def _insert(conn: Connection, model: type[db.Row], rows: sa.Select[Any]) -> int:
    table = cast("sa.Table", model.__table__)
    statement = sa.insert(table).from_select(list(table.c), rows)
    return conn.execute(statement, execution_options=_COUNTED).rowcount


def _find_faults(conn: Connection, *, cascade: bool) -> int:
    """Take the lines out that are to blame and note why; tell how many. `cascade`: also those that cannot go in without these.

    An earlier line goes before a later one, and who had a number before goes before both, whatever else is wrong with them.
    """
    for table, column in ((PERSON, "key_mac"), (IDENTIFIER, "mac"), (RELATION, "sponsor_mac"), (FAULT, "key_mac")):
        conn.exec_driver_sql(f"CREATE INDEX ix_{table.name}_{column} ON {table.name} ({column})")
    for table in (PERSON, *staging.PARTS):
        conn.exec_driver_sql(f"CREATE INDEX ix_{table.name}_person_id ON {table.name} (person_id)")
    found = sum(_take_out(conn, blamed) for blamed in (_twice(), _number_of_another(), _number_of_an_earlier_line()))
    if not cascade:
        return found + _take_out(conn, _without_sponsor(cascade=False))
    while more := _take_out(conn, _without_sponsor(cascade=True)) + _take_out(conn, _number_of_another()):
        found += more
    return found


def _take_out(conn: Connection, blamed: sa.Select[Any]) -> int:
    """Note faults, given as line, reason, the person's key and row, and take their lines out of what waits."""
    found = conn.execute(sa.insert(FAULT).from_select(list(FAULT.c), blamed), execution_options=_COUNTED).rowcount
    if found:
        taken = sa.select(FAULT.c.person_id).where(FAULT.c.person_id.is_not(None))
        for table in (PERSON, *staging.PARTS):
            conn.execute(sa.delete(table).where(table.c.person_id.in_(taken)))
    return found


def _twice() -> sa.Select[Any]:
    earlier = PERSON.alias()
    return sa.select(PERSON.c.line, sa.literal(staging.TWICE), PERSON.c.key_mac, PERSON.c.person_id).where(
        sa.exists().where(earlier.c.key_mac == PERSON.c.key_mac, earlier.c.line < PERSON.c.line)
    )


def _number_of_another() -> sa.Select[Any]:
    """A number of somebody who stays as they are, or who changes and keeps it."""
    kept, changing = IDENTIFIER.alias(), PERSON.alias()
    keeps = sa.exists().where(kept.c.mac == DeersIdentifier.mac, kept.c.person_id == DeersIdentifier.person_id)
    changes = sa.exists().where(changing.c.person_id == DeersIdentifier.person_id)
    held = sa.select(IDENTIFIER.c.kind, IDENTIFIER.c.person_id).join(
        DeersIdentifier, DeersIdentifier.mac == IDENTIFIER.c.mac
    )
    return _by_kind(
        held.where(_LEADS_TO_ONE, DeersIdentifier.person_id != IDENTIFIER.c.person_id, sa.or_(keeps, sa.not_(changes))),
        "somebody else has this number",
    )


def _number_of_an_earlier_line() -> sa.Select[Any]:
    same, theirs = IDENTIFIER.alias(), PERSON.alias()
    earlier = sa.exists().where(
        same.c.mac == IDENTIFIER.c.mac, theirs.c.person_id == same.c.person_id, theirs.c.line < PERSON.c.line
    )
    return _by_kind(
        sa.select(IDENTIFIER.c.kind, IDENTIFIER.c.person_id)
        .join(PERSON, PERSON.c.person_id == IDENTIFIER.c.person_id)
        .where(_LEADS_TO_ONE, earlier),
        "somebody on an earlier line has this number",
    )


_LEADS_TO_ONE: Final = IDENTIFIER.c.kind != NumberKind.SSN.value


def _by_kind(numbers: sa.Select[Any], what: str) -> sa.Select[Any]:
    """One fault a line, with every kind of number that it is about."""
    found = numbers.distinct().subquery()
    both = "; ".join(f"{kind}: {what}" for kind in (NumberKind.EDIPI, NumberKind.DBN))
    reason = sa.case((sa.func.count() == 2, both), else_=sa.func.min(found.c.kind) + f": {what}")
    return (
        sa.select(PERSON.c.line, reason, PERSON.c.key_mac, PERSON.c.person_id)
        .join_from(found, PERSON, PERSON.c.person_id == found.c.person_id)
        .group_by(PERSON.c.line, PERSON.c.key_mac, PERSON.c.person_id)
    )


def _without_sponsor(*, cascade: bool) -> sa.Select[Any]:
    waiting = PERSON.alias()
    skipped = sa.exists().where(FAULT.c.key_mac == RELATION.c.sponsor_mac)
    reason = sa.case((skipped, f"{_SPONSOR}: the sponsor's own line is bad"), else_=f"{_SPONSOR}: nobody has this key")
    nobody = (
        sa.not_(sa.exists().where(DeersPerson.key_mac == RELATION.c.sponsor_mac)),
        sa.not_(sa.exists().where(waiting.c.key_mac == RELATION.c.sponsor_mac)),
    )
    return (
        sa.select(PERSON.c.line, sa.func.min(reason), PERSON.c.key_mac, PERSON.c.person_id)
        .join_from(RELATION, PERSON, PERSON.c.person_id == RELATION.c.person_id)
        .where(*nobody, *(() if cascade else (sa.not_(skipped),)))
        .group_by(PERSON.c.line, PERSON.c.key_mac, PERSON.c.person_id)
    )
