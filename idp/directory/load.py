"""Bringing a directory file in: all of it or nothing, and only what changed is written.

People are added and changed, never removed: who is missing from a file may be in the next one. An EDIPI or DBN that somebody
else holds is a bad line, since neither is ever given out twice.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit, clock, db
from idp.audit import Event
from idp.db import Database
from idp.directory import feed, lines, people
from idp.directory.records import (
    BadLine,
    Record,
    facts_of,
    parse,
    write,
)
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
from idp.ports import Services

_AT_ONCE = 1_000  # people in one statement
_TOLD = 20  # bad lines in one report


@dataclass(frozen=True)
class Fault:
    """One bad line: where, and what is wrong with it, without any value of it."""

    line: int
    reason: str


class BadFile(Exception):
    """Nothing of a file was applied, because of these lines. Raised, so that what was written on the way is rolled back."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} bad lines")
        self.faults = faults


@dataclass(slots=True)
class Loaded:
    """What an import did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A record, and the line that it stands on."""

    line: int
    record: Record


def load_file(
    services: Services, path: Path, *, actor: str, progress: Callable[[int], None] = lambda _done: None
) -> Loaded:
    """Apply a file in one write, with its event. `progress` hears how many bytes are done. Raises `BadFile` and `OSError`."""

    def apply(conn: Connection) -> Loaded:
        with path.open("rb") as file:
            return load(conn, services.keyring, entries(file, progress), actor=actor)

    try:
        return services.db.write(apply)
    except BadFile as bad:
        # The first bad line ended the write at once, so that nobody waits behind a file that will not go in. Whoever has to
        # mend it wants to hear of the others too.
        with path.open("rb") as file:
            told = {fault.line: fault for fault in [*islice(_faults(file), _TOLD), *bad.faults]}
        raise BadFile([told[line] for line in sorted(told)][:_TOLD]) from None


def load(conn: Connection, keyring: Keyring, given: Iterable[Entry], *, actor: str) -> Loaded:
    """Write what is new and what changed, and the event of it. Raises `BadFile` at the first entry that cannot be."""
    people.lock_for_changes(conn)
    loaded = _Load(conn, keyring).run(iter(given))
    audit.record(
        conn,
        Event.DIRECTORY_IMPORTED,
        actor=actor,
        subject=None,
        added=loaded.added,
        changed=loaded.changed,
        unchanged=loaded.unchanged,
    )
    return loaded


def load_people(database: Database, keyring: Keyring, records: Iterable[Record], *, actor: str) -> Loaded:
    """Apply records that did not come from a file, in one write; faults count them from 1."""
    given = [Entry(number, record) for number, record in enumerate(records, start=1)]
    return database.write(lambda conn: load(conn, keyring, given, actor=actor))


def entries(file: BinaryIO, progress: Callable[[int], None] = lambda _done: None) -> Iterator[Entry]:
    """The records of a file, one at a time; empty lines are passed over. Raises `BadFile`."""
    done = 0
    for number, line in lines.read(file):
        done += len(line)
        if line.strip():
            try:
                yield Entry(number, parse(line))
            except BadLine as bad:
                raise BadFile([Fault(number, str(bad))]) from None
        progress(done)


def _faults(file: BinaryIO) -> Iterator[Fault]:
    for number, line in lines.read(file):
        if line.strip():
            try:
                parse(line)
            except BadLine as bad:
                yield Fault(number, str(bad))


@dataclass(slots=True)
class _Batch:
    """Rows on their way, by table."""

    people: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[type[db.Row], list[dict[str, Any]]] = field(default_factory=lambda: {table: [] for table in PARTS})


class _Load:
    """One import under way."""

    def __init__(self, conn: Connection, keyring: Keyring) -> None:
        self.conn = conn
        self.keyring = keyring
        self.now = clock.now()
        self.loaded = Loaded()
        highest = conn.execute(sa.select(sa.func.max(DeersPerson.id))).scalar_one() or 0
        self.first_new = highest + 1
        self.next = highest + 1
        self.met: set[int] = set()
        """People who were there before and have had their line."""
        self.waiting: list[tuple[int, str, int]] = []
        """Relations to somebody who has not come yet: line, the sponsor's HMAC, the dependant's id."""

    def run(self, given: Iterator[Entry]) -> Loaded:
        while chunk := list(islice(given, _AT_ONCE)):
            self._apply(chunk)
        self._tie(self.waiting, last=True)
        return self.loaded

    def _apply(self, chunk: list[Entry]) -> None:
        macs = [person_mac(self.keyring, entry.record.person) for entry in chunk]
        known = self._known(macs)
        batch = _Batch()
        relations: list[tuple[int, str, int]] = []
        owners: dict[str, tuple[int, int]] = {}
        written: set[str] = set()
        for entry, mac in zip(chunk, macs, strict=True):
            id_, content = known.get(mac, (None, None))
            if mac in written or (id_ is not None and (id_ >= self.first_new or id_ in self.met)):
                raise BadFile([Fault(entry.line, "person: stands on an earlier line too")])
            written.add(mac)
            fresh = self.keyring.mac("deers:content", write(entry.record))
            if id_ is not None:
                self.met.add(id_)
                if content == fresh:
                    self.loaded.unchanged += 1
                    continue
            row = self._person(id_, mac, fresh, entry.record)
            (batch.people if id_ is None else batch.changed).append(row)
            relations += self._parts(batch, owners, entry, row["id"])
        self._write(batch, owners)
        self._tie(relations, last=False)

    def _known(self, macs: list[str]) -> dict[str, tuple[int, str]]:
        found = self.conn.execute(
            sa.select(DeersPerson.key_mac, DeersPerson.id, DeersPerson.content_mac).where(DeersPerson.key_mac.in_(macs))
        )
        return {mac: (id_, content) for mac, id_, content in found}

    def _person(self, id_: int | None, mac: str, content: str, record: Record) -> dict[str, Any]:
        if id_ is None:
            id_ = self.next
            self.next += 1
            self.loaded.added += 1
        else:
            self.loaded.changed += 1
        return {
            "id": id_,
            "key_mac": mac,
            "facts_sealed": people.seal(self.keyring, id_, facts_of(record)),
            "content_mac": content,
            "changed_at": self.now,
        }

    def _parts(
        self, batch: _Batch, owners: dict[str, tuple[int, int]], entry: Entry, id_: int
    ) -> list[tuple[int, str, int]]:
        """Put an entry's rows into the batch and return its ties, which wait until the sponsors have an id."""
        record = entry.record
        for kind, number, current in people.numbers(record):
            mac = number_mac(self.keyring, kind, number)
            if kind is not NumberKind.SSN:
                if mac in owners:
                    raise BadFile([Fault(entry.line, f"{kind}: somebody on an earlier line has this number")])
                owners[mac] = (id_, entry.line)
            batch.parts[DeersIdentifier].append({"mac": mac, "person_id": id_, "kind": kind.value, "current": current})
        addresses = people.address_macs(self.keyring, record)
        batch.parts[DeersAddress] += [
            {"mac": mac, "person_id": id_, "kind": kind.value} for mac, kind in addresses.items()
        ]
        return [
            (entry.line, person_mac(self.keyring, sponsor), id_)
            for sponsor in dict.fromkeys(relation.sponsor for relation in record.relations)
        ]

    def _write(self, batch: _Batch, owners: dict[str, tuple[int, int]]) -> None:
        changed = [row["id"] for row in batch.changed]
        for table in PARTS if changed else ():
            person_id = table.__table__.c.person_id
            self.conn.execute(sa.delete(table).where(person_id.in_(changed)))
        self._check_owners(owners)
        self._insert(DeersPerson, batch.people)
        if batch.changed:
            statement = sa.update(DeersPerson).where(DeersPerson.id == sa.bindparam("the_id"))
            self.conn.execute(statement, [{"the_id": row.pop("id"), **row} for row in batch.changed])
            feed.note(self.conn, self.keyring, [feed.Entry(id_, feed.IMPORTED) for id_ in changed])
        for table, rows in batch.parts.items():
            self._insert(table, rows)

    def _check_owners(self, owners: dict[str, tuple[int, int]]) -> None:
        """Refuse a number that belongs to somebody whom this batch does not touch, be they of this file or an earlier one."""
        for macs in _pieces(sorted(owners)):
            held = self.conn.execute(
                sa.select(DeersIdentifier.mac, DeersIdentifier.kind).where(
                    DeersIdentifier.mac.in_(macs), DeersIdentifier.kind != NumberKind.SSN.value
                )
            ).all()
            if held:
                faults = [Fault(owners[mac][1], f"{kind}: somebody else has this number") for mac, kind in held]
                raise BadFile(sorted(faults, key=lambda fault: fault.line))

    def _tie(self, relations: list[tuple[int, str, int]], *, last: bool) -> None:
        """Write the relations whose sponsor is there; the rest wait for the end of the file, where they become faults."""
        missing = []
        for piece in _pieces(relations):
            ids = self._known(list({sponsor for _, sponsor, _ in piece}))
            self._insert(
                DeersRelation,
                [{"person_id": id_, "sponsor_id": ids[sponsor][0]} for _, sponsor, id_ in piece if sponsor in ids],
            )
            missing += [relation for relation in piece if relation[1] not in ids]
        if last and missing:
            raise BadFile([Fault(line, "relations.sponsor: nobody has this key") for line, _, _ in missing])
        if not last:
            self.waiting += missing

    def _insert(self, table: type[db.Row], rows: list[dict[str, Any]]) -> None:
        """The one place that writes in bulk."""
        if rows:
            self.conn.execute(sa.insert(table), rows)


def _pieces(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
