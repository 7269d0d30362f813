"""`idp deers`: a directory is invented and loaded, and looked at without telling numbers."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from idp import clock, db
from idp.db import Database, list_rows
from idp.directory import cast, generate, load
from idp.directory.tables import DeersIdentifier, DeersPerson
from idp.keyring import Keyring
from tests.commands.conftest import Command
from tests.directory_files import everything, file_of, imports, somebody

DAY = "2026-05-04"


def test_a_directory_is_generated_loaded_and_shown(command: Command, database: Database, tmp_path: Path) -> None:
    out = tmp_path / "deers.jsonl"
    made = command("generate", "--people", 300, "--seed", 4, "--out", out, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["people"], told["invented"], told["named"]) == (316, 300, 16)
    assert len(out.read_text("utf-8").splitlines()) == 316

    loaded = command("import", out, "--json")
    assert loaded.exit_code == 0, loaded.output
    told = json.loads(loaded.stdout)
    assert told == {"applied": True, "added": 300, "changed": 0, "unchanged": 16, "skipped": 0, "faults": []}
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


def test_a_database_that_is_not_there_is_said(command_alone: Command, tmp_path: Path) -> None:
    for refused in (command_alone("import", file_of(tmp_path, somebody(1))), command_alone("show", "9900000015")):
        assert refused.exit_code == 1
        assert "database cannot be used" in refused.stderr


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
