"""People who are about to register, and their way through the pages."""

import re
from dataclasses import dataclass, replace
from typing import Any

from tests.http_browser import Browser
from tests.world import World

PASSWORD = "seven green lanterns in a row"
_CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")


@dataclass(frozen=True)
class Registrant:
    """What somebody types about themself."""

    given_name: str
    family_name: str
    born: tuple[int, int, int]
    """Year, month, day."""
    id_number: str
    id_kind: str = "ssn"

    @property
    def fields(self) -> dict[str, Any]:
        """The form's fields."""
        year, month, day = self.born
        return {
            "given_name": self.given_name,
            "family_name": self.family_name,
            "birth_month": str(month),
            "birth_day": str(day),
            "birth_year": str(year),
            "id_kind": self.id_kind,
            "id_number": self.id_number,
        }


DANA = Registrant("Dana", "Example", (1984, 2, 10), "900000015")
ROBIN = Registrant("Robin", "Example", (1986, 7, 1), "900000023")
MAX = Registrant("Max", "O'Neil-Garcia", (1950, 1, 31), "900000066")
STRANGER = Registrant("Nemo", "Nobody", (1970, 1, 1), "900000163")
DECEASED = Registrant("Sol", "Late", (1946, 12, 8), "900000090")
CONFLICTED = Registrant("Val", "Double", (1975, 5, 23), "900000104")
WRONG_BIRTH_DATE = replace(DANA, born=(1984, 2, 11))
WRONG_NAME = replace(DANA, family_name="Sample")


def identify(browser: Browser, who: Registrant, *, level: str = "basic") -> Browser:
    """Go to where the code's way is chosen."""
    browser.open("/register").submit(level=level)
    assert browser.page.name == "registration/identity", browser.page.text
    return browser.submit(**who.fields)


def ask_by_mail(browser: Browser, who: Registrant, email: str, *, level: str = "basic") -> Browser:
    """Go to where the code is entered."""
    identify(browser, who, level=level)
    assert browser.page.name == "registration/delivery", browser.page.text
    return browser.submit(delivery="email", email=email)


def ask_on_screen(browser: Browser, who: Registrant, *, level: str = "basic") -> str:
    """Go on to `/activate`, and return the code that was shown."""
    identify(browser, who, level=level).submit(delivery="screen", email="")
    assert browser.page.name == "registration/code", browser.page.text
    code = browser.page.ids["screen-code"]
    browser.submit(button="register-submit")
    assert browser.page.name == "activation/enter"
    return code


def mailed_code(world: World, email: str) -> str:
    """The code of the newest mail that an address got."""
    for mail in world.mails():
        if mail.to == email and (found := _CODE.search(mail.text)):
            return found[0]
    raise AssertionError(f"no code came to {email}")


def finish(browser: Browser, code: str, username: str, *, password: str = PASSWORD) -> Browser:
    """Enter the code, and choose username and password."""
    browser.submit(activation_code=code, button="activate-submit")
    assert browser.page.name == "registration/account", browser.page.text
    return browser.submit(new_username=username, new_password=password, button="register-submit")


def register(browser: Browser, who: Registrant, username: str) -> Browser:
    """The whole way, with the code on the screen."""
    return finish(browser, ask_on_screen(browser, who), username)
