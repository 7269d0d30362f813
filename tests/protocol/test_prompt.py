"""When a person sees a page and when not: `prompt`, `max_age`, hints and `acr` through the browser (OIDC Core §3.1.2.1)."""

from datetime import timedelta

import sqlalchemy as sa
import time_machine

from idp import clock
from idp.accounts.levels import ACR_BASIC, ACR_BASIC_MFA
from idp.credentials.sessions import Session
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite


def _travel(*, seconds: float) -> time_machine.travel:
    return time_machine.travel(clock.now() + timedelta(seconds=seconds), tick=True)


def test_prompt_none_never_shows_a_page(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.6: login_required, consent_required, account_selection_required, interaction_required, at once."""
    stranger = world.browser()
    assert rp.ask(stranger, prompt="none")["error"] == "login_required"
    assert stranger.cookie("idp_flow") is None
    assert "code" in rp.ask(browser, prompt="none")
    third = RelyingParty(world, first_party=False)
    answer = third.ask(browser, prompt="none")
    assert answer["error"] == "consent_required"
    assert answer["state"] == "state-1"
    with _travel(seconds=60):
        assert rp.ask(browser, prompt="none", max_age="30")["error"] == "login_required"
    assert rp.ask(browser, prompt="none", max_age="0")["error"] == "login_required"


def test_prompt_none_after_sign_out_fails(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.6; RP-Initiated Logout §2: the server's session really ended."""
    browser.open("/logout").submit(button="logout-yes")
    assert rp.ask(browser, prompt="none")["error"] == "login_required"


def test_prompt_login_really_signs_in_again(rp: RelyingParty, browser: Browser, member: Member) -> None:
    """OIDC Core §3.1.2.1, R116: a new auth_time, though the session was of the same second or older."""
    before = rp.claims(rp.tokens(browser).id_token)["auth_time"]
    with _travel(seconds=90):
        assert rp.ask(browser, prompt="login") == {}
        assert browser.page.name == "sign_in/login"
        # Asking again by hand changes nothing.
        handle = browser.address.partition("request=")[2]
        browser.open(f"/authorize/continue?request={handle}")
        assert browser.page.name == "sign_in/login"
        browser.submit(username=member.username, password=PASSWORD)
        after = rp.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).id_token)["auth_time"]
    assert 89 <= after - before <= 95


def test_prompt_login_in_the_second_of_the_sign_in_asks_too(world: World, rp: RelyingParty, member: Member) -> None:
    """OIDC Core §3.1.2.1: a sign-in from before the request never counts, however short before."""
    with time_machine.travel(clock.now(), tick=False):
        browser = sign_in(world, member)
        assert rp.ask(browser, prompt="login") == {}
        browser.submit(username=member.username, password=PASSWORD)
        assert "code" in rp.answer(browser)


def test_max_age_keeps_a_young_session_and_asks_for_an_old_one(
    rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """OIDC Core §3.1.2.1, §2, R116: `auth_time` is the sign-in's, in the same second in every token."""
    first = rp.claims(rp.tokens(browser).id_token)["auth_time"]
    with _travel(seconds=40):
        assert rp.claims(rp.tokens(browser, max_age="100").id_token)["auth_time"] == first
        assert rp.ask(browser, max_age="30") == {}
        browser.submit(username=member.username, password=PASSWORD)
        again = rp.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).id_token)["auth_time"]
        assert again >= first + 40
        assert rp.ask(browser, max_age="0") == {}
        assert browser.page.name == "sign_in/login"


def test_a_hint_of_another_person_is_login_required(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1 `id_token_hint`, with and without prompt=none, before and after signing in."""
    mine = rp.tokens(browser).id_token
    assert "code" in rp.ask(browser, id_token_hint=mine)
    assert "code" in rp.ask(browser, id_token_hint=mine, prompt="none")
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    for prompt in ("none", None):
        assert rp.ask(other, id_token_hint=mine, prompt=prompt)["error"] == "login_required"
    fresh = world.browser()
    assert rp.ask(fresh, id_token_hint=mine) == {}
    fresh.submit(username="walt.whitman", password=PASSWORD)
    assert rp.answer(fresh)["error"] == "login_required"


def test_an_expired_hint_still_counts_and_another_clients_does_not(
    world: World, rp: RelyingParty, browser: Browser
) -> None:
    """OIDC Core §3.1.2.1; R130: the audience must be who asks."""
    mine = rp.tokens(browser).id_token
    other = RelyingParty(world)
    assert other.ask(browser, id_token_hint=mine)["error"] == "invalid_request"
    with _travel(seconds=400):
        assert "code" in rp.ask(browser, id_token_hint=mine)
        head, body, signature = mine.split(".")
        flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
        assert rp.ask(browser, id_token_hint=f"{head}.{body}.{flipped}")["error"] == "invalid_request"


def test_select_account_lets_the_person_stay_or_change(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1 `select_account`."""
    assert rp.ask(browser, prompt="none select_account")["error"] == "invalid_request"
    rp.ask(browser, prompt="select_account")
    assert browser.page.name == "oauth/account"
    assert "maria.rivera" in browser.page.text
    browser.submit(button="account-stay")
    assert "code" in rp.answer(browser)
    join(world.services, "walt.whitman", email=None)
    rp.ask(browser, prompt="select_account")
    browser.submit(button="account-other")
    assert browser.page.name == "sign_in/login"
    browser.submit(username="walt.whitman", password=PASSWORD)
    assert "code" in rp.answer(browser)


def test_prompt_create_opens_the_registration(rp: RelyingParty, world: World, browser: Browser) -> None:
    """Initiating User Registration 1.0 §4.1; whoever signs in there instead goes on."""
    rp.ask(browser, prompt="create")
    assert browser.page.name.startswith("registration/")
    assert "request=" in browser.address
    assert rp.ask(world.browser(), prompt="create") == {}


def test_login_hint_fills_the_field_and_stays_harmless(world: World, rp: RelyingParty) -> None:
    """OIDC Core §3.1.2.1 `login_hint`, R95."""
    browser = world.browser()
    rp.ask(browser, login_hint="maria.rivera")
    assert browser.page.form("username").fields["username"] == "maria.rivera"
    rp.ask(browser, login_hint='"><script>alert(1)</script>')
    assert "<script>alert(1)" not in browser.page.html


def test_ui_locales_choose_the_language_of_our_pages(world: World, rp: RelyingParty) -> None:
    """OIDC Core §3.1.2.1 `ui_locales`: the first that we speak."""
    browser = world.browser()
    rp.ask(browser, ui_locales="tlh es-MX en")
    assert '<html lang="es' in browser.page.html


def test_an_acr_below_the_clients_floor_is_never_told(world: World, member: Member) -> None:
    """Or the refresh, which asks for the floor again, would fail at once."""
    rp = RelyingParty(world, min_acr=ACR_BASIC_MFA)
    browser = sign_in(world, member)
    shown = {"shown": [{"amr": "pwd", "at": 1}, {"amr": "otp", "at": 1}]}
    world.services.db.write(lambda conn: conn.execute(sa.update(Session).values(methods=shown)))
    tokens = rp.tokens(browser, acr_values=f"{ACR_BASIC} urn:unheard")
    assert rp.claims(tokens.id_token)["acr"] == ACR_BASIC_MFA
    assert rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)["acr"] == ACR_BASIC_MFA


def test_a_parked_request_belongs_to_its_browser_and_is_answered_once(
    world: World, rp: RelyingParty, member: Member
) -> None:
    """R118; RFC 9700 §4.7: another browser, a second time, or an hour later there is nothing to go on with."""
    browser = world.browser()
    rp.ask(browser)
    handle = browser.address.partition("request=")[2]
    thief = sign_in(world, member)
    for address in ("/authorize/continue", "/consent", "/authorize/account"):
        thief.open(f"{address}?request={handle}")
        assert (thief.status, thief.page.error) == (410, "request_gone"), address
    browser.submit(username=member.username, password=PASSWORD)
    assert "code" in rp.answer(browser)
    browser.open(f"/authorize/continue?request={handle}")
    assert (browser.status, browser.page.error) == (410, "request_gone")


def test_a_parked_request_lives_for_an_hour(world: World, rp: RelyingParty, member: Member) -> None:
    """A slow reader is not punished, a forgotten tab is."""
    for minutes, back in ((59, True), (61, False)):
        browser = world.browser()
        rp.ask(browser)
        with _travel(seconds=minutes * 60):
            browser.submit(username=member.username, password=PASSWORD)
            assert ("code" in rp.answer(browser)) is back
            assert (browser.page.error == "request_gone") is not back


def test_two_tabs_wait_beside_each_other(world: World, rp: RelyingParty, member: Member) -> None:
    """One browser may bring several requests; each goes back to its own client."""
    other = RelyingParty(world)
    browser = world.browser()
    rp.ask(browser)
    first = browser.address
    other.ask(browser)
    browser.submit(username=member.username, password=PASSWORD)
    assert "code" in other.answer(browser)
    browser.open(first.replace("/login", "/authorize/continue"))
    assert "code" in rp.answer(browser)


def test_the_page_lets_its_form_end_at_the_client(world: World, rp: RelyingParty) -> None:
    """R94: Chromium blocks a form's redirect to an origin that the policy does not name."""
    browser = world.browser()
    rp.ask(browser)
    policy = browser.response.headers["Content-Security-Policy"]
    assert f"form-action 'self' https: {rp.home}" in policy
    browser.open("/login")
    assert browser.response.headers["Content-Security-Policy"].endswith("form-action 'self'")
