"""The product as in production, over TLS: what works on localhost over http only would fall over here."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from idp.directory import cast
from tests.browser.stack import SecureStack
from tests.browser.visitor import DESKTOP, Visitor
from tests.browser.walks import PASSWORD, assert_gates, code_in, enroll, identify, next_code

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

OWN_COOKIES = {f"__Host-idp_{name}" for name in ("form", "flow", "session", "upgrade", "passkey")}


def test_a_person_registers_signs_out_and_comes_back_over_https(browser: Browser, secure: SecureStack) -> None:
    """Every cookie of the provider carries `__Host-` (R90), its forms pass their checks, and consent is asked once.
    No vendor of questions is bought for this service: the road to Premium is a letter, whose code comes back by its paper.
    """
    window = Visitor(browser, width=DESKTOP, trusting=True)
    person = secure.person(cast.MAX)
    email, username = "secure.max@example.com", "secure.max"
    window.open(secure.portal, "portal/home").press("#sign-in", "sign_in/login")
    assert window.page.url.startswith(f"{secure.issuer}/login")
    window.press("#register-link", "registration/start")
    window.fill(level="premium").press("#register-submit", "registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="email", email=email).press("#register-submit", "activation/enter")
    while not secure.mails.to(email):
        window.page.wait_for_timeout(200)
    window.fill(activation_code=code_in(secure.mails.to(email)[0])).press("#activate-submit", "registration/account")
    window.fill(new_username=username, new_password=PASSWORD).press("#register-submit", "upgrade/way")
    assert window.page.locator('[name="delivery"][value="email"]').count() == 0
    window.fill(delivery="post").press("#upgrade-submit", "upgrade/address").press("#upgrade-submit", "upgrade/code")
    while not secure.letters(person):
        window.page.wait_for_timeout(200)
    window.fill(activation_code=code_in(secure.letters(person)[0])).press("#activate-submit", "second_factor/enrol")
    app = enroll(window, at="consent/consent")
    assert "Alder Harbor Health" in window.has("h1").inner_text()
    window.press("#consent-allow", "portal/home")
    _assert_premium(window)
    _assert_cookies(window, OWN_COOKIES)

    window.press("#sign-out", "portal/signed_out")
    assert "of Guidon" in window.text
    assert "__Host-idp_session" not in window.cookies()
    window.press("#sign-in", "sign_in/login")
    window.fill(username=username, password="not the password").press("#login-submit", "sign_in/login", 422)
    window.fill(username=username, password=PASSWORD, remember=True)
    window.press("#login-submit", "sign_in/second_factor")
    window.fill(code=next_code(app)).press("#code-submit", "portal/home")
    _assert_premium(window)
    _assert_cookies(window, OWN_COOKIES | {"__Host-idp_device"})
    window.close()


def test_who_can_have_no_account_hears_the_same_over_https(browser: Browser, secure: SecureStack) -> None:
    """R63: deceased, two EDIPIs for one SSN, and not in DEERS; a fresh start is one press away."""
    window = Visitor(browser, width=DESKTOP, trusting=True)
    stranger = replace(secure.person(cast.SOL), given_name="Nemo", family_name="Nobody", ssn=cast.NOT_IN_DEERS)
    told = set()
    window.open(f"{secure.issuer}/register", "registration/start")
    window.fill(level="premium").press("#register-submit", "registration/identity")
    for person in (secure.person(cast.SOL), secure.person(cast.VAL), stranger):
        identify(window, person)
        window.press("#register-submit", "registration/delivery")
        window.fill(delivery="screen").press("#register-submit", "registration/not_matched", 422)
        told.add(window.text)
        window.press('main a[href="/register/identity"] >> nth=0', "registration/identity")
    assert len(told) == 1
    window.close()


def test_nothing_of_the_demo_is_there(browser: Browser, secure: SecureStack) -> None:
    window = Visitor(browser, width=DESKTOP, trusting=True)
    window.open(f"{secure.issuer}/demo/mailbox", "errors/error", 404)
    answer = window.context.request.get(f"{secure.issuer}/login")
    assert "max-age=" in answer.headers["strict-transport-security"]
    window.close()


def _assert_premium(window: Visitor) -> None:
    expect(window.has("#level")).to_contain_text("Premium (Level 2)")
    everything = {"profile", "information", "faq", "messages", "appointments", "records", "refills"}
    assert_gates(window, open_to=everything, locked=set())


def _assert_cookies(window: Visitor, names: set[str]) -> None:
    jar = window.cookies()
    own = {name: cookie for name, cookie in jar.items() if name != "portal_session"}
    assert own.keys() == names
    for cookie in own.values():
        assert cookie["secure"]
        assert cookie["httpOnly"]
        assert (cookie["sameSite"], cookie["path"]) == ("Lax", "/")
        assert cookie["domain"] == urlsplit(window.page.url).hostname
