"""A run of `idp deers apply` that is killed, again and again: when it has come to its end, all is as if it never was."""

import json
import shutil
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from idp import clock, db, keyring
from idp.audit import AuditEvent
from idp.cli.deers import deers
from idp.db import Database
from idp.directory import apply
from idp.directory.cast import DANA, JO, KIT, LEE, MAX, PAT, ROBIN, SOL, VIC
from idp.directory.records import Record, Relation, Relationship
from idp.directory.tables import DeersChange
from tests import databases
from tests.directory import check, environment, held
from tests.races import prepared
from tests.town import a_change, somebody

_CHANGES_IN_ONE_WRITE = 4
_PATIENCE = 60


@pytest.fixture
def undisturbed_url(sqlite_template: Path) -> Iterator[str]:
    """Another directory with the same people and keys."""
    folder = databases.fast_folder()
    shutil.copy(sqlite_template, folder / "guidon.db")
    yield f"sqlite:///{folder / 'guidon.db'}"
    shutil.rmtree(folder)


def file_of_changes(folder: Path) -> Path:
    """Some hundred changes in which the order matters: what is refused at its place could be applied later."""
    lines = []
    for number in range(40):
        day = clock.now().date() - timedelta(days=40 - number)
        lines += [
            a_change(f"{number}-corrected", "death_corrected", DANA),
            a_change(f"{number}-death", "death", DANA, day),
            a_change(
                f"{number}-mail", "address", JO, emails=[{"address": f"jo{number}@new.example", "since": "2026-01-01"}]
            ),
            a_change(f"{number}-back", "death_corrected", DANA),
            a_change(f"{number}-name", "name", LEE, given_name="Lee", family_name=f"Name {number}"),
            a_change(f"{number}-conflict", "identity_conflict" if number % 2 else "conflict_resolved", VIC),
            a_change(f"{number}-birth", "birth", ROBIN, day, child=_newborn(number, day)),
            b"not json\n",
        ]
    lines += [
        a_change("merge", "merge", MAX, former=VIC),
        a_change("divorce", "divorce", DANA, spouse=ROBIN),
        a_change("married", "marriage", MAX, spouse=ROBIN),
        a_change("sol", "death_corrected", SOL),
        a_change("kit", "age_out", KIT),
        a_change("pat", "separation", PAT),
    ]
    path = folder / "changes.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def _newborn(number: int, day: date) -> Record:
    tie = Relation(sponsor=ROBIN, relationship=Relationship.CHILD, begin=day)
    return somebody(number, birth_date=day, relations=(tie,))


def _run(database_url: str, keys_folder: Path, path: Path) -> None:
    apply._AT_ONCE = _CHANGES_IN_ONE_WRITE
    CliRunner().invoke(deers, ["apply", str(path)], env=environment(database_url, keys_folder))


def _decided(database: Database) -> int:
    with database.read() as conn:
        return conn.execute(
            sa.select(sa.func.count()).where(DeersChange.change_mac.is_not(None)).select_from(DeersChange)
        ).scalar_one()


def _run_until(decided: int, database: Database, *given: object) -> bool:
    """Start a run and kill it when so many changes have been decided; whether it was cut off before its end."""
    process = prepared().Process(target=_run, args=given)
    process.start()
    until = time.monotonic() + _PATIENCE
    while process.is_alive() and _decided(database) < decided and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    process.join()
    return process.exitcode != 0


@pytest.mark.races
def test_a_run_that_is_killed_goes_on_where_it_was(
    database_url: str, undisturbed_url: str, keys_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9, with the undisturbed run as the oracle."""
    path, keys = file_of_changes(tmp_path), keyring.load(keys_folder)
    database, undisturbed = Database(database_url), Database(undisturbed_url)
    cut_off = [_run_until(decided, database, database_url, keys_folder, path) for decided in (1, 20, 75, 76, 150, 220)]
    assert sum(cut_off) >= 3, "runs that end before they are killed prove nothing"
    reports = []
    for url in (database_url, undisturbed_url):
        done = CliRunner().invoke(deers, ["apply", str(path), "--json"], env=environment(url, keys_folder))
        assert done.exit_code == 1, done.output
        reports.append(json.loads(done.stdout))
    facts = check(database, keys)
    assert facts == check(undisturbed, keys)
    assert held(database, keys) == held(undisturbed, keys)
    assert _feed(database) == _feed(undisturbed)
    resumed, whole = reports
    assert resumed["refused"] == whole["refused"]
    assert resumed["applied"] + resumed["ignored"] == whole["applied"] + whole["ignored"]
    assert 0 < resumed["applied"] < whole["applied"]
    refused = [
        [(one["line"], one["reason"]) for one in report["not_applied"] if one["outcome"] == "refused"]
        for report in reports
    ]
    assert refused[0] == refused[1]
    with database.read() as conn:
        [event] = db.list_rows(conn, AuditEvent, AuditEvent.event == "directory.changed")
    assert event.fields["applied"] == resumed["applied"], "whoever came to the end of the file"
    for one in (database, undisturbed):
        one.close()


def _feed(database: Database) -> list[tuple[str, bytes | None]]:
    with database.read() as conn:
        found = conn.execute(sa.select(DeersChange.kind, DeersChange.change_mac).order_by(DeersChange.seq))
        return [(kind, mac) for kind, mac in found]
