"""A signing key that is taken out of use (R146)."""

from datetime import timedelta

import time_machine

from idp import clock
from idp.oidc import keys
from tests.http_browser import Browser
from tests.relying_party import RelyingParty
from tests.resource_server import ResourceServer
from tests.world import World


def test_what_a_retired_key_signed_is_refused_at_once(world: World, browser: Browser) -> None:
    """R146: hints and signed access tokens; the key is published no more, its private half is gone, and a new one signs."""
    rp, api = RelyingParty(world, id_token_alg="ES256"), ResourceServer(world, alg="ES256")
    tokens = rp.tokens(browser, resource=api.uri)
    services = world.services
    with services.db.read() as conn:
        old = next(key for key in keys.list_keys(conn) if key.alg == "ES256")
    assert rp.ask(browser, id_token_hint=tokens.id_token, prompt="none")["code"]
    new = keys.retire(services.db, services.keyring, old.kid, actor="operator:test")
    assert new is not None
    assert keys.retire(services.db, services.keyring, old.kid, actor="operator:test") is None
    with time_machine.travel(clock.now() + keys.Keys.LIFE + timedelta(seconds=1), tick=True):
        assert api.introspect(tokens.access_token) == {"active": False}
        assert rp.ask(browser, id_token_hint=tokens.id_token)["error"] == "invalid_request"
        published = {key["kid"] for key in rp.get("/jwks").get_json()["keys"]}
        assert new.kid in published
        assert old.kid not in published
        again = rp.read(rp.refresh(tokens.refresh_token))
        assert rp.claims(again.id_token)["sub"] == rp.claims(rp.tokens(browser).id_token)["sub"]
        assert api.introspect(again.access_token)["active"] is True
    with services.db.read() as conn:
        assert next(key for key in keys.list_keys(conn) if key.kid == old.kid).private_sealed == b""
