"""People whom a claim cannot be matched to until somebody mends the authority's record: the directory's own list of cases."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from idp.directory import people
from idp.directory.people import Sealed
from idp.directory.tables import DeersIdentifier, DeersPerson
from idp.keyring import Keyring

_AT_ONCE = 1_000


class Why(StrEnum):
    """What has to be mended, and so who can."""

    CONFLICT = "conflict"
    """The authority itself is not sure that the person's numbers belong to one person."""
    SHARED_SSN = "shared_ssn"
    """Somebody else has the same SSN on file."""


@dataclass(frozen=True, repr=False)
class Doubt:
    """One person's case. `person` is the authority's key, by which the record is found in its own files."""

    person: str
    edipi: str
    why: tuple[Why, ...]
    conflict_since: date | None


def list_doubts(
    conn: Connection, keyring: Keyring, progress: Callable[[int], None] = lambda _done: None
) -> Iterator[Doubt]:
    """Every case, in the order of the import. Each record is opened, since a conflict is sealed too. Raises `SealBroken`."""
    shared = set(conn.execute(_sharing()).scalars())
    done, last = 0, 0
    while batch := [Sealed(id_, facts) for id_, facts in conn.execute(_after(last))]:
        for sealed in batch:
            facts = people.unseal(keyring, sealed)
            why = [Why.CONFLICT] if facts.conflict_since is not None else []
            why += [Why.SHARED_SSN] if sealed.id in shared else []
            if why:
                yield Doubt(facts.person, facts.edipi, tuple(why), facts.conflict_since)
        last = batch[-1].id
        done += len(batch)
        progress(done)


def _sharing() -> sa.Select[int]:
    """Who has an SSN that somebody else has too."""
    of_several = (
        sa.select(DeersIdentifier.mac)
        .where(DeersIdentifier.sharer != 0)
        .group_by(DeersIdentifier.mac)
        .having(sa.func.count() > 1)
    )
    return sa.select(DeersIdentifier.person_id).where(DeersIdentifier.mac.in_(of_several))


def _after(last: int) -> sa.Select[int, bytes]:
    return (
        sa.select(DeersPerson.id, DeersPerson.facts_sealed)
        .where(DeersPerson.id > last)
        .order_by(DeersPerson.id)
        .limit(_AT_ONCE)
    )
