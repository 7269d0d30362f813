"""Access tokens for resource servers (RFC 8707, RFC 9068)."""

import base64
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from idp import clock, crypto
from idp.oidc import keys
from idp.oidc.clients import Client
from idp.oidc.tokens import AccessToken
from idp.web.protocol import Protocol
from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty, on_sqlite, public
from tests.resource_server import ResourceServer, register
from tests.world import World


@pytest.fixture
def api(world: World) -> ResourceServer:
    """A resource server."""
    return ResourceServer(world)


def _error(response: TestResponse) -> str:
    body = response.get_json()
    assert response.status_code == 400, body
    assert body.keys() <= {"error", "error_description"}
    return str(body["error"])


def test_a_named_resource_gets_a_token_of_its_own(
    world: World, rp: RelyingParty, api: ResourceServer, browser: Browser
) -> None:
    """RFC 8707 §2, RFC 9068 §2.2, R133: signed, five minutes, one audience, all that it must say and no more."""
    code = rp.code(browser, scope="openid email", resource=api.uri)
    response = rp.redeem(code, resource=api.uri)
    body = response.get_json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "openid email")
    claims = api.claims(body["access_token"])
    assert claims.keys() == {
        *("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr"),
    }
    assert claims["exp"] - claims["iat"] == 300
    assert claims["client_id"] == rp.client.id
    assert claims["scope"] == "openid email"
    id_token = rp.claims(body["id_token"])
    assert {name: claims[name] for name in ("auth_time", "acr", "amr")} == {
        name: id_token[name] for name in ("auth_time", "acr", "amr")
    }
    with world.services.db.read() as conn:
        held = conn.execute(AccessToken.__table__.select()).mappings().one()
    assert held["digest"] == crypto.digest(claims["jti"])
    assert body["access_token"] not in str(dict(held))


@pytest.mark.parametrize("alg", keys.ALGS)
@on_sqlite
def test_each_resource_server_has_its_algorithm(world: World, rp: RelyingParty, browser: Browser, alg: str) -> None:
    """RFC 9068 §4: the resource server knows which one to expect."""
    api = ResourceServer(world, alg=alg)
    assert api.claims(rp.tokens(browser, resource=api.uri).access_token)["aud"] == api.uri


def test_each_resource_server_knows_a_person_by_another_name(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """RFC 9068 §6, R122: by the resource server's sector, the same from every client, never the account's own names."""
    first, second = ResourceServer(world), ResourceServer(world)
    sibling = ResourceServer(world, identifier=first.uri + "/v2")
    urn = ResourceServer(world, identifier="urn:example:records")
    other = RelyingParty(world)
    subs = [
        api.claims(rp.tokens(browser, resource=api.uri).access_token)["sub"] for api in (first, second, sibling, urn)
    ]
    again = first.claims(other.tokens(browser, resource=first.uri).access_token)["sub"]
    mine = rp.claims(rp.tokens(browser).id_token)["sub"]
    assert again == subs[0] == subs[2]
    assert len({mine, *subs}) == 4
    assert not {member.person_id, member.account_id, member.subject_id, member.username} & set(subs)


def test_it_opens_nothing_of_ours(rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """RFC 9068 §4, R130, R133: wrong audience at userinfo; and its jti, which anybody can read, is no token."""
    token = rp.tokens(browser, resource=api.uri).access_token
    assert rp.userinfo(token).status_code == 401
    assert rp.userinfo(str(api.claims(token)["jti"])).status_code == 401
    assert api.introspect(str(api.claims(token)["jti"])) == {"active": False}


def test_one_code_serves_one_of_several_and_its_refresh_token_the_others(world: World, browser: Browser) -> None:
    """RFC 8707 §2.1, §2.2: several may be asked for, each token is for one, and none beyond what was asked."""
    for rp in (RelyingParty(world), public(world)):
        first, second, third = (ResourceServer(world) for _ in range(3))
        browser.open(rp.url(resource=first.uri) + f"&resource={second.uri}")
        tokens = rp.read(rp.redeem(rp.answer(browser)["code"], resource=first.uri))
        assert first.claims(tokens.access_token)
        response = rp.refresh(tokens.refresh_token, resource=second.uri)
        assert second.claims(response.get_json()["access_token"])
        refresh = response.get_json().get("refresh_token", tokens.refresh_token)
        assert _error(rp.refresh(refresh, resource=third.uri)) == "invalid_target"
        assert _error(rp.refresh(refresh, resource="https://nowhere.example")) == "invalid_target"
        assert _error(rp.refresh(refresh)) == "invalid_target"
        ours = rp.refresh(refresh, resource=world.settings.issuer).get_json()["access_token"]
        assert rp.userinfo(ours).status_code == 200


def test_at_the_token_endpoint_a_token_is_for_one(rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """RFC 8707 §2.2: two at once, or one that was not asked for, give nothing and do not spend the code."""
    plain = rp.code(browser)
    assert _error(rp.redeem(plain, resource=api.uri)) == "invalid_target"
    assert rp.userinfo(rp.read(rp.redeem(plain)).access_token).status_code == 200
    code = rp.code(browser, resource=api.uri)
    twice = rp.send(
        "/token",
        f"grant_type=authorization_code&code={code}&resource={api.uri}&resource={api.uri}".encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert _error(twice) == "invalid_target"
    assert api.claims(rp.read(rp.redeem(code)).access_token)


def test_a_client_gets_tokens_for_its_own_resource_servers_alone(world: World, browser: Browser) -> None:
    """RFC 8707 §2, R121: by its registration, at the request, and at every token again."""
    mine, others = ResourceServer(world, serves_all=False), ResourceServer(world, serves_all=False)
    rp, nobodys = RelyingParty(world, resources=(mine.uri,)), RelyingParty(world, resources=())
    assert rp.ask(browser, resource=others.uri)["error"] == "invalid_target"
    assert nobodys.ask(browser, resource=mine.uri)["error"] == "invalid_target"
    assert nobodys.ask(browser, resource=mine.uri, prompt="none")["error"] == "invalid_target"
    browser.open(rp.url(resource=mine.uri) + f"&resource={others.uri}")
    assert rp.answer(browser)["error"] == "invalid_target"
    tokens = rp.tokens(browser, resource=mine.uri)
    code = rp.code(browser, resource=mine.uri)
    assert mine.claims(tokens.access_token)
    register(world, rp.client.id, others.uri)
    assert _error(rp.redeem(code)) == "invalid_target"
    for named in (mine.uri, others.uri, None):
        assert _error(rp.refresh(tokens.refresh_token, resource=named)) == "invalid_target"
    assert rp.refresh(tokens.refresh_token, resource=world.settings.issuer).status_code == 200


@on_sqlite
def test_a_resource_server_that_was_given_a_moment_ago_counts_at_once(world: World, browser: Browser) -> None:
    """RFC 8707 §2, R118: though other processes hold the client as it was, for a few seconds: and consent is asked for it there."""
    api = ResourceServer(world, serves_all=False)
    rp = RelyingParty(world, first_party=False, resources=())
    browser.open(rp.url()).submit(button="consent-allow")
    world.services.db.write(lambda conn: conn.execute(sa.update(Client).values(resources=[api.uri])).rowcount)
    held: Protocol = world.app.extensions["protocol"]
    stale = held.context.clients._known[rp.client.id]
    assert stale[1].resources == []
    assert rp.ask(browser, resource=api.uri, prompt="none")["error"] == "consent_required"
    browser.open(rp.url(resource=api.uri))
    held.context.clients._known[rp.client.id] = stale
    browser.open(browser.address)
    assert browser.page.ids["consent-servers"] == api.server.name
    held.context.clients._known[rp.client.id] = stale
    browser.submit(button="consent-allow")
    assert api.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).access_token)


@on_sqlite
def test_an_unknown_resource_is_told_to_the_client(
    world: World, rp: RelyingParty, api: ResourceServer, browser: Browser
) -> None:
    """RFC 8707 §2: `invalid_target`, byte for byte, and not more than a handful."""
    for wrong in (api.uri + "/", api.uri + "#x", api.uri.upper(), "https://nowhere.example", "x", "\x00", "ü", " "):
        assert rp.ask(browser, resource=wrong)["error"] == "invalid_target"
    browser.open(rp.url() + "".join(f"&resource={ResourceServer(world).uri}" for _ in range(6)))
    assert rp.answer(browser)["error"] == "invalid_target"


def test_a_person_who_signs_in_first_brings_the_resource_along(
    world: World, rp: RelyingParty, api: ResourceServer, member: Member
) -> None:
    """RFC 8707 §2.1: what was asked for is stored with the request that waits."""
    browser = world.browser()
    browser.open(rp.url(resource=api.uri)).submit(username=member.username, password=member.password)
    assert api.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).access_token)["aud"] == api.uri


@on_sqlite
def test_a_resource_server_gets_the_scopes_that_it_knows(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 8707 §2, R121: narrowed in the token, and told; nothing left is an error. The refresh token keeps all."""
    api = ResourceServer(world, names=("email", "phone"))
    tokens = rp.tokens(browser, scope="openid email profile", resource=api.uri)
    assert tokens.scope == api.claims(tokens.access_token)["scope"] == "email"
    assert rp.claims(tokens.id_token)["sub"]
    ours = rp.read(rp.refresh(tokens.refresh_token, resource=world.settings.issuer))
    assert ours.scope == "openid email profile"
    assert _error(rp.refresh(tokens.refresh_token, scope="openid")) == "invalid_scope"
    assert _error(rp.redeem(rp.code(browser, scope="openid", resource=api.uri))) == "invalid_scope"


def test_acr_and_life_follow_the_sign_in(rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """R133: five minutes; a later one tells the same sign-in."""
    tokens = rp.tokens(browser, resource=api.uri)
    first = api.claims(tokens.access_token)
    with time_machine.travel(clock.now() + timedelta(minutes=4), tick=True):
        assert api.introspect(tokens.access_token)["active"] is True
        again = api.claims(rp.read(rp.refresh(tokens.refresh_token)).access_token)
    assert (again["auth_time"], again["sub"]) == (first["auth_time"], first["sub"])
    assert again["jti"] != first["jti"]
    with time_machine.travel(clock.now() + timedelta(minutes=5, seconds=1), tick=True):
        assert api.introspect(tokens.access_token) == {"active": False}


@on_sqlite
def test_its_client_can_do_nothing_else(world: World, rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """R121: no grant, no scope, no redirect; its credentials only ask."""
    code = rp.code(browser)
    for form in (
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": rp.redirect_uri,
            "code_verifier": rp.verifier,
        },
        {"grant_type": "refresh_token", "refresh_token": "x"},
    ):
        assert _error(api.post("/token", form)) == "unauthorized_client"
    browser.open(rp.url(client_id=api.server.client_id))
    assert browser.page.error == "invalid_redirect_uri"
    assert rp.redeem(code).status_code == 200


@on_sqlite
def test_nothing_in_the_token_tells_more_than_it_says(rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """RFC 9068 §6, R77: no name, address or number of the person, though the scopes would open them at userinfo."""
    token = rp.tokens(browser, scope="openid profile email", resource=api.uri).access_token
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    assert b"maria" not in payload.lower()
    assert json.loads(payload)["scope"] == "openid profile email"
