"""Clients that prove themselves by their own key (RFC 7523 §2.2, §3; RFC 7521 §4.2; OIDC Core §9 `private_key_jwt`)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from idp import clock, worker
from idp.config import Settings
from idp.oidc import assertions, client_keys
from idp.oidc.assertions import ClientAssertion
from idp.oidc.clients import AuthMethod
from idp.oidc.context import open_context
from idp.oidc.grants import TokenServer
from idp.oidc.parameters import Params
from idp.ports import PortDown
from idp.services import create_services
from idp.web.protocol import Protocol
from tests.http_browser import Browser
from tests.races import Ready, together
from tests.relying_party import RelyingParty, basic, on_sqlite, signing
from tests.signer import Signer
from tests.world import World

ISSUER = "http://localhost:5000"
_REFRESH: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": "x"}
"""A request that gets past client authentication and no further."""


def _proven(response: TestResponse) -> bool:
    """Whether the client was believed. Every failure is the same answer."""
    error = response.get_json()["error"]
    assert error in {"invalid_grant", "invalid_client"}, response.get_json()
    if error == "invalid_client":
        assert response.status_code == 401
        assert response.get_json() == {"error": error, "error_description": "client authentication failed"}
    return bool(error == "invalid_grant")


def _try(rp: RelyingParty, assertion: str, **more: str | None) -> bool:
    form = {**_REFRESH, "client_assertion_type": assertions.TYPE, "client_assertion": assertion, **more}
    return _proven(rp.token(form, headers={}))


@pytest.fixture
def rp(world: World) -> RelyingParty:
    """A client with a key of its own."""
    return signing(world)


def test_a_client_signs_in_people_with_a_key_and_no_secret(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §9: code and refresh; nothing of ours could be stolen from it."""
    assert rp.secret is None
    tokens = rp.tokens(browser)
    assert rp.userinfo(tokens.access_token).status_code == 200
    assert rp.refresh(tokens.refresh_token).status_code == 200
    assert rp.refresh(tokens.refresh_token, client_id=rp.client.id).status_code == 200


@pytest.mark.parametrize("alg", client_keys.ALGS)
@on_sqlite
def test_each_algorithm_that_discovery_names_works(world: World, alg: str) -> None:
    """RFC 7518 §3.1, RFC 8037 §3.1: and a key signs with its own kind of algorithm only (R137)."""
    rp = signing(world, alg)
    told = rp.get("/.well-known/openid-configuration").get_json()
    assert alg in told["token_endpoint_auth_signing_alg_values_supported"]
    assert _try(rp, rp.assertion())
    for other in {*client_keys.ALGS, "HS256", "RS512", "ES384", "none"} - {alg}:
        assert not _try(rp, rp.assertion(header={"alg": other}))


def test_an_assertion_is_good_once(world: World, rp: RelyingParty) -> None:
    """RFC 7523 §3 jti, R137: at every endpoint together; another client may use the same jti; sweeping forgets only old ones."""
    other = signing(world)
    assertion = rp.assertion(jti="the-same")
    assert _try(rp, assertion)
    assert not _try(rp, assertion)
    assert not _try(rp, rp.assertion(jti="the-same"))
    assert rp.send("/introspect", {"token": "x", **rp.proof(jti="the-same")}).status_code == 401
    assert _try(other, other.assertion(jti="the-same"))
    worker.sweep(world.services)
    assert not _try(rp, assertion)
    with time_machine.travel(clock.now() + timedelta(seconds=61), tick=True):
        assert worker.sweep(world.services)["idp.oidc.assertions"] == 2
        assert not _try(rp, assertion)


@on_sqlite
def test_only_a_right_assertion_is_spent(world: World, rp: RelyingParty) -> None:
    """R137: whoever has no key writes nothing, and cannot use up somebody's jti."""
    forged = Signer.make("ES256")
    assert not _try(rp, rp.assertion(key=forged, jti="mine"))
    assert not _try(rp, rp.assertion(aud="https://other.example", jti="mine"))
    with world.services.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(ClientAssertion)).scalar_one() == 0
    assert _try(rp, rp.assertion(jti="mine"))
    with world.services.db.read() as conn:
        held = conn.execute(sa.select(ClientAssertion.jti_digest)).scalars().all()
    assert len(held) == 1
    assert "mine" not in held[0]


_CLAIMS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"aud": ISSUER + "/token"}, True),
    ({"aud": [ISSUER]}, True),
    ({"aud": [ISSUER + "/token"]}, True),
    ({"aud": [ISSUER, ISSUER + "/token"]}, False),
    ({"aud": ["https://other.example", ISSUER]}, False),
    ({"aud": [ISSUER, "https://other.example"]}, False),
    ({"aud": []}, False),
    ({"aud": [[ISSUER]]}, False),
    ({"aud": {"aud": ISSUER}}, False),
    ({"aud": ISSUER + "/"}, False),
    ({"aud": ISSUER + "/introspect"}, False),
    ({"aud": "http://LOCALHOST:5000"}, False),
    ({"aud": 1}, False),
    ({"aud": None}, False),
    ({"iss": None}, False),
    ({"iss": "somebody"}, False),
    ({"sub": None}, False),
    ({"sub": "somebody"}, False),
    ({"jti": None}, False),
    ({"jti": ""}, False),
    ({"jti": 7}, False),
    ({"jti": ["x"]}, False),
    ({"jti": "x" * 301}, False),
    ({"jti": "\ud800"}, True),
    ({"jti": "x" * 300, "extra": {"any": ["thing"]}}, True),
)


@on_sqlite
def test_who_says_it_and_to_whom(rp: RelyingParty) -> None:
    """RFC 7523 §3, R131, R137: exact text, and we alone are meant."""
    for changes, good in _CLAIMS:
        assert _try(rp, rp.assertion(**changes)) is good, changes


@on_sqlite
def test_iss_and_sub_are_text(rp: RelyingParty) -> None:
    """R131: a list that holds the client's id is not the client's id."""
    for wrapped in ([rp.client.id], {"": rp.client.id}, 1, True):
        assert not _try(rp, rp.assertion(iss=wrapped))
        assert not _try(rp, rp.assertion(sub=wrapped))
        assert not _try(rp, rp.assertion(iss=wrapped, sub=wrapped))


_TIMES: tuple[tuple[dict[str, float], bool], ...] = (
    ({"exp": 1}, True),
    ({"exp": 300}, True),
    ({"exp": 300.5}, True),
    ({"exp": 0}, False),
    ({"exp": -1}, False),
    ({"exp": 400}, False),
    ({"exp": 3600}, False),
    ({"iat": 10, "exp": 70}, True),
    ({"iat": 11, "exp": 70}, True),
    ({"iat": 58, "exp": 110}, True),
    ({"iat": 62, "exp": 110}, False),
    ({"iat": -86_400}, True),
    ({"nbf": 10}, True),
    ({"nbf": 62}, False),
)
_NO_TIMES: tuple[Any, ...] = (-1, 2**63, 2**200, 1e300, "1", "", [], {}, True, float("inf"), float("nan"))


@on_sqlite
def test_times_near_now(rp: RelyingParty) -> None:
    """RFC 7523 §3, FAPI 2.0 §5.3.2.1, R132, R137: five minutes at the most; ten seconds ahead are taken, sixty are too much."""
    with time_machine.travel(clock.now(), tick=False):
        now = clock.epoch(clock.now())
        for offsets, good in _TIMES:
            changes: dict[str, Any] = {name: now + offset for name, offset in offsets.items()}
            assert _try(rp, rp.assertion(**changes)) is good, offsets


@on_sqlite
def test_what_is_no_time(rp: RelyingParty) -> None:
    """R132: never a fault of ours."""
    for value in _NO_TIMES:
        for name in ("exp", "iat", "nbf"):
            changes: dict[str, Any] = {name: value}
            assert not _try(rp, rp.assertion(**changes)), changes


@on_sqlite
def test_exp_is_needed_and_the_other_times_are_not(rp: RelyingParty) -> None:
    """RFC 7523 §3."""
    assert not _try(rp, rp.assertion(exp=None))
    assert _try(rp, rp.assertion(iat=None))


@on_sqlite
def test_the_key_is_the_clients_own_and_the_one_that_is_named(world: World) -> None:
    """R127, R128: by kid; without one only where one key could have signed."""
    first, second, third = Signer.make("ES256", "one"), Signer.make("ES256", "two"), Signer.make("EdDSA", "three")
    document = {"keys": [signer.public for signer in (first, second, third)]}
    rp = RelyingParty(world, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=document)
    for signer in (first, second, third):
        assert _try(rp, rp.assertion(key=signer))
    assert not _try(rp, rp.assertion(key=first, header={"kid": "two"}))
    assert not _try(rp, rp.assertion(key=first, header={"kid": None}))
    assert _try(rp, rp.assertion(key=third, header={"kid": None}))
    for kid in ("", "four", "../one", "' OR 1=1 --", "o" * 10_000, 1, ["one"], {"kid": "one"}, True):
        assert not _try(rp, rp.assertion(key=first, header={"kid": kid}))
    stranger = signing(world)
    assert stranger.signer is not None
    assert not _try(rp, rp.assertion(key=Signer("ES256", "one", stranger.signer.key)))


@on_sqlite
def test_typ_is_absent_or_jwt(rp: RelyingParty) -> None:
    """RFC 7519 §5.1, R130: case does not matter, another kind does."""
    for typ, good in ((None, True), ("JWT", True), ("jwt", True), ("at+jwt", False), ("dpop+jwt", False), (1, False)):
        assert _try(rp, rp.assertion(header={"typ": typ})) is good
    assert _try(rp, rp.assertion(header={"x5t#S256": "thumb", "x5t": "thumb"}))


@on_sqlite
def test_the_request_has_one_proof_of_the_registered_kind(world: World, rp: RelyingParty) -> None:
    """RFC 6749 §2.3, RFC 7521 §4.2, R135: no second proof beside it, no downgrade, and the exact type."""
    proof = rp.proof()
    assertion = proof["client_assertion"]
    for form, headers in (
        ({**proof, "client_secret": "x"}, {}),
        (proof, {"Authorization": basic(rp.client.id, "x")}),
        ({**proof, "client_id": rp.client.id, "client_secret": "x"}, {}),
    ):
        refused = rp.token({**_REFRESH, **form}, headers=headers)
        assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")
    assert not _try(rp, assertion, client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
    assert not _try(rp, assertion, client_assertion_type=assertions.TYPE.upper())
    assert not _try(rp, assertion, client_assertion_type=None)
    assert not _try(rp, assertion, client_assertion=None)
    assert not _try(rp, assertion, client_id="somebody")
    assert not _proven(rp.token({**_REFRESH, "client_id": rp.client.id}, headers={}))
    assert not _proven(rp.token({**_REFRESH, "client_id": rp.client.id, "client_secret": "x"}, headers={}))
    assert not _proven(rp.token(_REFRESH, headers={"Authorization": basic(rp.client.id, "x")}))
    assert _try(rp, assertion)
    by_secret = RelyingParty(world)
    assert rp.signer is not None
    assert not _try(by_secret, by_secret.assertion(key=rp.signer))


class _Published:
    """A stand-in for the world's key sets: what each address gives now, and how often it was asked."""

    def __init__(self) -> None:
        self.sets: dict[str, Any] = {}
        self.asked: list[str] = []

    def fetch_json(self, url: str) -> Any:
        self.asked.append(url)
        if url not in self.sets:
            raise PortDown("gone")
        return self.sets[url]


def _at_address(world: World, signer: Signer) -> tuple[RelyingParty, _Published]:
    published = _Published()
    uri = "https://keys.example/jwks"
    published.sets[uri] = {"keys": [signer.public]}
    rp = RelyingParty(world, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks_uri=uri)
    rp.signer = signer
    rp.get("/jwks")
    held: Protocol = world.app.extensions["protocol"]
    held.context.client_keys._fetcher = published
    return rp, published


@on_sqlite
def test_keys_are_fetched_once_and_again_when_an_unknown_one_comes(world: World) -> None:
    """OIDC Core §10.1.1, R151: rotation needs nobody's help, and rubbish makes us fetch once in ten seconds at the most."""
    old, new = Signer.make("ES256", "old"), Signer.make("ES256", "new")
    rp, published = _at_address(world, old)
    uri = "https://keys.example/jwks"
    assert all(_try(rp, rp.assertion()) for _ in range(3))
    assert published.asked == [uri]
    published.sets[uri] = {"keys": [old.public, new.public]}
    with time_machine.travel(clock.now() + timedelta(seconds=11), tick=True):
        assert _try(rp, rp.assertion(key=new))
        assert _try(rp, rp.assertion(key=old))
        assert published.asked == [uri] * 2
        assert not any(_try(rp, rp.assertion(header={"kid": f"rubbish{n}"})) for n in range(20))
        assert published.asked == [uri] * 2
    published.sets[uri] = {"keys": [new.public]}
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=True):
        assert not _try(rp, rp.assertion(key=old))
        assert _try(rp, rp.assertion(key=new))
        assert published.asked == [uri] * 3


@on_sqlite
def test_keys_outlive_an_outage_of_their_address_but_not_for_ever(world: World) -> None:
    """R151: stale for a day if it does not answer; an empty set withdraws them; what is no set changes nothing."""
    signer = Signer.make("EdDSA")
    rp, published = _at_address(world, signer)
    uri = "https://keys.example/jwks"
    assert _try(rp, rp.assertion())
    published.sets.clear()
    with time_machine.travel(clock.now() + timedelta(hours=23), tick=True):
        assert _try(rp, rp.assertion())
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=True):
        assert not _try(rp, rp.assertion())
    published.sets[uri] = {"error": "maintenance"}
    with time_machine.travel(clock.now() + timedelta(hours=20), tick=True):
        assert _try(rp, rp.assertion())
    published.sets[uri] = {"keys": []}
    with time_machine.travel(clock.now() + timedelta(hours=21), tick=True):
        assert not _try(rp, rp.assertion())


@on_sqlite
def test_nothing_is_fetched_for_who_names_an_address(world: World, rp: RelyingParty) -> None:
    """R127, R151: neither a header nor an unknown client makes us call anybody."""
    _, published = _at_address(world, Signer.make("ES256"))
    for header in ({"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/cert"}):
        assert not _try(rp, rp.assertion(header=header))
    assert not _try(rp, rp.assertion(iss="https://evil.example", sub="https://evil.example"))
    assert published.asked == []


@on_sqlite
def test_weak_keys_of_an_address_are_passed_over(world: World) -> None:
    """R137, R144: a published private half or shared secret verifies nothing; a good key beside it does."""
    good, leaked = Signer.make("ES256", "good"), Signer.make("EdDSA", "leaked")
    rp, published = _at_address(world, good)
    secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "shared"}
    published.sets["https://keys.example/jwks"] = {"keys": [{**leaked.public, "d": "AA"}, secret, 7, good.public]}
    assert not _try(rp, rp.assertion(key=leaked))
    assert _try(rp, rp.assertion(key=good))


def _racer(ready: Ready, url: str, keys: Path, form: dict[str, str]) -> list[str]:
    services = create_services(
        Settings.model_validate(
            {"issuer": ISSUER, "database_url": url, "keys": keys, "demo": True, "smtp_url": "smtp://localhost:2525"}
        )
    )
    server = TokenServer(open_context(services))
    server.context.keys.now()
    ready()
    seen = [str(server.answer(Params(form), None).body.get("error")) for _ in range(5)]
    services.db.close()
    return seen


@pytest.mark.races
def test_of_many_processes_with_one_assertion_one_is_believed(world: World, rp: RelyingParty) -> None:
    """R137: unique by INSERT, on both databases."""
    form = {"grant_type": "refresh_token", "refresh_token": "x", **rp.proof()}
    told = together(_racer, [(world.settings.database_url, world.settings.keys, form)] * 4)
    errors = [error for seen in told for error in seen]
    assert errors.count("invalid_grant") == 1
    assert errors.count("invalid_client") == 19
