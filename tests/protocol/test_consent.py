"""Consent: shown once for a client and a set of scopes, about the stored request and nothing else (R118, R119)."""

from idp.oidc.clients import Kind
from tests.http_browser import Browser
from tests.members import PASSWORD, join
from tests.relying_party import RelyingParty, sign_in
from tests.world import World


def test_it_is_shown_once_and_again_for_more(world: World, browser: Browser) -> None:
    """OIDC Core §3.1.2.4."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    assert browser.page.name == "consent/consent"
    assert rp.client.name in browser.page.text
    assert "Your account level" in browser.page.text
    browser.submit(button="consent-allow")
    assert "code" in rp.answer(browser)
    assert "code" in rp.ask(browser)
    assert "code" in rp.ask(browser, prompt="none")
    rp.ask(browser, scope="openid email")
    assert "Your email address" in browser.page.text
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, scope="openid email")
    assert "code" in rp.ask(browser, scope="email openid")
    assert [event.fields["scopes"] for event in world.events("consent.given")] == [["openid"], ["openid", "email"]]


def test_no_means_access_denied_and_is_not_remembered(world: World, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1."""
    rp = RelyingParty(world, first_party=False)
    for _ in range(2):
        rp.ask(browser)
        browser.submit(button="consent-deny")
        answer = rp.answer(browser)
        assert (answer["error"], answer["state"]) == ("access_denied", "state-1")
    assert len(world.events("consent.denied")) == 2
    assert world.events("authorization.code_issued") == []


def test_a_first_party_client_needs_none_unless_it_asks(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1, §11: `prompt=consent` shows it to a first-party client too; so does access that outlives the session."""
    assert "code" in rp.ask(browser, scope="openid email profile")
    for _ in range(2):
        rp.ask(browser, prompt="consent")
        assert browser.page.name == "consent/consent"
        browser.submit(button="consent-allow")
        assert "code" in rp.answer(browser)
    rp.ask(browser, scope="openid offline_access")
    assert browser.page.name == "consent/consent"
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, scope="openid offline_access")


def test_the_answer_is_about_the_stored_request_alone(world: World, browser: Browser) -> None:
    """R103, R118: scopes, clients or addresses in the form change nothing."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    form = browser.page.form("request")
    browser.post(
        browser.address,
        {
            **form.fields,
            "choice": "allow",
            "scope": "openid email offline_access",
            "client_id": "other",
            "redirect_uri": "https://evil.example",
        },
    )
    assert rp.read(rp.redeem(rp.answer(browser)["code"])).scope == "openid"


def test_it_cannot_be_given_by_a_link_or_from_another_site(world: World, browser: Browser) -> None:
    """R92, R119: GET changes nothing, a form needs its token, and no other site may frame the page."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    address = browser.address
    handle = address.partition("request=")[2]
    assert "frame-ancestors 'none'" in browser.response.headers["Content-Security-Policy"]
    browser.open(address + "&choice=allow")
    assert browser.page.name == "consent/consent"
    browser.post("/consent", {"request": handle, "choice": "allow"})
    assert (browser.status, browser.page.error) == (400, "stale_form")
    browser.open(f"/authorize/continue?request={handle}")
    assert browser.page.name == "consent/consent"
    browser.submit(button="consent-allow", request=handle)
    assert "code" in rp.answer(browser)


def test_an_answer_without_a_choice_is_asked_again(world: World, browser: Browser) -> None:
    """R103: only the two buttons' values mean something."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    form = browser.page.form("request")
    browser.post(browser.address, {**form.fields, "choice": "maybe"})
    assert (browser.status, browser.page.name) == (422, "consent/consent")


def test_one_persons_yes_is_not_anothers(world: World, browser: Browser) -> None:
    """R118: whoever signs in between the yes and the answer is asked too."""
    rp = RelyingParty(world, first_party=False)
    join(world.services, "walt.whitman", email=None)
    rp.ask(browser, prompt="consent")
    handle = browser.address.partition("request=")[2]
    response = browser.client.post(
        "/consent",
        base_url="http://localhost:5000",
        data={**browser.page.form("request").fields, "choice": "allow"},
        headers={"Origin": "http://localhost:5000"},
    )
    assert response.status_code == 303
    browser.open(f"/login?request={handle}").submit(username="walt.whitman", password=PASSWORD)
    assert browser.page.name == "consent/consent"
    assert "walt.whitman" in browser.page.text


def test_the_page_needs_a_sign_in(world: World) -> None:
    """A request whose person is not known yet is not theirs to allow."""
    rp = RelyingParty(world, first_party=False)
    browser = world.browser()
    rp.ask(browser)
    browser.open(browser.address.replace("/login", "/consent"))
    assert browser.page.name == "sign_in/login"


def test_a_native_apps_page_allows_its_private_scheme(world: World, browser: Browser) -> None:
    """R94: `form-action` names the redirect URI's own scheme, or the browser would not go there."""
    app = RelyingParty(world, kind=Kind.NATIVE, first_party=False, redirect_uris=("org.example.app:/cb",))
    app.ask(browser)
    assert "form-action 'self' https: org.example.app:" in browser.response.headers["Content-Security-Policy"]


def test_a_second_account_is_asked_for_itself(world: World, browser: Browser) -> None:
    """OIDC Core §3.1.2.4: consent is a person's, not a browser's."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    browser.submit(button="consent-allow")
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    assert rp.ask(other, prompt="none")["error"] == "consent_required"
