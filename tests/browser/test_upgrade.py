"""The road to Premium in a real browser: in a registration that began at the portal, from a locked page of it, and by letter."""

import pytest
from playwright.sync_api import expect

from idp.directory import cast
from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.visitor import DESKTOP, PHONE
from tests.browser.walks import (
    PASSWORD,
    answer_questions,
    assert_gates,
    code_in,
    enroll,
    identify,
    next_code,
    read_mail,
    register_by_screen,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

BASIC = {"profile", "information", "faq"}
PREMIUM = {"messages", "appointments", "records", "refills"}
EMAILS = {
    cast.ADA: "ada.former@example.org",
    cast.PAT: "pat.former@example.net",
    cast.VIC: "vic.veteran@example.com",
}


def test_a_person_registers_at_premium_and_is_back_at_the_portal(visitor: NewVisitor, stack: Stack) -> None:
    """One visit: DEERS, a code to the address of record, questions, an app, and every feature of the portal opens."""
    person, email, username = stack.person(cast.ADA), EMAILS[cast.ADA], "ada.at.once"
    window = visitor()
    window.open(stack.portal, "portal/home").press("#sign-in", "sign_in/login")
    window.press("#register-link", "registration/start")
    window.fill(level="premium").press("#register-submit", "registration/identity")
    identify(window, person)
    window.press("#register-submit", "registration/delivery")
    window.fill(delivery="email", email=email).press("#register-submit", "activation/enter")
    window.fill(activation_code=code_in(read_mail(window, stack, email)))
    window.press("#activate-submit", "registration/account")
    window.fill(new_username=username, new_password=PASSWORD).press("#register-submit", "upgrade/way")
    assert "Alder Harbor Health" in window.text
    window.fill(delivery="email").press("#upgrade-submit", "upgrade/questions")
    answer_questions(window, person, at="second_factor/enrol")
    app = enroll(window, at="portal/home")
    expect(window.has("#level")).to_contain_text("Premium (Level 2): identity verified, free")
    assert_gates(window, open_to=BASIC | PREMIUM, locked=set())
    window.press('[data-feature="records"] h3 a', "portal/records")

    window.press("#sign-out", "portal/signed_out")
    window.press("#sign-in", "sign_in/login")
    sign_in(window, username, PASSWORD, "sign_in/second_factor")
    window.fill(code="000000").press("#code-submit", "sign_in/second_factor", 422)
    window.fill(code=next_code(app)).press("#code-submit", "portal/home")
    expect(window.has("#level")).to_contain_text("Premium")


@pytest.mark.parametrize(
    ("width", "scripts", "key", "username", "password"),
    [
        (DESKTOP, True, cast.VIC, "vic.veteran", "old maps fold badly again"),
        (PHONE, False, cast.PAT, "pat.plain", PASSWORD),
    ],
)
def test_a_locked_page_of_the_portal_opens_after_an_upgrade(
    visitor: NewVisitor, stack: Stack, width: int, key: str, username: str, password: str, *, scripts: bool
) -> None:
    """First put off, then done: questions, a code to the address of record, an app, and the page that was wanted.
    Without scripts all of it works, the clock of a question too: it is told in words.
    """
    person, email = stack.person(key), EMAILS[key]
    window = visitor(width, scripts=scripts)
    if key == cast.PAT:
        window.open(f"{stack.issuer}/register", "registration/start")
        register_by_screen(window, person, username, at="account/show")
        window.open(f"{stack.portal}/records", "portal/locked", 403)
    else:
        window.open(f"{stack.portal}/records", "sign_in/login")
        sign_in(window, username, password, "portal/locked", 403)
    window.press("#upgrade", "upgrade/start")
    assert "Alder Harbor Health" in window.text
    window.press("#decline-submit", "portal/sign_in_failed", 403)
    expect(window.has("h1")).to_have_text("Your identity is not verified yet")
    window.press("#go-home", "portal/home")
    assert_gates(window, open_to=BASIC, locked=PREMIUM)

    window.press('[data-feature="records"] .feature__action a', "upgrade/start")
    window.press("#upgrade-start", "upgrade/identity")
    window.press("#upgrade-submit", "upgrade/identity", 422)
    identify(window, person)
    window.press("#upgrade-submit", "upgrade/way")
    window.fill(delivery="email").press("#upgrade-submit", "upgrade/questions")
    answer_questions(window, person, at="upgrade/address")
    assert email not in window.text, "an address is shown masked"
    window.press("#upgrade-submit", "upgrade/code")
    window.fill(activation_code="7KQ2M-9XHTD").press("#activate-submit", "upgrade/code", 422)
    window.fill(activation_code=code_in(read_mail(window, stack, email)))
    window.press("#activate-submit", "second_factor/enrol")
    enroll(window, at="portal/records")
    window.open(stack.portal, "portal/home")
    assert_gates(window, open_to=BASIC | PREMIUM, locked=set())
    window.open(f"{stack.issuer}/account", "account/show")
    expect(window.has("#account-level")).to_contain_text("Premium (Level 2)")
    window.open(f"{stack.issuer}/upgrade", "upgrade/start")
    expect(window.has("h1")).to_have_text("You have Premium")


def test_a_letter_takes_days_and_basic_works_meanwhile(visitor: NewVisitor, stack: Stack, width: int) -> None:
    """The retiree without e-mail, and somebody who does not care for questions: a letter waits to be printed, what is
    missing is told, and the demo's own helps are at hand.
    """
    key = cast.CAM if width == DESKTOP else cast.MAX
    person = stack.person(key)
    window = visitor(width)
    window.open(f"{stack.issuer}/register", "registration/start")
    register_by_screen(window, person, f"by.letter.{width}", at="account/show")
    window.press('main a[href="/upgrade"] >> nth=0', "upgrade/start")
    window.press("#upgrade-start", "upgrade/identity")
    identify(window, person)
    window.press("#upgrade-submit", "upgrade/way")
    if key == cast.MAX:
        assert "DEERS has no email address of yours that we may use." in window.text
    else:
        window.fill(delivery="email").press("#upgrade-submit", "upgrade/questions")
        window.press("#questions-start", "upgrade/question").press("#question-submit", "upgrade/question", 422)
        window.press("#questions-stop", "upgrade/way")
        assert "You stopped the questions." in window.text
    window.fill(delivery="post").press("#upgrade-submit", "upgrade/address")
    window.press("#upgrade-submit", "upgrade/code")
    assert "A letter with your code is on its way." in window.text
    window.press('main a[href="/upgrade"] >> nth=-1', "upgrade/start")
    window.press("#upgrade-next", "upgrade/code")
    window.open(f"{stack.issuer}/account", "account/show")
    expect(window.has("#account-level")).to_contain_text("Basic (Level 1)")

    window.open(f"{stack.issuer}/demo/mailbox", "mailbox/list")
    letter = window.page.locator('a[href^="/demo/letters/"]').filter(has_text=person.family_name)
    while not letter.count():  # the worker looks twice a second
        window.page.wait_for_timeout(300)
        window.page.reload()
    printed = window.see("mailbox/list").context.request.get(f"{stack.issuer}{letter.get_attribute('href')}")
    assert (printed.status, printed.headers["content-type"]) == (200, "application/pdf")
    window.press('a[href="/demo/questions"]', "crib/questions")
    window.page.locator("summary").first.click()
    window.see("crib/questions").open(f"{stack.issuer}/demo/app", "crib/app")
    window.fill(secret="GUIDON DEMO GUIDON DEMO GUIDON").press("#app-submit", "crib/app")
    assert window.has("#app-code").inner_text().isdigit()
