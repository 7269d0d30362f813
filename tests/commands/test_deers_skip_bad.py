"""`idp deers import --skip-bad`: the bad lines are left out, with whoever hangs from them, and told; the others are loaded."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from idp.db import Database
from idp.directory.records import Record, Relation, Relationship, write
from tests.commands.conftest import Command
from tests.directory_files import everything, file_of, imports, sheet_of, somebody


def child(number: int, of: str) -> Record:
    tie = Relation(sponsor=of, relationship=Relationship.CHILD, begin=date(2020, 1, 1))
    return somebody(number, relations=(tie,))


def load(command: Command, path: Path, *words: object) -> dict[str, Any]:
    done = command("import", path, "--skip-bad", "--json", *words)
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def reasons(told: dict[str, Any]) -> dict[int, str]:
    return {fault["line"]: fault["reason"] for fault in told["faults"]}


def is_there(command: Command, number: int) -> bool:
    return command("show", f"99000007{number:02d}").exit_code == 0


def test_the_bad_lines_alone_are_left_out(command: Command, database: Database, tmp_path: Path) -> None:
    unending = write(somebody(3)).replace('"suffix":null', '"suffix":"\\n"')
    taken = somebody(4, edipi="9900000015", dbn="90000001500")
    path = file_of(tmp_path, somebody(1), "not json\n", somebody(2), "\n", taken, somebody(1), unending)
    told = load(command, path)
    assert (told["applied"], told["added"], told["skipped"]) == (True, 2, 4)
    assert reasons(told) == {
        2: "not a JSON object",
        5: "edipi: somebody else has this number; dbn: somebody else has this number",
        6: "person: stands on an earlier line too",
        7: "suffix: String should match pattern '^[^\\x00-\\x1f\\x7f]+$'",
    }
    assert [is_there(command, number) for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert imports(database)[-1].fields == {"added": 2, "changed": 0, "unchanged": 0, "skipped": 4}
    again = load(command, path)
    assert (again["added"], again["unchanged"], again["skipped"]) == (0, 2, 4)
    assert reasons(again) == reasons(told)


def test_it_is_told_in_words_too(command: Command, tmp_path: Path) -> None:
    done = command("import", file_of(tmp_path, somebody(1), "{}\n"), "--skip-bad")
    assert done.exit_code == 0, done.output
    assert "People added: 1" in done.stdout
    assert "Lines left out: 1." in done.stdout
    assert "line 2: person: Field required" in done.stdout


def test_who_depends_on_a_line_left_out_is_left_out_too(command: Command, tmp_path: Path) -> None:
    """A dependant may come before the sponsor, and depend on somebody who depends on another."""
    bad = write(somebody(9)).replace("1990-01-02", "yesterday")
    told = load(
        command, file_of(tmp_path, child(1, "test-2"), child(2, "test-9"), bad, child(3, "nobody-here"), somebody(4))
    )
    assert (told["added"], told["skipped"]) == (1, 4)
    assert reasons(told) == {
        1: "relations.sponsor: the sponsor's own line is bad",
        2: "relations.sponsor: the sponsor's own line is bad",
        3: "birth_date: Input should be a valid date in the format YYYY-MM-DD, input is too short",
        4: "relations.sponsor: nobody has this key",
    }


def test_a_sponsor_known_before_is_there_though_their_new_line_is_bad(command: Command, tmp_path: Path) -> None:
    load(command, file_of(tmp_path, somebody(1)))
    bad = write(somebody(1)).replace("1990-01-02", "yesterday")
    told = load(command, file_of(tmp_path, bad, child(2, "test-1")))
    assert (told["added"], told["changed"], told["skipped"]) == (1, 0, 1)


def test_a_number_stays_with_whom_it_belongs_to_when_their_line_is_left_out(command: Command, tmp_path: Path) -> None:
    """The first gives up a number and the second takes it. Where the first is left out, the second cannot have it."""
    first, second = somebody(1), somebody(2)
    load(command, file_of(tmp_path, first, second))
    giving = child(1, "nobody-here").model_copy(update={"edipi": "9900000777"})
    taking = second.model_copy(update={"edipi": first.edipi})
    told = load(command, file_of(tmp_path, taking, giving, somebody(3)))
    assert (told["added"], told["changed"], told["skipped"]) == (1, 0, 2)
    assert reasons(told) == {
        1: "edipi: somebody else has this number",
        2: "relations.sponsor: nobody has this key",
    }


def test_who_had_a_number_keeps_it_wherever_their_line_stands(command: Command, tmp_path: Path) -> None:
    first = somebody(1)
    load(command, file_of(tmp_path, first))
    thief = somebody(2, edipi=first.edipi)
    told = load(command, file_of(tmp_path, thief, first.model_copy(update={"family_name": "Otherwood"})))
    assert (told["changed"], told["skipped"]) == (1, 1)
    assert reasons(told) == {1: "edipi: somebody else has this number"}


def test_of_two_new_people_with_one_number_the_first_has_it(command: Command, tmp_path: Path) -> None:
    told = load(
        command, file_of(tmp_path, somebody(1), somebody(2, other_edipis=(somebody(1).edipi,)), child(3, "test-2"))
    )
    assert (told["added"], told["skipped"]) == (1, 2)
    assert reasons(told) == {
        2: "edipi: somebody on an earlier line has this number",
        3: "relations.sponsor: the sponsor's own line is bad",
    }


def test_a_report_names_every_bad_line_whether_they_are_skipped_or_not(
    command: Command, database: Database, tmp_path: Path
) -> None:
    before = everything(database)
    path, report = file_of(tmp_path, *["{}\n"] * 30, somebody(1)), tmp_path / "bad.jsonl"
    refused = command("import", path, "--report", report, "--json")
    assert refused.exit_code == 1
    assert [fault["line"] for fault in json.loads(refused.stdout)["faults"]] == list(range(1, 21))
    assert [json.loads(line)["line"] for line in report.read_text("utf-8").splitlines()] == list(range(1, 31))
    assert everything(database) == before
    told = load(command, path, "--report", report)
    assert (told["added"], told["skipped"], len(told["faults"])) == (1, 30, 20)
    assert len(report.read_text("utf-8").splitlines()) == 30


def test_where_the_report_cannot_be_written_nothing_is_loaded(
    command: Command, database: Database, tmp_path: Path
) -> None:
    before = everything(database)
    nowhere = tmp_path / "no-such-folder" / "bad.jsonl"
    refused = command("import", file_of(tmp_path, somebody(1), "{}\n"), "--skip-bad", "--report", nowhere)
    assert refused.exit_code == 1
    assert str(nowhere) in refused.stderr
    assert everything(database) == before


@pytest.mark.parametrize("skip", [(), ("--skip-bad",)])
def test_a_sheet_without_a_right_header_is_refused_whole(
    command: Command, database: Database, tmp_path: Path, skip: tuple[str, ...]
) -> None:
    before = everything(database)
    path = sheet_of(tmp_path / "people.csv", [somebody(1)])
    for header, reason in (
        ("person,edipi,given_name,family_name,birth_date,favourite_colour", "no such column: number 6"),
        ("person,edipi,given_name,family_name,birth_date,email_6_address", "no such column: number 6"),
        ("person,edipi,given_name,family_name,birth_date,person", "names a column twice"),
        ("person,edipi,given_name,family_name", "the header must name birth_date"),
        ("person;edipi;given_name;family_name;birth_date", "separated by commas"),
        ("", "the header must name person"),
    ):
        path.write_text(header + "\n", encoding="utf-8")
        refused = command("import", path, *skip)
        assert refused.exit_code == 1, header
        assert "line 1: " in refused.stderr, header
        assert reason in refused.stderr, header
        assert "favourite" not in refused.stderr
    assert everything(database) == before
