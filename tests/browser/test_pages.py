"""The pages that no other story comes by, and the widest words: each is looked at as `Visitor.see` does."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from idp.directory import cast
from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.walks import PASSWORD, identify, join, register_by_screen, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_whoever_deers_does_not_know_is_led_on(visitor: NewVisitor, stack: Stack) -> None:
    """A code on the screen is asked for in vain (DESIGN: the screen is an oracle by nature), and that is no dead end."""
    window = visitor()
    window.open(f"{stack.issuer}/", "help/start")
    window.open(f"{stack.issuer}/register", "registration/start")
    window.fill(level="premium").press("#register-submit", "registration/identity")
    window.fill(id_kind="dod_id", birth_month="2", birth_day="31", birth_year="1980")
    window.press("#register-submit", "registration/identity", 422)
    expect(window.has('[name="given_name"]')).to_have_attribute("aria-invalid", "true")
    assert "real date of birth" in window.has(".error-summary").inner_text()
    told = set()
    # Deceased, two EDIPIs for one SSN, and not in DEERS at all: the same to whoever asks (R63).
    stranger = replace(stack.person(cast.SOL), given_name="Nemo", family_name="Nobody", ssn=cast.NOT_IN_DEERS)
    for person in (stack.person(cast.SOL), stack.person(cast.VAL), stranger):
        identify(window, person)
        window.press("#register-submit", "registration/delivery")
        window.fill(delivery="email").press("#register-submit", "registration/delivery", 422)
        window.fill(delivery="screen").press("#register-submit", "registration/not_matched", 422)
        told.add(window.text)
        window.press('main a[href="/register/identity"] >> nth=0', "registration/identity")
    assert len(told) == 1


def test_the_pages_around_an_account(visitor: NewVisitor, stack: Stack) -> None:
    window = visitor()
    member = join(window, stack, "around.and.about")
    window.press('main a[href="/account/profile"]', "account/profile")
    window.fill(given_name="Ümit-Anaïs", website="not a site").press("main form [type=submit]", "account/profile", 422)
    window.fill(website="").press("main form [type=submit]", "account/show")
    window.open(f"{stack.portal}/", "portal/home").press("#sign-in", "portal/home")
    assert "Ümit-Anaïs" in window.has("h1").inner_text()
    window.open(_ask(stack, prompt="select_account"), "oauth/account")
    assert member.username in window.text
    window.press("#account-other", "sign_in/login")
    window.open(f"{stack.issuer}/register", "registration/start")
    assert "You are signed in as" in window.text

    found = [row for row in stack.idp("accounts", "list").splitlines() if member.username in row]
    assert len(found) == 1
    stack.idp("accounts", "lock", member.username, "--reason", "story", "--yes")
    window.open(f"{stack.issuer}/account", "sign_in/login")
    sign_in(window, member.username, PASSWORD, "sign_in/not_active", 403)


def test_pages_that_say_no(visitor: NewVisitor, stack: Stack) -> None:
    """A mistyped address, a client's mistake, a request that is over, a form from nowhere: each says what to do."""
    window = visitor()
    window.open(f"{stack.issuer}/no-such-page", "errors/error", 404)
    window.open(f"{stack.issuer}/authorize?client_id=nobody", "errors/error", 400)
    window.open(f"{stack.issuer}/authorize/continue?request=gone", "errors/error", 410)
    window.open(f"{stack.issuer}/register/account", "errors/error", 410)
    window.open(f"{stack.portal}/no-such-page", "portal/error", 404)
    window.open(f"{stack.portal}/callback?code=x&state=y", "portal/sign_in_failed", 400)
    window.press("#sign-in", "sign_in/login")
    window.context.clear_cookies(name="idp_form")
    window.fill(username="anybody", password="anything").press("#login-submit", "errors/error", 400)
    assert window.has("main").get_attribute("data-error") == "stale_form"


def test_spanish_words_have_room(visitor: NewVisitor, stack: Stack) -> None:
    """A browser that prefers Spanish, without any link; its longer words fit on a phone."""
    window = visitor(language="es-MX")
    window.open(f"{stack.portal}/", "portal/home").press("#sign-in", "sign_in/login")
    expect(window.page.locator("html")).to_have_attribute("lang", "es")
    window.press("#register-link", "registration/start")
    register_by_screen(window, stack.newcomer(), "de.visita", at="portal/home")
    for address, page in (
        ("/account", "account/show"),
        ("/account/sites", "sites/list"),
        ("/account/second-factor", "second_factor/enrol"),
        ("/upgrade", "upgrade/start"),
        ("/help", "help/show"),
    ):
        window.open(f"{stack.issuer}{address}", page)
        expect(window.page.locator("html")).to_have_attribute("lang", "es")
    window.open(f"{stack.issuer}/logout", "logout/confirm").press("#logout-yes", "logout/done")


def _ask(stack: Stack, **more: str) -> str:
    """The address of a request of the portal's, with something that the portal itself never asks for."""
    query = {
        "response_type": "code",
        "client_id": stack.client_id,
        "redirect_uri": f"{stack.portal}/callback",
        "scope": "openid",
        "state": "story",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        **more,
    }
    return f"{stack.issuer}/authorize?{urlencode(query)}"
