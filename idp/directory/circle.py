"""The people whom a batch of changes may touch: read at once, changed in memory, written at once.

Changes of one batch may touch the same person, so each rule sees what the ones before it did. Numbers other than EDIPIs cannot be
read back from a record, so their rows are only added, and moved when two records become one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import InstrumentedAttribute

from idp import clock, db
from idp.directory import people
from idp.directory.changes import Birth, Change, Divorce, EdipiChange, Marriage, Merge
from idp.directory.happenings import Happened
from idp.directory.records import Kept, Record, facts_of
from idp.directory.tables import (
    PARTS,
    DeersAddress,
    DeersIdentifier,
    DeersPerson,
    DeersRelation,
    NumberKind,
    number_mac,
    person_mac,
)
from idp.keyring import Keyring

CHANGED = b"changed"
"""What stands for the digest of a person's line once a change was applied: no line has it, so the next import of them counts."""

_AT_ONCE = 1_000  # values in one statement
_OF_ONE_RECORD = frozenset({"address", "name", "edipi", "identity_conflict", "conflict_resolved"})
"""Kinds for which the family need not be looked at."""

_Rows = Mapping[Any, dict[str, Any]]
"""For each row that follows from a person's facts what tells it from the others, and its further columns."""


@dataclass(slots=True)
class Held:
    """One person of the circle: the row's id, the facts as they lie in the database (None: not there yet) and as they are now."""

    id: int
    before: Kept | None
    now: Kept


@dataclass(slots=True)
class Batch:
    """A `happenings.Circle` over the database. `fetch` before the rules, `take` after each, `write` at the end."""

    conn: Connection
    keyring: Keyring
    today: date
    people: dict[str, Held] = field(default_factory=dict)
    ties: dict[str, dict[str, None]] = field(default_factory=dict)
    """For each sponsor the keys of those who have a tie to them."""
    taken: set[bytes] = field(default_factory=set)
    """HMACs of the numbers, among those of this batch, that lead to somebody."""
    added: dict[str, Record] = field(default_factory=dict)
    merged: dict[str, Held] = field(default_factory=dict)
    """Records that are no more, by key."""
    into: list[tuple[int, int]] = field(default_factory=list)
    """For each of them, in order: its id, and the id of the one that took it up."""
    next: int = 0

    def find(self, key: str) -> Kept | None:
        """The person with this key, if there is one."""
        held = self.people.get(key)
        return None if held is None else held.now

    def dependants(self, key: str) -> list[Kept]:
        """Everybody who has, or had, a tie to this sponsor."""
        tied = (self.people[one].now for one in self.ties.get(key, ()) if one in self.people)
        return [facts for facts in tied if any(tie.sponsor == key for tie in facts.relations)]

    def is_taken(self, kind: NumberKind, number: str) -> bool:
        """Whether the number leads to anybody. Only for numbers that stand in a change."""
        return number_mac(self.keyring, kind, number) in self.taken

    def fetch(self, changes: Sequence[Change]) -> None:
        """Read everybody whom these changes may touch, and which of their numbers are taken. Raises `SealBroken`."""
        self.next = max(self.next, (self.conn.execute(sa.select(sa.func.max(DeersPerson.id))).scalar_one() or 0) + 1)
        self._read_keys({key for change in changes for key in _keys(change)})
        central = {key for change in changes if change.kind not in _OF_ONE_RECORD for key in _keys(change)}
        ids = [self.people[key].id for key in central if key in self.people]
        tied: set[int] = set()
        for some in _pieces(ids):
            found = sa.select(DeersRelation.person_id).where(DeersRelation.sponsor_id.in_(some))
            tied.update(self.conn.execute(found).scalars())
        # Not by a join: PostgreSQL may take it for one that is best made by reading everybody.
        family = self._read(DeersPerson.id, sorted(tied))
        near = [self.people[key].now for key in {*central, *family} if key in self.people]
        self._read_keys({tie.sponsor for one in near for tie in one.relations})
        macs = {number_mac(self.keyring, kind, number) for change in changes for kind, number in _new_numbers(change)}
        for some in _pieces(sorted(macs)):
            leading = sa.select(DeersIdentifier.mac).where(DeersIdentifier.mac.in_(some))
            self.taken.update(self.conn.execute(leading).scalars())

    def take(self, happened: Happened) -> list[int]:
        """Let it be so; the ids of those whose record changed, the first one first."""
        if happened.added is not None:
            record = happened.added
            self.added[record.person] = record
            self.taken.update(number_mac(self.keyring, kind, number) for kind, number, _ in people.numbers(record))
            self.people[record.person] = Held(self.next, None, happened.changed[0])
            self.next += 1
        ids: list[int] = []
        for facts in happened.changed:
            held = self.people[facts.person]
            if not ids and facts.edipi != held.now.edipi:
                self.taken.add(number_mac(self.keyring, NumberKind.EDIPI, facts.edipi))
            held.now = facts
            self._tie(facts)
            ids.append(held.id)
        if happened.former is not None:
            gone = self.people.pop(happened.former)
            self.merged[happened.former] = gone
            self.into.append((gone.id, ids[0]))
        return ids

    def forget_unchanged(self) -> None:
        """Keep in memory only who is not as the database has them: for a run that does not write."""
        self.people = {key: held for key, held in self.people.items() if held.now is not held.before}

    def write(self) -> None:
        """Write what is different."""
        new = [self.people.get(key) or self.merged[key] for key in self.added]
        self._insert(DeersPerson, [self._row(held, key_mac=person_mac(self.keyring, held.now.person)) for held in new])
        self._insert(
            DeersIdentifier,
            [
                {
                    "mac": number_mac(self.keyring, kind, number),
                    "person_id": held.id,
                    "kind": kind.value,
                    "current": True,
                }
                for held, record in zip(new, self.added.values(), strict=True)
                for kind, number, current in people.numbers(record)
                if kind is not NumberKind.EDIPI
            ],
        )
        for gone, survivor in self.into:
            self._move_numbers(gone, survivor)
        different = [held for held in self.people.values() if held.now is not held.before]
        old = [held for held in different if held.before is not None]
        if old:
            statement = sa.update(DeersPerson).where(DeersPerson.id == sa.bindparam("the_id"))
            self.conn.execute(statement, [{"the_id": row.pop("id"), **row} for row in map(self._row, old)])
        self._write_parts(different)
        ids = [gone for gone, _ in self.into]
        for some in _pieces(ids):
            self.conn.execute(sa.delete(DeersPerson).where(DeersPerson.id.in_(some)))

    def _read_keys(self, keys: set[str]) -> None:
        missing = {person_mac(self.keyring, key) for key in keys if key not in self.people}
        self._read(DeersPerson.key_mac, sorted(missing))

    def _read(self, column: InstrumentedAttribute[Any], values: Sequence[Any]) -> list[str]:
        """Take in the people who have these values; their keys. Who is in the circle, or no longer there, stays as they are."""
        statement = sa.select(DeersPerson.id, DeersPerson.facts_sealed).order_by(DeersPerson.id)
        keys = []
        for some in _pieces(values):
            for id_, sealed in self.conn.execute(statement.where(column.in_(some))):
                facts = people.unseal(self.keyring, people.Sealed(id_, sealed))
                keys.append(facts.person)
                if facts.person not in self.people and facts.person not in self.merged:
                    self.people[facts.person] = Held(id_, facts, facts)
                    self._tie(facts)
        return keys

    def _tie(self, facts: Kept) -> None:
        for tie in facts.relations:
            self.ties.setdefault(tie.sponsor, {})[facts.person] = None

    def _row(self, held: Held, **more: Any) -> dict[str, Any]:
        sealed = people.seal(self.keyring, held.id, facts_of(held.now))
        return {
            "id": held.id,
            "facts_sealed": sealed,
            "content_mac": CHANGED,
            "changed_at": clock.now(),
            **more,
        }

    def _move_numbers(self, gone: int, survivor: int) -> None:
        """SSN and DBN lead to the survivor, in use if nothing of their kind was. EDIPIs follow from the facts."""
        found = self.conn.execute(
            sa.select(
                DeersIdentifier.mac, DeersIdentifier.person_id, DeersIdentifier.kind, DeersIdentifier.current
            ).where(DeersIdentifier.person_id.in_([gone, survivor]), DeersIdentifier.kind != NumberKind.EDIPI.value)
        ).all()
        held = [row for row in found if row.person_id == survivor]
        for table in PARTS:
            self.conn.execute(sa.delete(table).where(table.__table__.c.person_id == gone))
        kinds = {row.kind for row in held if row.current}
        macs = {row.mac for row in held}
        moved = [row for row in found if row.person_id == gone and row.mac not in macs]
        self._insert(
            DeersIdentifier,
            [
                {
                    "mac": row.mac,
                    "person_id": survivor,
                    "kind": row.kind,
                    "current": row.current and row.kind not in kinds,
                }
                for row in moved
            ],
        )

    def _write_parts(self, different: Sequence[Held]) -> None:
        """The rows that follow from the facts: only those which are new, gone or no longer the same."""
        for table, other, rows_of, parts in (
            (DeersIdentifier, "mac", self._edipi_rows, ("edipi", "other_edipis")),
            (DeersAddress, "mac", self._address_rows, ("emails", "postal")),
            (DeersRelation, "sponsor_id", _relation_rows, ("relations",)),
        ):
            columns = table.__table__.c
            gone: list[dict[str, Any]] = []
            new: list[dict[str, Any]] = []
            for held in different:
                if held.before is not None and all(
                    getattr(held.before, part) == getattr(held.now, part) for part in parts
                ):
                    continue
                old_rows = {} if held.before is None else rows_of(held.before)
                new_rows = rows_of(held.now)
                gone += [
                    {"the_person": held.id, "the_other": self._value(table, key)}
                    for key, row in old_rows.items()
                    if new_rows.get(key) != row
                ]
                new += [
                    {"person_id": held.id, other: self._value(table, key), **row}
                    for key, row in new_rows.items()
                    if old_rows.get(key) != row
                ]
            if gone:
                whose = columns.person_id == sa.bindparam("the_person")
                self.conn.execute(sa.delete(table).where(whose, columns[other] == sa.bindparam("the_other")), gone)
            self._insert(table, new)

    def _value(self, table: type[db.Row], key: Any) -> object:
        """A sponsor's key stands in a row as the id; HMACs stand as they are."""
        return (self.people.get(key) or self.merged[key]).id if table is DeersRelation else key

    def _edipi_rows(self, facts: Kept) -> _Rows:
        kind = NumberKind.EDIPI
        return {
            number_mac(self.keyring, kind, edipi): {"kind": kind.value, "current": edipi == facts.edipi}
            for edipi in (facts.edipi, *facts.other_edipis)
        }

    def _address_rows(self, facts: Kept) -> _Rows:
        return {mac: {"kind": kind.value} for mac, kind in people.address_macs(self.keyring, facts).items()}

    def _insert(self, table: type[db.Row], rows: list[dict[str, Any]]) -> None:
        if rows:
            self.conn.execute(sa.insert(table), rows)


def _keys(change: Change) -> Iterator[str]:
    """Everybody whom a change names."""
    yield change.person
    if isinstance(change, Marriage):
        yield change.spouse_key
    elif isinstance(change, Divorce):
        yield change.spouse
        yield from change.stepchildren
    elif isinstance(change, Birth):
        yield change.child.person
        yield from (tie.sponsor for tie in change.child.relations)
    elif isinstance(change, Merge):
        yield change.former


def _relation_rows(facts: Kept) -> _Rows:
    return {tie.sponsor: {} for tie in facts.relations}


def _new_numbers(change: Change) -> Iterator[tuple[NumberKind, str]]:
    """The numbers that a change would give to somebody."""
    if isinstance(change, EdipiChange):
        yield NumberKind.EDIPI, change.edipi
    record = change.child if isinstance(change, Birth) else change.new_spouse if isinstance(change, Marriage) else None
    if record is not None:
        yield from ((kind, number) for kind, number, _ in people.numbers(record))


def _pieces(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
