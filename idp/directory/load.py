"""Bringing a directory file in: all of it or nothing (or, if asked, all but the bad lines), and only what changed is written.

People are added and changed, never removed: who is missing from a file may be in the next one. First the file is read into
temporary tables, which nobody waits for on SQLite; then one write brings all of it into the directory's tables, row beside row in
the order of their keys.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection

from idp import audit, clock
from idp.audit import Event
from idp.db import Database
from idp.directory import people, reading, rows, settling, staging
from idp.directory.reading import Batch, Fault, Format
from idp.directory.records import BadLine, Record
from idp.directory.staging import Staging
from idp.keyring import Keyring

TOLD = 20
"""Bad lines in one report."""


class Step(StrEnum):
    """What a load does, one after the other."""

    READING = "reading"
    AGAIN = "again"
    """Somebody else wrote to the directory meanwhile."""
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
    size = max(1, path.stat().st_size)

    def batches(step: Step) -> Iterator[Batch]:
        for batch in reading.batches(keyring, path, written_in or reading.format_of(path)):
            yield batch
            progress(step, batch.done, size)

    try:
        return _load(database, keyring, batches, actor=actor, bad=bad, progress=progress)
    except BadLine as header:
        raise BadFile([Fault(1, str(header))]) from None


def load_people(database: Database, keyring: Keyring, records: Iterable[Record], *, actor: str) -> Loaded:
    """Apply records that did not come from a file, in one write; faults count them from 1."""
    batch = Batch(0, [rows.of(keyring, record, number) for number, record in enumerate(records, start=1)])
    return _load(database, keyring, lambda _step: iter([batch]), actor=actor, bad=Bad(), progress=lambda *_: None)


def _load(
    database: Database,
    keyring: Keyring,
    batches: Callable[[Step], Iterator[Batch]],
    *,
    actor: str,
    bad: Bad,
    progress: Progress,
) -> Loaded:
    def prepare(conn: Connection, step: Step) -> Staging:
        people.lock_for_changes(conn)
        staged = Staging(conn, keyring)
        for batch in batches(step):
            if staged.faults and not bad.skip:
                batch.people.clear()  # nothing will be applied; the other bad lines are wanted
            staged.take(batch)
            if staged.faults >= TOLD and not bad.skip and bad.report is None:
                break
        return staged

    def write(conn: Connection, staged: Staging) -> Loaded:
        if staging.state(conn) != staged.state:
            raise _OvertakenError
        return _apply(conn, staged, actor=actor, bad=bad, progress=progress)

    try:
        return database.write_prepared(lambda conn: prepare(conn, Step.READING), write, waiting=False)
    except _OvertakenError:
        return database.write_prepared(lambda conn: prepare(conn, Step.AGAIN), write, waiting=True)


def _apply(conn: Connection, staged: Staging, *, actor: str, bad: Bad, progress: Progress) -> Loaded:
    written = None
    if bad.skip or not staged.faults:
        written = settling.write(
            conn, clock.now(), skip_bad=bad.skip, progress=lambda done: progress(Step.WRITING, done, staged.rows)
        )
    told = list(settling.faults(conn, most=TOLD))
    if told and bad.report is not None:
        with contextlib.closing(settling.faults(conn)) as every:
            bad.report(every)
    if written is None:
        raise BadFile(told)
    loaded = Loaded(written.added, written.changed, staged.unchanged, settling.count_faults(conn), told)
    audit.record(
        conn,
        Event.DIRECTORY_IMPORTED,
        actor=actor,
        subject=None,
        added=loaded.added,
        changed=loaded.changed,
        unchanged=loaded.unchanged,
        skipped=loaded.skipped,
    )
    return loaded
