"""`idp deers apply`: what happened to people is applied once, whole or not at all, and what was not is told."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from idp import clock, db, keyring
from idp.adapters.deers import EmbeddedDirectory
from idp.audit import AuditEvent
from idp.cli.deers import deers
from idp.db import Database
from idp.directory import cast, load, people
from idp.directory.cast import DANA, JO, KIT, LEE, NOEL, PAT, ROBIN, SOL, VAL, VIC
from idp.directory.records import Relation, Relationship, write
from idp.directory.tables import DeersIdentifier, DeersPerson, NumberKind
from idp.keyring import Keyring
from idp.ports import Claimed, IdKind, Matched, NoMatch
from tests.directory import check, environment, everybody, held
from tests.races import Ready, together
from tests.town import a_change, somebody

Apply = Callable[..., Result]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


@pytest.fixture
def command(database_url: str, keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Apply:
    """`idp deers …` on a database that has the cast in it."""
    for name, value in environment(database_url, keys_folder).items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(deers, [str(word) for word in words])


def today() -> date:
    return clock.now().date()


def file_of(folder: Path, *lines: bytes, name: str = "changes.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(lines))
    return path


def leads_to(database: Database, keys: Keyring, kind: NumberKind, number: str) -> list[str]:
    """The keys of those to whom a number leads."""
    with database.read() as conn:
        found = people.list_by_number(conn, keys, kind, number, most=5)
        return [people.unseal(keys, sealed).person for sealed in found]


def feed(database: Database, keys: Keyring) -> list[tuple[str, str, str | None]]:
    """Key, kind and former key of every entry about somebody."""
    told = EmbeddedDirectory(database, keys).list_changes(None, most=1_000)
    return [(one.person_key, one.kind, one.former_key) for one in told.changes]


def a_day() -> list[bytes]:
    """Something of most kinds, for the named people."""
    born = somebody(
        2,
        birth_date=today(),
        relations=(Relation(sponsor=DANA, relationship=Relationship.CHILD, begin=today()),),
    )
    return [
        a_change("1", "separation", NOEL, tamp=True),
        a_change("2", "retirement", DANA, category="R"),
        a_change("3", "divorce", DANA, spouse=ROBIN),
        a_change("4", "marriage", NOEL, new_spouse=somebody(1, emails=()), family_name="Former"),
        a_change("5", "birth", DANA, child=born),
        a_change("6", "death", VIC),
        a_change("7", "address", JO, emails=[{"address": "jo@new.example", "since": today().isoformat()}]),
        a_change("8", "name", KIT, given_name="Kit", family_name="Sampleton"),
        a_change("9", "edipi", LEE, edipi="9900000750"),
        a_change("10", "conflict_resolved", VAL),
        a_change("11", "death_corrected", SOL),
    ]


def test_a_day_of_changes_is_applied_and_told(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    lines = [*a_day(), b"\n", a_change("12", "separation", VIC), a_change("13", "age_out", KIT)]
    told = command("apply", file_of(tmp_path, *lines), "--json")
    assert told.exit_code == 1, told.output
    report = json.loads(told.stdout)
    assert (report["applied"], report["ignored"], report["refused"]) == (11, 0, 2)
    assert report["kinds"]["separation"] == {"applied": 1, "ignored": 0, "refused": 1}
    assert [(one["line"], one["id"], one["reason"]) for one in report["not_applied"]] == [
        (13, "12", "no_service"),
        (14, "13", "not_old_enough"),
    ]
    facts = check(database, keys)
    assert facts[DANA].affiliations[-1].category == "R"
    assert facts["new-1"].relations[0].sponsor == NOEL
    assert facts["new-2"].relations[0].sponsor == DANA
    assert facts[VIC].deceased_on == today()
    assert facts[SOL].deceased_on is None
    assert leads_to(database, keys, NumberKind.SSN, "900000701") == ["new-1"]
    assert leads_to(database, keys, NumberKind.DBN, "90000000702") == ["new-2"]
    assert leads_to(database, keys, NumberKind.EDIPI, "9900000750") == [LEE]
    assert leads_to(database, keys, NumberKind.EDIPI, "9900000040") == [LEE]
    with database.read() as conn:
        [event] = db.list_rows(conn, AuditEvent, AuditEvent.event == "directory.changed")
    assert event.fields == {"applied": 11, "ignored": 0, "refused": 2}
    assert event.actor.startswith("operator:")


def test_everybody_whose_record_changed_is_in_the_feed(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    second = somebody(1, given_name="Noel", family_name="Former")
    load.load_people(database, keys, [second], actor="operator:test")
    assert feed(database, keys) == []
    lines = (
        a_change("a", "separation", DANA),
        a_change("b", "merge", "new-1", former=NOEL),
        a_change("c", "divorce", DANA, spouse=ROBIN),
        a_change("d", "death", SOL),
        a_change("e", "conflict_resolved", DANA),
    )
    assert command("apply", file_of(tmp_path, *lines)).exit_code == 1
    assert feed(database, keys) == [
        *((key, "separation", None) for key in (DANA, ROBIN, KIT, LEE, JO)),
        ("new-1", "merge", NOEL),
        (PAT, "merge", None),
        (ROBIN, "divorce", None),
    ]


def test_a_file_that_comes_again_does_nothing(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    """Whatever was refused or so already stays decided: later changes of the file would give it another meaning."""
    lines = (
        a_change("a", "death_corrected", DANA),
        a_change("b", "edipi", DANA, edipi="9900000015"),
        a_change("c", "edipi", DANA, edipi="9900000750"),
        a_change("d", "death", DANA),
        a_change("d", "death", KIT),
        b"not json\n",
    )
    path = file_of(tmp_path, *lines)
    first = command("apply", path, "--json")
    before, entries = held(database, keys), feed(database, keys)
    assert everybody(database, keys)[KIT].deceased_on is None, "an id is one change's"
    second = command("apply", path, "--json")
    assert held(database, keys) == before
    assert feed(database, keys) == entries
    assert first.exit_code == second.exit_code == 1
    one, two = json.loads(first.stdout), json.loads(second.stdout)
    assert [(told["line"], told["reason"]) for told in one["not_applied"]] == [
        (1, "not_dead"),
        (2, "already_so"),
        (5, "applied_before"),
        (6, "unreadable"),
    ]
    assert [(told["line"], told["reason"], told["decided_before"]) for told in two["not_applied"]] == [
        (1, "not_dead", True),
        (2, "already_so", True),
        (3, "applied_before", True),
        (4, "applied_before", True),
        (5, "applied_before", True),
        (6, "unreadable", False),
    ]
    assert command("apply", file_of(tmp_path, a_change("a2", "death_corrected", DANA))).exit_code == 0


def test_a_change_whose_day_has_not_come_is_applied_when_it_has(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path, a_change("a", "death", DANA, today() + timedelta(days=1)))
    refused = command("apply", path)
    assert refused.exit_code == 1
    assert "line 1, a: death refused: its day lies in the future" in refused.output
    tomorrow = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    assert command("apply", path).exit_code == 0
    assert everybody(database, keys)[DANA].deceased_on == tomorrow.date()


def test_a_dry_run_decides_the_same_and_writes_nothing(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    lines = [*a_day(), a_change("14", "merge", VIC, former=SOL), a_change("15", "death", NOEL)]
    lines += [a_change(f"m{n}", "address", JO, emails=[], postal=[]) for n in range(900)]
    lines += [a_change("16", "death_corrected", NOEL), a_change("17", "divorce", NOEL, spouse="new-1")]
    path = file_of(tmp_path, *lines)
    before = held(database, keys)
    tried = command("apply", path, "--dry-run", "--json")
    assert held(database, keys) == before
    with database.read() as conn:
        assert db.list_rows(conn, AuditEvent, AuditEvent.event == "directory.changed") == []
    assert feed(database, keys) == []
    done = command("apply", path, "--json")
    assert {**json.loads(tried.stdout), "dry_run": False} == json.loads(done.stdout)
    assert json.loads(done.stdout)["applied"] == 11 + 1 + 1 + 2
    assert tried.exit_code == done.exit_code == 1
    assert "Nothing was written." in command("apply", path, "--dry-run").output
    check(database, keys)


def test_numbers_of_a_merged_record_lead_to_the_one_that_stays(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    """Val was on file twice: one SSN for both, which no claim could match."""
    second = somebody(
        1,
        given_name="Val",
        family_name="Double",
        birth_date=date(1975, 5, 23),
        ssn="900000104",
        other_edipis=("9900000751",),
    )
    load.load_people(database, keys, [second], actor="operator:test")
    claimed = Claimed(
        given_name="Val",
        family_name="Double",
        born=date(1975, 5, 23),
        id_kind=IdKind.SSN,
        id_number="900000104",
    )
    directory = EmbeddedDirectory(database, keys)
    assert directory.match(claimed) is NoMatch.AMBIGUOUS
    lines = (a_change("a", "conflict_resolved", VAL), a_change("b", "merge", VAL, former="new-1"))
    assert command("apply", file_of(tmp_path, *lines)).exit_code == 0
    matched = directory.match(claimed)
    assert isinstance(matched, Matched)
    assert (matched.person_key, matched.edipi) == (VAL, "9900000104")
    for edipi in ("9900000104", "9900000112", "9900000701", "9900000751"):
        assert leads_to(database, keys, NumberKind.EDIPI, edipi) == [VAL]
    for dbn in ("90000010400", "90000000701"):
        assert leads_to(database, keys, NumberKind.DBN, dbn) == [VAL]
    with database.read() as conn:
        numbers = db.list_rows(conn, DeersIdentifier, DeersIdentifier.kind == "dbn", DeersIdentifier.current.is_(True))
        of_val = conn.execute(sa.select(DeersPerson.id).where(DeersPerson.content_mac == b"changed")).scalar_one()
    assert sum(1 for number in numbers if number.person_id == of_val) == 1, "the other is on file, and not in use"
    assert "new-1" not in check(database, keys)


def test_records_become_one_in_a_chain_and_in_the_batch_that_added_them(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    child = somebody(
        1, birth_date=today(), relations=(Relation(sponsor=DANA, relationship=Relationship.CHILD, begin=today()),)
    )
    lines = (
        a_change("a", "birth", DANA, child=child),
        a_change("b", "marriage", PAT, new_spouse=somebody(2)),
        a_change("c", "merge", JO, former="new-1"),
        a_change("d", "merge", VIC, former=PAT),
        a_change("e", "merge", "cast-cam", former=VIC),
        a_change("f", "birth", DANA, child=somebody(3, ssn=None, edipi="9900000701", relations=child.relations)),
    )
    told = command("apply", file_of(tmp_path, *lines), "--json")
    assert [(one["id"], one["reason"]) for one in json.loads(told.stdout)["not_applied"]] == [("f", "number_taken")]
    facts = check(database, keys)
    assert facts["new-2"].relations[0].sponsor == "cast-cam"
    assert leads_to(database, keys, NumberKind.SSN, "900000082") == ["cast-cam"]
    assert leads_to(database, keys, NumberKind.SSN, "900000147") == ["cast-cam"]
    assert leads_to(database, keys, NumberKind.SSN, "900000701") == [JO]
    assert {PAT, VIC, "new-1"} & set(facts) == set()


def test_the_next_import_of_a_changed_person_counts(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    """The last who wrote wins: a file of people that says what it always said undoes a change that it does not know of."""
    assert command("apply", file_of(tmp_path, a_change("a", "separation", DANA))).exit_code == 0
    whole = tmp_path / "people.jsonl"
    whole.write_text("".join(write(one) for one in cast.people(today())), "utf-8")
    told = json.loads(command("import", whole, "--json").stdout)
    assert (told["changed"], told["unchanged"]) == (5, 11)
    assert everybody(database, keys)[DANA].affiliations[0].end is None


def test_a_wrong_call_or_file_is_said(command: Apply, tmp_path: Path, keys_folder: Path) -> None:
    assert command("apply").exit_code == 2
    assert command("apply", tmp_path / "nothing").exit_code == 2
    empty = command("apply", file_of(tmp_path))
    assert empty.exit_code == 0
    assert empty.output == "0 applied, 0 ignored, 0 refused.\n"


def test_the_report_holds_nothing_of_anybody(command: Apply, tmp_path: Path) -> None:
    """R77: it goes to terminals and tickets."""
    lines = (
        a_change("a", "marriage", DANA, new_spouse=somebody(1)),
        a_change("b", "edipi", DANA, edipi="9900000112"),
        a_change("c", "name", DANA, given_name="Dana", family_name=""),
        b'{"id": "d", "kind": "Testwood"}\n',
    )
    for words in ((), ("--json",)):
        told = command("apply", file_of(tmp_path, *lines), *words)
        assert told.exit_code == 1
        assert [value for value in ("Testwood", "Dana", "cast-", "99000", "1990") if value in told.output] == []


def test_an_invented_day_is_applied_without_a_refusal(
    command: Apply, database: Database, keys: Keyring, tmp_path: Path
) -> None:
    people, day = tmp_path / "people.jsonl", tmp_path / "day.jsonl"
    words = ("--people", 2_000, "--seed", 3, "--out", people, "--changes", 400, "--changes-out", day)
    made = command("generate", *words, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["changes"] == len(day.read_text("utf-8").splitlines()) == 400
    assert command("import", people).exit_code == 0
    told = json.loads(command("apply", day, "--json").stdout)
    assert (told["applied"], told["ignored"], told["refused"]) == (400, 0, 0)
    assert len(told["kinds"]) >= 13
    check(database, keys)
    changed = {key for key, _, _ in feed(database, keys)}
    assert len(changed) > 400, "families too"


@pytest.mark.parametrize(
    "words",
    [
        ("--changes", "10"),
        ("--changes-out", "x"),
        ("--changes", "21", "--changes-out", "x"),
        ("--changes", "0", "--changes-out", "x"),
    ],
)
def test_a_day_that_cannot_be_invented_is_a_usage_error(command: Apply, tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = command("generate", "--people", 100, "--out", tmp_path / "people.jsonl", *words)
    assert refused.exit_code == 2
    assert list(tmp_path.glob("people*")) == []


def _apply(ready: Ready, database_url: str, keys_folder: Path, path: Path) -> int:
    given = environment(database_url, keys_folder)
    ready()
    done = CliRunner().invoke(deers, ["apply", str(path), "--json"], env=given)
    return int(json.loads(done.stdout)["applied"])


@pytest.mark.races
def test_two_who_apply_the_same_file_at_once_apply_each_change_once(
    database_url: str, database: Database, keys: Keyring, keys_folder: Path, tmp_path: Path
) -> None:
    lines = [
        a_change(f"c{number}", "edipi", (DANA, ROBIN, VIC)[number % 3], edipi=f"99000{number:05d}")
        for number in range(50_000, 50_030)
    ]
    lines += [
        a_change(f"a{n}", "address", PAT, emails=[{"address": f"pat{n}@new.example", "since": today().isoformat()}])
        for n in range(800)
    ]
    path = file_of(tmp_path, *lines)
    applied = together(_apply, [(database_url, keys_folder, path)] * 2)
    assert sum(applied) == len(lines)
    check(database, keys)
