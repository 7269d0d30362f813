"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0; R86, R157, R158)."""

from datetime import timedelta
from urllib.parse import urlencode

import time_machine

from idp import clock
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite


def _url(**parameters: str) -> str:
    return "/logout?" + urlencode(parameters)


def _bye(rp: RelyingParty) -> str:
    return f"{rp.home}/bye"


def _is_signed_in(rp: RelyingParty, browser: Browser) -> bool:
    return "code" in rp.ask(browser, prompt="none")


def test_a_client_ends_its_own_session(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RP-Initiated Logout §2, §3: redirect with `state` and nothing else; the server's session is over."""
    hint = rp.tokens(browser).id_token
    browser.open(_url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp), state="s&1"))
    assert browser.left_for == f"{_bye(rp)}?state=s%261"
    assert not _is_signed_in(rp, browser)
    assert browser.cookie("idp_session") is None
    event = world.events("logout.requested")[0]
    assert (event.client, event.fields["confirmed"]) == (rp.client.id, False)


def test_the_answer_cleans_up(rp: RelyingParty, browser: Browser) -> None:
    """R86: caches and storage, but not the cookies of this browser."""
    hint = rp.tokens(browser).id_token
    response = browser.client.get(
        _url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp)), base_url="http://localhost:5000"
    )
    assert response.status_code == 303
    assert response.headers["Location"] == _bye(rp)
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_post_from_another_site_works_as_well(rp: RelyingParty, browser: Browser) -> None:
    """RP-Initiated Logout §2: GET and POST."""
    hint = rp.tokens(browser).id_token
    browser.post(
        "/logout",
        {"id_token_hint": hint, "post_logout_redirect_uri": _bye(rp)},
        Origin=rp.home,
        **{"Sec-Fetch-Site": "cross-site"},
    )
    assert browser.left_for == _bye(rp)
    assert not _is_signed_in(rp, browser)


def test_an_expired_hint_still_counts(rp: RelyingParty, browser: Browser) -> None:
    """RP-Initiated Logout §2."""
    hint = rp.tokens(browser).id_token
    with time_machine.travel(clock.now() + timedelta(minutes=20), tick=True):
        browser.open(_url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp)))
        assert browser.left_for == _bye(rp)


def test_a_client_without_a_sid_is_matched_by_the_person(world: World, browser: Browser) -> None:
    """RP-Initiated Logout §2: only a client with a logout address gets a `sid`."""
    rp = RelyingParty(world, post_logout_redirect_uris=())
    hint = rp.tokens(browser).id_token
    assert "sid" not in rp.claims(hint)
    browser.open(_url(id_token_hint=hint))
    assert browser.page.name == "logout/done"
    assert not _is_signed_in(rp, browser)


def test_without_a_hint_the_person_is_asked(rp: RelyingParty, browser: Browser) -> None:
    """RP-Initiated Logout §2, §6, R157: nothing ends before the yes; no other site can press it."""
    browser.open("/logout")
    assert browser.page.name == "logout/confirm"
    assert _is_signed_in(rp, browser)
    browser.post("/logout/confirm", {})
    assert (browser.status, browser.page.error) == (400, "stale_form")
    assert _is_signed_in(rp, browser)
    browser.open("/logout").submit(button="logout-yes")
    assert browser.page.name == "logout/done"
    assert not _is_signed_in(rp, browser)


def test_a_client_id_alone_leads_back_after_the_yes(rp: RelyingParty, browser: Browser) -> None:
    """R158: a registered address with `client_id`, once the person confirmed."""
    browser.open(_url(client_id=rp.client.id, post_logout_redirect_uri=_bye(rp), state="x"))
    assert browser.page.name == "logout/confirm"
    assert rp.client.name in browser.page.text
    assert rp.home in browser.response.headers["Content-Security-Policy"]
    browser.submit(button="logout-yes")
    assert browser.left_for == f"{_bye(rp)}?state=x"


def test_another_persons_hint_asks(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R157: a valid hint of somebody else ends nothing by itself."""
    hint = rp.tokens(browser).id_token
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    other.open(_url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp)))
    assert other.page.name == "logout/confirm"
    assert _is_signed_in(rp, other)
    assert _is_signed_in(rp, browser)


def test_a_hint_of_an_ended_session_does_not_end_the_next(rp: RelyingParty, browser: Browser, member: Member) -> None:
    """R157: the same person signed in anew; the old token speaks for the old session."""
    hint = rp.tokens(browser).id_token
    browser.open("/logout").submit(button="logout-yes")
    browser.open("/login").submit(username=member.username, password=PASSWORD)
    browser.open(_url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp)))
    assert browser.page.name == "logout/confirm"
    assert _is_signed_in(rp, browser)


def test_a_browser_without_a_session_is_led_back(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RP-Initiated Logout §2: there is nothing to end, and nobody to ask."""
    hint = rp.tokens(browser).id_token
    empty = world.browser()
    empty.open(_url(id_token_hint=hint, post_logout_redirect_uri=_bye(rp), state="s"))
    assert empty.left_for == f"{_bye(rp)}?state=s"
    empty.open("/logout")
    assert empty.page.name == "logout/done"


def test_what_is_not_ours_gets_our_page_and_ends_nothing(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R157, R158: tampered, foreign or missing hints, addresses that differ, repeated parameters."""
    tokens = rp.tokens(browser)
    head, body, signature = tokens.id_token.split(".")
    other = RelyingParty(world)
    wrong = {
        _url(id_token_hint="rubbish"): "invalid_id_token_hint",
        _url(id_token_hint=f"{head}.{body}."): "invalid_id_token_hint",
        _url(id_token_hint=f"{head}.{body}.{signature[::-1]}"): "invalid_id_token_hint",
        _url(id_token_hint=f"eyJhbGciOiJub25lIn0.{body}."): "invalid_id_token_hint",
        _url(id_token_hint=tokens.access_token): "invalid_id_token_hint",
        _url(id_token_hint=tokens.id_token, client_id=other.client.id): "invalid_id_token_hint",
        _url(
            id_token_hint=tokens.id_token, post_logout_redirect_uri=_bye(rp) + "/"
        ): "invalid_post_logout_redirect_uri",
        _url(id_token_hint=tokens.id_token, post_logout_redirect_uri=_bye(other)): "invalid_post_logout_redirect_uri",
        _url(
            id_token_hint=tokens.id_token, post_logout_redirect_uri=rp.redirect_uri
        ): "invalid_post_logout_redirect_uri",
        _url(post_logout_redirect_uri=_bye(rp)): "invalid_post_logout_redirect_uri",
        _url(client_id="nobody"): "unknown_client",
        _url(client_id="ü"): "unknown_client",
        "/logout?state=1&state=2": "invalid_request",
        "/logout?state=%ff": "invalid_request",
    }
    for url, error in wrong.items():
        browser.open(url)
        assert browser.left_for is None
        assert (browser.status, browser.page.error) == (400, error), url
    assert _is_signed_in(rp, browser)
