"""`idp deers import`: a file is loaded whole or not at all, and only what changed is written."""

import json
import shutil
import threading
from datetime import date
from pathlib import Path

from idp import clock
from idp.db import Database, list_rows
from idp.directory import cast, load, reading
from idp.directory.records import write
from idp.directory.tables import DeersChange, DeersPerson, DeersRelation
from idp.keyring import Keyring
from tests.commands.conftest import Command
from tests.directory_files import everything, file_of, imports, sheet_of, somebody

TODAY = date(2026, 5, 4)


def test_a_repeated_import_writes_only_what_changed(command: Command, database: Database, tmp_path: Path) -> None:
    first, second, third = somebody(1), somebody(2), somebody(3)
    assert command("import", file_of(tmp_path, first, second)).exit_code == 0
    before = everything(database)
    moved = second.model_copy(update={"family_name": "Otherwood", "ssn": None})
    again = command("import", file_of(tmp_path, first, moved, third), "--json")
    assert json.loads(again.stdout) == {
        "applied": True,
        "added": 1,
        "changed": 1,
        "unchanged": 1,
        "skipped": 0,
        "faults": [],
    }
    after = everything(database)
    with database.read() as conn:
        changed = {row.id: row for row in list_rows(conn, DeersPerson)}
    old = {row[0]: row for row in before["deers_person"]}
    touched = [id_ for id_ in old if changed[id_].content_mac not in old[id_]]
    assert len(touched) == 1
    assert [row for row in after["deers_person"] if row[0] in old and row[0] not in touched] == [
        row for row in before["deers_person"] if row[0] not in touched
    ]
    assert len(after["deers_identifier"]) == len(before["deers_identifier"]) - 1 + 2
    assert len(imports(database)) == 3, "the cast's and these two"


def test_one_bad_line_and_nothing_is_loaded(command: Command, database: Database, tmp_path: Path) -> None:
    orphan = write(somebody(2)).replace(
        '"relations":[]', '"relations":[{"sponsor":"nobody-here","relationship":"child","begin":"2020-01-01"}]'
    )
    before, events = everything(database), len(imports(database))
    for bad, reason in (
        ("not json\n", "not a JSON object"),
        ('{"person": "x"}\n', "edipi: Field required; given_name: Field required"),
        (somebody(2, edipi="9900000015"), "edipi: somebody else has this number"),
        (somebody(2, other_edipis=("9900000112",)), "edipi: somebody else has this number"),
        (somebody(2, dbn="90000001500"), "dbn: somebody else has this number"),
        (somebody(2, edipi="9900000701"), "edipi: somebody on an earlier line has this number"),
        (somebody(1, edipi="9900000777"), "person: stands on an earlier line too"),
        ("x" * 70_000 + "\n", "longer than 65536 bytes"),
        (orphan, "relations.sponsor: nobody has this key"),
    ):
        path = file_of(tmp_path, somebody(1), bad, "\n", somebody(5), somebody(6))
        refused = command("import", path)
        assert refused.exit_code == 1, reason
        assert f"line 2: {reason}" in refused.stderr
        told = command("import", path, "--json")
        assert told.exit_code == 1, reason
        assert json.loads(told.stdout)["applied"] is False
        assert [fault["line"] for fault in json.loads(told.stdout)["faults"]] == [2], reason
        assert everything(database) == before, reason
    assert len(imports(database)) == events


def test_a_file_with_many_bad_lines_names_the_first_twenty(command: Command, tmp_path: Path) -> None:
    refused = command("import", file_of(tmp_path, *["{}\n"] * 50), "--json")
    assert [fault["line"] for fault in json.loads(refused.stdout)["faults"]] == list(range(1, 21))


def test_a_person_known_before_may_not_stand_in_a_file_twice(command: Command, tmp_path: Path) -> None:
    dana = cast.people(clock.now().date())[0]
    # Far enough apart to fall into two statements.
    others = [somebody(0, person=f"o{n}", edipi=f"98{n:08d}", ssn=None) for n in range(1_000)]
    refused = command("import", file_of(tmp_path, dana, *others, dana))
    assert refused.exit_code == 1
    assert "line 1002: person: stands on an earlier line too" in refused.stderr


def test_a_dependant_may_come_before_the_sponsor(command: Command, database: Database, tmp_path: Path) -> None:
    family = list(cast.people(TODAY))
    spare = {"edipi": "9900000801", "ssn": None, "dbn": None}
    robin, dana = family[1], somebody(8)
    child = robin.model_copy(
        update={
            **spare,
            "person": "early-child",
            "relations": (robin.relations[0].model_copy(update={"sponsor": dana.person}),),
        }
    )
    others = [somebody(0, person=f"o{n}", edipi=f"98{n:08d}", ssn=None) for n in range(1_200)]
    loaded = command("import", file_of(tmp_path, "\n", child, *others, dana), "--json")
    assert loaded.exit_code == 0, loaded.output
    shown = json.loads(command("show", "9900000801", "--json").stdout)
    assert [sponsor["edipi"] for sponsor in shown["sponsors"]] == ["••••••0708"]
    with database.read() as conn:
        assert len(list_rows(conn, DeersRelation)) > 1


def test_a_number_that_left_one_person_may_come_to_another_in_one_file(command: Command, tmp_path: Path) -> None:
    first, second = somebody(1), somebody(2)
    assert command("import", file_of(tmp_path, first, second)).exit_code == 0
    swapped = (first.model_copy(update={"edipi": second.edipi}), second.model_copy(update={"edipi": first.edipi}))
    assert command("import", file_of(tmp_path, *swapped)).exit_code == 0


def test_two_imports_at_once_add_everybody_once(database_url: str, keys: Keyring) -> None:
    people = [somebody(0, person=f"o{n}", edipi=f"98{n:08d}", ssn=None) for n in range(500)]
    databases = [Database(database_url) for _ in range(2)]
    results: list[load.Loaded] = []

    def run(database: Database) -> None:
        results.append(load.load_people(database, keys, people, actor="operator:test"))

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert sorted((each.added, each.unchanged) for each in results) == [(0, 500), (500, 0)]


def test_a_number_may_be_taken_before_the_line_that_gives_it_up(command: Command, tmp_path: Path) -> None:
    first, second = somebody(1), somebody(2)
    assert command("import", file_of(tmp_path, first, second)).exit_code == 0
    others = [somebody(0, person=f"o{n}", edipi=f"98{n:08d}", ssn=None) for n in range(1_500)]
    taking = second.model_copy(update={"edipi": first.edipi})
    giving = first.model_copy(update={"edipi": "9900000777"})
    assert command("import", file_of(tmp_path, taking, *others, giving)).exit_code == 0


def test_order_and_spacing_of_a_line_change_nothing(command: Command, database: Database, tmp_path: Path) -> None:
    one = somebody(1)
    assert command("import", file_of(tmp_path, one)).exit_code == 0
    before = everything(database)
    columns = json.loads(write(one))
    filled = {name: columns[name] for name in sorted(columns, reverse=True) if columns[name] not in (None, [])}
    again = command("import", file_of(tmp_path, json.dumps(filled, separators=(" , ", " : ")) + "\n"), "--json")
    assert json.loads(again.stdout)["unchanged"] == 1
    assert everything(database) == before


def test_a_sheet_and_json_lines_say_the_same(command: Command, database: Database, tmp_path: Path) -> None:
    known = list(cast.people(clock.now().date()))
    people = [*known, *(somebody(number) for number in range(5))]
    added = command("import", sheet_of(tmp_path / "people.csv", people, encoding="utf-8-sig"), "--json")
    assert json.loads(added.stdout)["unchanged"] == len(known), added.output
    assert json.loads(added.stdout)["added"] == 5
    before = everything(database)
    again = command("import", file_of(tmp_path, *people), "--json")
    assert json.loads(again.stdout)["unchanged"] == len(people)
    assert everything(database) == before


def test_the_format_can_be_said(command: Command, tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path / "people.txt", [somebody(1)])
    assert command("import", sheet).exit_code == 1
    assert command("import", sheet, "--format", "csv").exit_code == 0
    lines = file_of(tmp_path, somebody(1)).rename(tmp_path / "people.csv")
    assert command("import", lines).exit_code == 1
    assert command("import", lines, "--format", "jsonl").exit_code == 0
    assert command("import", lines, "--format", "xml").exit_code == 2


def test_only_those_who_changed_are_in_the_feed(command: Command, database: Database, tmp_path: Path) -> None:
    people = [somebody(number) for number in range(6)]
    assert command("import", file_of(tmp_path, *people)).exit_code == 0
    moved = [one.model_copy(update={"family_name": "Otherwood"}) for one in people[2:4]]
    assert command("import", file_of(tmp_path, *people[:2], *moved, *people[4:])).exit_code == 0
    assert command("import", file_of(tmp_path, *people[:2], *moved[:1], people[3])).exit_code == 0
    with database.read() as conn:
        ids = {row.id for row in list_rows(conn, DeersPerson)}
        entries = list_rows(conn, DeersChange, order_by=DeersChange.seq)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert {entry.kind for entry in entries} == {"import"}
    assert entries[1].person_id == entries[2].person_id != entries[0].person_id
    assert {entry.person_id for entry in entries} <= ids


def test_a_large_file_is_read_by_other_processes_and_comes_out_the_same(
    command: Command, database: Database, tmp_path: Path
) -> None:
    """Each takes a block after the other's; lines are counted through, and who is new gets the id of their place."""
    with database.read() as conn:
        there = [row.id for row in list_rows(conn, DeersPerson, order_by=DeersPerson.id)]
    out = tmp_path / "many.jsonl"
    assert command("generate", "--people", 3_000, "--seed", 7, "--out", out).exit_code == 0
    assert out.stat().st_size > reading.SMALL
    loaded = command("import", out, "--json")
    assert loaded.exit_code == 0, loaded.output
    assert json.loads(loaded.stdout)["added"] == 3_000
    edipis = [json.loads(line)["edipi"] for line in out.read_text("utf-8").splitlines()]
    with database.read() as conn:
        ids = [row.id for row in list_rows(conn, DeersPerson, order_by=DeersPerson.id)]
    assert ids == [*there, *(there[-1] + line for line in range(len(there) + 1, len(edipis) + 1))]
    assert [command("show", edipis[place]).exit_code for place in (0, 15, 16, 1_500, -1)] == [0] * 5
    with out.open("a", encoding="utf-8") as file:
        file.write("{}\n")
    refused = command("import", out, "--json")
    assert [fault["line"] for fault in json.loads(refused.stdout)["faults"]] == [len(edipis) + 1]


def test_whoever_writes_while_a_file_is_read_is_not_written_over(
    sqlite_template: Path, keys: Keyring, tmp_path: Path
) -> None:
    """SQLite: nobody waits for the reading, and it is done once more where it was overtaken. On PostgreSQL the other waits."""
    shutil.copy(sqlite_template, tmp_path / "guidon.db")
    slow, quick = (Database(f"sqlite:///{tmp_path / 'guidon.db'}") for _ in range(2))
    steps: list[load.Step] = []

    def overtake(step: load.Step, _done: int, _whole: int) -> None:
        steps.append(step)
        if steps == [load.Step.READING]:
            told = load.load_people(quick, keys, [somebody(1)], actor="operator:quick")
            assert (told.added, told.unchanged) == (1, 0)

    path = file_of(tmp_path, somebody(1), somebody(2))
    loaded = load.load_file(slow, keys, path, actor="operator:slow", progress=overtake)
    assert (loaded.added, loaded.unchanged) == (1, 1)
    assert list(dict.fromkeys(steps)) == [load.Step.READING, load.Step.AGAIN, load.Step.WRITING]
    assert [event.actor for event in imports(slow)[-2:]] == ["operator:quick", "operator:slow"]
    slow.close()
    quick.close()
