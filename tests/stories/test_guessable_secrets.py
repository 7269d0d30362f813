"""What could be guessed is kept under keys that are not in the database: a copy of it tells nothing to try guesses at."""

import base64
import hashlib
import re

import sqlalchemy as sa

from idp import crypto
from idp.db import Row
from tests import authenticator
from tests.http_browser import Browser
from tests.registrants import DANA, PASSWORD, ROBIN, ask_by_mail, ask_on_screen, finish, mailed_code
from tests.world import World

_RECOVERY_CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b")


def _everything(world: World) -> bytes:
    """Every value of every row."""
    with world.services.db.read() as conn:
        rows = [row for table in Row.metadata.sorted_tables for row in conn.execute(sa.select(table))]
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode("utf-8", "replace") for row in rows for value in row
    )


def _traces(secret: str) -> set[bytes]:
    """The secret and its plain digests, however they may be written."""
    found = set()
    for form in {secret, crypto.normalize_code(secret), secret.lower()}:
        found.add(form.encode())
        for digest in (hashlib.sha256(form.encode()), hashlib.sha1(form.encode(), usedforsecurity=False)):
            raw = digest.digest()
            found |= {raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), crypto.b64url(raw).encode()}
    return found


def _enrolled(browser: Browser) -> list[str]:
    """An app's secret, and the recovery codes that come with it."""
    browser.open("/account/second-factor")
    secret = browser.page.ids["totp-secret"].replace(" ", "")
    browser.submit(code=authenticator.code(secret))
    return [secret, *_RECOVERY_CODE.findall(browser.page.ids["recovery-codes"])]


def test_no_copy_of_the_database_helps_to_guess_a_secret(world: World) -> None:
    """R10, R36, SP 800-63B-4 §3.1.2.2: codes on the screen and by mail, passwords, an app's secret, recovery codes; used or
    not yet used.
    """
    browser = world.browser()
    shown = ask_on_screen(browser, DANA)
    waiting = ask_by_mail(world.browser(address="203.0.113.4"), ROBIN, "robin@example.org")
    mailed = mailed_code(world, "robin@example.org")
    finish(browser, shown, "dana.ex")
    secrets = [shown, mailed, PASSWORD, *_enrolled(browser)]
    assert len(secrets) == 14
    assert waiting.page.name == "activation/enter"
    held = _everything(world)
    assert b"dana.ex" in held
    for secret in secrets:
        assert [trace for trace in _traces(secret) if trace in held] == [], secret


def test_a_secret_that_is_kept_as_a_plain_digest_would_be_found(world: World) -> None:
    """R36: a check that cannot fail is worth nothing; the digest of a session's handle, which nobody can guess, is there."""
    browser = world.browser()
    finish(browser, ask_on_screen(browser, DANA), "dana.ex")
    handle = browser.cookie("idp_session")
    assert handle is not None
    assert any(trace in _everything(world) for trace in _traces(handle))


def test_password_managers_are_told_what_each_field_is(world: World) -> None:
    """R8, R9: names for every field, nothing that keeps from pasting, and no question or hint in place of a password."""
    browser = world.browser()
    html = {"login": browser.open("/login").page.html}
    shown = ask_on_screen(browser, DANA)
    browser.submit(activation_code=shown, button="activate-submit")
    html["register"] = browser.page.html
    browser.submit(new_username="dana.ex", new_password=PASSWORD, button="register-submit")
    html["change"] = browser.open("/account/password").page.html
    for page, names in {
        "login": ("username", "current-password"),
        "register": ("username", "new-password"),
        "change": ("username", "current-password", "new-password"),
    }.items():
        for name in names:
            # The sign-in page's name field also takes passkeys: `username webauthn`.
            assert re.search(f'autocomplete="{name}[ "]', html[page]), (page, name)
        assert "data-show-password" in html[page]
        for field in re.findall(r"<input[^>]*password[^>]*>", html[page]):
            assert not re.search("onpaste|oncopy|maxlength|readonly", field), field
        assert not re.search("security question|mother|hint=|password_hint|first pet", html[page], re.IGNORECASE)
