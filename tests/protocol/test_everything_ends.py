"""Whatever ends a person's sessions ends everything that hangs from them, by the very next request, and nothing comes back."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.credentials import passwords, sessions
from tests import authenticator
from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import RelyingParty, Tokens, basic, sign_in
from tests.world import World

NEW_PASSWORD = "another kettle over Monday"


def _offline(rp: RelyingParty, browser: Browser) -> Tokens:
    rp.ask(browser, scope="openid offline_access")
    browser.submit(button="consent-allow")
    return rp.read(rp.redeem(rp.answer(browser)["code"]))


def _becomes(state: State) -> Callable[[World, Member], None]:
    def change(world: World, member: Member) -> None:
        def write(conn: Connection) -> bool:
            return accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=state, why="test")

        assert world.services.db.write(write)

    return change


def _changes_password(world: World, member: Member) -> None:
    hashed = passwords.hash_password(world.services.keyring, NEW_PASSWORD, world.services.settings.password_hash)

    def write(conn: Connection) -> None:
        passwords.set_password(conn, member.account_id, hashed)
        sessions.end_everything(conn, member.account_id, keep=None, actor=member.account_id, why="password_changed")

    world.services.db.write(write)


def _signs_out_everywhere(world: World, member: Member) -> None:
    elsewhere = sign_in(world, member).open("/account/sessions/end-all")
    elsewhere.submit(button="end-everything")
    assert elsewhere.page.name == "logout/done"


ENDS = {
    "locked": _becomes(State.LOCKED),
    "suspended": _becomes(State.SUSPENDED),
    "identity_conflict": _becomes(State.IDENTITY_CONFLICT),
    "deceased": _becomes(State.DECEASED),
    "password": _changes_password,
    "everywhere": _signs_out_everywhere,
}


@pytest.mark.parametrize("what", ENDS)
def test_everything_is_dead_within_one_request(world: World, what: str) -> None:
    """R87, R150: pages, /authorize, codes, tokens of both kinds, userinfo, introspection, waiting requests, half-made sign-ins."""
    member = join(world.services, totp=True)
    rp, third = RelyingParty(world), RelyingParty(world, first_party=False)
    browser = sign_in(world, member)
    tokens, offline = rp.tokens(browser), _offline(third, browser)
    code = rp.code(browser)
    third.ask(browser, scope="openid offline_access", prompt="consent")
    pending = third.answer(browser.submit(button="consent-allow"))["code"]
    rp.ask(browser, prompt="login")
    waiting = browser.page.form("request").fields["request"]
    browser.open("/upgrade").submit(button="upgrade-start")
    half = sign_in(world, member, half=True)

    ENDS[what](world, member)

    for page in ("/account", "/account/profile", "/account/sites", "/upgrade", "/upgrade/identity"):
        assert browser.open(page).page.name == "sign_in/login", page
    assert rp.ask(browser, prompt="none")["error"] == "login_required"
    assert rp.ask(browser) == {}
    assert browser.page.name == "sign_in/login"
    browser.open(f"/authorize/continue?request={waiting}")
    assert (browser.left_for, browser.page.name) == (None, "sign_in/login")
    browser.open("/session/ends")
    assert browser.response.get_json() == {"idle": 0, "latest": 0}
    if what != "everywhere":
        # A sign-in that only began is no session: signing out everywhere is not there to stop its owner's own.
        half.submit(code=authenticator.unused_code(world.services, member))
        assert (half.status, half.page.error) == (410, "journey_gone")
        assert half.cookie("idp_session") is None
    assert rp.redeem(code).get_json()["error"] == "invalid_grant"
    assert third.redeem(pending).get_json()["error"] == "invalid_grant"
    for client, held in ((rp, tokens), (third, offline)):
        assert client.refresh(held.refresh_token).get_json()["error"] == "invalid_grant"
        assert client.userinfo(held.access_token).status_code == 401
        proof = {"Authorization": basic(client.client.id, client.secret or "")}
        for token in (held.access_token, held.refresh_token):
            assert client.send("/introspect", {"token": token}, headers=proof).get_json() == {"active": False}


@pytest.mark.parametrize("state", [State.LOCKED, State.SUSPENDED, State.IDENTITY_CONFLICT])
def test_what_was_granted_for_offline_use_stays_dead_when_the_account_works_again(world: World, state: State) -> None:
    """R87: and what is granted after that lives."""
    member = join(world.services)
    third = RelyingParty(world, first_party=False)
    before = _offline(third, sign_in(world, member))
    _becomes(state)(world, member)
    world.services.db.write(
        lambda conn: accounts.change_state(conn, member.account_id, was=state, becomes=State.ACTIVE, why=None)
    )
    assert third.refresh(before.refresh_token).get_json()["error"] == "invalid_grant"
    assert third.userinfo(before.access_token).status_code == 401
    browser = sign_in(world, member)
    third.ask(browser, scope="openid offline_access")
    after = third.read(third.redeem(third.answer(browser)["code"]))
    assert third.refresh(after.refresh_token).status_code == 200


def test_signing_out_everywhere_else_keeps_this_browser_and_what_it_opened(world: World) -> None:
    """R88: but not what sites may do while the person is away; the rest of this browser's sites go on."""
    member = join(world.services)
    rp, third = RelyingParty(world), RelyingParty(world, first_party=False)
    here, there = sign_in(world, member), sign_in(world, member)
    kept, lost = rp.tokens(here), rp.tokens(there)
    offline = _offline(third, here)
    here.open("/account/sessions/end-all").submit(button="end-others")
    assert "You are signed out everywhere else." in here.page.text
    assert there.open("/account").page.name == "sign_in/login"
    assert here.open("/account").page.name == "account/show"
    assert rp.refresh(kept.refresh_token).status_code == 200
    assert rp.refresh(lost.refresh_token).get_json()["error"] == "invalid_grant"
    assert third.refresh(offline.refresh_token).get_json()["error"] == "invalid_grant"
