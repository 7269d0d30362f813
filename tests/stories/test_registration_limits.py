"""How often somebody may try in a registration, whichever browser they come with, and what a code lives through."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import Connection

from idp import clock, limits
from idp.db import list_rows
from idp.journeys import match_tries, registration
from idp.journeys.engine import JourneyRow
from idp.limits import Limit, LimitCount
from idp.ports import Changes, Claimed, Directory, Known, Matched, NoMatch, PortDown
from idp.proofing.activation import ActivationCode
from tests.registrants import (
    DANA,
    ROBIN,
    STRANGER,
    WRONG_BIRTH_DATE,
    ask_by_mail,
    ask_on_screen,
    finish,
    identify,
    mailed_code,
    register,
)
from tests.world import World


def addresses(count: int) -> list[str]:
    return [f"198.51.100.{number}" for number in range(1, count + 1)]


def test_facts_of_one_number_are_guessed_at_five_times_a_day_from_anywhere(world: World) -> None:
    """R64: and the sixth is refused though it be right, so that a refusal tells nothing."""
    for address in addresses(5):
        assert identify(world.browser(address=address), WRONG_BIRTH_DATE).page.name == "registration/delivery"
    browser = identify(world.browser(address="203.0.113.1"), DANA)
    assert (browser.status, browser.page.error) == (429, "too_many_tries")
    assert browser.page.name == "registration/identity"
    assert int(browser.response.headers["Retry-After"]) > 3600
    assert identify(world.browser(address="203.0.113.1"), ROBIN).status == 200, "another number is free"


def test_right_guesses_are_counted_like_wrong_ones(world: World) -> None:
    """Else the count would tell which guess was right (R63)."""
    for address in addresses(5):
        assert identify(world.browser(address=address), DANA).status == 200
    assert identify(world.browser(), DANA).status == 429


def test_the_number_is_counted_however_it_is_written(world: World) -> None:
    for address, written in zip(addresses(5), ("900-00-0015", "900000015", "900 000015") * 2, strict=False):
        identify(world.browser(address=address), replace(WRONG_BIRTH_DATE, id_number=written))
    assert identify(world.browser(), DANA).status == 429


def test_one_address_asks_for_twenty_matches_a_day_and_gets_back_what_led_to_an_account(world: World) -> None:
    """R65: success gives back."""
    register(world.browser(), DANA, "dana.q")
    for number in range(20):
        assert identify(world.browser(), replace(STRANGER, id_number=f"9001000{number:02}")).status == 200
    assert identify(world.browser(), ROBIN).status == 429
    assert identify(world.browser(address="203.0.113.1"), ROBIN).status == 200


def test_ten_tries_with_one_number_are_all_there_are_until_the_service_center_looks_at_it(world: World) -> None:
    """R64: whoever tries, and however long they wait; the page says where to go, and not whose number it is."""
    pages = []
    for guess in (WRONG_BIRTH_DATE, STRANGER):
        with time_machine.travel(clock.now(), tick=False) as traveller:
            for _ in range(2):
                for address in addresses(5):
                    assert identify(world.browser(address=address), guess).page.name == "registration/delivery"
                traveller.shift(timedelta(hours=25))
            traveller.shift(timedelta(days=400))
            browser = identify(world.browser(address="203.0.113.9"), guess)
            assert (browser.status, browser.page.error) == (422, "tries_used_up")
            assert "Retry-After" not in browser.response.headers
            pages.append(browser.page.text)
    assert pages[0] == pages[1]
    assert "service center" in pages[0]
    assert world.events("eligibility.refused")[-1].fields["why"] == "tries_used_up"
    assert identify(world.browser(address="203.0.113.9"), ROBIN).status == 200, "another number is free"


def test_a_number_begins_anew_when_it_led_to_an_account(world: World) -> None:
    """R64: its owner has nothing left to guess, and may be matched again in years to come."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        for _ in range(2):
            for address in addresses(4):
                identify(world.browser(address=address), WRONG_BIRTH_DATE)
            traveller.shift(timedelta(hours=25))
        register(world.browser(), DANA, "dana.q")
        for address in addresses(4):
            assert identify(world.browser(address=address), DANA).status == 200


def test_when_claims_come_from_everywhere_everybody_waits_and_an_alarm_goes_off_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """R65: "later", for a right claim as well; nobody is let through unchecked, and DEERS is not asked."""
    most = Limit.MATCH_GLOBAL.value.most

    def nearly(conn: Connection) -> None:
        limits.reserve(conn, Limit.MATCH_GLOBAL, match_tries.EVERYBODY)
        conn.execute(sa.update(LimitCount).values(count=most - 1))

    world.services.db.write(nearly)
    assert not world.events("eligibility.paused")
    assert identify(world.browser(address="203.0.113.1"), STRANGER).page.name == "registration/delivery"
    with_directory(world, Down())
    for address in addresses(3):
        browser = identify(world.browser(address=address), DANA)
        assert (browser.status, browser.page.error) == (429, "too_many_tries")
        assert 0 < int(browser.response.headers["Retry-After"]) <= 3600
    assert len(world.events("eligibility.paused")) == 1
    assert [record.levelname for record in caplog.records if "claims come in from everywhere" in record.message] == [
        "ERROR"
    ]
    with_directory(world, world.services.directory)
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1), tick=False):
        assert identify(world.browser(address="203.0.113.2"), DANA).page.name == "registration/delivery"


class Down:
    """An authority that does not answer."""

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        raise PortDown(f"no answer about {claimed}")

    def find(self, edipi: str) -> Known | None:
        raise PortDown(f"no answer about one of {len(edipi)} digits")

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        raise PortDown(f"no answer about {most} changes after {after}")

    def count(self) -> int:
        raise PortDown("no answer")


def with_directory(world: World, directory: Directory) -> None:
    world.app.extensions["services"] = replace(world.services, directory=directory)


def test_nobody_is_charged_when_deers_does_not_answer(world: World) -> None:
    """R79: neutral "later" page, nothing half-made; afterwards the same journey goes on."""
    browser = world.browser().open("/register").submit(level="basic")
    with_directory(world, Down())
    for _ in range(25):
        browser.open("/register/identity").submit(**DANA.fields)
        assert browser.status == 503
        assert "Retry-After" in browser.response.headers
    with_directory(world, world.services.directory)
    browser.open("/register/identity").submit(**DANA.fields)
    assert browser.page.name == "registration/delivery"
    assert len(world.events("eligibility.matched")) == 1


def test_five_wrong_tries_kill_a_code_on_every_device(world: World) -> None:
    """R68."""
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    code = mailed_code(world, "dana@home.example")
    for _ in range(5):
        browser.submit(activation_code="11111-11111")
        assert (browser.status, browser.page.error) == (422, "wrong_code")
    other = world.browser(address="203.0.113.1").open("/activate").submit(activation_code=code)
    assert (other.status, other.page.error) == (422, "code_dead")
    browser.submit(activation_code=code)
    assert (browser.status, browser.page.error) == (422, "code_dead")
    browser.open("/register/delivery").submit(delivery="email", email="dana@home.example")
    finish(browser, mailed_code(world, "dana@home.example"), "dana.q")
    assert browser.page.name == "account/show"


def test_the_fifth_try_may_be_the_right_one(world: World) -> None:
    browser = world.browser()
    code = ask_on_screen(browser, DANA)
    for _ in range(4):
        browser.submit(activation_code="11111-11111")
    browser.submit(activation_code=code)
    assert browser.page.name == "registration/account"


def test_codes_of_nobodys_journey_are_guessed_twenty_times_a_day_from_one_address(world: World) -> None:
    """R69: after that even a right one is refused there, and works elsewhere."""
    ask_by_mail(world.browser(), DANA, "dana@home.example")
    code = mailed_code(world, "dana@home.example")
    guesser = world.browser(address="203.0.113.1")
    for _ in range(20):
        guesser.open("/activate").submit(activation_code="11111-11111")
        assert (guesser.status, guesser.page.error) == (422, "wrong_code")
    guesser.open("/activate").submit(activation_code=code)
    assert (guesser.status, guesser.page.error) == (429, "too_many_tries")
    assert "Retry-After" in guesser.response.headers
    owner = world.browser(address="203.0.113.2").open("/activate").submit(activation_code=code)
    assert owner.page.name == "registration/account"


def test_an_address_that_ran_out_of_guesses_still_takes_the_code_of_its_own_journey(world: World) -> None:
    """A clinic's network is not locked out by one guesser behind it."""
    guesser = world.browser()
    for _ in range(20):
        guesser.open("/activate").submit(activation_code="11111-11111")
    browser = world.browser()
    code = ask_on_screen(browser, DANA)
    finish(browser, code, "dana.q")
    assert browser.page.name == "account/show"


@pytest.mark.parametrize("way", ["email", "screen"])
def test_a_code_works_for_thirty_minutes(world: World, way: str) -> None:
    """R54."""
    browser = world.browser()
    with time_machine.travel(clock.now(), tick=False) as traveller:
        if way == "email":
            ask_by_mail(browser, DANA, "dana@home.example")
            code = mailed_code(world, "dana@home.example")
        else:
            code = ask_on_screen(browser, DANA)
        traveller.shift(timedelta(minutes=30))
        browser.submit(activation_code=code)
        assert (browser.status, browser.page.error) == (422, "code_dead")
        other = world.browser().open("/activate").submit(activation_code=code)
        assert (other.status, other.page.error) == (422, "wrong_code")


def test_a_code_works_a_second_before_its_end(world: World) -> None:
    browser = world.browser()
    with time_machine.travel(clock.now(), tick=False) as traveller:
        code = ask_on_screen(browser, DANA)
        traveller.shift(timedelta(minutes=29, seconds=59))
        browser.submit(activation_code=code)
        assert browser.page.name == "registration/account"


def test_a_registration_makes_three_codes_an_hour(world: World) -> None:
    browser = identify(world.browser(), DANA)
    for number in range(3):
        browser.open("/register/delivery").submit(delivery="email", email=f"dana{number}@home.example")
        assert browser.page.name == "activation/enter"
    browser.open("/register/delivery").submit(delivery="email", email="dana3@home.example")
    assert (browser.status, browser.page.error) == (429, "too_many_tries")
    finish(browser.open("/activate"), mailed_code(world, "dana2@home.example"), "dana.q")
    assert browser.page.name == "account/show"


def test_an_address_gets_three_mails_an_hour_whoever_asks_and_nobody_is_told(world: World) -> None:
    """R26: the page says the same sentence, and the code that came before still works."""
    for number in range(2):
        ask_by_mail(world.browser(), replace(STRANGER, id_number=f"90010000{number}"), "dana@home.example")
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    code = mailed_code(world, "dana@home.example")
    told = browser.page.text
    browser.open("/register/delivery").submit(delivery="email", email="dana@home.example")
    assert browser.page.text == told
    assert len(world.mails()) == 3
    finish(browser, code, "dana.q")
    assert browser.page.name == "account/show"


def test_over_the_limit_a_code_that_went_elsewhere_is_dead(world: World) -> None:
    """The address that is kept is always the one that the code went to; the answer is that to any wrong code (R63)."""
    for number in range(3):
        ask_by_mail(world.browser(), replace(STRANGER, id_number=f"90010000{number}"), "full@home.example")
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    code = mailed_code(world, "dana@home.example")
    browser.open("/register/delivery").submit(delivery="email", email="full@home.example")
    browser.submit(activation_code=code)
    assert (browser.status, browser.page.error) == (422, "wrong_code")


def test_what_was_left_behind_is_swept_away(world: World) -> None:
    """R76: facts are gone when the journey's time is over; the row and the code follow."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        ask_by_mail(world.browser(), DANA, "dana@home.example")
        traveller.shift(timedelta(minutes=45))
        world.services.db.write(registration.sweep)
        with world.services.db.read() as conn:
            assert [row.sealed for row in list_rows(conn, JourneyRow)] == [None]
        assert [event.fields for event in world.events("registration.ended")] == [{"why": "expired"}]
        traveller.shift(timedelta(days=2))
        assert world.services.db.write(registration.sweep) == 1
        with world.services.db.read() as conn:
            assert list_rows(conn, ActivationCode) == []
