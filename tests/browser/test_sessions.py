"""The warning before a sign-in ends, and the pages where one ends the others. The stack's database is told what time it is: nobody
waits here for half an hour.
"""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from idp import clock
from idp.accounts.accounts import Account
from idp.credentials.sessions import Session
from idp.db import Database
from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.visitor import Visitor
from tests.browser.walks import join, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

TYPED = "7 Calle Luna, San Juan PR 00901"
RETURNED_TO = 'document.dispatchEvent(new Event("visibilitychange"))'


def _ends_in(stack: Stack, username: str, **seconds: int) -> None:
    """Let every session of this account end in so many seconds: `idle` unused, `latest` at the latest."""
    columns = {"idle": "idle_ends_at", "latest": "expires_at"}
    values = {columns[name]: clock.now() + timedelta(seconds=much) for name, much in seconds.items()}
    owner = sa.select(Account.id).where(Account.username == username).scalar_subquery()
    db = Database(stack.env["DATABASE_URL"])
    try:
        db.write(lambda conn: conn.execute(sa.update(Session).where(Session.account_id == owner).values(**values)))
    finally:
        db.close()


def _typing(visitor: NewVisitor, stack: Stack, username: str) -> Visitor:
    """Somebody in the middle of their profile."""
    window = visitor()
    join(window, stack, username)
    window.open(f"{stack.issuer}/account/profile", "account/profile")
    field = window.page.locator('[name="address"]')
    field.fill(TYPED)
    field.focus()
    return window


def _warned(window: Visitor, stack: Stack, username: str, **seconds: int) -> None:
    _ends_in(stack, username, **seconds)
    window.page.evaluate(RETURNED_TO)
    expect(window.page.locator("#session-end")).to_be_visible()
    window.see("account/profile")


def test_who_is_warned_stays_by_one_key_and_loses_nothing(visitor: NewVisitor, stack: Stack) -> None:
    """WCAG 2.2.1, 2.4.3: the focus goes to the first button and comes back to the field; Escape means the same."""
    username = "warned.in.time"
    window = _typing(visitor, stack, username)
    field = window.page.locator('[name="address"]')
    for key in ("Enter", "Escape"):
        _warned(window, stack, username, idle=100)
        expect(window.page.locator("#session-stay")).to_be_focused()
        expect(window.page.get_by_role("dialog", name="Are you still there?")).to_contain_text(
            "About 2 minutes are left."
        )
        window.page.keyboard.press(key)
        expect(window.page.locator("#session-end")).to_be_hidden()
        expect(field).to_be_focused()
        expect(field).to_have_value(TYPED)
    window.press('main button[type="submit"]', "account/show")
    assert "Your profile was saved." in window.text


def test_another_tab_that_stayed_takes_the_warning_away(visitor: NewVisitor, stack: Stack) -> None:
    username = "with.two.tabs"
    window = _typing(visitor, stack, username)
    _warned(window, stack, username, idle=100)
    first = window.page
    other = window.window().open(f"{stack.issuer}/account", "account/show")
    expect(other.page.locator("#session-end")).to_be_visible()
    other.page.locator("#session-stay").click()
    expect(other.page.locator("#session-end")).to_be_hidden()
    other.page.close()
    window.page = first
    window.page.evaluate(RETURNED_TO)
    expect(window.page.locator("#session-end")).to_be_hidden()
    expect(window.page.locator('[name="address"]')).to_have_value(TYPED)


def test_the_latest_end_is_told_and_cannot_be_put_off(visitor: NewVisitor, stack: Stack) -> None:
    username = "at.the.latest"
    window = _typing(visitor, stack, username)
    _warned(window, stack, username, latest=50)
    assert window.page.get_by_role("dialog", name="Your time is almost up").is_visible()
    expect(window.page.locator("#session-end-left")).to_have_text("Less than 1 minute is left.")
    expect(window.page.locator("#session-stay")).to_be_hidden()
    expect(window.page.locator("#session-go-on")).to_be_focused()
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#session-end")).to_be_hidden()
    # Told once: it does not come back by itself before all is over.
    window.page.evaluate(RETURNED_TO)
    window.page.wait_for_timeout(500)
    expect(window.page.locator("#session-end")).to_be_hidden()


def test_who_was_signed_out_goes_on_where_they_were(visitor: NewVisitor, stack: Stack) -> None:
    """WCAG 2.2.5: what was typed is sent too late, comes back after the sign-in, and is sent again."""
    username = "came.too.late"
    window = _typing(visitor, stack, username)
    _warned(window, stack, username, idle=-1)
    assert window.page.get_by_role("dialog", name="You are signed out").is_visible()
    expect(window.page.locator("#session-again")).to_be_focused()
    window.page.locator("#session-go-on").click()
    window.press('main button[type="submit"]', "sign_in/login")
    assert "what you typed is there again" in window.text
    sign_in(window, username, "three green lanterns", "account/profile")
    expect(window.has('[name="address"]')).to_have_value(TYPED)
    assert "What you typed is still here" in window.text
    window.press('main button[type="submit"]', "account/show")


@pytest.mark.parametrize("scripts", [True, False])
def test_all_others_are_ended_from_the_list(visitor: NewVisitor, stack: Stack, *, scripts: bool) -> None:
    """R88."""
    username = f"here.and.there.{'yes' if scripts else 'no'}"
    there, here = visitor(), visitor(scripts=scripts)
    join(there, stack, username)
    here.open(f"{stack.issuer}/login", "sign_in/login")
    sign_in(here, username, "three green lanterns", "account/show")
    assert "Chrome on Linux" in here.text
    here.press("#end-all", "sessions/end_all")
    assert "in one other browser" in here.text
    here.press("#end-others", "account/show")
    assert "You are signed out everywhere else." in here.text
    there.open(f"{stack.issuer}/account", "sign_in/login")
