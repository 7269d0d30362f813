"""Somebody at a browser without scripts who goes from site to site, each of them a program of its own."""

import re
import time
from html import unescape
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx
import pyotp

from tests.browser.stack import Person as Record
from tests.browser.stack import Stack
from tests.http_browser import Page

PASSWORD = "three green lanterns"  # of an invented person
_REDIRECTS = 20
_STEP = 30
_REFRESH = re.compile(r"""<meta http-equiv=["']refresh["'] content=["']0; *url=([^"']+)["']""", re.IGNORECASE)


class App:
    """The app on somebody's phone. It waits where the code that it shows was used already."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._last = 0

    def code(self) -> str:
        """A code that was not used before: of this half minute, or of the next, which is taken as well."""
        self._last = max(int(time.time()) // _STEP, self._last + 1)
        time.sleep(max(0.0, (self._last - 1) * _STEP - time.time()))
        return self._totp.at(self._last * _STEP)


class Person:
    """One person's browser. An address that is not on this machine is a client's: there it stops."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._http = httpx.Client(headers={"X-Forwarded-For": stack.address()}, timeout=30, trust_env=False)
        self.at = ""
        self.left_for: str | None = None
        self.passed: list[str] = []
        """The addresses of the last way, redirects too."""
        self.page = Page("")
        self.answer: httpx.Response

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def open(self, url: str) -> Self:
        """Go to an address, and on to wherever it leads."""
        return self._go("GET", url, None)

    def submit(self, button: str | None = None, **fields: str) -> Self:
        """Fill in the form that has these fields, and press its button (its first by default)."""
        form = next(f for f in self.page.forms if set(fields) <= f.names and (button is None or button in f.buttons))
        name, value = form.buttons[button] if button else next(iter(form.buttons.values()))
        filled = {**form.fields, **fields, **({name: value} if name else {})}
        return self._go("POST", urljoin(self.at, form.action), filled)

    def sees(self, page: str, status: int = 200) -> Self:
        """Fail unless this page is there."""
        shown = (self.page.name, self.answer.status_code)
        assert self.left_for is None, f"at {self.left_for} instead of {page}"
        assert shown == (page, status), f"{shown} instead of {page} at {self.at}: {self.page.text[:600]}"
        return self

    def register(self, record: Record, username: str) -> Self:
        """Get an account at Basic, with a code on the screen; they are signed in then."""
        self.open(f"{self.stack.issuer}/register").sees("registration/start").submit(level="basic")
        self.sees("registration/identity").submit(
            given_name=record.given_name,
            family_name=record.family_name,
            birth_month=str(record.born.month),
            birth_day=str(record.born.day),
            birth_year=str(record.born.year),
            id_kind="ssn",
            id_number=record.ssn,
        )
        self.sees("registration/delivery").submit(delivery="screen", email="").sees("registration/code")
        code = self.page.ids["screen-code"]
        self.submit("register-submit").sees("activation/enter").submit(activation_code=code)
        self.sees("registration/account").submit(new_username=username, new_password=PASSWORD)
        return self.sees("account/show")

    def sign_in(self, username: str, password: str = PASSWORD, app: App | None = None) -> Self:
        """Fill in the sign-in page, and show the second factor where there is one."""
        self.sees("sign_in/login").submit(username=username, password=password)
        if app is not None:
            self.sees("sign_in/second_factor").submit(code=app.code())
        return self

    def add_app(self) -> App:
        """Enrol an app on the page that asks for it, keep the recovery codes, and go on."""
        self.sees("second_factor/enrol")
        app = App(self.page.ids["totp-secret"].replace(" ", ""))
        self.submit("code-submit", code=app.code()).sees("second_factor/save_codes").submit(saved="y")
        return app

    def _go(self, method: str, url: str, fields: dict[str, str] | None) -> Self:
        self.left_for, self.passed = None, []
        for _ in range(_REDIRECTS):
            self.passed.append(url)
            parts = urlsplit(url)
            if parts.hostname != "localhost":
                self.left_for = url
                return self
            headers = {"Origin": f"{parts.scheme}://{parts.netloc}"} if method == "POST" else {}
            self.at, self.answer = url, self._http.request(method, url, data=fields, headers=headers)
            next_ = self.answer.headers.get("Location") if self.answer.is_redirect else _refresh(self.answer.text)
            if next_ is None:
                self.page = Page(self.answer.text)
                return self
            url, method, fields = urljoin(url, next_), "GET", None
        raise AssertionError(f"sent from page to page without end, the last time to {url}")


def _refresh(html: str) -> str | None:
    """Where a page sends the browser by itself: a module that may not answer with a redirect does that."""
    found = _REFRESH.search(html)
    return unescape(found[1]) if found else None
