"""What tests of the directory's commands ask for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idp import keyring
from idp.cli.deers import deers
from idp.db import Database
from idp.keyring import Keyring

Command = Callable[..., Result]


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
