"""The second step, as a person sees it: an app is added, the codes are kept, and the next sign-in asks for one of either."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack
from tests.browser.walks import PASSWORD, join, next_code

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_RECOVERY_CODE = re.compile(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b")


def test_an_app_is_added_and_asked_for_from_then_on(visitor: NewVisitor, stack: Stack) -> None:
    window = visitor()
    member = join(window, stack, "two.steps")
    window.press("#add-second-factor", "second_factor/enrol")
    expect(window.has("#totp-picture")).to_be_visible()
    app = pyotp.TOTP(window.has("#totp-secret").inner_text().replace(" ", ""))
    window.fill(code="12345").press("#code-submit", "second_factor/enrol", 422)
    window.fill(code=app.now()).press("#code-submit", "second_factor/save_codes")
    codes = _RECOVERY_CODE.findall(window.has("#recovery-codes").inner_text())
    assert len(codes) == 10
    window.press("#saved-submit", "second_factor/save_codes", 422)
    window.fill(saved=True).press("#saved-submit", "account/show")
    window.press("#sign-out", "logout/confirm").press("#logout-yes", "logout/done")

    window.open(f"{stack.issuer}/login", "sign_in/login")
    window.fill(username=member.username, password=PASSWORD).press("#login-submit", "sign_in/second_factor")
    window.fill(code="000000").press("#code-submit", "sign_in/second_factor", 422)
    window.fill(code=next_code(app)).press("#code-submit", "account/show")

    window.open(f"{stack.issuer}/logout", "logout/confirm").press("#logout-yes", "logout/done")
    window.open(f"{stack.issuer}/login?next=/account/profile", "sign_in/login")
    window.fill(username=member.username, password=PASSWORD).press("#login-submit", "sign_in/second_factor")
    window.press("#use-recovery-code", "sign_in/recovery_code")
    window.fill(code="7KQ2").press("#code-submit", "sign_in/recovery_code", 422)
    window.fill(code=codes[0].lower()).press("#code-submit", "second_factor/recovery_codes")
    assert "9 recovery codes left" in window.text
    window.press("#go-on", "account/profile")


def test_whoever_is_somebody_else_starts_over(visitor: NewVisitor, stack: Stack) -> None:
    window = visitor()
    member = join(window, stack, "start.over")
    window.press("#add-second-factor", "second_factor/enrol")
    app = pyotp.TOTP(window.has("#totp-secret").inner_text().replace(" ", ""))
    window.fill(code=app.now()).press("#code-submit", "second_factor/save_codes")
    window.context.clear_cookies(name="idp_session")
    window.open(f"{stack.issuer}/login", "sign_in/login")
    window.fill(username=member.username, password=PASSWORD).press("#login-submit", "sign_in/second_factor")
    window.press("#start-over", "sign_in/login")
    assert "idp_sign_in" not in window.cookies()
