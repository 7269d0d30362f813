"""Reading people back: by a number for a claim, by EDIPI for an operator."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import db
from idp.directory.records import Facts, Kept, Postal, Record, Relation, read_facts
from idp.directory.tables import (
    AddressKind,
    DeersAddress,
    DeersIdentifier,
    DeersPerson,
    DeersRelation,
    NumberKind,
    email_mac,
    number_mac,
    post_mac,
)
from idp.keyring import Keyring

PLACE = {"table": "deers_person", "column": "facts_sealed"}


@dataclass(frozen=True, repr=False)
class Sealed:
    """A person's facts, still closed."""

    id: int
    facts: bytes


@dataclass(frozen=True, repr=False)
class Family:
    """Somebody at the other end of a relation."""

    relation: Relation
    facts: Facts


@dataclass(frozen=True, repr=False)
class Whole:
    """Everything that the directory holds about one person."""

    row: DeersPerson
    facts: Facts
    numbers: list[DeersIdentifier]
    shared_emails: dict[str, int]
    """For each e-mail address of record: how many other people have it too."""
    shared_postal: dict[Postal, int]
    sponsors: list[Family]
    dependants: list[Family]


def seal(keyring: Keyring, person_id: int, plain: bytes) -> bytes:
    """Close a person's facts, bound to their row (R74)."""
    return keyring.seal(plain, row=str(person_id), **PLACE)


def seal_all(keyring: Keyring, plain: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """The same for many people."""
    return keyring.seal_all([(str(person_id), facts) for person_id, facts in plain], **PLACE)


def unseal(keyring: Keyring, sealed: Sealed) -> Kept:
    """Open a person's facts. Raises `SealBroken`."""
    return read_facts(keyring.unseal(sealed.facts, row=str(sealed.id), **PLACE))


def lock_for_changes(conn: Connection) -> None:
    """One writer of the directory at a time, as on SQLite: two imports of the same file would otherwise both find that a person is
    missing, and entries of the feed would come to light out of their order.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("LOCK TABLE deers_person IN SHARE ROW EXCLUSIVE MODE"))


def list_by_number(conn: Connection, keyring: Keyring, kind: NumberKind, number: str, *, most: int) -> list[Sealed]:
    """The people whom a number leads to, closed; `most` at the most. One query, by index."""
    found = conn.execute(
        sa.select(DeersPerson.id, DeersPerson.facts_sealed)
        .join(DeersIdentifier, DeersIdentifier.person_id == DeersPerson.id)
        .where(DeersIdentifier.mac == number_mac(keyring, kind, number))
        .order_by(DeersPerson.id)
        .limit(most)
    )
    return [Sealed(id_, facts) for id_, facts in found]


def list_unshared(conn: Connection, macs: Collection[bytes]) -> set[bytes]:
    """Of these addresses' HMACs, those that exactly one person has. One query, by index."""
    found = conn.execute(
        sa.select(DeersAddress.mac)
        .where(DeersAddress.mac.in_(macs))
        .group_by(DeersAddress.mac)
        .having(sa.func.count() == 1)
    )
    return set(found.scalars())


def count(conn: Connection) -> int:
    """How many people there are."""
    return conn.execute(sa.select(sa.func.count()).select_from(DeersPerson)).scalar_one()


def find_facts(conn: Connection, keyring: Keyring, edipi: str) -> Facts | None:
    """The facts of the person with this EDIPI, be it a present or a former one. One query, by index."""
    found = list_by_number(conn, keyring, NumberKind.EDIPI, edipi, most=1)
    return unseal(keyring, found[0]) if found else None


def find(conn: Connection, keyring: Keyring, edipi: str) -> Whole | None:
    """The person with this EDIPI, be it a present or a former one."""
    leading = sa.select(DeersIdentifier.person_id).where(
        DeersIdentifier.mac == number_mac(keyring, NumberKind.EDIPI, edipi)
    )
    row = db.find(conn, DeersPerson, DeersPerson.id.in_(leading))
    if row is None:
        return None
    facts = unseal(keyring, Sealed(row.id, row.facts_sealed))
    return Whole(
        row=row,
        facts=facts,
        numbers=db.list_rows(conn, DeersIdentifier, DeersIdentifier.person_id == row.id, order_by=DeersIdentifier.mac),
        shared_emails={
            email.address: _count_others(conn, email_mac(keyring, email.address), row.id) for email in facts.emails
        },
        shared_postal={post: _count_others(conn, post_mac_of(keyring, post), row.id) for post in facts.postal},
        sponsors=_sponsors(conn, keyring, row.id, facts),
        dependants=_dependants(conn, keyring, row.id, facts),
    )


def numbers(record: Record) -> Iterator[tuple[NumberKind, str, bool]]:
    """Every number that leads to a person, and whether it is the one in use."""
    yield NumberKind.EDIPI, record.edipi, True
    for edipi in record.other_edipis:
        yield NumberKind.EDIPI, edipi, False
    if record.ssn is not None:
        yield NumberKind.SSN, record.ssn, True
    if record.dbn is not None:
        yield NumberKind.DBN, record.dbn, True


def address_macs(keyring: Keyring, facts: Facts) -> dict[bytes, AddressKind]:
    """The keyed HMAC of each address of record."""
    return {
        **{email_mac(keyring, email.address): AddressKind.EMAIL for email in facts.emails},
        **{post_mac_of(keyring, post): AddressKind.POST for post in facts.postal},
    }


def post_mac_of(keyring: Keyring, post: Postal) -> bytes:
    """The keyed HMAC of a postal address."""
    return post_mac(keyring, *lines_of(post))


def lines_of(post: Postal) -> tuple[str | None, ...]:
    """What makes a postal address the same as another one."""
    return post.street_address, post.locality, post.region, post.postal_code, post.country


def _count_others(conn: Connection, mac: bytes, person_id: int) -> int:
    statement = (
        sa.select(sa.func.count())
        .select_from(DeersAddress)
        .where(DeersAddress.mac == mac, DeersAddress.person_id != person_id)
    )
    return conn.execute(statement).scalar_one()


def _sponsors(conn: Connection, keyring: Keyring, person_id: int, facts: Facts) -> list[Family]:
    joined = DeersPerson.id == DeersRelation.sponsor_id
    opened = {one.person: one for one in _open(conn, keyring, joined, DeersRelation.person_id == person_id)}
    return [Family(relation, opened[relation.sponsor]) for relation in facts.relations]


def _dependants(conn: Connection, keyring: Keyring, person_id: int, facts: Facts) -> list[Family]:
    joined = DeersPerson.id == DeersRelation.person_id
    opened = _open(conn, keyring, joined, DeersRelation.sponsor_id == person_id)
    return [Family(tie, one) for one in opened for tie in one.relations if tie.sponsor == facts.person]


def _open(
    conn: Connection, keyring: Keyring, joined: sa.ColumnElement[bool], where: sa.ColumnElement[bool]
) -> list[Facts]:
    found = conn.execute(
        sa.select(DeersPerson.id, DeersPerson.facts_sealed)
        .join(DeersRelation, joined)
        .where(where)
        .order_by(DeersPerson.id)
    )
    return [unseal(keyring, Sealed(id_, facts)) for id_, facts in found]
