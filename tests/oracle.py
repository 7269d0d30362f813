"""What an onlooker could compare: every byte of an answer, the statements that ran for it, and the costly calls."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from tests.http_browser import Browser
from tests.world import World


def seen(browser: Browser) -> tuple[int, str, str, dict[str, str]]:
    """Everything that an answer shows, but for what is random in every answer."""
    html = re.sub(r'(name="csrf_token"[^>]*value=")[^"]*', r"\1", browser.page.html)
    headers = {
        key: value for key, value in browser.response.headers.items() if key not in {"X-Request-Id", "Set-Cookie"}
    }
    return browser.status, browser.address, html, headers


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    told: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    engines = {world.services.db.engine, world.services.db._readers}
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)
