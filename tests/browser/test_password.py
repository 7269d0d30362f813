"""A new password, as a person chooses it: it can be shown and pasted, and the page says how strong it looks."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.walks import PASSWORD, join

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NEW = "yellow ferry before Sunday"


def test_a_password_is_changed_with_the_meter_beside_it(visitor: NewVisitor, stack: Stack) -> None:
    """R9: typed, pasted and shown; the meter waits for a pause, speaks once, and refuses nothing."""
    window = visitor()
    join(window, stack, "change.password")
    window.press('a[href="/account/password"]', "account/password")
    meter, words = window.page.locator("meter"), window.page.locator(".strength [role=status]")
    expect(meter).to_be_hidden()
    field = window.has("#new_password")
    field.press_sequentially("short", delay=30)
    expect(words).to_have_text(
        "This password is too short. Use 15 characters or more. A few words in a row are easy to remember."
    )
    expect(meter).to_have_js_property("value", 0)
    field.fill("")
    expect(words).to_have_text("")
    expect(meter).to_be_hidden()
    field.focus()
    # All at once, as it is pasted.
    window.page.keyboard.insert_text(NEW)
    expect(words).to_have_text("Strong.")
    expect(meter).to_be_visible()
    expect(meter).to_have_js_property("value", 4)
    window.see("account/password")
    window.page.locator('[data-show-password="new_password"]').click()
    expect(field).to_have_attribute("type", "text")
    window.fill(current_password="another kettle over Monday").press("#password-submit", "account/password", 422)
    assert window.has("#new_password").input_value() == ""
    window.fill(current_password=PASSWORD, new_password=NEW).press("#password-submit", "account/show")
    assert "Your password was changed" in window.text


def test_without_scripts_there_is_no_meter_and_all_else_works(visitor: NewVisitor, stack: Stack) -> None:
    window = visitor(scripts=False)
    join(window, stack, "plain.password")
    window.press('a[href="/account/password"]', "account/password")
    assert not window.page.locator(".strength").is_visible()
    window.fill(current_password=PASSWORD, new_password="short").press("#password-submit", "account/password", 422)
    window.fill(current_password=PASSWORD, new_password=NEW).press("#password-submit", "account/show")
