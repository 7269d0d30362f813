"""A returning person at the sign-in page: remembered, mistaken, made to wait, by keyboard alone, and in Spanish."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.visitor import Visitor
from tests.browser.walks import PASSWORD, Member, join, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FREE_TRIES = 5


@pytest.fixture(scope="module")
def member(stack: Stack, request: pytest.FixtureRequest) -> Member:
    """Somebody who has an account and comes back."""
    window = Visitor(request.getfixturevalue("browser"), width=1280, address=stack.address())
    made = join(window, stack, "returning.person")
    window.close()
    return made


def test_a_remembered_person_only_types_the_password(visitor: NewVisitor, stack: Stack, member: Member) -> None:
    window = visitor()
    window.open(f"{stack.issuer}/login", "sign_in/login")
    window.fill(username=member.username.upper(), password=member.password, remember=True)
    window.press("#login-submit", "account/show")
    window.press('header a[href="/logout"]', "logout/confirm")
    window.press("#logout-yes", "logout/done")
    window.open(f"{stack.issuer}/account", "sign_in/login")
    expect(window.has('[name="username"]')).to_have_value(member.username)
    assert window.page.locator('[name="remember"]').is_checked()
    window.fill(password=member.password, remember=False).press("#login-submit", "account/show")
    window.open(f"{stack.issuer}/logout", "logout/confirm").press("#logout-yes", "logout/done")
    window.open(f"{stack.issuer}/login", "sign_in/login")
    expect(window.has('[name="username"]')).to_have_value("")


def test_a_wrong_password_and_an_unknown_name_are_told_alike(visitor: NewVisitor, stack: Stack, member: Member) -> None:
    """R23: the page keeps the name, forgets the password, and does not say which of them was wrong."""
    window = visitor()
    window.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(window, member.username, "not this one, sorry", "sign_in/login", 422)
    told = window.has(".error-summary").inner_text()
    expect(window.has('[name="username"]')).to_have_value(member.username)
    expect(window.has('[name="password"]')).to_have_value("")
    sign_in(window, "nobody.at.all", "not this one, sorry", "sign_in/login", 422)
    assert window.has(".error-summary").inner_text() == told
    assert window.page.title().startswith("Error:")
    window.fill(username="", password="").press("#login-submit", "sign_in/login", 422)
    for name in ("username", "password"):
        field = window.has(f'[name="{name}"]')
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_attribute("aria-describedby", f"{name}-error")
    sign_in(window, member.username, member.password, "account/show")


def test_after_some_failures_a_person_waits_and_is_told_how_long(visitor: NewVisitor, stack: Stack) -> None:
    """R14: five tries are free; from then on each costs a wait, which is a page and no riddle."""
    owner = visitor()
    made = join(owner, stack, "waits.a.while")
    window = visitor()
    window.open(f"{stack.issuer}/login", "sign_in/login")
    for number in range(FREE_TRIES):
        _try(window, made.username, f"wrong for the {number}. time")
        assert window.answer.status == 422
    # The waits double until one of them is longer than it takes to press the button again.
    while window.answer.status != 429:
        _try(window, made.username, "wrong once more")
    window.see("sign_in/login", 429)
    wait = int(window.answer.headers["retry-after"])
    assert f"{wait} second" in window.has(".error-summary").inner_text()
    window.page.wait_for_timeout((wait + 1) * 1_000)
    sign_in(window, made.username, made.password, "account/show")
    # Whoever is signed in elsewhere noticed nothing of it.
    owner.open(f"{stack.issuer}/account", "account/show")


def test_the_sign_in_page_needs_no_mouse(visitor: NewVisitor, stack: Stack, member: Member, width: int) -> None:
    """WCAG 2.2 SC 2.1.1, 2.4.1, 2.4.3, 2.4.7, 3.3.1."""
    window = visitor(width)
    window.open(stack.portal, "portal/home")
    window.page.locator("#sign-in").focus()
    with window.page.expect_navigation():
        window.page.keyboard.press("Enter")
    window.see("sign_in/login")
    keys = window.page.keyboard

    keys.press("Tab")
    assert _focused(window) == "Skip to main content"
    expect(window.page.locator(".usa-skipnav")).to_be_in_viewport()
    keys.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    order: list[str] = []
    for _ in range(9):
        keys.press("Tab")
        assert _focus_is_seen(window), order
        order.append(_focused(window))
    assert order == [
        "username",
        "password",
        "Show password",
        "remember",
        "Sign in",
        "Sign in with a passkey",
        "Forgot your username?",
        "Forgot your password?",
        "Register",
    ]

    window.page.locator('[name="username"]').focus()
    keys.type(member.username)
    with window.page.expect_navigation():
        keys.press("Enter")
    window.see("sign_in/login", 422)
    assert window.page.evaluate("document.activeElement.matches('.error-summary')")
    keys.press("Tab")
    assert _focused(window) == "Enter your password."
    keys.press("Enter")
    assert _focused(window) == "password"
    keys.type(PASSWORD)
    keys.press("Tab")
    keys.press("Enter")
    expect(window.has('[name="password"]')).to_have_attribute("type", "text")
    keys.press("Tab")
    keys.press("Space")
    assert window.page.locator('[name="remember"]').is_checked()
    keys.press("Tab")
    with window.page.expect_navigation():
        keys.press("Enter")
    window.see("portal/home")


def test_spanish_stays_once_chosen(visitor: NewVisitor, stack: Stack, member: Member) -> None:
    """OIDC Core §3.1.2.1 `ui_locales`; the pages after it keep the language, and a link leads back."""
    window = visitor()
    window.open(f"{stack.issuer}/login?ui_locales=es", "sign_in/login")
    expect(window.page.locator("html")).to_have_attribute("lang", "es")
    expect(window.has("h1")).to_have_text("Iniciar sesión")
    window.press("#register-link", "registration/start")
    expect(window.page.locator("html")).to_have_attribute("lang", "es")
    window.fill(level="premium").press("#register-submit", "registration/identity")
    expect(window.page.locator("html")).to_have_attribute("lang", "es")
    window.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(window, member.username, member.password, "account/show")
    expect(window.page.locator("html")).to_have_attribute("lang", "es")
    window.press('header a[hreflang="en"]', "account/show")
    expect(window.page.locator("html")).to_have_attribute("lang", "en")
    window.open(f"{stack.issuer}/help", "help/show")
    expect(window.page.locator("html")).to_have_attribute("lang", "en")


def _try(window: Visitor, username: str, password: str) -> None:
    """Sign in as fast as a finger can, without looking at the page that comes."""
    window.fill(username=username, password=password)
    with window.page.expect_navigation():
        window.page.locator("#login-submit").click()


def _focused(window: Visitor) -> str:
    """What has the focus: a field's name, or the words of a link or button."""
    found: str = window.page.evaluate(
        "(one => one.name && one.tagName === 'INPUT' ? one.name : one.innerText.trim())(document.activeElement)"
    )
    return found


def _focus_is_seen(window: Visitor) -> bool:
    """Whether what has the focus is in the picture, and drawn otherwise than without it."""
    seen: bool = window.page.evaluate(
        """() => {
            const one = document.activeElement;
            const drawn = one.type === "checkbox" ? one.nextElementSibling : one;
            const box = drawn.getBoundingClientRect();
            const styles = [getComputedStyle(drawn), getComputedStyle(drawn, "::before")];
            const ring = styles.some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
            return ring && box.width > 0 && box.top >= 0 && box.bottom <= window.innerHeight;
        }"""
    )
    return seen
