"""Refresh tokens (RFC 6749 §6; RFC 9700 §4.14; OIDC Core §12)."""

import json
from datetime import timedelta

import sqlalchemy as sa
import time_machine

from idp import clock
from idp.accounts import accounts, profile
from idp.accounts.accounts import Account, State
from idp.oidc.authorizations import Authorization
from idp.oidc.consents import Consent
from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty, Tokens, public
from tests.world import World


def _later(**span: float) -> time_machine.travel:
    return time_machine.travel(clock.now() + timedelta(**span), tick=True)


def _refused(rp: RelyingParty, refresh_token: str) -> bool:
    response = rp.refresh(refresh_token)
    return response.status_code == 400 and response.get_json()["error"] == "invalid_grant"


def _offline(rp: RelyingParty, browser: Browser) -> Tokens:
    rp.ask(browser, scope="openid offline_access")
    browser.submit(button="consent-allow")
    return rp.read(rp.redeem(rp.answer(browser)["code"]))


def test_a_confidential_client_keeps_its_one_token(rp: RelyingParty, browser: Browser) -> None:
    """FAPI 2.0 §5.3.2.1: no routine rotation where the client proves itself."""
    tokens = rp.tokens(browser)
    for _ in range(3):
        response = rp.refresh(tokens.refresh_token)
        assert response.status_code == 200
        assert "refresh_token" not in response.get_json()
        assert rp.userinfo(response.get_json()["access_token"]).status_code == 200


def test_the_sign_in_stays_what_it_was(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §12.2: same iss, sub, aud and auth_time; no nonce; amr and sid stay."""
    tokens = rp.tokens(browser)
    first = rp.claims(tokens.id_token)
    with _later(minutes=5):
        again = rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)
        assert again["iat"] >= first["iat"] + 300
    stays = ("iss", "sub", "aud", "auth_time", "amr", "sid", "acr")
    assert {name: again[name] for name in stays} == {name: first[name] for name in stays}
    assert "nonce" not in again
    assert again["jti"] != first["jti"]


def test_a_narrower_token_opens_no_claim_of_a_scope_that_it_left_out(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """RFC 6749 §6, R121: though it was asked for by name as well; what was asked for by name alone stays, and all comes back."""
    typed = {"nickname": "Mari", "website": "https://mari.example/", "phone_number": "+15555550100"}
    world.services.db.write(
        lambda conn: profile.save(
            conn, world.services.keyring, account_id=member.account_id, person_id=member.person_id, typed=typed
        )
    )
    named = dict.fromkeys(("nickname", "phone_number", "dslogon_assurance"))
    wanted = json.dumps({"id_token": named, "userinfo": named})
    tokens = rp.tokens(browser, scope="openid profile email", claims=wanted)
    narrow = rp.read(rp.refresh(tokens.refresh_token, scope="openid email"))
    for told in (rp.claims(narrow.id_token), rp.userinfo(narrow.access_token).get_json()):
        assert not told.keys() & {"nickname", "website"}
        assert (told["phone_number"], told["dslogon_assurance"]) == ("+15555550100", "1")
    for again in (tokens, rp.read(rp.refresh(tokens.refresh_token))):
        assert rp.claims(again.id_token)["nickname"] == "Mari"
        assert rp.userinfo(again.access_token).get_json()["website"] == "https://mari.example/"


def test_a_public_clients_token_rotates_and_reuse_kills_the_chain(world: World, browser: Browser) -> None:
    """RFC 9700 §4.14.2, R138."""
    spa = public(world)
    first = spa.tokens(browser)
    second = spa.read(spa.refresh(first.refresh_token))
    third = spa.read(spa.refresh(second.refresh_token))
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert _refused(spa, first.refresh_token)
    assert _refused(spa, third.refresh_token)
    assert spa.userinfo(third.access_token).status_code == 401
    assert [event.fields["why"] for event in world.events("authorization.revoked")] == ["refresh_reused"]


def test_a_lost_answer_may_be_asked_for_again_for_half_a_minute(world: World, browser: Browser) -> None:
    """R139: the same child, never a second one, and only while nobody used it."""
    spa = public(world)
    first = spa.tokens(browser)
    child = spa.read(spa.refresh(first.refresh_token))
    with _later(seconds=25):
        retried = spa.read(spa.refresh(first.refresh_token))
        assert retried.refresh_token == child.refresh_token
        assert retried.access_token != child.access_token
    with _later(seconds=40):
        assert _refused(spa, first.refresh_token)
        assert _refused(spa, child.refresh_token)


def test_the_retry_ends_with_the_childs_first_use(world: World, browser: Browser) -> None:
    """R139: whoever shows the parent after that is not the one who lost an answer."""
    spa = public(world)
    first = spa.tokens(browser)
    child = spa.read(spa.refresh(first.refresh_token))
    grandchild = spa.read(spa.refresh(child.refresh_token))
    assert _refused(spa, first.refresh_token)
    assert _refused(spa, grandchild.refresh_token)


def test_scope_may_only_narrow(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §6, R121, R140; the refresh token itself keeps what it had."""
    tokens = rp.tokens(browser, scope="openid email profile")
    narrow = rp.read(rp.refresh(tokens.refresh_token, scope="openid"))
    assert narrow.scope == "openid"
    assert "email" not in rp.userinfo(narrow.access_token).get_json()
    assert rp.read(rp.refresh(tokens.refresh_token)).scope == "openid email profile"
    for wider in ("openid phone", "openid offline_access", "rubbish"):
        response = rp.refresh(tokens.refresh_token, scope=wider)
        assert (response.status_code, response.get_json()["error"]) == (400, "invalid_scope")
    without = rp.refresh(tokens.refresh_token, scope="email")
    assert "id_token" not in without.get_json()


def test_without_offline_access_it_dies_with_the_session(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §11: signing out ends the access and refresh tokens of every client."""
    tokens = rp.tokens(browser)
    browser.open("/logout").submit(button="logout-yes")
    assert _refused(rp, tokens.refresh_token)
    assert rp.userinfo(tokens.access_token).status_code == 401


def test_with_offline_access_it_outlives_the_session(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §11: 30 days idle, 90 in all."""
    tokens = _offline(rp, browser)
    browser.open("/logout").submit(button="logout-yes")
    assert rp.userinfo(tokens.access_token).status_code == 200
    start = clock.now()
    for day in (25, 50, 75, 89):
        with time_machine.travel(start + timedelta(days=day), tick=True):
            rp.read(rp.refresh(tokens.refresh_token))
    with time_machine.travel(start + timedelta(days=91), tick=True):
        assert _refused(rp, tokens.refresh_token)


def test_it_dies_of_idleness(rp: RelyingParty, browser: Browser) -> None:
    """R140: 30 days without use."""
    tokens = _offline(rp, browser)
    with _later(days=31):
        assert _refused(rp, tokens.refresh_token)


def test_a_consent_taken_back_ends_it(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R120, R140."""
    tokens = _offline(rp, browser)
    world.services.db.write(lambda conn: conn.execute(sa.delete(Consent)))
    assert _refused(rp, tokens.refresh_token)


def test_a_locked_account_ends_it(world: World, rp: RelyingParty, browser: Browser, member: Member) -> None:
    """R87, R150: refresh and userinfo both, within one request."""
    tokens = _offline(rp, browser)
    world.services.db.write(
        lambda conn: accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="test")
    )
    assert _refused(rp, tokens.refresh_token)
    assert rp.userinfo(tokens.access_token).status_code == 401


def test_another_client_cannot_use_it(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §6: bound to the client that it was issued to; the owner's still works."""
    tokens = rp.tokens(browser)
    assert _refused(RelyingParty(world), tokens.refresh_token)
    assert _refused(public(world), tokens.refresh_token)
    rp.read(rp.refresh(tokens.refresh_token))


def test_tokens_are_not_taken_for_one_another(rp: RelyingParty, browser: Browser) -> None:
    """R130: each kind opens its own endpoint and no other."""
    code = rp.code(browser)
    tokens = rp.read(rp.redeem(code))
    for wrong in (tokens.access_token, tokens.id_token, code, "", "x"):
        response = rp.refresh(wrong)
        assert response.status_code == 400
    for wrong in (tokens.refresh_token, tokens.id_token, code, "x"):
        assert rp.userinfo(wrong).status_code == 401
    assert rp.redeem(tokens.access_token).get_json()["error"] == "invalid_grant"
    assert rp.ask(browser, id_token_hint=tokens.access_token)["error"] == "invalid_request"


def test_premium_needs_a_sign_in_of_the_last_twelve_hours(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """docs/levels.md §6: what needs Premium flows for twelve hours; `acr` and level fall with the account's level."""
    tokens = _offline(rp, browser)
    premium = {"level": 2, "aal": 2, "acr": "urn:dslogon:premium", "amr": ["pwd", "otp", "mfa"]}

    def lift(account_level: int) -> None:
        world.services.db.write(
            lambda conn: (
                conn.execute(sa.update(Authorization).values(**premium)),
                conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=account_level)),
            )
        )

    lift(2)
    held = rp.read(rp.refresh(tokens.refresh_token))
    assert rp.claims(held.id_token)["acr"] == "urn:dslogon:premium"
    assert rp.claims(held.id_token)["dslogon_assurance"] == "2"
    with _later(hours=12, minutes=1):
        assert _refused(rp, tokens.refresh_token)
    lift(1)
    fallen = rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)
    assert (fallen["acr"], fallen["dslogon_assurance"]) == ("urn:dslogon:basic:mfa", "1")
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=2))
    )
    still = rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)
    assert (still["acr"], still["dslogon_assurance"]) == ("urn:dslogon:basic:mfa", "1")
