"""What the portal's stories share: a provider on a real socket."""

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.portal_visitor import Server
from tests.world import World, free_port


@pytest.fixture
def there(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[World]:
    """A provider whose issuer is the address of its socket."""
    world = World(database_url, keys_folder, tmp_path, issuer=f"http://localhost:{free_port()}")
    yield world
    world.close()


@pytest.fixture
def server(there: World) -> Iterator[Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = Server(there, urlsplit(there.settings.issuer).port or 0)
    yield running
    running.stop()
