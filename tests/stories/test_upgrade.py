"""From Basic to Premium, through HTTP: the questions, the code to an address of record, the letter, and the second factor."""

from datetime import timedelta

import pytest
import time_machine

from idp import clock
from idp.accounts import accounts
from idp.directory import cast
from idp.proofing.policy import Method
from tests.registrants import (
    CONFLICTED,
    DANA,
    DECEASED,
    MAX,
    ROBIN,
    STRANGER,
    Registrant,
    ask_by_mail,
    ask_on_screen,
    finish,
    identify,
    mailed_code,
    register,
)
from tests.upgraders import account_of, answer_all, code_of_letter, code_of_record, enroll, held_by, letters, start
from tests.world import World


def test_a_sponsor_upgrades_by_questions_and_a_code_to_the_address_of_record(world: World) -> None:
    """The whole road of `ds_logon`: DEERS match, questions, a code to an address that DEERS holds, a second factor (R68, R70)."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA)
    assert browser.page.name == "upgrade/way", browser.page.text
    browser.submit(delivery="email")
    answer_all(browser, DANA.id_number)
    assert browser.page.name == "upgrade/address", browser.page.text
    assert "d•••@e•••.com" in browser.page.text
    assert "dana.example" not in browser.page.html
    browser.submit(button="upgrade-submit")
    assert browser.page.name == "upgrade/code"
    before = browser.cookie("idp_session")
    browser.submit(activation_code=code_of_record(world, "dana.example@example.com"), button="activate-submit")
    assert account_of(world, "dana.q").level == 1
    enroll(browser)
    assert account_of(world, "dana.q").level == 2
    assert browser.cookie("idp_session") != before  # R72, R81: a new session id
    assert {Method.DEERS_MATCH, Method.KBV, Method.CODE_EMAIL_OF_RECORD} <= held_by(world, "dana.q")
    assert [event.fields["why"] for event in world.events("account.level_changed")] == ["second_factor"]
    # R50, R73: the address that was just proved is the account's from then on.
    assert {mail.to for mail in world.mails() if "now Premium" in mail.subject} == {"dana.example@example.com"}
    assert browser.open("/upgrade").page.h1 == ["You have Premium"]


def test_with_a_factor_already_there_the_code_is_the_last_step(world: World) -> None:
    """Whatever comes last raises the level, and every address hears of it (R50, R73)."""
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    finish(browser, mailed_code(world, "dana@home.example"), "dana.q")
    browser.open("/account/second-factor")
    enroll(browser)
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    before = browser.cookie("idp_session")
    browser.submit(activation_code=code_of_record(world, "dana.example@example.com"), button="activate-submit")
    assert browser.page.name == "upgrade/start"
    assert account_of(world, "dana.q").level == 2
    assert browser.cookie("idp_session") not in {before, None}  # R72, R81
    told = {mail.to for mail in world.mails() if "now Premium" in mail.subject}
    assert told == {"dana@home.example", "dana.example@example.com"}


def test_who_registers_for_premium_with_the_address_of_record_needs_no_second_code(world: World) -> None:
    """One mail, one number typed: the code of the registration proved the address, and the questions follow at once."""
    browser = world.browser()
    ask_by_mail(browser, DANA, "Dana.Example@example.com", level="premium")
    finish(browser, mailed_code(world, "Dana.Example@example.com"), "dana.q")
    assert browser.page.name == "upgrade/way", browser.page.text
    browser.submit(delivery="email")
    answer_all(browser, DANA.id_number)
    assert "totp-secret" in browser.page.ids, browser.page.text
    enroll(browser)
    assert account_of(world, "dana.q").level == 2


def test_a_code_on_the_screen_gives_basic_at_once_and_premium_is_pending(world: World) -> None:
    """R68: the screen opens Basic only; what is missing is told on the account page."""
    browser = world.browser()
    finish(browser, ask_on_screen(browser, DANA, level="premium"), "dana.q")
    assert browser.page.name == "upgrade/way"
    account = account_of(world, "dana.q")
    assert (account.level, account.wanted_level, account.proven) == (1, 2, False)
    browser.open("/account")
    assert "Premium is pending" in browser.page.text
    assert "code sent to an address" in browser.page.ids["premium-missing"]
    assert "second step" in browser.page.ids["premium-missing"]


def test_the_spouse_gets_a_letter_that_works_after_three_days_as_others_share_the_address(world: World) -> None:
    """A shared postal address counts with a notice to every other channel and 72 hours."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, ROBIN, "robin.example")
        start(browser, ROBIN).submit(delivery="post")
        assert "J••• L•••, NC •••14" in browser.page.text
        assert "Fort Invented" not in browser.page.html
        browser.submit(button="upgrade-submit")
        assert browser.page.name == "upgrade/code"
        [letter] = letters(world)
        assert "Robin Example" in letter
        assert "14 Juniper Loop" in letter
        code = code_of_letter(world)
        assert any(mail.to == "robin.example@example.net" and "letter" in mail.subject for mail in world.mails())
        browser.submit(activation_code=code, button="activate-submit")
        assert (browser.status, browser.page.error) == (429, "not_yet")
        traveller.shift(timedelta(hours=71, minutes=59))
        browser.open("/login").submit(username="robin.example", password="seven green lanterns in a row")
        browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
        assert browser.page.error == "not_yet"
        traveller.shift(timedelta(minutes=2))
        browser.submit(activation_code=code, button="activate-submit")
        assert "totp-secret" in browser.page.ids, browser.page.text
        assert Method.CODE_POST_OF_RECORD in held_by(world, "robin.example")
        enroll(browser)
        assert account_of(world, "robin.example").level == 2


def test_the_retiree_without_email_gets_a_letter(world: World) -> None:
    """No e-mail in DEERS is no dead end: the questions are closed with why, and the letter works on the day it is there."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, MAX, "max.oneil")
        start(browser, MAX)
        assert "DEERS has no email address of yours" in browser.page.text
        browser.submit(delivery="post").submit(button="upgrade-submit")
        traveller.shift(timedelta(days=6))
        browser.open("/login").submit(username="max.oneil", password="seven green lanterns in a row")
        assert "A letter is on its way" in browser.open("/upgrade").page.text
        browser.open("/upgrade/code").submit(activation_code=code_of_letter(world), button="activate-submit")
        enroll(browser)
        assert account_of(world, "max.oneil").level == 2


def test_a_letter_works_for_21_days(world: World) -> None:
    """R54."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, MAX, "max.oneil")
        start(browser, MAX).submit(delivery="post").submit(button="upgrade-submit")
        code = code_of_letter(world)
        traveller.shift(timedelta(days=21, seconds=1))
        browser.open("/login").submit(username="max.oneil", password="seven green lanterns in a row")
        browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
        assert (browser.status, browser.page.error) == (422, "wrong_code")
        assert account_of(world, "max.oneil").proven is False


@pytest.mark.parametrize("who", [DECEASED, CONFLICTED, STRANGER], ids=["deceased", "two EDIPIs", "not in DEERS"])
@pytest.mark.parametrize("level", ["basic", "premium"])
def test_who_can_have_no_account_can_have_none_at_premium_either(world: World, who: Registrant, level: str) -> None:
    """R63: the same pages as for anybody, and no account at the end; what was typed is held no longer than for anybody."""
    browser = world.browser()
    identify(browser, who, level=level).submit(delivery="screen", email="")
    assert (browser.status, browser.page.name) == (422, "registration/not_matched")
    ask_by_mail(browser, who, "somebody@home.example", level=level)
    assert browser.page.name == "activation/enter"
    assert [mail.subject for mail in world.mails() if mail.to == "somebody@home.example"] == [
        "We could not match your details"
    ]


def test_whom_the_vendor_knows_too_little_of_loses_no_try_and_goes_another_way(world: World) -> None:
    """R79, and no dead end for the young: a student of twenty has no history to ask about."""
    browser = world.browser()
    born = next(one.birth_date for one in cast.people(clock.now().date()) if one.person == cast.JO)
    who = Registrant("Jo", "Example", (born.year, born.month, born.day), "900000058")
    register(browser, who, "jo.example")
    start(browser, who).submit(delivery="email")
    browser.submit(button="questions-start")
    assert browser.page.name == "upgrade/way"
    assert "no questions about you" in browser.page.text
    assert world.events("kbv.drawn") == []
    browser.open("/upgrade/way").submit(delivery="post")
    assert browser.page.name == "upgrade/address"


def test_who_proves_the_address_of_record_displaces_an_account_that_proved_none(world: World) -> None:
    """DESIGN: an unproven account does not hold the person; the old subject id dies with it (R24)."""
    impostor = world.browser()
    register(impostor, DANA, "not.dana")
    taken = account_of(world, "not.dana")
    owner = world.browser()
    identify(owner, DANA).submit(delivery="screen", email="")
    assert owner.page.name == "registration/not_matched"
    ask_by_mail(owner, DANA, "dana@home.example")
    assert not any(mail.to == "dana@home.example" and "code" in mail.subject for mail in world.mails())
    ask_by_mail(owner, DANA, "dana.example@example.com")
    finish(owner, mailed_code(world, "dana.example@example.com"), "dana.q")
    made = account_of(world, "dana.q")
    assert (made.person_id, made.proven) == (taken.person_id, True)
    assert made.subject_id != taken.subject_id
    with world.services.db.read() as conn:
        old = accounts.find_account(conn, taken.id)
    assert old is not None
    assert (old.state, old.state_why) == ("closed", "displaced")
    assert impostor.open("/account").page.name == "sign_in/login"
    assert [event.fields["account"] for event in world.events("account.displaced")] == [taken.id]


def test_an_account_that_proved_its_address_is_displaced_by_nobody(world: World) -> None:
    """R24."""
    owner = world.browser()
    ask_by_mail(owner, DANA, "dana.example@example.com")
    finish(owner, mailed_code(world, "dana.example@example.com"), "dana.q")
    other = world.browser()
    ask_by_mail(other, DANA, "dana.example@example.com")
    assert not any("activation code" in mail.subject for mail in world.mails()[:1])
    assert account_of(world, "dana.q").state == "active"
