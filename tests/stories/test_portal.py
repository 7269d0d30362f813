"""The sample portal as a relying party: it talks to the provider over real HTTP, and believes nothing unchecked."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.oidc import keys
from idp.oidc.tokens import ACCESS_LIFE
from portal.sessions import COOKIE
from tests.members import PASSWORD, join
from tests.portal_visitor import HOME, Portal, Server
from tests.relying_party import on_sqlite
from tests.world import World


@pytest.mark.parametrize("alg", [keys.RS256, keys.ES256])
def test_a_person_signs_in_and_the_portal_knows_their_level(there: World, server: Server, alg: str) -> None:
    member = join(there.services)
    portal = Portal(there, alg=alg).sign_in(member)
    assert portal.page.name == "portal/home"
    assert "Basic (Level 1)" in portal.page.text
    told = portal.open("/profile").page.text
    assert "maria@example.org" in told
    assert "A password." in told
    assert member.username not in told
    for name in ("messages", "appointments", "records", "refills"):
        portal.open(f"/{name}")
        assert (portal.response.status_code, portal.page.error) == (403, "premium_needed")
        assert "Upgrade" in portal.page.text
    asked = parse_qs(urlsplit(portal.open("/upgrade").away or "").query)
    assert json.loads(asked["claims"][0])["id_token"]["acr"]["essential"] is True


@on_sqlite
def test_the_page_that_was_wanted_is_where_a_person_comes_back_to(there: World, server: Server) -> None:
    member = join(there.services)
    portal = Portal(there).sign_in(member, "/profile")
    assert portal.page.name == "portal/profile"
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "/login", "/logout"):
        portal.begin(f"/login?next={elsewhere}")
        assert portal.come_back().page.name == "portal/home"


@on_sqlite
def test_an_id_from_before_the_sign_in_is_worth_nothing_after_it(there: World, server: Server) -> None:
    """R81: whoever planted a session id in somebody's browser does not become them."""
    member = join(there.services)
    portal = Portal(there)
    portal.begin()
    planted = portal.client.get_cookie(COOKIE)
    assert planted is not None
    portal.provider.submit(username=member.username, password=member.password)
    portal.come_back()
    mine = portal.client.get_cookie(COOKIE)
    assert mine is not None
    assert mine.value != planted.value
    portal.another_browser()
    portal.client.set_cookie(COOKIE, planted.value)
    assert not portal.is_signed_in


@on_sqlite
def test_an_answer_is_good_once_and_in_the_browser_that_asked(there: World, server: Server) -> None:
    """RFC 6749 §10.12: a link to somebody else's answer signs nobody in, and Back does no harm."""
    member = join(there.services)
    portal = Portal(there)
    portal.begin().submit(username=member.username, password=member.password)
    mine = portal.client
    portal.another_browser()
    portal.open(portal.answer)
    assert (portal.response.status_code, portal.page.error) == (400, "mismatching_state")
    assert not portal.is_signed_in
    portal.client = mine
    assert portal.come_back().page.name == "portal/home"
    portal.open(portal.answer)
    assert (portal.response.status_code, portal.page.error) == (400, "mismatching_state")
    assert "still signed in" in portal.page.text
    assert portal.is_signed_in


@on_sqlite
@pytest.mark.parametrize("sender", ["https://evil.example", ""])
def test_an_answer_of_another_provider_is_refused(there: World, server: Server, sender: str) -> None:
    """RFC 9207 §2.4: mixed up, misspelt or left out, and then spent."""
    member = join(there.services)
    portal = Portal(there)
    portal.begin().submit(username=member.username, password=member.password)
    query = {name: values[0] for name, values in parse_qs(urlsplit(portal.answer).query).items()}
    assert query.pop("iss") == there.settings.issuer
    forged = "/callback?" + "&".join(f"{name}={value}" for name, value in {**query, "iss": sender}.items() if value)
    assert portal.open(forged).page.error == "mismatching_state"
    assert portal.come_back().page.error == "mismatching_state"
    assert not portal.is_signed_in


@on_sqlite
def test_a_stolen_code_does_not_fit_into_another_browser(there: World, server: Server) -> None:
    """RFC 9700 §2.1.1: the thief has a state of their own, but not the verifier that belongs to the code."""
    member = join(there.services)
    portal = Portal(there)
    portal.begin().submit(username=member.username, password=member.password)
    stolen = parse_qs(urlsplit(portal.answer).query)["code"][0]
    portal.another_browser()
    portal.begin()
    own = parse_qs(urlsplit(portal.answer).query)
    portal.open(f"/callback?code={stolen}&state={own['state'][0]}&iss={own['iss'][0]}")
    assert (portal.response.status_code, portal.page.error) == (502, "bad_answer")
    assert stolen not in portal.page.html
    assert not portal.is_signed_in


@on_sqlite
def test_two_tabs_may_sign_in_at_once(there: World, server: Server) -> None:
    member = join(there.services)
    portal = Portal(there)
    portal.begin().submit(username=member.username, password=member.password)
    first = portal.answer
    portal.begin("/profile")
    second = portal.answer
    assert portal.open(second).page.name == "portal/profile"
    # The first tab's sign-in was forgotten with the session that the second one replaced.
    assert portal.open(first).page.error in {"", "mismatching_state"}
    assert portal.is_signed_in


@on_sqlite
def test_whoever_does_not_share_is_told_what_stays_open(there: World, server: Server) -> None:
    member = join(there.services)
    portal = Portal(there, first_party=False)
    portal.begin().submit(username=member.username, password=member.password)
    assert portal.provider.page.name == "consent/consent"
    portal.provider.submit(button="consent-deny")
    portal.come_back()
    assert (portal.response.status_code, portal.page.error) == (403, "access_denied")
    assert "Nothing was shared" in portal.page.text
    assert not portal.is_signed_in
    assert portal.open("/information").page.name == "portal/information"
    portal.begin()
    portal.provider.submit(button="consent-allow")
    assert portal.come_back().page.name == "portal/home"
    assert portal.is_signed_in


@on_sqlite
def test_without_the_provider_the_portal_says_so_and_goes_on_afterwards(there: World, server: Server) -> None:
    member = join(there.services)
    portal = Portal(there)
    server.stop()
    portal.open("/login?next=/profile")
    assert (portal.response.status_code, portal.page.error) == (503, "provider_down")
    assert portal.response.headers["Retry-After"] == "120"
    assert portal.open("/faq").page.name == "portal/faq"
    server.start()
    portal.begin().submit(username=member.username, password=member.password)
    server.stop()
    assert portal.come_back().page.error == "provider_down"
    server.start()
    portal.begin()
    assert portal.come_back().page.name == "portal/home"


def test_signing_out_ends_both_sessions(there: World, server: Server) -> None:
    """RP-Initiated Logout §2: with the ID token as a hint nobody is asked, and the browser comes back."""
    member = join(there.services)
    portal = Portal(there).sign_in(member)
    portal.sign_out()
    assert portal.away is not None
    assert portal.away.startswith(f"{there.settings.issuer}/logout?")
    portal.provider.open(portal.away)
    portal.come_back()
    assert portal.page.name == "portal/signed_out"
    assert "of Guidon" in portal.page.text
    assert not portal.is_signed_in
    assert portal.provider.cookie("idp_session") is None
    assert portal.begin().page.name == "sign_in/login"


@on_sqlite
def test_signing_out_of_the_portal_needs_no_provider(there: World, server: Server) -> None:
    """The portal's own session ends first; its page does not claim more than it knows."""
    portal = Portal(there).sign_in(join(there.services))
    server.stop()
    portal.sign_out()
    assert not portal.is_signed_in
    assert "You may still be signed in to Guidon" in portal.open("/signed-out").page.text
    server.start()


@on_sqlite
def test_another_site_signs_nobody_out(there: World, server: Server) -> None:
    """R92: the button's form carries a token; without it, or with another session's, nothing ends."""
    portal = Portal(there).sign_in(join(there.services))
    strangers = Portal(there).sign_in(join(there.services, "stranger", email=None)).open("/").page.form("csrf_token")
    for fields in ({}, strangers.fields):
        answer = portal.client.post("/logout", data=fields, base_url=HOME)
        assert answer.status_code == 400
        assert portal.is_signed_in


@on_sqlite
def test_a_locked_account_is_noticed_before_anything_private_is_shown(there: World, server: Server) -> None:
    """A level is as fresh as its access token: what needs Premium asks again after that."""
    member = join(there.services)
    portal = Portal(there).sign_in(member)
    assert portal.open("/records").page.error == "premium_needed"
    there.services.db.write(
        lambda conn: accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="test")
    )
    with time_machine.travel(ACCESS_LIFE + timedelta(minutes=6), tick=True):
        assert portal.begin("/records").page.name == "sign_in/login"
        portal.provider.submit(username=member.username, password=PASSWORD)
        assert portal.provider.left_for is None
        assert portal.provider.page.error == "account_locked"


@on_sqlite
@pytest.mark.parametrize(
    "address", ["/callback", "/callback?code=x", "/callback?error=server_error", "/callback?state=x&code=y&iss=z"]
)
def test_an_answer_that_nobody_asked_for_is_a_page(there: World, server: Server, address: str) -> None:
    portal = Portal(there).open(address)
    assert (portal.response.status_code, portal.page.error) == (400, "mismatching_state")
    assert portal.page.h1 == ["This sign-in is no longer good"]
    assert "server_error" not in portal.page.html
