"""A person registers at Basic: who they are, a code, a username and a password, and they are signed in."""

import pytest

from idp.accounts import accounts, addresses
from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.db import list_rows
from idp.journeys.engine import JourneyRow, Reservation
from idp.proofing import evidence
from idp.proofing.policy import Method
from tests.registrants import (
    DANA,
    MAX,
    PASSWORD,
    ROBIN,
    Registrant,
    ask_by_mail,
    ask_on_screen,
    finish,
    identify,
    mailed_code,
    register,
)
from tests.world import World


def account_of(world: World, username: str) -> Account:
    with world.services.db.read() as conn:
        found = accounts.find_by_username(conn, username)
    assert found is not None
    return found


def test_a_person_registers_with_a_code_by_mail_and_is_signed_in(world: World) -> None:
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    assert browser.address == "/activate"
    assert "If your details match, a code is on its way to dana@home.example" in browser.page.text
    finish(browser, mailed_code(world, "dana@home.example"), "dana.q")
    assert browser.address == "/account"
    assert browser.page.name == "account/show"
    account = account_of(world, "dana.q")
    assert (account.level, account.state, account.proven) == (Level.BASIC, "active", False)
    with world.services.db.read() as conn:
        assert addresses.list_emails(conn, world.services.keyring, account.id) == ["dana@home.example"]
        assert evidence.list_standing(conn, account.id) == {Method.DEERS_MATCH, Method.CODE_EMAIL}
        assert list_rows(conn, Reservation) == []
        assert [(row.outcome, row.sealed) for row in list_rows(conn, JourneyRow)] == [("account", None)]
    assert browser.cookie("idp_journey") is None
    names = [event.event for event in world.events()]
    assert names.index("registration.started") < names.index("eligibility.matched") < names.index("account.created")


def test_a_person_registers_with_a_code_on_the_screen(world: World) -> None:
    browser = register(world.browser(), DANA, "dana.q")
    assert browser.address == "/account"
    account = account_of(world, "dana.q")
    with world.services.db.read() as conn:
        assert addresses.list_emails(conn, world.services.keyring, account.id) == []
        assert evidence.list_standing(conn, account.id) == {Method.DEERS_MATCH, Method.CODE_SCREEN}
    assert world.mails() == []


def test_who_wishes_premium_gets_basic_and_the_wish_is_kept(world: World) -> None:
    """A code on the screen activates Basic only (docs/levels.md §3)."""
    browser = world.browser()
    code = ask_on_screen(browser, DANA, level="premium")
    finish(browser, code, "dana.q")
    account = account_of(world, "dana.q")
    assert (account.level, account.wanted_level) == (Level.BASIC, Level.PREMIUM)


def test_the_new_password_signs_in(world: World) -> None:
    register(world.browser(), DANA, "Dana.Q")
    browser = world.browser().open("/login")
    browser.submit(username="dana.q", password=PASSWORD, button="login-submit")
    assert browser.page.name == "account/show"


@pytest.mark.parametrize(
    "who",
    [
        Registrant("dana", "EXAMPLE", (1984, 2, 10), "900-00-0015"),
        Registrant("  Dana ", "Example", (1984, 2, 10), "900 00 0015"),
        Registrant("Dana", "Example", (1984, 2, 10), "9900000015", "dod_id"),
        Registrant("Max", "Oneil Garcia", (1950, 1, 31), "900\u201300\u20130066"),
    ],
)
def test_names_and_numbers_may_be_written_as_people_write_them(world: World, who: Registrant) -> None:
    browser = register(world.browser(), who, "a.person")
    assert browser.page.name == "account/show"


def test_the_code_is_entered_on_another_device(world: World) -> None:
    """The journey comes to the device that brought the code; the old device's handle is dead (R81)."""
    phone, laptop = world.browser(), world.browser(address="203.0.113.9")
    ask_by_mail(phone, DANA, "dana@home.example")
    laptop.open("/activate")
    assert "on any device" in laptop.page.text
    finish(laptop, mailed_code(world, "dana@home.example").lower().replace("-", " "), "dana.q")
    assert laptop.page.name == "account/show"
    phone.open("/register/account")
    assert (phone.status, phone.page.error) == (410, "journey_gone")
    (redeemed,) = world.events("activation_code.redeemed")
    assert redeemed.fields == {"delivery": "email", "device": "other"}


def test_a_device_with_a_journey_of_its_own_takes_another_journeys_code(world: World) -> None:
    phone, laptop = world.browser(), world.browser(address="203.0.113.9")
    ask_by_mail(laptop, ROBIN, "robin@home.example")
    ask_by_mail(phone, DANA, "dana@home.example")
    finish(laptop, mailed_code(world, "dana@home.example"), "dana.q")
    assert laptop.page.name == "account/show"


def test_who_left_in_the_middle_starts_again_at_once_on_another_device(world: World) -> None:
    """The newest applicant has the reservation; the older code leads nowhere, and one account comes of it (R71)."""
    phone, laptop = world.browser(), world.browser(address="203.0.113.9")
    ask_by_mail(phone, DANA, "dana@home.example")
    older = mailed_code(world, "dana@home.example")
    code = ask_on_screen(laptop, DANA)
    phone.submit(activation_code=older)
    assert (phone.status, phone.page.error) == (422, "wrong_code")
    finish(laptop, code, "dana.q")
    assert laptop.page.name == "account/show"


def test_of_two_who_come_to_the_last_step_the_older_is_told_to_start_again(world: World) -> None:
    """Nothing is left of the attempt (R71)."""
    older, newer = world.browser(), world.browser()
    older_code = ask_on_screen(older, DANA)
    older.submit(activation_code=older_code)
    register(newer, DANA, "dana.q")
    older.submit(new_username="dana.other", new_password=PASSWORD)
    assert (older.status, older.page.error) == (410, "journey_gone")
    with world.services.db.read() as conn:
        assert [account.username for account in list_rows(conn, Account)] == ["dana.q"]


def test_who_left_starts_again_in_the_same_browser(world: World) -> None:
    browser = world.browser()
    identify(browser, DANA)
    register(browser, DANA, "dana.q")
    assert browser.page.name == "account/show"
    assert [event.fields["why"] for event in world.events("registration.ended")] == ["left"]


def test_the_start_page_leads_back_to_a_registration_under_way(world: World) -> None:
    browser = identify(world.browser(), DANA)
    browser.open("/register")
    assert "/register/delivery" in browser.page.links


def test_a_new_way_for_the_code_kills_the_code_before_it(world: World) -> None:
    browser = world.browser()
    ask_by_mail(browser, MAX, "max@home.example")
    older = mailed_code(world, "max@home.example")
    browser.open("/register/delivery").submit(delivery="screen")
    newer = browser.page.ids["screen-code"]
    browser.open("/activate").submit(activation_code=older)
    assert (browser.status, browser.page.error) == (422, "wrong_code")
    finish(browser, newer, "max.o")
    assert browser.page.name == "account/show"


def test_registering_another_person_on_a_shared_computer_ends_the_first_persons_session(world: World) -> None:
    browser = register(world.browser(), DANA, "dana.q")
    session = browser.cookie("idp_session")
    register(browser, ROBIN, "robin.e")
    assert browser.cookie("idp_session") != session
    assert "robin.e" in browser.page.text
    assert len(world.events("session.ended")) == 1
