"""The directory's feed: whose record changed, in the order in which it did. `idp.journeys.sync` follows it.

An entry tells that a person changed, never how: whoever reads it asks for the record as it is now. So an entry that is read
twice, or late, does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import clock
from idp.db import Instant
from idp.directory import people
from idp.directory.tables import DeersChange, DeersPerson
from idp.keyring import Keyring
from idp.ports import Changed, Changes

IMPORTED = "import"
"""The kind of an entry that an import made: the file said how a person is, and not what happened to them."""

KEPT_FOR = timedelta(days=400)
"""How long entries are kept: who follows the feed must come by more often, and a change is known again for as long."""

_PLACE = {"table": "deers_change", "column": "former_key_sealed"}


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """What is to be written: the person's row, the kind, and for a change of a file its HMAC and the key that is no more."""

    person_id: int
    kind: str
    change_mac: bytes | None = None
    former_key: str | None = None


def note(conn: Connection, keyring: Keyring, entries: Sequence[Entry]) -> None:
    """Write entries behind the last one. The caller holds `people.lock_for_changes`."""
    if not entries:
        return
    now = clock.now()
    last = conn.execute(sa.select(sa.func.max(DeersChange.seq))).scalar_one() or 0
    rows = [
        {
            "seq": seq,
            "person_id": entry.person_id,
            "kind": entry.kind,
            "change_mac": entry.change_mac,
            "former_key_sealed": None
            if entry.former_key is None
            else keyring.seal(entry.former_key.encode("ascii"), row=str(seq), **_PLACE),
            "at": now,
        }
        for seq, entry in enumerate(entries, start=last + 1)
    ]
    conn.execute(sa.insert(DeersChange), rows)


def move_merges(conn: Connection, *, gone: int, into: int) -> None:
    """Where a record becomes part of another one that had itself taken one up: let the entry of that tell of the last one, or
    whoever has the first key never hears where it went. The caller holds `people.lock_for_changes`.
    """
    conn.execute(
        sa.update(DeersChange)
        .where(DeersChange.person_id == gone, DeersChange.former_key_sealed.is_not(None))
        .values(person_id=into)
    )


def note_imported(conn: Connection, person_ids: sa.Select[Any]) -> None:
    """Write an entry for each of these people, whom an import changed, in the order of their ids. The caller holds the lock."""
    last = conn.execute(sa.select(sa.func.max(DeersChange.seq))).scalar_one() or 0
    ids = person_ids.subquery()
    (id_,) = ids.c
    entries = sa.select(
        sa.func.row_number().over(order_by=id_) + last, id_, sa.literal(IMPORTED), sa.literal(clock.now(), Instant())
    )
    columns = [DeersChange.seq, DeersChange.person_id, DeersChange.kind, DeersChange.at]
    conn.execute(sa.insert(DeersChange).from_select(columns, entries))


def read(conn: Connection, keyring: Keyring, after: str | None, *, most: int) -> Changes:
    """`most` entries at the most behind the cursor. Raises `ValueError` for one that was never given out, and `SealBroken`."""
    seq = _seq(after)
    found: Sequence[Any] = conn.execute(
        sa.select(
            DeersChange.seq, DeersChange.kind, DeersChange.former_key_sealed, DeersPerson.id, DeersPerson.facts_sealed
        )
        .outerjoin(DeersPerson, DeersPerson.id == DeersChange.person_id)
        .where(DeersChange.seq > seq)
        .order_by(DeersChange.seq)
        .limit(most + 1)
    ).all()
    changes = []
    for number, kind, former, person_id, facts_sealed in found[:most]:
        if person_id is None:
            continue  # the record became part of another one later on, and that entry tells of it
        facts = people.unseal(keyring, people.Sealed(person_id, facts_sealed))
        former_key = None if former is None else keyring.unseal(former, row=str(number), **_PLACE).decode("ascii")
        changes.append(Changed(facts.person, facts.edipi, kind, former_key))
    cursor = str(found[:most][-1].seq) if found else after
    return Changes(tuple(changes), cursor, more=len(found) > most)


def sweep(conn: Connection) -> int:
    """Delete entries that were kept long enough; tell how many. The last one stays, so that no number comes twice."""
    last = sa.select(sa.func.max(DeersChange.seq)).scalar_subquery()
    old = sa.delete(DeersChange).where(DeersChange.at <= clock.now() - KEPT_FOR, DeersChange.seq < last)
    return conn.execute(old).rowcount


def _seq(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise ValueError("not a cursor of this feed")
    return int(cursor)
