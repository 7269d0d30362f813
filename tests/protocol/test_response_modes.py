"""Where an answer is put: query, fragment, form (OAuth 2.0 Multiple Response Types §2.1; Form Post Response Mode §2)."""

from urllib.parse import parse_qs, urlsplit

import pytest

from idp.oidc.clients import Kind
from tests.http_browser import Browser, Form
from tests.members import Member
from tests.relying_party import RelyingParty, on_sqlite
from tests.world import World

pytestmark = on_sqlite


def _form(browser: Browser, rp: RelyingParty) -> Form:
    """The form that the page would send, which goes to the client and to nobody else."""
    assert browser.left_for is None
    assert (browser.status, browser.page.name) == (200, "oauth/form_post")
    form = browser.page.form("iss")
    assert (form.action, form.method) == (rp.redirect_uri, "post")
    return form


def test_a_fragment_carries_the_answer(rp: RelyingParty, browser: Browser, world: World) -> None:
    """OAuth 2.0 Multiple Response Types §2.1: code and error alike; nothing is in the query, and `state` is whole."""
    for changes, member in (({}, "code"), ({"scope": "rubbish"}, "error")):
        browser.open(rp.url(response_mode="fragment", state="a b&c=d%#ü", **changes))
        assert browser.left_for is not None
        parts = urlsplit(browser.left_for)
        told = parse_qs(parts.fragment)
        assert parts.query == ""
        assert browser.left_for.startswith(rp.redirect_uri + "#")
        assert (told["state"], told["iss"]) == (["a b&c=d%#ü"], [world.settings.issuer])
        assert member in told
    answered = parse_qs(urlsplit(browser.open(rp.url(response_mode="fragment")).left_for or "").fragment)
    assert rp.redeem(answered["code"][0]).status_code == 200


def test_a_form_carries_the_answer(rp: RelyingParty, browser: Browser, world: World) -> None:
    """Form Post Response Mode §2: hidden fields for the client alone, a button for those without scripts."""
    browser.open(rp.url(response_mode="form_post"))
    form = _form(browser, rp)
    assert form.fields.keys() == {"code", "state", "iss"}
    assert (form.fields["state"], form.fields["iss"]) == ("state-1", world.settings.issuer)
    assert "form-post-submit" in form.buttons
    assert "data-submit-at-once" in browser.page.html
    assert browser.response.headers["Cache-Control"] == "no-store"
    policy = browser.response.headers["Content-Security-Policy"]
    assert f"form-action 'self' https: {rp.home}" in policy
    assert "script-src 'self';" in policy
    assert rp.redeem(form.fields["code"]).status_code == 200


def test_what_the_form_holds_is_escaped(rp: RelyingParty, browser: Browser) -> None:
    """R95: a `state` is text in a field, whatever it looks like."""
    state = "\"><script>alert(1)</script>&amp;'ü"
    browser.open(rp.url(response_mode="form_post", state=state))
    assert "<script>alert(1)" not in browser.page.html
    assert _form(browser, rp).fields["state"] == state


@pytest.mark.parametrize("changes", [{"scope": "rubbish"}, {"prompt": "none", "max_age": "0"}, {"claims": "[]"}])
def test_errors_go_the_same_way(rp: RelyingParty, browser: Browser, changes: dict[str, str]) -> None:
    """Form Post Response Mode §2: an error is an answer too."""
    browser.open(rp.url(response_mode="form_post", **changes))
    form = _form(browser, rp)
    assert form.fields.keys() == {"error", "error_description", "state", "iss"}


def test_the_answer_after_our_pages_goes_the_same_way(world: World, member: Member) -> None:
    """The mode is part of the stored request: after sign-in and consent, for yes and for no."""
    for mode in ("form_post", "fragment"):
        rp = RelyingParty(world, first_party=False)
        for button, expected in (("consent-deny", "error"), ("consent-allow", "code")):
            browser = world.browser()
            browser.open(rp.url(response_mode=mode))
            browser.submit(username=member.username, password=member.password)
            browser.submit(button=button)
            if mode == "form_post":
                assert expected in _form(browser, rp).fields
            else:
                assert browser.left_for is not None
                assert expected in parse_qs(urlsplit(browser.left_for).fragment)


def test_a_state_that_no_form_can_carry_is_refused_by_that_form(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.2: never a changed `state`; in the address any byte survives."""
    for raw in ("%ff%fe", "a%0d%0ab", "%00"):
        browser.open(rp.url(response_mode="form_post", state=None) + f"&state={raw}")
        form = _form(browser, rp)
        assert form.fields.keys() == {"error", "error_description", "iss"}
        assert form.fields["error"] == "invalid_request"


def test_an_app_gets_no_form(world: World, browser: Browser) -> None:
    """RFC 8252 §7.1: a private scheme takes an address and no body, so the refusal comes by the address."""
    app = RelyingParty(world, kind=Kind.NATIVE, redirect_uris=("org.example.app:/cb",))
    browser.open(app.url(response_mode="form_post"))
    assert app.answer(browser)["error"] == "invalid_request"
    browser.open(app.url()).submit(button="consent-allow")
    assert "code" in app.answer(browser)


def test_discovery_lists_the_modes(rp: RelyingParty) -> None:
    """OAuth 2.0 Multiple Response Types §2.1; RFC 8414 §2."""
    document = rp.get("/.well-known/openid-configuration").get_json()
    assert document["response_modes_supported"] == ["query", "fragment", "form_post"]
