"""What the benchmark of the directory makes of its measurements; the measuring itself is run by hand."""

import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bench import deers, deers_report, machine, report
from bench.__main__ import parser
from bench.deers import Deers, Held, Ran, Waited
from bench.likeness import Likeness
from bench.stores import POSTGRESQL, SQLITE, Store
from devtools.terminal import StopError
from idp import keyring, migrations_state
from idp.db import Database
from idp.directory import generate, load

TODAY = date(2026, 5, 4)


def ran(seconds: float, *, others: float = 0.0, read: int = 0) -> Ran:
    return Ran(seconds, memory=200.0, server=80.0, others=others, said={"read": read})


def results(*, others: float = 0.0) -> Deers:
    found = Deers()
    for count, waited in ((1_000, 1.0), (100_000, 1.5)):
        for kind in (SQLITE, POSTGRESQL):
            found.held.append(
                Held(
                    count,
                    kind,
                    imported=ran(count / 10_000, others=others),
                    again=ran(count / 20_000),
                    hit=Waited(waited, 3.0),
                    no=Waited(waited, 3.0),
                    sizes={"": count * 2_000, "deers_person": count * 1_200, "account": 4_096},
                )
            )
    largest = found.held[-1]
    found.held[-1] = replace(largest, applied=ran(10.0), synced=ran(4.0, read=2_000), members=500, changes=2_000)
    found.likeness = Likeness(people=500_000, same_day=9_000, asked=700, twins=60, doubles=10)
    return found


def test_figures_are_told_by_size_and_database_with_what_they_come_to() -> None:
    imports = deers_report.imports(results()).splitlines()
    assert [row for row in imports if "100,000" in row and "10.0 s" in row and "10,000" in row]
    matches = deers_report.matches(results()).splitlines()
    assert [row for row in matches if "100,000" in row and row.count("1.50 |") == 2]
    day = deers_report.day(results())
    assert "2,000 changes to 100,000 people" in day
    assert [row for row in day.splitlines() if "entries a second" in row and "500" in row]
    sizes = deers_report.sizes(results())
    assert [row for row in sizes.splitlines() if "`deers_person`" in row and row.count("1,200") == 2]
    assert "`account`" not in sizes
    assert [row for row in deers_report.likeness(results()).splitlines() if "of a million" in row and " 200 " in row]


def test_what_was_not_measured_has_no_table() -> None:
    assert deers_report.day(Deers(held=results().held[:2])) == ""
    assert deers_report.likeness(Deers()) == ""


def test_a_machine_that_was_not_quiet_is_told() -> None:
    assert deers_report.doubts(results()) == ""
    assert "30%" in deers_report.doubts(results(others=0.3))


def test_the_figures_have_their_place_on_the_page(tmp_path: Path) -> None:
    part = report.part(report.Told("a machine", "versions"), "a doubt", deers_report.text(results()))
    assert "**Not to be quoted:** a doubt." in part
    place = tmp_path / "performance.md"
    place.write_text("<!-- bench: deers -->\nold\n<!-- bench: end of deers -->\n", "utf-8")
    report.write({"deers": part}, place)
    assert "old" not in place.read_text("utf-8")
    assert all(f"<!-- bench: {mark}deers -->" in report.PAGE.read_text("utf-8") for mark in ("", "end of "))


def test_sizes_can_be_chosen() -> None:
    assert parser().parse_args(["--deers"]).deers_sizes == deers.SIZES
    assert parser().parse_args(["--deers", "--deers-sizes", "100,2000"]).deers_sizes == (100, 2_000)


def test_a_command_is_measured_with_all_that_it_started(tmp_path: Path) -> None:
    store = Store(SQLITE, tmp_path)
    out = str(tmp_path / "people.jsonl")
    ran = deers._ran(dict(os.environ), store, "deers", "generate", "--people", "20", "--out", out)
    assert (ran.said["people"], ran.server) == (36, 0.0)
    assert ran.seconds > 0
    assert ran.memory > 10
    with pytest.raises(StopError, match="ended with 2"):
        deers._ran(dict(os.environ), store, "no-such-command")


def test_processes_are_found_by_who_started_them() -> None:
    here = os.getpid()
    assert here in machine.descendants(os.getppid())
    assert machine.memory_of({here}) > 1
    before = machine.cpu_seconds_of({here})
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert machine.cpu_seconds_of({here}) > before


def test_claims_are_asked_of_the_real_directory_and_the_disk_is_counted(tmp_path: Path, keys_folder: Path) -> None:
    """A claim that is answered otherwise than it must be ends the benchmark without a figure."""
    store = Store(SQLITE, tmp_path)
    url = store.make("few")
    database = Database(url)
    migrations_state.upgrade(database)
    people = list(generate.people(300, seed=3, today=deers.TODAY))
    load.load_people(database, keyring.load(keys_folder), people, actor="operator:test")
    database.close()
    file = tmp_path / "people.jsonl"
    generate.write_file(file, count=300, seed=3, today=deers.TODAY)
    hit, no = deers._asked(url, keys_folder, file)
    assert 0 < hit.middle <= hit.slow
    assert 0 < no.middle <= no.slow
    sizes = store.sizes("few")
    assert sizes[""] > sizes["deers_person"] > 0
    generate.write_file(file, count=300, seed=4, today=deers.TODAY)
    with pytest.raises(StopError, match="no_such_number"):
        deers._asked(url, keys_folder, file)
    store.drop("few")
    assert not list(tmp_path.glob("few*"))
