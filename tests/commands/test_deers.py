"""`idp deers`: a directory is invented, loaded whole or not at all, and looked at without telling numbers."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from idp import clock, db, keyring
from idp.audit import AuditEvent
from idp.cli.deers import deers
from idp.db import Database, list_rows
from idp.directory import cast, generate, load
from idp.directory.records import Record, write
from idp.directory.tables import DeersIdentifier, DeersPerson, DeersRelation
from idp.keyring import Keyring

Command = Callable[..., Result]
DAY = "2026-05-04"
TODAY = date(2026, 5, 4)


@pytest.fixture
def command(database_url: str, keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`idp deers …` on a database that has the cast in it."""
    return _command(database_url, keys_folder, monkeypatch)


@pytest.fixture
def command_alone(tmp_path: Path, keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`idp deers …` with a database that does not exist."""
    return _command(f"sqlite:///{tmp_path / 'nothing' / 'here.db'}", keys_folder, monkeypatch)


def _command(database_url: str, keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("IDP_ISSUER", "http://localhost:5000")
    monkeypatch.setenv("IDP_DEMO", "1")
    monkeypatch.setenv("IDP_SMTP_URL", "smtp://localhost:25")
    monkeypatch.setenv("IDP_KEYS", str(keys_folder))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *words: CliRunner().invoke(deers, [str(word) for word in words])


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that the directory's tables hold."""
    tables = [table for table in db.Row.metadata.sorted_tables if table.name.startswith("deers_")]
    with database.read() as conn:
        return {
            table.name: [tuple(row) for row in conn.execute(sa.select(table).order_by(*table.c))] for table in tables
        }


def imports(database: Database) -> list[AuditEvent]:
    with database.read() as conn:
        return list_rows(conn, AuditEvent, AuditEvent.event == "directory.imported", order_by=AuditEvent.seq)


def somebody(number: int, **changed: Any) -> Record:
    """An ordinary grown-up."""
    facts: dict[str, Any] = {
        "person": f"test-{number}",
        "edipi": f"99000007{number:02d}",
        "ssn": f"9000007{number:02d}",
        "given_name": "Ira",
        "family_name": "Testwood",
        "birth_date": date(1990, 1, 2),
    }
    return Record(**{**facts, **changed})


def file_of(folder: Path, *lines: Record | str) -> Path:
    path = folder / "people.jsonl"
    path.write_text("".join(line if isinstance(line, str) else write(line) for line in lines), encoding="utf-8")
    return path


def test_a_directory_is_generated_loaded_and_shown(command: Command, database: Database, tmp_path: Path) -> None:
    out = tmp_path / "deers.jsonl"
    made = command("generate", "--people", 300, "--seed", 4, "--out", out, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["people"], told["invented"], told["named"]) == (316, 300, 16)
    assert len(out.read_text("utf-8").splitlines()) == 316

    loaded = command("import", out, "--json")
    assert loaded.exit_code == 0, loaded.output
    assert json.loads(loaded.stdout) == {
        "applied": True,
        "added": 300,
        "changed": 0,
        "unchanged": 16,
        "skipped": 0,
        "faults": [],
    }
    event = imports(database)[-1]
    assert event.fields == {"added": 300, "changed": 0, "unchanged": 16, "skipped": 0}
    assert event.actor.startswith("operator:")

    last = json.loads(out.read_text("utf-8").splitlines()[-1])
    shown = command("show", last["edipi"], "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["birth_date"] == last["birth_date"]


def test_the_same_day_and_seed_give_the_same_file(command_alone: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        words = ("generate", "--people", 50, "--seed", 9, "--as-of", DAY, "--out", tmp_path / name)
        assert command_alone(*words).exit_code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "--people", "0", "--out", "x"),
        ("generate", "--people", str(generate.MOST + 1), "--out", "x"),
        ("generate", "--people", "many", "--out", "x"),
        ("generate", "--people", "5"),
        ("generate", "--people", "5", "--out", "x", "--as-of", "yesterday"),
        ("generate", "--people", "5", "--seed", "-1", "--out", "x"),
        ("import",),
        ("import", "/nowhere/at/all"),
        ("show",),
        ("show", "123"),
        ("show", "99000000155"),
        ("show", "99O0000015"),
    ],
)
def test_a_wrong_call_is_a_usage_error(command_alone: Command, words: tuple[str, ...]) -> None:
    assert command_alone(*words).exit_code == 2


def test_a_file_that_cannot_be_written_is_said(command_alone: Command, tmp_path: Path) -> None:
    refused = command_alone("generate", "--people", 5, "--out", tmp_path / "no-such-folder" / "file")
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr


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


def test_a_database_that_is_not_there_is_said(command_alone: Command, tmp_path: Path) -> None:
    for refused in (command_alone("import", file_of(tmp_path, somebody(1))), command_alone("show", "9900000015")):
        assert refused.exit_code == 1
        assert "database cannot be used" in refused.stderr


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


def test_nothing_that_tells_who_somebody_is_lies_readable(database: Database) -> None:
    """R74, R75, R77: names, birth dates, numbers and addresses are sealed or keyed, in every table."""
    kept = repr(everything(database))
    for one in cast.people(clock.now().date()):
        facts = [one.given_name, one.family_name, one.edipi, one.ssn, one.dbn, one.person, one.birth_date.isoformat()]
        facts += [
            repr(one.birth_date),
            *[email.address for email in one.emails],
            *[post.locality for post in one.postal],
        ]
        assert [fact for fact in facts if fact and len(fact) > 3 and fact in kept] == []


def test_an_ssn_is_not_kept_even_sealed(database: Database, keys: Keyring) -> None:
    """R76: what is not kept cannot leak."""
    one = somebody(1, ssn="912345678", dbn="98765432101")
    load.load_people(database, keys, [one], actor="operator:test")
    with database.read() as conn:
        rows = list_rows(conn, DeersPerson)
    opened = [
        keys.unseal(row.facts_sealed, table="deers_person", column="facts_sealed", row=str(row.id)) for row in rows
    ]
    assert any(b"Testwood" in plain for plain in opened)
    assert not any(number in plain for plain in opened for number in (b"912345678", b"98765432101"))


def test_an_edipi_cannot_lead_to_two_people_whatever_is_written(database: Database) -> None:
    """The last word is the database's."""

    def give_away(conn: sa.Connection) -> None:
        row = list_rows(conn, DeersIdentifier, DeersIdentifier.kind == "edipi", limit=1)[0]
        other = conn.execute(sa.select(DeersPerson.id).where(DeersPerson.id != row.person_id).limit(1)).scalar_one()
        db.add(conn, DeersIdentifier(mac=row.mac, person_id=other, kind="edipi", current=True))

    with pytest.raises(sa.exc.IntegrityError):
        database.write(give_away)


def test_show_masks_every_number_and_address(command: Command) -> None:
    shown = command("show", "9900000015")
    assert shown.exit_code == 0, shown.output
    assert "••••••0015" in shown.output
    assert "name: Dana Q Example" in shown.output
    for hidden in ("9900000015", "900000015", "9900000031", "dana.example@", "Juniper"):
        assert hidden not in shown.output
    told = json.loads(command("show", "9900000015", "--json").stdout)
    assert [one["relationship"] for one in told["dependants"]] == ["spouse", "child", "child", "child"]
    assert told["emails"][0]["shared_with"] == 0
    assert told["postal"][0]["shared_with"] == 4, "the family lives there too"
    assert told["ssn_on_file"] is True
    assert told["eligibility"][0]["plan"] == "Prime"


def test_show_finds_a_person_by_a_former_number_and_with_dashes(command: Command) -> None:
    told = json.loads(command("show", "99-0000-0112", "--json").stdout)
    assert told["edipi"] == "••••••0104"
    assert told["other_edipis"] == ["••••••0112"]
    assert told["conflict_since"]


def test_show_says_when_there_is_nobody(command: Command) -> None:
    assert command("show", "9900000163").exit_code == 3
    assert command("show", "9900000163", "--json").exit_code == 3
