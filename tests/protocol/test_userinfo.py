"""Userinfo (OIDC Core §5.3; RFC 6750)."""

from datetime import timedelta

import time_machine

from idp import clock
from idp.accounts import profile
from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty, on_sqlite
from tests.world import World

pytestmark = on_sqlite


def test_get_and_post_header_and_form_say_the_same(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §5.3.1, RFC 6750 §2.1, §2.2."""
    token = rp.tokens(browser, scope="openid email").access_token
    header = {"Authorization": f"Bearer {token}"}
    answers = [
        rp.userinfo(token),
        rp.get("/userinfo", headers={"Authorization": f"bearer {token}"}),
        rp.send("/userinfo", None, headers=header),
        rp.send("/userinfo", {"access_token": token}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.get_data() for answer in answers}) == 1
    assert all(answer.mimetype == "application/json" for answer in answers)
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in answers)
    assert "null" not in answers[0].get_data(as_text=True)


def test_the_challenge_says_what_was_wrong(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6750 §3, §3.1."""
    token = rp.tokens(browser).access_token
    bare = rp.get("/userinfo")
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"] == 'Bearer realm="userinfo"'
    other = rp.get("/userinfo", headers={"Authorization": "Basic eDp5"})
    assert (other.status_code, other.headers["WWW-Authenticate"]) == (401, 'Bearer realm="userinfo"')
    for wrong in ("x", "", "a" * 5000, "'", 'a"b'):
        refused = rp.userinfo(wrong)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"] or not wrong
    twice = rp.send("/userinfo", {"access_token": token}, headers={"Authorization": f"Bearer {token}"})
    assert twice.status_code == 400
    assert 'error="invalid_request"' in twice.headers["WWW-Authenticate"]
    in_address = rp.get(f"/userinfo?access_token={token}")
    assert in_address.status_code == 400
    assert rp.http.put("/userinfo", base_url=rp.world.settings.issuer).status_code == 405


def test_a_token_without_openid_opens_nothing_here(world: World, browser: Browser) -> None:
    """OIDC Core §5.3, RFC 6750 §3.1 insufficient_scope, R150; and no ID token comes without openid (§3.1.2.1)."""
    rp = RelyingParty(world)
    tokens = rp.tokens(browser, scope="email")
    assert tokens.id_token == ""
    refused = rp.userinfo(tokens.access_token)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_token_lives_for_ten_minutes(rp: RelyingParty, browser: Browser) -> None:
    """R133."""
    response = rp.redeem(rp.code(browser)).get_json()
    assert response["expires_in"] == 600
    for seconds, status in ((595, 200), (605, 401)):
        with time_machine.travel(clock.now() + timedelta(seconds=seconds), tick=True):
            assert rp.userinfo(response["access_token"]).status_code == status


def test_claims_follow_the_scopes_and_what_the_person_typed(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """OIDC Core §5.1, §5.4; recomputed at every call; `updated_at` is a number."""
    everything = rp.tokens(browser, scope="openid profile email phone address").access_token
    only = rp.tokens(browser, scope="openid").access_token
    assert rp.userinfo(everything).get_json().keys() == {
        "sub",
        "dslogon_assurance",
        "aal",
        "email",
        "email_verified",
    }
    typed = {
        "given_name": "María",
        "nickname": "Mari",
        "birthdate": "1980-02-03",
        "preferred_username": "mari",
        "phone_number": "+15555550100",
        "address": "7 Calle Luna, San Juan PR 00901",
    }
    world.services.db.write(
        lambda conn: profile.save(
            conn,
            world.services.keyring,
            account_id=member.account_id,
            person_id=member.person_id,
            typed=typed,
        )
    )
    told = rp.userinfo(everything).get_json()
    assert {name: told[name] for name in typed} == {**typed, "address": {"formatted": typed["address"]}}
    assert isinstance(told["updated_at"], int)
    assert told["email_verified"] is True
    assert rp.userinfo(only).get_json().keys() == {"sub", "dslogon_assurance", "aal"}


def test_the_assurance_is_always_told_where_it_is_released(world: World, browser: Browser) -> None:
    """docs/levels.md §5: by scope or by the client's setting; `dslogon_assurance` is a string and never absent."""
    plain = RelyingParty(world, assurance_claims=False)
    tokens = plain.tokens(browser)
    assert "dslogon_assurance" not in plain.claims(tokens.id_token)
    assert "dslogon_assurance" not in plain.userinfo(tokens.access_token).get_json()
    tokens = plain.tokens(browser, scope="openid dslogon")
    for claims in (plain.claims(tokens.id_token), plain.userinfo(tokens.access_token).get_json()):
        assert claims["dslogon_assurance"] == "1"
        assert claims["aal"] == 1


def test_no_browser_session_is_used(rp: RelyingParty, browser: Browser) -> None:
    """A machine endpoint reads no cookie and sets none."""
    response = browser.client.get("/userinfo", base_url="http://localhost:5000")
    assert response.status_code == 401
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")
