"""What a database must promise before anything is built on it: act and event are one, and writers do not fail each other."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from idp import audit, clock, db
from idp.audit import AuditEvent, Event
from idp.db import Database
from idp.limits import LimitCount
from tests.races import Ready, together


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def _act(conn: Connection, key: str) -> None:
    db.add(conn, LimitCount(key=key, count=1, window_ends_at=clock.now(), blocked_until=None))


def _note(conn: Connection, kid: str) -> None:
    audit.record(conn, Event.KEYS_CREATED, actor="operator:test", subject=None, kid=kid, alg="ES256")


def _held(database: Database) -> tuple[set[str], set[str]]:
    with database.read() as conn:
        acts = {row.key for row in db.list_rows(conn, LimitCount)}
        return acts, {str(row.fields.get("kid")) for row in db.list_rows(conn, AuditEvent)}


def test_an_act_without_its_event_or_an_event_without_its_act_cannot_be(database: Database) -> None:
    """R165: whichever of the two comes first and whichever fails."""

    def act_then_fail(conn: Connection) -> None:
        _act(conn, "one")
        _note(conn, "one")
        raise LookupError("a bug")

    def act_with_a_wrong_event(conn: Connection) -> None:
        _act(conn, "two")
        audit.record(conn, Event.KEYS_CREATED, actor="operator:test", subject=None, undeclared="two")

    def note_with_a_broken_act(conn: Connection) -> None:
        _note(conn, "three")
        _act(conn, "three")
        _act(conn, "three")

    def whole(conn: Connection) -> None:
        _act(conn, "four")
        _note(conn, "four")

    for work in (act_then_fail, act_with_a_wrong_event, note_with_a_broken_act):
        with pytest.raises((LookupError, ValueError, IntegrityError)):
            database.write(work)
    database.write(whole)
    acts, notes = _held(database)
    ours = {"one", "two", "three", "four"}
    assert (acts & ours, notes & ours) == ({"four"}, {"four"})


def test_sqlite_is_opened_to_last(tmp_path: Path) -> None:
    """R170: a write-ahead log, every commit flushed, and constraints that hold."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")

    def asked(conn: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    assert database.write(asked) == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


def test_writers_beside_each_other_wait_and_none_is_told_locked(database_url: str) -> None:
    """R170: each has its own connection to the file, as processes have, and looks before it writes."""
    databases = [Database(database_url) for _ in range(4)]
    added: list[str] = []

    def write(number: int) -> None:
        def look_then_add(conn: Connection) -> None:
            assert db.find(conn, LimitCount, LimitCount.key == key) is None
            _act(conn, key)

        for key in (f"{number}-{turn}" for turn in range(10)):
            databases[number].write(look_then_add)
            added.append(key)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(databases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    acts, _ = _held(databases[0])
    for database in databases:
        database.close()
    assert len(added) == 40
    assert set(added) <= acts


def _open_and_write(ready: Ready, url: str, number: int) -> bool:
    database = Database(url)
    ready()
    database.write(lambda conn: _act(conn, f"racer-{number}"))
    database.close()
    return True


@pytest.mark.races
def test_a_restored_file_is_opened_by_many_at_once(sqlite_template: Path, tmp_path: Path) -> None:
    """R170: a file out of a backup is not in WAL, and the first ones to open it all want to switch it."""
    for attempt in range(3):
        restored = tmp_path / f"restored-{attempt}.db"
        with contextlib.closing(sqlite3.connect(sqlite_template)) as held:
            held.execute("VACUUM INTO ?", (str(restored),))
        with contextlib.closing(sqlite3.connect(restored)) as file:
            assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        url = f"sqlite:///{restored}"
        assert together(_open_and_write, [(url, number) for number in range(6)]) == [True] * 6
