"""The steps of an upgrade and their limits: questions and codes under repetition, out of time, and with another person's handle."""

from dataclasses import replace
from datetime import timedelta

import time_machine

from idp import clock
from idp.db import list_rows
from idp.ports import Applicant, Changes, Claimed, Directory, Known, Matched, NoMatch, PortDown, Quiz
from idp.proofing import held_numbers
from idp.proofing.held_numbers import HeldNumber
from idp.proofing.policy import Method
from tests import authenticator
from tests.http_browser import Browser
from tests.registrants import DANA, MAX, PASSWORD, ROBIN, STRANGER, ask_by_mail, finish, identify, mailed_code, register
from tests.relying_party import on_sqlite
from tests.upgraders import (
    account_of,
    answer_all,
    code_of_letter,
    code_of_record,
    enroll,
    held_by,
    options,
    right_answer,
    start,
    to_the_questions,
    toward,
)
from tests.world import World


def test_wrong_answers_are_told_as_one_and_two_tries_are_a_day(world: World) -> None:
    """R66: never which one; after two tries a day's wait, three in all; another way stays open."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, DANA, "dana.q")
        start(browser, DANA)
        seen = set()
        for number in (0, 3):
            browser.submit(delivery="email")
            answer_all(browser, DANA.id_number, wrong=number)
            assert browser.page.name == "upgrade/way"
            seen.add(browser.page.text.partition("Choose how")[0])
        assert len(seen) == 1
        assert "You have used up your tries" in browser.page.text
        browser.submit(delivery="post")
        assert browser.page.name == "upgrade/address"
        traveller.shift(timedelta(hours=24, minutes=1))
        browser.open("/login").submit(username="dana.q", password="seven green lanterns in a row")
        start(browser, DANA).submit(delivery="email")
        answer_all(browser, DANA.id_number, wrong=1)
        traveller.shift(timedelta(days=400))
        browser.open("/login").submit(username="dana.q", password="seven green lanterns in a row")
        start(browser, DANA)
        assert "You have used up your tries" in browser.page.text
        assert [event.fields["why"] for event in world.events("kbv.failed")] == ["answers_wrong"] * 3
        assert Method.KBV not in held_by(world, "dana.q")


def test_a_question_has_two_minutes_and_a_reload_shows_the_same(world: World) -> None:
    """R66: drawn once; time that ran out is a failed try; opening the page changes nothing (R58)."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        to_the_questions(browser, DANA, "dana.q")
        shown = options(browser)
        traveller.shift(timedelta(seconds=119))
        assert options(browser.open("/upgrade/questions")) == shown
        browser.submit(answer=right_answer(browser, DANA.id_number), button="question-submit")
        assert browser.page.h1 == ["Question 2 of 4"]
        traveller.shift(timedelta(seconds=126))
        assert browser.open("/upgrade/questions").page.h1 == ["The time is over"]
        assert world.events("kbv.failed") == []
        browser.submit(button="question-over")
        assert browser.page.name == "upgrade/way"
        assert [event.fields["why"] for event in world.events("kbv.failed")] == ["out_of_time"]


def test_right_answers_come_too_late_and_count_no_more(world: World) -> None:
    """R66: the time is judged when the answer comes, whatever the page shows."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        to_the_questions(browser, DANA, "dana.q")
        right = right_answer(browser, DANA.id_number)
        traveller.shift(timedelta(minutes=3))
        browser.submit(answer=right, button="question-submit")
        assert browser.page.name == "upgrade/way"
        assert Method.KBV not in held_by(world, "dana.q")


def test_whoever_stops_before_the_first_question_has_used_no_try_and_after_it_one(world: World) -> None:
    """The way out of the questions is on each page, and its price is said there."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email").submit(button="questions-stop")
    assert (browser.page.name, world.events("kbv.failed")) == ("upgrade/way", [])
    browser.submit(delivery="email").submit(button="questions-start")
    assert "counts as a try" in browser.page.text
    browser.submit(button="questions-stop")
    assert [event.fields["why"] for event in world.events("kbv.failed")] == ["stopped"]


def test_the_back_button_and_a_second_tab_answer_no_question_twice(world: World) -> None:
    """R57: a form of a page that has been answered leads to the question that is open."""
    browser = world.browser()
    to_the_questions(browser, DANA, "dana.q")
    first = browser.page
    browser.submit(answer=right_answer(browser, DANA.id_number), button="question-submit")
    second = browser.page.text
    browser.page = first
    browser.submit(answer="0", button="question-submit")
    assert browser.page.text == second
    browser.open("/upgrade/way")
    assert browser.page.text == second
    browser.open("/upgrade/address")
    assert browser.page.text == second


def test_no_step_can_be_skipped(world: World) -> None:
    """R57: pages further on lead back to where the upgrade stands; without one, to its start."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    for page in ("way", "questions", "address", "identity"):
        assert browser.open(f"/upgrade/{page}").page.name == "upgrade/start"
        assert browser.post(f"/upgrade/{page}", {"delivery": "post", "answer": "0"}).status == 400  # no form token
    browser.open("/upgrade").submit(button="upgrade-start")
    for page in ("way", "questions", "address"):
        assert browser.open(f"/upgrade/{page}").page.name == "upgrade/identity"
    browser.submit(**DANA.fields)
    for page in ("questions", "address"):
        assert browser.open(f"/upgrade/{page}").page.name == "upgrade/way"


def test_somebody_elses_details_upgrade_nobody(world: World) -> None:
    """R61: a match of another person is refused as any other claim, and the log has an alarm."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, replace(DANA, born=(1984, 2, 11)))
    wrong = (browser.status, browser.page.name, browser.page.error, browser.page.text)
    browser.submit(**ROBIN.fields)
    assert (browser.status, browser.page.name, browser.page.error, browser.page.text) == wrong
    assert wrong[:3] == (422, "upgrade/identity", "not_matched")
    assert [event.fields["why"] for event in world.events("eligibility.refused")] == [
        "birth_date_differs",
        "another_person",
    ]


def test_anothers_upgrade_opens_nothing(world: World) -> None:
    """R57: the handle opens only beside the sign-in that began it."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA)
    other = world.browser()
    register(other, ROBIN, "robin.example")
    other.client.set_cookie("idp_upgrade", browser.cookie("idp_upgrade") or "", domain="localhost")
    assert other.open("/upgrade/way").page.name == "upgrade/start"
    # The same person signed in elsewhere begins their own.
    again = world.browser()
    again.open("/login").submit(username="dana.q", password="seven green lanterns in a row")
    again.client.set_cookie("idp_upgrade", browser.cookie("idp_upgrade") or "", domain="localhost")
    assert again.open("/upgrade/way").page.name == "upgrade/start"


def test_five_wrong_tries_kill_the_code_of_record(world: World) -> None:
    """R68."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    code = code_of_record(world, "dana.example@example.com")
    for _ in range(5):
        browser.submit(activation_code="00000-00000", button="activate-submit")
        assert (browser.status, browser.page.error) == (422, "wrong_code")
    browser.submit(activation_code=code, button="activate-submit")
    assert (browser.status, browser.page.error) == (422, "code_dead")
    assert Method.CODE_EMAIL_OF_RECORD not in held_by(world, "dana.q")
    # A new one works.
    browser.open("/upgrade/address").submit(button="upgrade-submit")
    browser.submit(activation_code=code_of_record(world, "dana.example@example.com"), button="activate-submit")
    assert Method.CODE_EMAIL_OF_RECORD in held_by(world, "dana.q")


def test_a_code_works_once_and_for_its_own_account_alone(world: World) -> None:
    """R55, R68."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    code = code_of_record(world, "dana.example@example.com")
    other = world.browser()
    register(other, ROBIN, "robin.example")
    other.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
    assert other.page.error == "wrong_code"
    browser.submit(activation_code=code, button="activate-submit")
    browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
    assert browser.page.error == "wrong_code"


def test_right_answers_wait_a_day_for_their_code(world: World) -> None:
    """They never stand alone, nor for ever: DESIGN's "KBV passed and a code by e-mail"."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, DANA, "dana.q")
        start(browser, DANA).submit(delivery="email")
        answer_all(browser, DANA.id_number)
        assert Method.KBV in toward(world, "dana.q")
        assert Method.KBV not in held_by(world, "dana.q")
        traveller.shift(timedelta(hours=24, seconds=1))
        assert Method.KBV not in toward(world, "dana.q")


def test_the_number_is_held_for_the_questions_and_then_erased(world: World) -> None:
    """R76: sealed, for less than half an hour, and gone when the questions are answered."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, DANA, "dana.q")
        start(browser, DANA).submit(delivery="email")
        assert len(_held(world)) == 1
        assert DANA.id_number.encode() not in _held(world)[0].sealed
        answer_all(browser, DANA.id_number)
        assert _held(world) == []
        start(browser, DANA)
        traveller.shift(timedelta(minutes=25))
        world.services.db.write(held_numbers.sweep)
        assert _held(world) == []
        # Where the number is gone and not needed any more, the way is open; where it is needed, the page says so.
        assert browser.open("/upgrade/way").page.name == "upgrade/way"


@on_sqlite
def test_without_the_number_the_page_says_how_to_get_to_the_questions(world: World) -> None:
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, replace(DANA, id_kind="dod_id", id_number="9900000015"))
    assert "we need your Social Security number" in browser.page.text


def test_a_number_is_only_asked_about_with_the_person_whom_it_led_to(world: World) -> None:
    """R61, R76: whoever corrects their details with another number takes the first one out of the journey."""
    browser = world.browser()
    identify(browser, replace(STRANGER, id_number="900111222"), level="premium")
    assert len(_held(world)) == 1
    browser.open("/register/identity").submit(**{**DANA.fields, "id_kind": "dod_id", "id_number": "9900000015"})
    assert _held(world) == []
    browser.submit(delivery="screen", email="")
    finish(browser, _shown_code(browser), "dana.q")
    assert "we need your Social Security number" in browser.page.text


def _shown_code(browser: Browser) -> str:
    code = browser.page.ids["screen-code"]
    browser.submit(button="register-submit")
    return code


def test_an_old_proof_is_not_worth_what_a_new_app_would_make_of_it(world: World) -> None:
    """A proof waits a week for the factor: whoever comes with one later may only know the password."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        register(browser, MAX, "max.oneil")
        start(browser, MAX).submit(delivery="post").submit(button="upgrade-submit")
        browser.submit(activation_code=code_of_letter(world), button="activate-submit")
        assert browser.page.name == "second_factor/enrol"
        traveller.shift(timedelta(days=7, seconds=1))
        thief = world.browser()
        thief.open("/login").submit(username="max.oneil", password=PASSWORD)
        thief.open("/account/second-factor")
        enroll(thief)
        assert account_of(world, "max.oneil").level == 1
        assert "(missing)" in thief.open("/upgrade").page.ids["premium-parts"]


def test_an_old_code_does_not_carry_new_answers(world: World) -> None:
    """KBV never stands alone: the code that belongs to the answers comes within a day of them."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = world.browser()
        ask_by_mail(browser, DANA, "dana.example@example.com")
        finish(browser, mailed_code(world, "dana.example@example.com"), "dana.q")
        browser.open("/account/second-factor")
        secret = enroll(browser)
        traveller.shift(timedelta(days=2))
        again = world.browser()
        again.open("/login").submit(username="dana.q", password=PASSWORD)
        again.submit(code=authenticator.code(secret), button="code-submit")
        start(again, DANA).submit(delivery="email")
        answer_all(again, DANA.id_number)
        assert again.page.name == "upgrade/address"
        assert account_of(world, "dana.q").level == 1
        again.submit(button="upgrade-submit")
        again.submit(activation_code=code_of_record(world, "dana.example@example.com"), button="activate-submit")
        assert account_of(world, "dana.q").level == 2


class Doubtful:
    """An authority that still answers, and vouches for nobody."""

    def __init__(self, asked: Directory) -> None:
        self._asked = asked

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        return self._asked.match(claimed)

    def find(self, edipi: str) -> Known | None:
        found = self._asked.find(edipi)
        return None if found is None else replace(found, conflict=True)

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        return self._asked.list_changes(after, most=most)

    def count(self) -> int:
        return self._asked.count()


class Gone(Doubtful):
    """An authority that knows who somebody is, and then does not answer."""

    def find(self, edipi: str) -> Known | None:
        raise PortDown(f"no answer about one of {len(edipi)} digits")


@on_sqlite
def test_for_whom_deers_vouches_no_longer_nothing_goes_on_and_it_says_so(world: World) -> None:
    """An identity conflict that came up after the registration: no dead end, and no level."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    code = code_of_record(world, "dana.example@example.com")
    world.app.extensions["services"] = replace(world.services, directory=Doubtful(world.services.directory))
    browser.submit(activation_code=code, button="activate-submit")
    assert (browser.status, browser.page.error) == (422, "not_vouched")
    assert "DEERS cannot confirm" in browser.open("/upgrade/way").page.text
    assert Method.CODE_EMAIL_OF_RECORD not in held_by(world, "dana.q")


@on_sqlite
def test_while_deers_does_not_answer_nobody_is_charged(world: World) -> None:
    """R79: 503 and the code still works; nothing is half-made."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    answer_all(browser, DANA.id_number).submit(button="upgrade-submit")
    code = code_of_record(world, "dana.example@example.com")
    world.app.extensions["services"] = replace(world.services, directory=Gone(world.services.directory))
    form = browser.page
    for _ in range(7):
        browser.page = form
        browser.submit(activation_code=code, button="activate-submit")
        assert browser.status == 503
    world.app.extensions["services"] = world.services
    browser.page = form
    browser.submit(activation_code=code, button="activate-submit")
    assert Method.CODE_EMAIL_OF_RECORD in held_by(world, "dana.q")


class Silent:
    """A vendor that does not answer."""

    def draw(self, applicant: Applicant) -> Quiz | None:
        raise PortDown(f"no questions for {applicant}")

    def judge(self, applicant: Applicant, reference: str, chosen: tuple[int, ...]) -> bool:
        raise PortDown(f"no verdict for {applicant}, {len(reference)}, {len(chosen)}")


def test_a_vendor_that_does_not_answer_costs_no_try(world: World) -> None:
    """R79: at the draw, and at the verdict, where the answers wait without a clock."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA)
    world.app.extensions["services"] = replace(world.services, kbv=Silent())
    for _ in range(4):
        browser.submit(delivery="email").submit(button="questions-start")
        assert (browser.status, browser.page.name) == (503, "upgrade/way")
        assert "not counted as a try" in browser.page.text
    world.app.extensions["services"] = world.services
    browser.submit(delivery="email").submit(button="questions-start")
    for _ in range(3):
        browser.submit(answer=right_answer(browser, DANA.id_number), button="question-submit")
    world.app.extensions["services"] = replace(world.services, kbv=Silent())
    last = right_answer(browser, DANA.id_number)
    browser.submit(answer=last, button="question-submit")
    assert (browser.status, browser.page.name) == (503, "upgrade/handed_in")
    browser.submit(button="question-judge")
    assert (browser.status, browser.page.name) == (503, "upgrade/handed_in")
    world.app.extensions["services"] = world.services
    browser.submit(button="question-judge")
    assert browser.page.name == "upgrade/address"
    assert Method.KBV in toward(world, "dana.q")
    assert world.events("kbv.failed") == []


def _held(world: World) -> list[HeldNumber]:
    with world.services.db.read() as conn:
        return list_rows(conn, HeldNumber)
