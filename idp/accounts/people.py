"""People, known by our own random id and found again by the authority's key; and the subject ids that stand for them
outside.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring


class Person(db.Row):
    """A human as DEERS knows them. Which one is kept as keyed HMACs and a sealed EDIPI; SSN, name and birth date are
    not kept.
    """

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(primary_key=True)
    authority_mac: Mapped[str] = mapped_column(unique=True)
    edipi_mac: Mapped[str] = mapped_column(index=True)
    edipi_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    merged_into: Mapped[str | None] = mapped_column(index=True)
    """The person of ours with whom the authority says that this is one; NULL for who stands for a record themself."""
    looks: Mapped[int] = mapped_column(server_default=sa.text("0"))
    """Counts how often the authority was asked what follows for this person, so that of two who asked the later one decides."""


class Subject(db.Row):
    """One random id that `sub` is derived from. A person has one current; a displaced account's dies with it."""

    __tablename__ = "subject"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index(
            "uq_subject_current",
            "person_id",
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        ),
    )


def authority_mac(keyring: Keyring, person_key: str) -> str:
    """The look-up value of the authority's key for a person."""
    return keyring.mac("person:authority", person_key)


def find_person(conn: Connection, keyring: Keyring, person_key: str) -> Person | None:
    """The person whom the authority calls `person_key`, if they have been here before."""
    return db.find(conn, Person, Person.authority_mac == authority_mac(keyring, person_key))


def ensure_person(conn: Connection, keyring: Keyring, *, person_key: str, edipi: str) -> Person:
    """The person, made at their first activation. A changed EDIPI changes their row, never their id."""
    id_ = crypto.new_id()
    made = db.add_unless_taken(
        conn,
        Person(
            id=id_,
            authority_mac=authority_mac(keyring, person_key),
            edipi_mac=keyring.mac("person:edipi", edipi),
            edipi_sealed=keyring.seal(edipi.encode("ascii"), table="person", column="edipi_sealed", row=id_),
            created_at=clock.now(),
            merged_into=None,
            looks=0,
        ),
    )
    person = db.get(conn, Person, Person.authority_mac == authority_mac(keyring, person_key))
    if not made:
        renumber(conn, keyring, person, edipi)
    return person


def renumber(conn: Connection, keyring: Keyring, person: Person, edipi: str) -> bool:
    """Note the person's present EDIPI; False if it is known already."""
    mac = keyring.mac("person:edipi", edipi)
    if person.edipi_mac == mac:
        return False
    sealed = keyring.seal(edipi.encode("ascii"), table="person", column="edipi_sealed", row=person.id)
    conn.execute(sa.update(Person).where(Person.id == person.id).values(edipi_mac=mac, edipi_sealed=sealed))
    return True


def edipi_of(conn: Connection, keyring: Keyring, person_id: str) -> str:
    """The person's EDIPI in clear, as last matched: what DEERS is asked by."""
    person = db.get(conn, Person, Person.id == person_id)
    return keyring.unseal(person.edipi_sealed, table="person", column="edipi_sealed", row=person.id).decode("ascii")


def find_subject(conn: Connection, person_id: str) -> Subject | None:
    """The person's current subject id."""
    return db.find(conn, Subject, Subject.person_id == person_id, Subject.retired_at.is_(None))


def renew_subject(conn: Connection, person_id: str) -> Subject:
    """Retire the current subject id, if any, and make a new one: nobody who saw the old `sub` can tell that it is
    this person.
    """
    now = clock.now()
    conn.execute(
        sa.update(Subject).where(Subject.person_id == person_id, Subject.retired_at.is_(None)).values(retired_at=now)
    )
    subject = Subject(id=crypto.new_id(), person_id=person_id, created_at=now, retired_at=None)
    db.add(conn, subject)
    return subject
