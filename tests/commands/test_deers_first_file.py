"""The first file of a directory goes a shorter way into its tables, and comes out as by the ordinary one."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import event

from idp.db import Database
from idp.directory import generate, load
from idp.directory.load import Bad, BadFile, Step
from idp.directory.records import Relation, Relationship, parse, write
from idp.keyring import Keyring
from tests.directory import check, clear, held, shape
from tests.directory_files import everything, imports, somebody

_ACTOR = "operator:test"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few people are enough."""
    monkeypatch.setattr(load, "FILLING", 0)


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    path = tmp_path / "generated.jsonl"
    generate.write_file(path, count=2_600, seed=4, today=date(2026, 5, 4))
    assert path.stat().st_size > load.FILLING
    return path.read_text("utf-8").splitlines(keepends=True)


@pytest.fixture
def empty(database: Database) -> Database:
    """One that is migrated, and has nobody in its directory."""
    clear(database)
    return database


def file_of(folder: Path, *lines: str) -> Path:
    path = folder / "first.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def steps_of(database: Database, keys: Keyring, path: Path, *, skip: bool = False) -> tuple[load.Loaded, list[Step]]:
    steps: list[Step] = []
    loaded = load.load_file(
        database, keys, path, actor=_ACTOR, bad=Bad(skip=skip), progress=lambda step, _done, _all: steps.append(step)
    )
    return loaded, list(dict.fromkeys(steps))


def times_as_stored(database: Database) -> set[str]:
    with database.read() as conn:
        return set(conn.exec_driver_sql("SELECT changed_at FROM deers_person").scalars())


@pytest.fixture
def ordinary(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(sqlite_template, tmp_path / "ordinary.db")
    database = Database(f"sqlite:///{tmp_path / 'ordinary.db'}")
    clear(database)
    yield database
    database.close()


def test_it_comes_out_as_by_the_ordinary_way(
    empty: Database, ordinary: Database, keys: Keyring, lines: list[str], tmp_path: Path
) -> None:
    before = shape(empty)
    path = file_of(tmp_path, *lines)
    records = [parse(line.encode("utf-8")) for line in lines]
    with time_machine.travel(datetime(2026, 5, 4, 9, 30, tzinfo=UTC), tick=False):
        loaded, steps = steps_of(empty, keys, path)
        load.load_people(ordinary, keys, records, actor=_ACTOR)
    assert (loaded.added, loaded.changed, loaded.unchanged, loaded.skipped) == (len(lines), 0, 0, 0)
    assert steps == [Step.READING, Step.WRITING]
    assert imports(empty)[-1].fields == {"added": len(lines), "changed": 0, "unchanged": 0, "skipped": 0}
    assert shape(empty) == before
    assert check(empty, keys) == check(ordinary, keys)
    assert held(empty, keys) == held(ordinary, keys)
    if empty.is_sqlite:
        assert times_as_stored(empty) == times_as_stored(ordinary) == {"2026-05-04 09:30:00.000000"}
    loaded, steps = steps_of(empty, keys, path)
    assert (loaded.added, loaded.changed, loaded.unchanged) == (0, 0, len(lines))


_TIE = Relation(sponsor="nobody-here", relationship=Relationship.CHILD, begin=date(2020, 1, 1))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (write(somebody(1)).replace("1990-01-02", "yesterday"), "birth_date: Input should be a valid date"),
        (write(somebody(1)), "person: stands on an earlier line too"),
        (write(somebody(2, edipi=somebody(1).edipi)), "edipi: somebody on an earlier line has this number"),
        (write(somebody(2, relations=(_TIE,))), "relations.sponsor: nobody has this key"),
    ],
)
def test_a_bad_line_is_told_as_ever_and_can_be_skipped(
    empty: Database, keys: Keyring, tmp_path: Path, bad: str, reason: str
) -> None:
    """The short way does not know which line it was; then the ordinary one is gone, from the file's beginning."""
    before = shape(empty)
    path = file_of(tmp_path, write(somebody(1)), bad, write(somebody(3)))
    with pytest.raises(BadFile) as refused:
        steps_of(empty, keys, path)
    assert [fault.line for fault in refused.value.faults] == [2]
    assert refused.value.faults[0].reason.startswith(reason)
    assert not any(everything(empty).values())
    assert shape(empty) == before
    loaded, _ = steps_of(empty, keys, path, skip=True)
    assert (loaded.added, loaded.skipped) == (2, 1)
    assert [fault.line for fault in loaded.faults] == [2]
    assert shape(empty) == before


@pytest.mark.usefixtures("small")
def test_who_comes_before_the_first_file_is_met_in_the_ordinary_way(
    ordinary: Database, keys: Keyring, tmp_path: Path
) -> None:
    """Somebody else fills the directory between the look at it and the write."""
    other = Database(str(ordinary.engine.url))
    came: list[int] = []

    def overtake(_conn: sa.Connection) -> None:
        if not came:
            came.append(load.load_people(other, keys, [somebody(1)], actor="operator:quick").added)

    event.listen(ordinary.engine, "engine_connect", overtake)
    loaded, steps = steps_of(ordinary, keys, file_of(tmp_path, write(somebody(1)), write(somebody(2))))
    assert came == [1]
    assert (loaded.added, loaded.unchanged) == (1, 1)
    assert steps == [Step.AGAIN, Step.WRITING]
    assert [one.actor for one in imports(ordinary)[-2:]] == ["operator:quick", _ACTOR]
    other.close()
