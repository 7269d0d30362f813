"""People who come from the portal without an account, and leave it with one."""

import pytest
from playwright.sync_api import expect

from idp.directory import cast
from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.browser.walks import (
    PASSWORD,
    assert_gates,
    code_in,
    identify,
    join,
    read_mail,
    register_by_screen,
    show_code,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BASIC = {"profile", "information", "faq"}
PREMIUM = {"messages", "appointments", "records", "refills"}


def test_a_person_registers_by_email_and_is_back_at_the_portal(visitor: NewVisitor, stack: Stack, width: int) -> None:
    """The main job. The portal shows the person and their level, and opens what Basic opens."""
    person = stack.person({DESKTOP: cast.DANA}.get(width, cast.ROBIN))
    email = f"{person.given_name.lower()}@example.com"
    window = _to_registration(visitor(width), stack)
    _compare_levels(window)
    window.press("#register-submit", "registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="email", email=email).press("#register-submit", "activation/enter")
    assert email in window.text
    code = code_in(read_mail(window, stack, email))
    window.fill(activation_code=code.lower().replace("-", " ")).press("#activate-submit", "registration/account")
    username = f"{person.given_name.lower()}.example"
    window.fill(new_username=username, new_password=PASSWORD).press("#register-submit", "portal/home")

    assert window.page.url == f"{stack.portal}/"
    expect(window.has("#level")).to_contain_text("Basic (Level 1)")
    assert_gates(window, open_to=BASIC, locked=PREMIUM)
    for name in sorted(BASIC):
        window.press(f'[data-feature="{name}"] h3 a', f"portal/{name}").open(stack.portal, "portal/home")
    window.press('header a[href="/profile"]', "portal/profile")
    assert email in window.text
    assert "Basic (Level 1)" in window.text
    window.open(f"{stack.portal}/records", "portal/locked", 403)
    assert "health information" in window.text
    window.press("#upgrade", "upgrade/start")
    assert "To continue to Alder Harbor Health" in window.text
    window.press("#decline-submit", "portal/sign_in_failed", 403)
    assert "You are still signed in here as before." in window.text

    window.press("#go-home", "portal/home").press("#sign-out", "portal/signed_out")
    assert "of Guidon" in window.text
    window.open(stack.portal, "portal/home").has("#sign-in")
    window.open(f"{stack.portal}/profile", "sign_in/login")


def test_a_code_on_the_screen_is_entered_on_another_device(visitor: NewVisitor, stack: Stack) -> None:
    """Whoever has the code goes on where they are; the first browser's registration is over then."""
    person = stack.newcomer()
    first = _to_registration(visitor(DESKTOP), stack)
    code = show_code(first, person)
    other = visitor(PHONE)
    other.open(f"{stack.issuer}/activate", "activation/enter")
    other.fill(activation_code="7KQ2M-9XHTD").press("#activate-submit", "activation/enter", 422)
    other.has(".error-summary")
    other.fill(activation_code=code).press("#activate-submit", "registration/account")
    other.fill(new_username="other.device", new_password=PASSWORD).press("#register-submit", "account/show")
    assert "other.device" in other.text

    first.press("#register-submit", "errors/error", 410)
    first.press('main a[href="/login"]', "sign_in/login")


def test_without_scripts_everything_works(visitor: NewVisitor, stack: Stack) -> None:
    """The main job again, and a sign-in, in a browser that runs no scripts."""
    window = _to_registration(visitor(scripts=False), stack)
    email = "plain.page@example.org"
    window.fill(level="basic").press("#register-submit", "registration/identity")
    window.press("#register-submit", "registration/identity", 422)
    window.has(".error-summary")
    identify(window, stack.newcomer())
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="email", email=email).press("#register-submit", "activation/enter")
    code = code_in(read_mail(window, stack, email))
    window.fill(activation_code=code).press("#activate-submit", "registration/account")
    window.fill(new_username="plain.page", new_password=PASSWORD).press("#register-submit", "portal/home")
    assert_gates(window, open_to=BASIC, locked=PREMIUM)

    window.press("#sign-out", "portal/signed_out").press("#sign-in", "sign_in/login")
    window.fill(username="plain.page", password="something else").press("#login-submit", "sign_in/login", 422)
    window.fill(username="plain.page", password=PASSWORD, remember=True).press("#login-submit", "portal/home")
    window.press("#sign-out", "portal/signed_out").press("#sign-in", "sign_in/login")
    expect(window.has('[name="username"]')).to_have_value("plain.page")


def test_back_reload_and_a_second_press_lead_on(visitor: NewVisitor, stack: Stack) -> None:
    """Nothing is made twice, nothing is lost, and no page is a dead end."""
    window = _to_registration(visitor(), stack)
    person = stack.newcomer()
    window.fill(level="basic").press("#register-submit", "registration/identity")
    window.page.reload()
    window.see("registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery", twice=True)
    window.page.go_back()
    window.see("registration/identity")
    # The number was not kept in the page that the browser brings back from the server.
    window.page.reload()
    expect(window.has('[name="id_number"]')).to_have_value("")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="screen")
    window.press("#register-submit", "registration/code", twice=True)
    window.page.reload()
    code = window.see("registration/code").has("#screen-code").inner_text().strip()
    window.press("#register-submit", "activation/enter").fill(activation_code=code)
    window.press("#activate-submit", "registration/account", twice=True)
    window.page.go_back()
    window.see("registration/account")
    window.fill(new_username="back.and.forth", new_password=PASSWORD)
    window.press("#register-submit", "portal/home", twice=True)
    assert_gates(window, open_to=BASIC, locked=PREMIUM)
    window.page.go_back()
    window.see("errors/error", 410)
    window.press('main a[href="/account"]', "account/show")
    assert "back.and.forth" in window.text


def test_two_tabs_are_one_registration(visitor: NewVisitor, stack: Stack) -> None:
    """The tab left behind finds its way to the page where the registration stands."""
    window = _to_registration(visitor(), stack)
    person = stack.newcomer()
    window.fill(level="basic").press("#register-submit", "registration/identity")
    behind = window.page
    window.window().open(f"{stack.issuer}/register/identity", "registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    ahead = window.page

    window.page = behind
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="screen").press("#register-submit", "registration/code")
    code = window.has("#screen-code").inner_text().strip()
    window.press("#register-submit", "activation/enter")
    window.fill(activation_code=code).press("#activate-submit", "registration/account")

    window.page = ahead
    window.fill(delivery="screen").press("#register-submit", "registration/account")
    window.fill(new_username="two.tabs", new_password=PASSWORD).press("#register-submit", "portal/home")
    window.page = behind
    window.fill(new_username="two.tabs.again", new_password=PASSWORD).press("#register-submit", "errors/error", 410)
    window.press('main a[href="/account"]', "account/show")
    assert "two.tabs.again" not in window.text


def test_who_leaves_in_the_middle_starts_again_at_once(visitor: NewVisitor, stack: Stack) -> None:
    """In the same browser or in another one: the person is not held by what was left."""
    person = stack.newcomer()
    left = visitor()
    show_code(_to_registration(left, stack), person)
    left.open(stack.portal, "portal/home").press("#sign-in", "sign_in/login")
    left.press("#register-link", "registration/start")
    assert "You have started before" in left.text
    code = show_code(left, person)
    left.close()

    other = _to_registration(visitor(), stack)
    register_by_screen(other, person, "starts.again", at="portal/home")
    late = visitor()
    late.open(f"{stack.issuer}/activate", "activation/enter")
    late.fill(activation_code=code).press("#activate-submit", "activation/enter", 422)
    assert "This code is not right" in late.text


def test_whoever_is_signed_in_already_comes_to_the_portal_without_a_page(visitor: NewVisitor, stack: Stack) -> None:
    window = visitor()
    join(window, stack, "single.sign.on")
    window.open(stack.portal, "portal/home").press("#sign-in", "portal/home")
    assert_gates(window, open_to=BASIC, locked=PREMIUM)
    window.has("#sign-out")


def _to_registration(window: Visitor, stack: Stack) -> Visitor:
    """From the portal's front page, as somebody without an account goes."""
    window.open(stack.portal, "portal/home").press("#sign-in", "sign_in/login")
    assert "Alder Harbor Health" in window.text
    return window.press("#register-link", "registration/start")


def _compare_levels(window: Visitor) -> None:
    """Both levels are explained, and that Premium comes with the upgrade."""
    assert "Basic (Level 1)" in window.text
    assert "Premium (Level 2): identity verified, free" in window.text
    assert "upgrade to Premium" in window.text
    window.fill(level="basic")
