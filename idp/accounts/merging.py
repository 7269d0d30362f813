"""People of ours whom the authority made one: who they are, and which of them stands for the record that stayed.

Two records at the authority can be one human, who may have come here twice. When the records become one, the person of the
record that is no more is noted as merged into the other. Whoever has a live account stands for the record; their own ids stay,
so every client goes on knowing them.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import db
from idp.accounts.people import Person


def list_one(conn: Connection, macs: Collection[str]) -> list[Person]:
    """Everybody whom one of these authority keys (as HMACs) means, and whoever was made one with them, in a lasting order."""
    meant = db.list_rows(conn, Person, Person.authority_mac.in_(macs))
    heads = {person.merged_into or person.id for person in meant}
    if not heads:
        return []
    return db.list_rows(conn, Person, sa.or_(Person.id.in_(heads), Person.merged_into.in_(heads)), order_by=Person.id)


def rekey(conn: Connection, person: Person, mac: str) -> Person:
    """The authority has this person under another key from now on, which is nobody's here; the person as they are then."""
    conn.execute(sa.update(Person).where(Person.id == person.id).values(authority_mac=mac))
    return db.get(conn, Person, Person.id == person.id)


def merge(conn: Connection, gone: Person, into: Person) -> None:
    """Note that the authority made `gone` one with `into`, and so whoever was made one with `gone` before."""
    conn.execute(
        sa.update(Person).where(sa.or_(Person.id == gone.id, Person.merged_into == gone.id)).values(merged_into=into.id)
    )


def put_at_head(conn: Connection, head: Person, other: Person) -> None:
    """Let `other`, who was merged into `head`, stand for the record instead: the two change places, keys and all."""
    conn.execute(sa.update(Person).where(Person.merged_into == head.id).values(merged_into=other.id))
    # A key is one person's at any moment, so the first of them lets go before the other takes it.
    for person, mac, into in (
        (head, f"moving:{head.id}", other.id),
        (other, head.authority_mac, None),
        (head, other.authority_mac, other.id),
    ):
        conn.execute(sa.update(Person).where(Person.id == person.id).values(authority_mac=mac, merged_into=into))
