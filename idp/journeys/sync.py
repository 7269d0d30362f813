"""Following the authority's feed: what changed at DEERS reaches the accounts here.

A step reads one page of the feed, asks DEERS for each person of it whom we have, lets `following` do what follows, and at last
moves its place on. Whatever stops it in between, the page is read again and comes to the same. Any number of workers may do this
beside each other.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db
from idp.accounts import accounts, merging, people
from idp.accounts.people import Person
from idp.journeys import following
from idp.journeys.engine import Reservation
from idp.journeys.following import Followed, Overtaken, Record
from idp.journeys.registration import reservation_for
from idp.keyring import Keyring
from idp.ports import Changed, Services

_AT_ONCE = 300
_ONLY_ROW = 1


class SyncPlace(db.Row):
    """How far the feed has been followed. One row, made by the first step."""

    __tablename__ = "deers_sync"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cursor: Mapped[str | None]
    moved_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Step:
    """One page: how many changes it had, what followed, and whether there is more behind it."""

    read: int
    followed: Counter[Followed]
    more: bool


def step(services: Services, *, actor: str) -> Step:
    """Follow one page of the feed. Raises `PortDown`; the place is then where it was."""
    keyring = services.keyring
    cursor = find_cursor(services)
    page = services.directory.list_changes(cursor, most=_AT_ONCE)
    followed: Counter[Followed] = Counter()
    for record in _ours(services, _records(keyring, page.changes)):
        followed.update(look(services, record, actor=actor))
    if page.cursor != cursor:
        services.db.write(lambda conn: _move(conn, was=cursor, becomes=page.cursor))
    return Step(len(page.changes), followed, page.more)


def find_cursor(services: Services) -> str | None:
    """How far the feed has been followed; None at its beginning."""
    with services.db.read() as conn:
        place = db.find(conn, SyncPlace, SyncPlace.id == _ONLY_ROW)
    return None if place is None else place.cursor


def look(services: Services, record: Record, *, actor: str) -> list[Followed]:
    """Ask DEERS for one record, and do what follows here. Raises `PortDown`."""
    while True:
        # Whoever is overtaken asks again: each time somebody else has come through.
        if (done := _look_once(services, record, actor=actor)) is not None:
            return done


def look_at_person(services: Services, person_id: str, *, actor: str) -> list[Followed]:
    """The same for a person of ours, and whoever DEERS made one with them; nothing while none of them has an account. Raises
    `PortDown`.
    """
    with services.db.read() as conn:
        person = db.get(conn, Person, Person.id == person_id)
        head = db.get(conn, Person, Person.id == (person.merged_into or person.id))
        one = merging.list_one(conn, (head.authority_mac,))
        if all(accounts.find_live(conn, each.id) is None for each in one):
            return []
        record = Record(head.authority_mac, people.edipi_of(conn, services.keyring, head.id))
    return look(services, record, actor=actor)


def _look_once(services: Services, record: Record, *, actor: str) -> list[Followed] | None:
    with services.db.read() as conn:
        seen = merging.list_one(conn, (record.mac, *record.former_macs))
    known = services.directory.find(record.edipi)
    try:
        return services.db.write(
            lambda conn: following.follow(conn, services.keyring, record, seen, known, actor=actor)
        )
    except Overtaken:
        return None


def _records(keyring: Keyring, changes: Iterable[Changed]) -> Collection[Record]:
    """What to look at, each record once. One that became part of another within the page is that other one."""
    formers: dict[str, tuple[str, ...]] = {}
    edipis: dict[str, str] = {}
    for change in changes:
        key, former = change.person_key, change.former_key
        held = formers.pop(former, ()) if former is not None else ()
        gone = () if former is None else (*held, former)
        formers[key] = tuple(dict.fromkeys((*formers.get(key, ()), *gone)))
        edipis[key] = change.edipi
    return [
        Record(
            mac=people.authority_mac(keyring, key),
            edipi=edipis[key],
            former_macs=tuple(people.authority_mac(keyring, one) for one in gone),
            reserves=reservation_for(keyring, key),
            former_reserves=tuple(reservation_for(keyring, one) for one in gone),
        )
        for key, gone in formers.items()
    ]


def _ours(services: Services, records: Collection[Record]) -> list[Record]:
    """Those whose person we have, or is just registering. One query."""
    if not records:
        return []
    macs = [mac for record in records for mac in (record.mac, *record.former_macs)]
    reserves = [one for record in records for one in (record.reserves, *record.former_reserves)]
    asked = sa.union_all(
        sa.select(Person.authority_mac).where(Person.authority_mac.in_(macs)),
        sa.select(Reservation.reserves).where(Reservation.reserves.in_(reserves)),
    )
    with services.db.read() as conn:
        ours = set(conn.execute(asked).scalars())
    return [
        record
        for record in records
        if not ours.isdisjoint((record.mac, *record.former_macs, record.reserves, *record.former_reserves))
    ]


def _move(conn: Connection, *, was: str | None, becomes: str | None) -> bool:
    """Go on from where this page began; False when another worker went on from there meanwhile."""
    now = clock.now()
    db.add_unless_taken(conn, SyncPlace(id=_ONLY_ROW, cursor=None, moved_at=now))
    here = sa.update(SyncPlace).where(SyncPlace.id == _ONLY_ROW, SyncPlace.cursor.is_not_distinct_from(was))
    return db.swap(conn, here.values(cursor=becomes, moved_at=now))
