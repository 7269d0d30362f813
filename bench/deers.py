"""The directory, from a thousand people to a million: importing, matching, a day of changes, and what all of it takes of the disk.

The commands are the real ones, and the files are the generator's. One database is made for each size and kind, and dropped.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench import likeness, machine
from bench.guidon import IDP, SEED
from bench.likeness import Likeness
from bench.stores import Store, stores
from devtools.terminal import ROOT, StopError, leash, run, say
from idp import keyring
from idp.adapters.deers import EmbeddedDirectory
from idp.db import Database
from idp.directory import generate
from idp.directory.matching import ADULT, age
from idp.directory.records import Record, parse
from idp.ports import Claimed, IdKind, Matched

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ASKED = 2_000
"""Claims of each kind for one figure."""
CHANGED = 0.02
"""The share of the people who change in the day that is measured: of a million, 20,000."""
MEMBERS = 10_000
"""Accounts that the sync finds, at the most."""
LOOKS = 0.25
"""Seconds between two looks at the memory."""
TODAY = datetime.now(tz=UTC).date()


@dataclass(frozen=True)
class Ran:
    """One command: how long it took, the most memory of all its processes together and of the database's server (MiB), and the
    share of the cores that other programs took meanwhile.
    """

    seconds: float
    memory: float
    server: float
    others: float
    said: dict[str, Any]


@dataclass(frozen=True)
class Waited:
    """How long claims took, milliseconds."""

    middle: float
    slow: float


@dataclass(frozen=True)
class Held:
    """What was measured in one database."""

    people: int
    store: str
    imported: Ran
    again: Ran
    """The same file once more: nothing has changed."""
    hit: Waited
    no: Waited
    sizes: dict[str, int]
    applied: Ran | None = None
    """A day of changes; only in the largest."""
    synced: Ran | None = None
    members: int = 0
    changes: int = 0


@dataclass
class Deers:
    """Everything, in the order in which it was measured."""

    held: list[Held] = field(default_factory=list)
    likeness: Likeness | None = None
    likeness_seconds: float = 0.0

    @property
    def noise(self) -> float:
        """The largest share of the cores that other programs took during a command."""
        return max((ran.others for one in self.held for ran in (one.imported, one.again)), default=0.0)


def take(env: Mapping[str, str], folder: Path, sizes: Sequence[int]) -> Deers:
    """Measure every size on every kind of database, then look for people who could be taken for each other."""
    results = Deers()
    largest = max(sizes)
    run([*IDP, "keys", "init"], doing="Making keys", env=env)
    with stores(folder) as kinds:
        for count in sorted(sizes):
            file, changes = _files(env, folder, count, with_changes=count == largest)
            for store in kinds:
                results.held.append(_held(env, store, count, file, changes))
            file.unlink()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        invented = generate.people(largest, seed=SEED, today=TODAY)
        results.likeness = likeness.look(invented, Path(place), today=TODAY, progress=lambda said: say(f"  {said}"))
    results.likeness_seconds = time.perf_counter() - started
    return results


def _files(env: Mapping[str, str], folder: Path, count: int, *, with_changes: bool) -> tuple[Path, Path | None]:
    """A directory file, and a day of changes for it."""
    file, changes = folder / f"people-{count}.jsonl", folder / f"changes-{count}.jsonl"
    words = ["--people", str(count), "--seed", str(SEED), "--as-of", TODAY.isoformat(), "--out", str(file)]
    if with_changes:
        words += ["--changes", str(max(1, int(count * CHANGED))), "--changes-out", str(changes)]
    run([*IDP, "deers", "generate", *words], doing=f"Inventing {count:,} people", env=env)
    say(f"  {count:,} people are {file.stat().st_size / 1e6:,.0f} MB")
    return file, changes if with_changes else None


def _held(env: Mapping[str, str], store: Store, count: int, file: Path, changes: Path | None) -> Held:
    name = f"deers_{count}"
    url = store.make(name)
    env = {**env, "DATABASE_URL": url}
    run([*IDP, "db", "upgrade"], doing=f"Making the database ({store.kind})", env=env)
    try:
        imported = _ran(env, store, "deers", "import", str(file))
        _told(store, count, "imported", imported, count)
        again = _ran(env, store, "deers", "import", str(file))
        _told(store, count, "the same again", again, count)
        hit, no = _asked(url, Path(env["IDP_KEYS"]), file)
        say(
            f"{store.kind:<12} {count:>9,}  a match {hit.middle:.2f} · {hit.slow:.2f} ms  a no {no.middle:.2f} · {no.slow:.2f} ms"
        )
        sizes = store.sizes(name)
        held = Held(count, store.kind, imported, again, hit, no, sizes)
        return held if changes is None else _with_changes(env, store, held, file, changes)
    finally:
        store.drop(name)


def _with_changes(env: Mapping[str, str], store: Store, held: Held, file: Path, changes: Path) -> Held:
    """A day's changes applied, and followed by the accounts."""
    with changes.open("rb") as lines:
        count = sum(1 for _ in lines)
    words = [IDP[0], "-m", "bench.deers_members", str(file), str(changes), str(MEMBERS)]
    members = int(run(words, doing="Making accounts for people who will change", env=env))
    applied = _ran(env, store, "deers", "apply", str(changes))
    _told(store, held.people, f"{count:,} changes applied", applied, count)
    synced = _ran(env, store, "deers", "sync")
    _told(store, held.people, f"followed by {members:,} accounts", synced, count)
    return Held(
        held.people, held.store, held.imported, held.again, held.hit, held.no, held.sizes,
        applied, synced, members, count,
    )  # fmt: skip


def _ran(env: Mapping[str, str], store: Store, *words: str) -> Ran:
    """Run a command of ours with `--json`, and look at the memory of all its processes while it runs."""
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
        busy, ours, served = machine.all_busy_seconds(), _own_cpu(), store.cpu_seconds()
        started = time.perf_counter()
        child = subprocess.Popen(
            [*IDP, *words, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=ROOT,
            env=env,
            start_new_session=True,
            preexec_fn=leash(),  # noqa: PLW1509 - the benchmark has one thread
        )
        most = server = 0.0
        try:
            while child.poll() is None:
                most = max(most, machine.memory_of(machine.descendants(child.pid)))
                server = max(server, store.memory())
                time.sleep(LOOKS)
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
        seconds = time.perf_counter() - started
        mine = _own_cpu() - ours + store.cpu_seconds() - served
        others = max(0.0, machine.all_busy_seconds() - busy - mine) / (seconds * len(os.sched_getaffinity(0)))
        out.seek(0)
        err.seek(0)
        if child.returncode:
            raise StopError(f"`idp {' '.join(words)}` ended with {child.returncode}.\n{err.read().decode()}")
        return Ran(seconds, most, server, others, json.loads(out.read()))


def _asked(url: str, keys: Path, file: Path) -> tuple[Waited, Waited]:
    """The time of one claim through the port, for claims that open a record and for claims that open none."""
    database = Database(url)
    directory = EmbeddedDirectory(database, keyring.load(keys))
    people = _some(file)
    hits = [_claim(one) for one in people]
    half = len(people) // 2
    # Half of them lead nowhere, and half to somebody of another name.
    nos = [_claim(one, number=f"9005{number:05}") for number, one in enumerate(people[:half])]
    nos += [_claim(one, given_name="Somebody-Else") for one in people[half:]]
    draw = random.Random(1)
    draw.shuffle(nos)
    try:
        _timed(directory.match, hits[:200])
        found = _timed(directory.match, hits, expected=True), _timed(directory.match, nos, expected=False)
    finally:
        database.close()
    return found


def _timed(match: Callable[[Claimed], object], claims: Sequence[Claimed], *, expected: bool | None = None) -> Waited:
    took = []
    for said in claims:
        started = time.perf_counter()
        answer = match(said)
        took.append((time.perf_counter() - started) * 1000)
        if expected is not None and isinstance(answer, Matched) is not expected:
            raise StopError(f"A claim was answered with {answer}: the figures would mean nothing.")
    took.sort()
    return Waited(statistics.median(took), took[int(len(took) * 0.99)])


def _some(file: Path) -> list[Record]:
    """Adults who can be matched, from everywhere in the file."""
    size, draw = file.stat().st_size, random.Random(1)
    found: dict[str, Record] = {}
    with file.open("rb") as lines:
        for _ in range(ASKED * 20):
            lines.seek(draw.randrange(size))
            lines.readline()
            one = next(_records(lines), None)
            if one is not None and _may_match(one):
                found[one.person] = one
            if len(found) == ASKED:
                break
    return list(found.values())


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    return (parse(line) for line in islice(lines, 1))


def _may_match(one: Record) -> bool:
    grown = age(one.birth_date, TODAY - timedelta(days=1)) >= ADULT
    return one.ssn is not None and one.deceased_on is None and one.conflict_since is None and grown


def _claim(of: Record, *, number: str | None = None, given_name: str | None = None) -> Claimed:
    return Claimed(given_name or of.given_name, of.family_name, of.birth_date, IdKind.SSN, number or of.ssn or "")


def _own_cpu() -> float:
    """Processor time so far of this program and of what it started and has waited for."""
    return sum(os.times()[:4])


def _told(store: Store, people: int, what: str, ran: Ran, count: int) -> None:
    say(
        f"{store.kind:<12} {people:>9,}  {what:<32} {ran.seconds:>7.1f} s  {count / ran.seconds:>9,.0f}/s"
        f"   memory {ran.memory:>5.0f} MiB  server {ran.server:>5.0f} MiB  others {ran.others:4.0%}"
    )
