"""Bringing a directory file in: all of it or nothing (or, if asked, all but the bad lines), and only what changed is written.

People are added and changed, never removed: who is missing from a file may be in the next one. A file is read into temporary
tables, which nobody waits for on SQLite; then one write brings all of it into the directory's tables, row beside row in the order
of their keys. Only the first file of all goes a shorter way.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from idp import audit, clock
from idp.audit import Event
from idp.db import Database
from idp.directory import indexes, people, reading, settling, staging
from idp.directory.reading import Batch, Fault, Format
from idp.directory.records import BadLine, Record
from idp.directory.rows import Digester, Rows
from idp.directory.staging import Filling, Staging
from idp.keyring import Keyring

S = TypeVar("S", bound=Staging)

TOLD = 20
"""Bad lines in one report."""

FILLING = 2_000_000
"""Bytes of a first file. For fewer, indexes are not worth being taken off."""


class Step(StrEnum):
    """What a load does, one after the other."""

    READING = "reading"
    AGAIN = "again"
    """Somebody else wrote to the directory meanwhile, or the first reading showed that lines are bad, but not which."""
    WRITING = "writing"


Progress = Callable[[Step, int, int], None]
"""Hears the step, how much of it is done and how much there is: bytes of the file, and then rows."""


class BadFile(Exception):
    """Nothing was applied, because of these lines, the first of all. Raised, so that what was written on the way is rolled back."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} bad lines")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an import did. `faults`: the first lines that were skipped."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bad:
    """What becomes of bad lines. One of them refuses the file, or they are passed over (`skip`). `report` is handed all of them."""

    skip: bool = False
    report: Callable[[Iterator[Fault]], None] | None = None


class _OvertakenError(Exception):
    """Somebody else wrote to the directory while a file was read."""


def load_file(
    database: Database,
    keyring: Keyring,
    path: Path,
    *,
    actor: str,
    written_in: Format | None = None,
    bad: Bad = Bad(),
    progress: Progress = lambda _step, _done, _all: None,
) -> Loaded:
    """Apply a file in one write, with its event. Raises `BadFile`, `OSError` and `ReaderGone`."""
    size = path.stat().st_size

    def batches(step: Step, base: int) -> Iterator[Batch]:
        for batch in reading.batches(keyring, path, written_in or reading.format_of(path), base=base):
            yield batch
            progress(step, batch.done, max(1, size))

    load = _Load(database, keyring, batches, actor, bad, progress)
    try:
        return (load.fill() if size >= FILLING else None) or load.bring_in()
    except BadLine as header:
        raise BadFile([Fault(1, str(header))]) from None


def load_people(database: Database, keyring: Keyring, records: Iterable[Record], *, actor: str) -> Loaded:
    """Apply records that did not come from a file, in one write; faults count them from 1."""
    everybody = list(records)

    def batches(_step: Step, base: int) -> Iterator[Batch]:
        batch, digester = Batch(0), Digester(keyring)
        for number, record in enumerate(everybody, start=1):
            digester.add(batch.rows, record, line=number, id_=base + number)
        yield batch

    return _Load(database, keyring, batches, actor, Bad(), lambda *_: None).bring_in()


@dataclass(slots=True)
class _Load:
    """One load, by the one way or the other."""

    database: Database
    keyring: Keyring
    batches: Callable[[Step, int], Iterator[Batch]]
    """Reads the file, for this step, and gives each person an id behind this one."""
    actor: str
    bad: Bad
    progress: Progress
    step: Step = Step.READING

    def fill(self) -> Loaded | None:
        """The short way, for the first file of all: straight into the tables, and on SQLite nobody else writes meanwhile. None
        where it cannot be gone, or where it shows at the end that some lines cannot go in; `bring_in` then tells which.
        """

        def prepare(conn: Connection) -> Filling:
            people.lock_for_changes(conn)
            if not _can_be_filled(conn):
                raise _OvertakenError
            return self._read(Filling(conn, self.keyring, clock.now()))

        def write(conn: Connection, filling: Filling) -> Loaded:
            return self._apply(conn, filling, lambda heard: settling.fill(conn, filling, heard))

        with self.database.read() as conn:
            if not _can_be_filled(conn):
                return None
        try:
            return self.database.write_prepared(prepare, write, waiting=True)
        except (_OvertakenError, IntegrityError, settling.NobodyThere):
            self.step = Step.AGAIN
            return None

    def bring_in(self) -> Loaded:
        """The way for every file. On SQLite nobody waits while it is read, and it is read once more where it was overtaken."""

        def prepare(conn: Connection) -> Staging:
            people.lock_for_changes(conn)
            return self._read(Staging(conn, self.keyring))

        def write(conn: Connection, staged: Staging) -> Loaded:
            if staging.state(conn) != staged.state:
                raise _OvertakenError
            now, skip = clock.now(), self.bad.skip
            return self._apply(
                conn, staged, lambda heard: settling.write(conn, staged, now, skip_bad=skip, progress=heard)
            )

        try:
            return self.database.write_prepared(prepare, write, waiting=False)
        except _OvertakenError:
            self.step = Step.AGAIN
            return self.database.write_prepared(prepare, write, waiting=True)

    def _read(self, staged: S) -> S:
        for batch in self.batches(self.step, staged.state[0]):
            if staged.faults and not self.bad.skip:
                batch.rows = Rows()  # nothing will be applied; the other bad lines are wanted
            staged.take(batch)
            if staged.faults >= TOLD and not self.bad.skip and self.bad.report is None:
                break
        return staged

    def _apply(
        self, conn: Connection, staged: Staging, settle: Callable[[settling.Progress], settling.Written | None]
    ) -> Loaded:
        written = None
        if self.bad.skip or not staged.faults:
            written = settle(lambda done: self.progress(Step.WRITING, done, staged.rows))
        told = list(settling.faults(conn, most=TOLD))
        if told and self.bad.report is not None:
            with contextlib.closing(settling.faults(conn)) as every:
                self.bad.report(every)
        if written is None:
            raise BadFile(told)
        loaded = Loaded(written.added, written.changed, staged.unchanged, settling.count_faults(conn), told)
        audit.record(
            conn,
            Event.DIRECTORY_IMPORTED,
            actor=self.actor,
            subject=None,
            added=loaded.added,
            changed=loaded.changed,
            unchanged=loaded.unchanged,
            skipped=loaded.skipped,
        )
        return loaded


def _can_be_filled(conn: Connection) -> bool:
    """Whether nobody was ever in the directory, and its indexes can be taken off."""
    return staging.state(conn) == staging.EMPTY and indexes.may_take_off(conn)
