"""Applying a file of changes: each whole or not at all, in the order of the file, some hundreds in one write.

A change is decided once: its id is kept with what came of it, also where nothing did. So a run that was cut off goes on where it
was, and a file that comes again does nothing, whatever was changed meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit, clock
from idp.audit import Event
from idp.directory import changes, feed, lines, people, rules
from idp.directory.changes import Change
from idp.directory.circle import Batch
from idp.directory.happenings import IGNORED, Why
from idp.directory.records import BadLine
from idp.directory.tables import DeersChange
from idp.keyring import Keyring
from idp.ports import Services

_AT_ONCE = 400  # changes in one write
_NOBODY = 0
_NOTHING_DONE = "nothing_done:"  # before the reason, in an entry about nobody


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of one line. `why` is None where the change was applied; `before`: it was decided in an earlier run."""

    line: int
    id: str | None
    kind: str
    why: Why | None
    fault: str | None = None
    """What is wrong with a line that cannot be read."""
    before: bool = False

    @property
    def outcome(self) -> str:
        """`applied`, `ignored` or `refused`."""
        return "applied" if self.why is None else "ignored" if self.why in IGNORED else "refused"


@dataclass(slots=True)
class Report:
    """What came of a file: how many of each kind, and each change that was not applied."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """For each kind how many were `applied`, `ignored` and `refused`."""
    others: list[Decided] = field(default_factory=list)

    def add(self, decided: Sequence[Decided]) -> None:
        """Count these too."""
        for one in decided:
            self.counts.setdefault(one.kind, Counter())[one.outcome] += 1
            if one.why is not None:
                self.others.append(one)

    def total(self, outcome: str) -> int:
        """How many of all kinds."""
        return sum(counted[outcome] for counted in self.counts.values())


@dataclass(frozen=True, slots=True, repr=False)
class _Line:
    number: int
    ends_at: int
    """Where in the file."""
    change: Change | None
    fault: str | None = None


def apply_file(
    services: Services,
    path: Path,
    *,
    actor: str,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Apply a file. The event is written with the last of it. `dry_run` decides everything and writes nothing. `progress` hears how
    many bytes are done. Raises `OSError` and `SealBroken`.
    """
    with path.open("rb") as file:
        given = _lines(file)
        if dry_run:
            return _try_out(services, given, progress)
        report = Report()
        chunk, following = list(islice(given, _AT_ONCE)), list(islice(given, _AT_ONCE))
        while True:
            last = not following
            report.add(services.db.write(_Write(services.keyring, chunk, actor if last else None, report)))
            progress(chunk[-1].ends_at if chunk else 0)
            if last:
                return report
            chunk, following = following, list(islice(given, _AT_ONCE))


@dataclass(frozen=True, slots=True, repr=False)
class _Write:
    """One write: some changes, what follows from them, the entries of the feed; with the last ones the event of the file."""

    keyring: Keyring
    chunk: list[_Line]
    actor: str | None
    """Who applied the file, where these are its last changes."""
    report: Report
    """Of the writes before this one."""

    def __call__(self, conn: Connection) -> list[Decided]:
        people.lock_for_changes(conn)
        batch = Batch(conn, self.keyring, clock.now().date())
        entries: list[feed.Entry] = []
        decided = _decide(batch, self.chunk, {}, entries)
        batch.write()
        feed.note(conn, self.keyring, entries)
        for gone, into in batch.into:
            feed.move_merges(conn, gone=gone, into=into)
        if self.actor is not None:
            counts = {
                outcome: self.report.total(outcome) + sum(1 for one in decided if one.outcome == outcome)
                for outcome in ("applied", "ignored", "refused")
            }
            audit.record(
                conn,
                Event.DIRECTORY_CHANGED,
                actor=self.actor,
                subject=None,
                applied=counts["applied"],
                ignored=counts["ignored"],
                refused=counts["refused"],
            )
        return decided


def _try_out(services: Services, given: Iterator[_Line], progress: Callable[[int], None]) -> Report:
    """Decide everything on what the database holds now, with what would have changed kept in memory."""
    report, known = Report(), dict[bytes, str]()
    with services.db.read() as conn:
        batch = Batch(conn, services.keyring, clock.now().date())
        while chunk := list(islice(given, _AT_ONCE)):
            report.add(_decide(batch, chunk, known, []))
            batch.forget_unchanged()
            progress(chunk[-1].ends_at)
    return report


def _decide(batch: Batch, chunk: Sequence[_Line], known: dict[bytes, str], entries: list[feed.Entry]) -> list[Decided]:
    """What comes of each line; the batch takes it up and the entries tell of it. `known` are ids decided before, by HMAC."""
    given = {line.number: line.change for line in chunk if line.change is not None}
    macs = {
        number: batch.keyring.short_mac("deers:change", change.id.encode("utf-8")) for number, change in given.items()
    }
    found = sa.select(DeersChange.change_mac, DeersChange.kind).where(DeersChange.change_mac.in_(set(macs.values())))
    known.update({mac: kind for mac, kind in batch.conn.execute(found) if mac is not None})
    batch.fetch([change for number, change in given.items() if macs[number] not in known])
    decided = []
    for line in chunk:
        change = line.change
        if change is None:
            decided.append(Decided(line.number, None, "unreadable", Why.UNREADABLE, line.fault))
            continue
        mac = macs[line.number]
        if mac in known:
            why = _why_before(known[mac])
            decided.append(Decided(line.number, change.id, change.kind, why, before=True))
            continue
        outcome = rules.happen(change, batch)
        if isinstance(outcome, Why):
            decided.append(Decided(line.number, change.id, change.kind, outcome))
            if outcome is Why.IN_THE_FUTURE:
                continue  # its day comes
            told = [feed.Entry(_NOBODY, f"{_NOTHING_DONE}{outcome}", mac)]
        else:
            decided.append(Decided(line.number, change.id, change.kind, None))
            first, *others = batch.take(outcome)
            told = [feed.Entry(first, change.kind, mac, outcome.former)]
            told += [feed.Entry(other, change.kind) for other in others]
        known[mac] = told[0].kind
        entries += told
    return decided


def _why_before(kind: str) -> Why:
    """Why a change that was decided before is not applied now: for the reason it was not then, or because it was."""
    return Why(kind.removeprefix(_NOTHING_DONE)) if kind.startswith(_NOTHING_DONE) else Why.APPLIED_BEFORE


def _lines(file: BinaryIO) -> Iterator[_Line]:
    done = 0
    for number, line in lines.read(file):
        done += len(line)
        if line.strip():
            try:
                yield _Line(number, done, changes.parse(line))
            except BadLine as bad:
                yield _Line(number, done, None, str(bad))
