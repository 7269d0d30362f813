"""An import that is killed leaves nothing behind; the next one brings everything in, as if the first had never been."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from idp.audit import AuditEvent
from idp.db import Database, list_rows
from idp.directory import generate, load, people
from idp.directory.people import Sealed
from idp.keyring import Keyring
from tests.directory import check, clear, shape
from tests.directory_files import everything
from tests.idp_command import Done, start_idp

_PATIENCE = 60
_ACTOR = "operator:test"
DAY = date(2026, 5, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file, and the next one: the same people, every fiftieth with another name, and as many again."""
    folder = tmp_path_factory.mktemp("files")
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    generate.write_file(first, count=1_500, seed=3, today=DAY)
    generate.write_file(second, count=4_000, seed=3, today=DAY)
    lines = second.read_text("utf-8").splitlines()
    for place in range(20, 1_500, 50):
        lines[place] = json.dumps({**json.loads(lines[place]), "given_name": "Renamed"})
    second.write_text("\n".join(lines) + "\n", "utf-8")
    return first, second


@pytest.fixture
def environment(keys_folder: Path, database_url: str) -> dict[str, str]:
    return os.environ | {
        "IDP_DEMO": "1",
        "IDP_ISSUER": "http://localhost:5000",
        "IDP_SMTP_URL": "smtp://localhost:25",
        "IDP_KEYS": str(keys_folder),
        "DATABASE_URL": database_url,
    }


def contents(database: Database, keys: Keyring) -> dict[str, Any]:
    """All that the directory holds and that was noted, with the facts opened, but for the time."""
    held: dict[str, Any] = dict(everything(database))
    held["deers_person"] = [
        (id_, key_mac, content_mac, people.unseal(keys, Sealed(id_, facts)))
        for id_, key_mac, facts, content_mac, _ in held["deers_person"]
    ]
    held["deers_change"] = [(seq, person_id, kind) for seq, person_id, kind, *_ in held["deers_change"]]
    with database.read() as conn:
        events = list_rows(conn, AuditEvent, order_by=AuditEvent.seq)
    held["audit"] = [(event.event, event.fields if event.event == "directory.imported" else None) for event in events]
    return held


def is_reading(pid: int, _url: str) -> bool:
    """Its readers are there: two, and the process that multiprocessing keeps beside them."""
    return len(children(pid)) > 2


def is_writing(_pid: int, url: str) -> bool:
    """The write has begun, and more is to come behind it."""
    if url.startswith("sqlite"):
        log = Path(f"{sa.make_url(url).database}-wal")
        return log.exists() and log.stat().st_size > 500_000
    with psycopg.connect(sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)) as conn:
        seen = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (query LIKE 'INSERT INTO deers_%' OR query LIKE 'COPY deers_address%')"
        )
        return conn.execute(seen).fetchone() is not None


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_when(moment: Callable[[int, str], bool], environment: dict[str, str], file: Path) -> None:
    """Start an import and kill it at this moment; whoever read for it ends too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "idp", "deers", "import", str(file)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and not moment(process.pid, environment["DATABASE_URL"]):
        assert time.monotonic() < until, moment
        time.sleep(0.002)
    readers = children(process.pid) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    assert process.wait(_PATIENCE) == -signal.SIGKILL, f"it was too quick to be caught when it {moment.__name__}"
    while any(is_running(reader) for reader in readers):
        assert time.monotonic() < until, "a reader outlives what it reads for"
        time.sleep(0.02)


def test_a_killed_import_leaves_nothing_and_the_next_one_brings_all_in(
    database: Database,
    environment: dict[str, str],
    sqlite_template: Path,
    files: tuple[Path, Path],
    keys: Keyring,
    tmp_path: Path,
) -> None:
    first, second = files
    shutil.copy(sqlite_template, tmp_path / "never_killed.db")
    never_killed = Database(f"sqlite:///{tmp_path / 'never_killed.db'}")
    for file in files:
        load.load_file(never_killed, keys, file, actor=_ACTOR)
    load.load_file(database, keys, first, actor=_ACTOR)
    before = contents(database, keys)

    for moment in (is_reading, is_writing):
        kill_when(moment, environment, second)
        assert contents(database, keys) == before, moment
        if database.is_sqlite:
            with database.read() as conn:
                assert conn.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
                assert conn.exec_driver_sql("PRAGMA foreign_key_check").all() == []

    done: Done = start_idp(environment, "deers", "import", str(second), "--json")
    told = json.loads(done.stdout)
    assert (told["added"], told["changed"]) == (2_500, 30), done.stderr
    assert contents(database, keys) == contents(never_killed, keys)
    never_killed.close()


def test_a_killed_first_file_leaves_nobody_and_the_next_one_brings_all_in(
    database: Database, environment: dict[str, str], files: tuple[Path, Path], keys: Keyring
) -> None:
    """It is written while it is read, straight into the directory's tables, with their indexes taken off."""
    as_migrated = shape(database)
    clear(database)
    kill_when(is_writing, environment, files[1])
    assert not any(everything(database).values())
    assert shape(database) == as_migrated

    done: Done = start_idp(environment, "deers", "import", str(files[1]), "--json")
    told = json.loads(done.stdout)
    assert (told["added"], told["changed"]) == (4_016, 0), done.stderr
    assert len(check(database, keys)) == 4_016
    assert shape(database) == as_migrated
