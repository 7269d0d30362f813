"""Migrations: from nothing to the declared tables, back, and forward again, on both databases; numbered, and on their own feet."""

import ast
from pathlib import Path

import pytest
import sqlalchemy as sa

from idp import migrations_state
from idp.db import Database
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
