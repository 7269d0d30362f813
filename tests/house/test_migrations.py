"""Migrations: from nothing to the declared tables, back, and forward again, on both databases; numbered, and on their own feet."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from idp import clock, migrations_state
from idp.db import Database, list_rows
from idp.directory import cast, load, people
from idp.directory.records import Postal, Record, facts_of
from idp.directory.tables import DeersChange
from idp.keyring import Keyring
from tests import directory
from tests.races import Ready, together
from tests.world import World

_VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


def test_the_newest_revision_is_what_the_tables_declare(world: World) -> None:
    assert migrations_state.trouble(world.services.db) is None
    assert migrations_state.differences(world.services.db) == []


def test_a_missing_column_is_noticed(world: World) -> None:
    with world.services.db.engine.begin() as conn:
        conn.execute(sa.text("ALTER TABLE audit_event DROP COLUMN digest"))
    assert any("digest" in difference for difference in migrations_state.differences(world.services.db))


def test_back_to_nothing_and_forward_again(world: World) -> None:
    """R169."""
    db = world.services.db
    migrations_state.downgrade(db, "base")
    assert migrations_state.trouble(db) == "The database is empty. Run `idp db upgrade`."
    assert migrations_state.upgrade(db)[0] is None
    assert migrations_state.differences(db) == []


def test_a_directory_with_long_digests_is_found_by_short_ones(world: World) -> None:
    """0010: nobody has to be imported again, and the same file changes nobody but who was changed since it came."""
    db, keys = world.services.db, world.services.keyring
    records = cast.people(clock.now().date())
    migrations_state.downgrade(db, "0009")
    dana = keys.mac("deers:person", cast.DANA)
    with db.engine.begin() as conn:
        for table, rows in _with_long_digests(keys, records).items():
            conn.execute(sa.insert(sa.Table(table, sa.MetaData(), autoload_with=conn)), rows)
        conn.execute(sa.text("UPDATE deers_person SET content_mac = 'changed' WHERE key_mac = :dana"), {"dana": dana})
    migrations_state.upgrade(db)
    assert migrations_state.differences(db) == []
    assert set(directory.check(db, keys)) == {record.person for record in records}
    assert load.load_people(db, keys, records, actor="operator:test") == load.Loaded(
        changed=1, unchanged=len(records) - 1
    )
    with db.read() as conn:
        change, of_the_import = list_rows(conn, DeersChange, order_by=DeersChange.seq)
    assert change.change_mac == keys.short_mac("deers:change", b"a-change")
    assert of_the_import.change_mac is None


def _with_long_digests(keys: Keyring, records: Sequence[Record]) -> dict[str, list[dict[str, object]]]:
    """The rows of these people as they were until 0009: each HMAC as 43 letters."""
    now = clock.now()
    ids = {record.person: number for number, record in enumerate(records, start=1)}
    rows: dict[str, list[dict[str, object]]] = {
        "deers_person": [],
        "deers_identifier": [],
        "deers_address": [],
        "deers_relation": [],
        "deers_change": [
            {"seq": 1, "person_id": 1, "kind": "address", "change_mac": keys.mac("deers:change", "a-change"), "at": now}
        ],
    }
    for record in records:
        id_, facts = ids[record.person], facts_of(record)
        content = f"{facts.decode()}\x1f{record.ssn or ''}\x1f{record.dbn or ''}"
        rows["deers_person"].append(
            {
                "id": id_,
                "key_mac": keys.mac("deers:person", record.person),
                "facts_sealed": people.seal(keys, id_, facts),
                "content_mac": keys.mac("deers:content", content),
                "changed_at": now,
            }
        )
        rows["deers_identifier"] += [
            {"mac": keys.mac(f"deers:{kind}", number), "person_id": id_, "kind": kind, "current": current}
            for kind, number, current in people.numbers(record)
        ]
        rows["deers_address"] += [
            {"mac": keys.mac("deers:email", email.address.casefold()), "person_id": id_, "kind": "email"}
            for email in record.emails
        ]
        rows["deers_address"] += [
            {"mac": keys.mac("deers:post", _bare(post)), "person_id": id_, "kind": "post"} for post in record.postal
        ]
        rows["deers_relation"] += [
            {"person_id": id_, "sponsor_id": ids[sponsor]} for sponsor in {tie.sponsor for tie in record.relations}
        ]
    return rows


def _bare(post: Postal) -> str:
    lines = (post.street_address, post.locality, post.region, post.postal_code, post.country)
    return "\x1f".join("".join(filter(str.isalnum, line or "")).lower() for line in lines)


def test_a_newer_database_is_not_touched(world: World) -> None:
    """R169: an old program on a new schema refuses to start."""
    with world.services.db.engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    trouble = migrations_state.trouble(world.services.db)
    assert trouble is not None
    assert "newer than this program" in trouble


def test_migrations_are_numbered_in_a_row_and_import_nothing_of_ours() -> None:
    """What a migration does must not change when the code does."""
    files = sorted(_VERSIONS.glob("*.py"))
    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "idp" for name in names), file.name


def _upgrade(ready: Ready, url: str) -> tuple[str | None, str]:
    database = Database(url)
    ready()
    done = migrations_state.upgrade(database)
    database.close()
    return done


@pytest.mark.races
def test_two_migrators_at_once_leave_one_migrated_database(world: World, database_url: str) -> None:
    """R169."""
    migrations_state.downgrade(world.services.db, "base")
    outcomes = together(_upgrade, [(database_url,)] * 2)
    _, newest = outcomes[0]
    assert sorted(str(before) for before, _ in outcomes) == [newest, "None"]
    assert migrations_state.differences(world.services.db) == []
