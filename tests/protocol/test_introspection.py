"""What a token is worth now (RFC 7662)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import Account, State
from idp.oidc import clients
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import AuthMethod, Client
from idp.oidc.consents import Consent
from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty, basic, on_sqlite, public, signing
from tests.resource_server import ResourceServer
from tests.world import World

DEAD = {"active": False}


def _ask(rp: RelyingParty, token: str, **more: str) -> TestResponse:
    form = {"token": token, **more}
    if rp.client.auth_method == AuthMethod.PRIVATE_KEY_JWT.value:
        return rp.send("/introspect", {**form, **rp.proof()})
    if rp.client.auth_method == AuthMethod.POST.value:
        return rp.send("/introspect", {**form, "client_id": rp.client.id, "client_secret": rp.secret or ""})
    return rp.send("/introspect", form, headers={"Authorization": basic(rp.client.id, rp.secret or "")})


def _told(rp: RelyingParty, token: str, **more: str) -> dict[str, object]:
    response = _ask(rp, token, **more)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")
    assert "Set-Cookie" not in response.headers
    told: dict[str, object] = response.get_json()
    assert told == DEAD or told["active"] is True
    return told


@pytest.fixture
def api(world: World) -> ResourceServer:
    """A resource server."""
    return ResourceServer(world)


def test_a_resource_server_is_told_all_about_a_token_for_it(
    rp: RelyingParty, api: ResourceServer, browser: Browser
) -> None:
    """RFC 7662 §2.2, RFC 9470 §6.2: the same as the token says itself, with the person as this server knows them."""
    token = rp.tokens(browser, scope="openid email", resource=api.uri).access_token
    told, says = api.introspect(token), api.claims(token)
    names = ("iss", "sub", "aud", "exp", "iat", "client_id", "scope", "acr", "amr", "auth_time")
    assert told == {"active": True, "token_type": "Bearer", **{name: says[name] for name in names}}
    assert api.introspect(token, token_type_hint="refresh_token") == told
    assert _told(rp, token) == told


def test_a_client_is_told_about_its_own_tokens(world: World, browser: Browser) -> None:
    """RFC 7662 §2.1, §2.2: opaque access token and refresh token, by every method that proves anything."""
    for rp in (RelyingParty(world), RelyingParty(world, auth_method=AuthMethod.POST), signing(world)):
        tokens = rp.tokens(browser, scope="openid email")
        told = _told(rp, tokens.access_token)
        assert told.keys() == {
            *(
                "active",
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "client_id",
                "scope",
                "acr",
                "amr",
                "auth_time",
                "token_type",
            ),
        }
        assert told["sub"] == rp.claims(tokens.id_token)["sub"]
        assert (told["aud"], told["client_id"], told["scope"]) == (world.settings.issuer, rp.client.id, "openid email")
        refresh = _told(rp, tokens.refresh_token)
        assert refresh.keys() == told.keys() - {"token_type"}
        assert int(str(refresh["exp"])) > int(str(told["exp"]))


def test_nobody_else_is_told_anything(world: World, rp: RelyingParty, api: ResourceServer, browser: Browser) -> None:
    """RFC 7662 §2.2, R147: another client, another resource server, refresh tokens of others: the same bytes as for rubbish."""
    for_api = rp.tokens(browser, resource=api.uri)
    ours = rp.tokens(browser)
    stranger, other_api = RelyingParty(world), ResourceServer(world)
    rubbish = _ask(stranger, "rubbish").get_data()
    assert rubbish == b'{"active":false}'
    for token in (for_api.access_token, for_api.refresh_token, ours.access_token, ours.refresh_token):
        assert _ask(stranger, token).get_data() == rubbish
        assert other_api.introspect(token) == DEAD
    for token in (for_api.refresh_token, ours.access_token, ours.refresh_token, ours.id_token):
        assert api.introspect(token) == DEAD
    for token in (ours.id_token, for_api.id_token, rp.code(browser), "x" * 20_000, "\x00", "ü", "a.b.c", "."):
        assert _told(rp, token) == DEAD


def test_only_who_proves_itself_may_ask(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 7662 §2.1, R135, R147: a public client, a wrong secret and no proof at all get the same refusal."""
    spa = public(world)
    token = spa.tokens(browser).access_token
    refused = [
        rp.send("/introspect", {"token": token}),
        rp.send("/introspect", {"token": token, "client_id": spa.client.id}),
        rp.send("/introspect", {"token": token}, headers={"Authorization": basic(rp.client.id, "wrong")}),
        rp.send("/introspect", {"token": token}, headers={"Authorization": f"Bearer {token}"}),
        rp.send("/introspect", {"token": token, "client_id": rp.client.id, "client_secret": rp.secret or ""}),
    ]
    for response in refused:
        assert (response.status_code, response.get_json()["error"]) == (401, "invalid_client")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert len({response.get_data() for response in refused}) == 1


@on_sqlite
def test_no_script_is_answered(world: World, browser: Browser) -> None:
    """R98: a page's script has no business here, though its origin be registered for the other endpoints."""
    rp = RelyingParty(world, origins=("https://app.example",))
    proof = {"Authorization": basic(rp.client.id, rp.secret or ""), "Origin": "https://app.example"}
    for form in ({"token": rp.tokens(browser).access_token}, {}):
        told = rp.send("/introspect", form, headers=proof)
        assert not [name for name, _ in told.headers if name.startswith("Access-Control")]
    assert (
        rp.send("/revoke", {"token": "x"}, headers=proof).headers["Access-Control-Allow-Origin"]
        == "https://app.example"
    )


@on_sqlite
def test_what_is_no_question(world: World, rp: RelyingParty) -> None:
    """RFC 7662 §2.1: a form by POST, one token, nothing in the address."""
    proof = {"Authorization": basic(rp.client.id, rp.secret or "")}
    wrong: tuple[tuple[str, object], ...] = (
        ("/introspect", {}),
        ("/introspect", {"token": ""}),
        ("/introspect?token=x", {"token": "x"}),
        ("/introspect", b"token=x&token=y"),
        ("/introspect", b'{"token":"x"}'),
    )
    for path, form in wrong:
        kind = {} if isinstance(form, dict) else {"Content-Type": "application/x-www-form-urlencoded"}
        if form == b'{"token":"x"}':
            kind = {"Content-Type": "application/json"}
        response = rp.send(path, form, headers={**proof, **kind})
        assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert rp.http.open("/introspect", base_url=world.settings.issuer, method=method).status_code == 405


def _sign_out(browser: Browser) -> None:
    browser.open("/logout").submit(button="logout-yes")


def _lock(member: Member, becomes: State) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.services.db.write(
            lambda conn: accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=becomes, why="test")
        )

    return change


def test_a_token_dies_with_what_it_rests_on(
    world: World, rp: RelyingParty, api: ResourceServer, browser: Browser, member: Member
) -> None:
    """R87, R147: signing out, a locked account, a client that was switched off, by the next question; signed tokens too."""
    tokens = rp.tokens(browser)
    for_api = rp.tokens(browser, resource=api.uri)
    assert api.introspect(for_api.access_token)["active"] is True
    _sign_out(browser)
    assert api.introspect(for_api.access_token) == DEAD
    for token in (tokens.access_token, tokens.refresh_token, for_api.access_token, for_api.refresh_token):
        assert _told(rp, token) == DEAD
    browser.open("/login").submit(username=member.username, password=member.password)
    for_api = rp.tokens(browser, resource=api.uri)
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Client).where(Client.id == rp.client.id).values(disabled_at=clock.now()))
    )
    with time_machine.travel(clock.now() + clients.ClientCache.LIFE, tick=True):
        assert api.introspect(for_api.access_token) == DEAD
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Client).where(Client.id == rp.client.id).values(disabled_at=None))
    )
    with time_machine.travel(clock.now() + clients.ClientCache.LIFE * 2, tick=True):
        assert api.introspect(for_api.access_token)["active"] is True
    _lock(member, State.LOCKED)(world)
    assert api.introspect(for_api.access_token) == DEAD


def test_a_refresh_token_is_active_while_it_would_give_something(world: World, browser: Browser) -> None:
    """RFC 7662 §2.2, R140: not once it was spent, nor when consent is gone, nor when it ran out."""
    rp = RelyingParty(world, min_acr="urn:dslogon:basic")
    rp.ask(browser, scope="openid offline_access")
    browser.submit(button="consent-allow")
    tokens = rp.read(rp.redeem(rp.answer(browser)["code"]))
    assert _told(rp, tokens.refresh_token)["active"] is True
    with time_machine.travel(clock.now() + timedelta(days=31), tick=True):
        assert _told(rp, tokens.refresh_token) == DEAD
    world.services.db.write(lambda conn: conn.execute(sa.delete(Consent)))
    assert _told(rp, tokens.refresh_token) == DEAD


def test_acr_is_todays(world: World, rp: RelyingParty, api: ResourceServer, browser: Browser, member: Member) -> None:
    """R117: level and `acr` fall with the account, though the token still says what it said; they never rise again."""
    tokens = rp.tokens(browser, resource=api.uri)
    premium = {"level": 2, "aal": 2, "acr": "urn:dslogon:premium", "amr": ["pwd", "otp", "mfa"]}

    def lift(level: int) -> None:
        world.services.db.write(
            lambda conn: (
                conn.execute(sa.update(Authorization).values(**premium)),
                conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=level)),
            )
        )

    lift(2)
    token = rp.read(rp.refresh(tokens.refresh_token)).access_token
    assert api.claims(token)["acr"] == api.introspect(token)["acr"] == "urn:dslogon:premium"
    lift(1)
    assert api.claims(token)["acr"] == "urn:dslogon:premium"
    assert api.introspect(token)["acr"] == "urn:dslogon:basic:mfa"
