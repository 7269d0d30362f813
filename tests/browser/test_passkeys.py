"""Passkeys in a real browser, with the authenticator that Chromium plays itself (WebAuthn L3 §11)."""

from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.visitor import DESKTOP, Visitor
from tests.browser.walks import PASSWORD, join

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


class Authenticator:
    """A virtual authenticator of one window: a phone's own, or a key without a PIN."""

    def __init__(self, window: Visitor, *, verifies: bool = True) -> None:
        self._cdp: CDPSession = window.context.new_cdp_session(window.page)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal" if verifies else "usb",
            "hasResidentKey": verifies,
            "hasUserVerification": verifies,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id: str = made["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        """What it holds."""
        told = self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        held: list[dict[str, Any]] = told["credentials"]
        return held

    def touch_by_itself(self, *, on: bool) -> None:
        """Whether somebody touches it whenever it is asked."""
        asked = {"authenticatorId": self._id, "enabled": on}
        self._cdp.send("WebAuthn.setAutomaticPresenceSimulation", asked)


def _sign_out(window: Visitor, stack: Stack) -> None:
    window.open(f"{stack.issuer}/logout", "logout/confirm").press("#logout-yes", "logout/done")


def _add(window: Visitor, name: str, page: str) -> None:
    window.press("#add-passkey", "passkeys/add")
    window.fill(name=name).press("#passkey-add", page)


def test_a_passkey_is_added_signs_in_alone_and_is_removed(visitor: NewVisitor, stack: Stack) -> None:
    """R37, R47: the name in the field or the button, no password; a cancelled one leaves the password form."""
    window = visitor()
    key = Authenticator(window)
    member = join(window, stack, "pass.key")
    _add(window, "My phone", "second_factor/save_codes")
    window.fill(saved=True).press("#saved-submit", "account/show")
    assert "My phone" in window.text
    assert len(key.credentials()) == 1
    key.touch_by_itself(on=False)
    _sign_out(window, stack)

    window.open(f"{stack.issuer}/login?next=/account/profile", "sign_in/login")
    expect(window.has("#passkey-sign-in")).to_be_enabled()
    assert window.has('[name="username"]').get_attribute("autocomplete") == "username webauthn"
    key.touch_by_itself(on=True)
    window.press("#passkey-sign-in", "account/profile")
    _sign_out(window, stack)

    key.touch_by_itself(on=False)
    window.open(f"{stack.issuer}/login", "sign_in/login")
    window.fill(username=member.username, password=PASSWORD).press("#login-submit", "sign_in/passkey_step")
    key.touch_by_itself(on=True)
    window.press("#passkey-use", "account/show")

    window.press('a:has-text("Rename")', "passkeys/name")
    window.fill(name="Old phone").press("#passkey-name", "account/show")
    assert "Old phone" in window.text
    window.press('a[href^="/account/passkeys/remove"]', "passkeys/remove")
    window.press("#factor-remove", "account/show")
    assert "Old phone" not in window.text


def test_the_name_that_the_browser_offers_is_enough(visitor: NewVisitor, stack: Stack) -> None:
    """WebAuthn L3 §5.1.4: conditional mediation; nothing is pressed on the page."""
    window = visitor(DESKTOP)
    key = Authenticator(window)
    join(window, stack, "by.autofill")
    _add(window, "My phone", "second_factor/save_codes")
    window.fill(saved=True).press("#saved-submit", "account/show")
    window.open(f"{stack.issuer}/logout", "logout/confirm").press("#logout-yes", "logout/done")
    with window.page.expect_navigation(url=f"{stack.issuer}/account"):
        window.page.goto(f"{stack.issuer}/login")
    window.see("account/show")
    assert key.credentials()[0]["signCount"] > 1


def test_a_key_without_a_pin_is_a_second_step(visitor: NewVisitor, stack: Stack) -> None:
    """R40: beside the password."""
    window = visitor()
    Authenticator(window, verifies=False)
    member = join(window, stack, "blue.key")
    _add(window, "Blue key", "second_factor/save_codes")
    window.fill(saved=True).press("#saved-submit", "account/show")
    assert "works only after your password" in window.text
    _sign_out(window, stack)
    window.open(f"{stack.issuer}/login", "sign_in/login")
    window.fill(username=member.username, password=PASSWORD).press("#login-submit", "sign_in/passkey_step")
    window.press("#passkey-use", "account/show")


def test_without_scripts_a_passkey_page_says_so_and_the_password_works(visitor: NewVisitor, stack: Stack) -> None:
    """Nothing is a dead end: an app for codes needs no script."""
    window = visitor(DESKTOP, scripts=False)
    join(window, stack, "no.scripts")
    window.press("#add-passkey", "passkeys/add")
    assert "This needs JavaScript" in window.text
    window.fill(name="My phone").press("#passkey-add", "passkeys/add", 422)
    window.press("#use-app", "second_factor/enrol")
