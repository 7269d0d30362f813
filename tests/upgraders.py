"""People on their way to Premium, and how they get through its pages."""

import html
import re

import pyotp

from idp.accounts import accounts
from idp.accounts.accounts import Account
from idp.adapters import fake_kbv
from idp.proofing import evidence
from idp.proofing.policy import Method
from tests.http_browser import Browser
from tests.registrants import Registrant, register
from tests.world import World

_OPTION = re.compile(r'<label[^>]*for="answer-(\d)"[^>]*>(.*?)</label>', re.DOTALL)
_CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")


def start(browser: Browser, who: Registrant) -> Browser:
    """From the start of the upgrade to the choice of a way."""
    browser.open("/upgrade").submit(button="upgrade-start")
    assert browser.page.name == "upgrade/identity", browser.page.text
    return browser.submit(**who.fields)


def options(browser: Browser) -> dict[str, str]:
    """The answers on the page, each with its value."""
    found = _OPTION.findall(browser.page.html)
    return {html.unescape(re.sub(r"<[^>]+>", " ", words)).strip(): value for value, words in found}


def right_answer(browser: Browser, ssn: str) -> str:
    """The value of the answer that is right for the invented life behind this number."""
    shown = options(browser)
    for text, right, _ in fake_kbv.history(ssn).asked:
        if text in html.unescape(browser.page.html):
            return shown.get(right, shown[fake_kbv.NONE_OF_THESE])
    raise AssertionError(f"no question of ours: {browser.page.text}")


def answer_all(browser: Browser, ssn: str, *, wrong: int | None = None) -> Browser:
    """From the page before the questions through all of them, the `wrong`-th one answered wrongly."""
    assert browser.page.name == "upgrade/questions", browser.page.text
    browser.submit(button="questions-start")
    for number in range(fake_kbv.ASKED):
        assert browser.page.name == "upgrade/question", browser.page.text
        right = right_answer(browser, ssn)
        chosen = next(value for value in "01234" if (value != right) == (number == wrong))
        browser.submit(answer=chosen, button="question-submit")
    return browser


def code_of_record(world: World, email: str) -> str:
    """The code of the newest mail that went to an address of record."""
    for mail in world.mails():
        if mail.to == email and "Premium" in mail.subject and (found := _CODE.search(mail.text)):
            return found[0]
    raise AssertionError(f"no code came to {email}")


def letters(world: World) -> list[str]:
    """The words of every letter that waits to be printed, the newest first."""
    from pypdf import PdfReader  # noqa: PLC0415 - few tests read letters

    from idp.adapters.letters import read_letters  # noqa: PLC0415 - as above

    folder = world.settings.letters
    assert folder is not None
    world.mails()
    return [PdfReader(folder / f"{letter.name}.pdf").pages[0].extract_text() for letter in read_letters(folder)]


def code_of_letter(world: World) -> str:
    """The code of the newest letter."""
    found = _CODE.search(letters(world)[0])
    assert found is not None
    return found[0]


def account_of(world: World, username: str) -> Account:
    with world.services.db.read() as conn:
        found = accounts.find_by_username(conn, username)
    assert found is not None
    return found


def held_by(world: World, username: str) -> frozenset[Method]:
    account = account_of(world, username)
    with world.services.db.read() as conn:
        return evidence.list_standing(conn, account.id)


def enroll(browser: Browser) -> str:
    """Enroll an app on the page that is open, and return its secret."""
    assert "totp-secret" in browser.page.ids, browser.page.text
    secret = browser.page.ids["totp-secret"].replace(" ", "")
    browser.submit(code=pyotp.TOTP(secret).now(), button="code-submit")
    return secret


def to_the_questions(browser: Browser, who: Registrant, username: str) -> Browser:
    """A new account, and its owner before the first question."""
    register(browser, who, username)
    start(browser, who).submit(delivery="email")
    return browser.submit(button="questions-start")


def toward(world: World, username: str) -> frozenset[Method]:
    """What need not be shown again on the way up."""
    account = account_of(world, username)
    with world.services.db.read() as conn:
        return evidence.list_toward(conn, account.id)
