"""Something breaks on our side: people get a page and programs a small answer, and nobody is shown what broke or where."""

from typing import NoReturn

import pytest
from werkzeug.test import Client

from tests.world import World

_SECRET = "900-00-0066 at line 17"


def _break() -> NoReturn:
    raise LookupError(_SECRET)


@pytest.mark.parametrize(("endpoint", "path"), [("help.show", "/help"), ("health.alive", "/healthz")])
def test_a_bug_shows_neither_its_text_nor_its_place(world: World, endpoint: str, path: str) -> None:
    """R104."""
    assert endpoint in world.app.view_functions
    world.app.view_functions[endpoint] = _break
    response = Client(world.app).get(path, base_url=world.settings.issuer)
    shown = response.get_data(as_text=True)
    assert response.status_code == 500
    for inside in (_SECRET, "LookupError", "Traceback", ".py", "Werkzeug", "Flask"):
        assert inside not in shown
    assert response.headers["X-Request-Id"]


def test_readiness_says_no_more_than_yes_or_no(world: World) -> None:
    """R104."""
    client = Client(world.app)
    well = client.get("/readyz", base_url=world.settings.issuer)
    assert (well.status_code, well.get_json()) == (200, {"status": "ok"})
