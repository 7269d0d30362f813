"""What a request costs the database: one connection at a time, and nothing for a stranger's guesses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from idp.oidc.keys import Keys
from idp.oidc.resources import ResourceCache
from idp.web.protocol import Protocol
from tests.http_browser import Browser
from tests.relying_party import RelyingParty, basic, on_sqlite
from tests.resource_server import ResourceServer
from tests.world import World

pytestmark = on_sqlite


class Watched:
    """What a world's readers did: their statements, and how many connections one thread ever held at once."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.most = 0
        self._held = threading.local()

    def took(self, *_: object) -> None:
        self._held.now = getattr(self._held, "now", 0) + 1
        self.most = max(self.most, self._held.now)

    def gave_back(self, *_: object) -> None:
        self._held.now = getattr(self._held, "now", 1) - 1

    def ran(self, _conn: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements.append(statement)


@contextmanager
def _watching(world: World) -> Iterator[Watched]:
    engine, seen = world.services.db._readers, Watched()
    hooks = (
        (engine, "before_cursor_execute", seen.ran),
        (engine.pool, "checkout", seen.took),
        (engine.pool, "checkin", seen.gave_back),
    )
    for target, event, hook in hooks:
        sa.event.listen(target, event, hook)
    yield seen
    for target, event, hook in hooks:
        sa.event.remove(target, event, hook)


def _forget(world: World) -> None:
    """As after a start: nothing is held in the process."""
    protocol: Protocol = world.app.extensions["protocol"]
    protocol.context.clients.forget()
    protocol.context.keys._set = None
    protocol.context.resources._known.clear()


def test_no_read_is_opened_inside_another(world: World, rp: RelyingParty, browser: Browser) -> None:
    """A thread that waits for a second connection while it holds one can wait for ever, once all of them do."""
    api = ResourceServer(world)
    plain, for_api = rp.tokens(browser, scope="openid email"), rp.tokens(browser, resource=api.uri)
    proof = {"Authorization": basic(rp.client.id, rp.secret or "")}
    with _watching(world) as seen:
        for token in (plain.access_token, for_api.access_token, plain.refresh_token, "nothing"):
            _forget(world)
            api.introspect(token)
            _forget(world)
            rp.send("/introspect", {"token": token}, headers=proof)
        _forget(world)
        assert rp.userinfo(plain.access_token).status_code == 200
        _forget(world)
        assert rp.refresh(plain.refresh_token).status_code == 200
        _forget(world)
        code = rp.code(browser, resource=api.uri)
        _forget(world)
        assert rp.redeem(code).status_code == 200
        for token in (plain.access_token, for_api.access_token, plain.refresh_token):
            _forget(world)
            assert rp.send("/revoke", {"token": token}, headers=proof).status_code == 200
    assert seen.most == 1


def test_a_strangers_resource_costs_one_row(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 8707 §2: what the client is not registered for is refused from its registration, of which one row is read."""
    ResourceServer(world)
    rp.ask(browser)
    with _watching(world) as seen:
        for number in range(3):
            assert rp.ask(browser, resource=f"https://nowhere{number}.example")["error"] == "invalid_target"
    assert not [statement for statement in seen.statements if "resource_server" in statement]
    assert len([statement for statement in seen.statements if "FROM client" in statement]) == 3


def test_one_resource_server_is_looked_up_by_its_name(world: World) -> None:
    """A miss reads one row, and a name that cannot be one reads none; what is found is held for a few seconds."""
    api = ResourceServer(world)
    ResourceServer(world)
    cache = ResourceCache(world.services.db)
    with _watching(world) as seen:
        assert cache.find("https://nowhere.example") is None
        assert len(seen.statements) == 1
        for impossible in ("", "x", "https://a.example/\x00", "https://a.example/" + "x" * 1_000, "https://é.example"):
            assert cache.find(impossible) is None
        assert len(seen.statements) == 1
        for _ in range(3):
            found = cache.find(api.uri)
            assert found is not None
            assert found.client.id == api.server.client_id
        assert len(seen.statements) == 3  # the server, its client


def test_many_threads_read_the_keys_once(world: World) -> None:
    """Whoever waited for another's reading uses it."""
    held = Keys(world.services.db, world.services.keyring)
    together, found = threading.Barrier(8), []

    def ask() -> None:
        together.wait(20)
        found.append(held.now())

    with _watching(world) as seen:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(found) == 8
    assert len({id(one) for one in found}) == 1
    assert len([statement for statement in seen.statements if "signing_key" in statement]) == 1
