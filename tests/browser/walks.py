"""The ways that several stories go."""

import re
import time
from dataclasses import dataclass

import pyotp
from playwright.sync_api import expect

from idp.adapters import fake_kbv
from tests import members
from tests.browser.stack import Person, Stack
from tests.browser.visitor import Visitor

PASSWORD = "three green lanterns"
CODE = re.compile(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b")
MAIL_WITHIN = 20_000


@dataclass(frozen=True)
class Member:
    """Somebody with an account."""

    username: str
    password: str = PASSWORD


def identify(visitor: Visitor, person: Person) -> None:
    """Fill in the page about who somebody is, with their Social Security number."""
    visitor.fill(
        given_name=person.given_name,
        family_name=person.family_name,
        birth_month=str(person.born.month),
        birth_day=str(person.born.day),
        birth_year=str(person.born.year),
        id_kind="ssn",
        id_number=f"{person.ssn[:3]}-{person.ssn[3:5]}-{person.ssn[5:]}",
    )


def register_by_screen(visitor: Visitor, person: Person, username: str, *, at: str) -> Member:
    """From the first page of a registration to the account; `at` is the page where that leads."""
    code = show_code(visitor, person)
    visitor.press("#register-submit", "activation/enter")
    visitor.fill(activation_code=code).press("#activate-submit", "registration/account")
    visitor.fill(new_username=username, new_password=PASSWORD).press("#register-submit", at)
    return Member(username)


def show_code(visitor: Visitor, person: Person) -> str:
    """From the first page of a registration to the code on the screen."""
    visitor.fill(level="basic").press("#register-submit", "registration/identity")
    identify(visitor, person)
    visitor.press("#register-submit", "registration/delivery")
    visitor.fill(delivery="screen").press("#register-submit", "registration/code")
    return visitor.has("#screen-code").inner_text().strip()


def join(visitor: Visitor, stack: Stack, username: str) -> Member:
    """Somebody with an account, who signs in. How one comes by an account is another story's."""
    services = stack.services()
    members.join(services, username, password=PASSWORD, email=None)
    services.db.close()
    visitor.open(f"{stack.issuer}/login", "sign_in/login")
    visitor.fill(username=username, password=PASSWORD).press("#login-submit", "account/show")
    return Member(username)


def read_mail(visitor: Visitor, stack: Stack, address: str, subject: str = "") -> str:
    """Read the newest mail to this address, with this in its subject, in the demo's mailbox: in another tab, closed again."""
    before = visitor.page
    visitor.window().open(f"{stack.issuer}/demo/mailbox", "mailbox/list")
    row = visitor.page.get_by_role("row").filter(has_text=address).filter(has_text=subject).first
    while not row.count():  # the worker looks twice a second
        visitor.page.wait_for_timeout(300)
        visitor.page.reload()
    with visitor.page.expect_navigation():
        row.get_by_role("link").click()
    visitor.see("mailbox/mail")
    text = visitor.text
    visitor.page.close()
    visitor.page = before
    return text


def code_in(mail: str) -> str:
    """The code that a mail brings."""
    found = CODE.search(mail)
    assert found, mail
    return found[0]


def sign_in(visitor: Visitor, username: str, password: str, page: str, status: int = 200) -> None:
    """Fill in the sign-in page and send it."""
    visitor.fill(username=username, password=password).press("#login-submit", page, status)


def answer_questions(visitor: Visitor, person: Person, *, at: str) -> None:
    """From the page before the questions through all of them, each answered as the invented life of this person says."""
    visitor.press("#questions-start", "upgrade/question")
    expect(visitor.has("#clock")).to_contain_text("Time left: 1:" if visitor.scripts else "two minutes")
    for number in range(fake_kbv.ASKED):
        right = next(right for text, right, _ in fake_kbv.history(person.ssn).asked if text in visitor.text)
        labels = visitor.page.locator("main form label.usa-radio__label")
        words = [label.strip() for label in labels.all_inner_texts()]
        labels.nth(words.index(right if right in words else fake_kbv.NONE_OF_THESE)).click()
        visitor.press("#question-submit", at if number == fake_kbv.ASKED - 1 else "upgrade/question")


def enroll(visitor: Visitor, *, at: str) -> pyotp.TOTP:
    """Add an app to the sign-in and save the codes; the app comes back."""
    app = pyotp.TOTP("".join(visitor.has("#totp-secret").inner_text().split()))
    visitor.fill(code=app.now()).press("#code-submit", "second_factor/save_codes")
    assert len(visitor.has("#recovery-codes").inner_text().split()) == 10
    visitor.fill(saved=True).press("#saved-submit", at)
    return app


def next_code(app: pyotp.TOTP) -> str:
    """A code of the app's that was not used: the first was of this half minute or the one before, so the next one is free."""
    return app.at(int(time.time()) + 30)


def assert_gates(visitor: Visitor, *, open_to: set[str], locked: set[str]) -> None:
    """The portal's home shows which features open, and which wait for Premium, each with the reason and the way."""
    cards = visitor.page.locator("[data-feature]")
    gates = cards.evaluate_all("cards => cards.map(card => [card.dataset.feature, card.dataset.gate])")
    assert {name for name, gate in gates if gate == "open"} == open_to
    assert {name for name, gate in gates if gate == "upgrade"} == locked
    for name in locked:
        card = visitor.page.locator(f'[data-feature="{name}"]')
        expect(card).to_contain_text("This needs a Premium account")
        expect(card.get_by_role("link", name="Upgrade")).to_be_visible()
