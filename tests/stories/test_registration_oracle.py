"""Nobody learns from a registration whether a person exists, how they are on file, or whether they have an account (R63)."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from idp import clock
from idp.directory import cast, load
from tests.http_browser import Browser
from tests.oracle import seen, statements
from tests.registrants import (
    CONFLICTED,
    DANA,
    DECEASED,
    MAX,
    ROBIN,
    STRANGER,
    WRONG_BIRTH_DATE,
    WRONG_NAME,
    Registrant,
    ask_by_mail,
    finish,
    identify,
    mailed_code,
    register,
)
from tests.relying_party import on_sqlite
from tests.world import World

pytestmark = on_sqlite

REFUSALS = [
    "stranger",
    "wrong birth date",
    "wrong name",
    "deceased",
    "conflict",
    "ambiguous",
    "child",
    "registered",
    "registered and proven",
]


def somebody(world: World, case: str) -> Registrant:
    """A claim that opens nothing, for this reason."""
    if case == "registered":
        register(world.browser(address="203.0.113.50"), ROBIN, "robin.e")
        return ROBIN
    if case == "registered and proven":
        owner = world.browser(address="203.0.113.50")
        ask_by_mail(owner, ROBIN, "robin.example@example.net")
        finish(owner, mailed_code(world, "robin.example@example.net"), "robin.e")
        return ROBIN
    if case == "ambiguous":
        robin = next(one for one in cast.people(clock.now().date()) if one.person == cast.ROBIN)
        twin = robin.model_copy(update={"person": "twin", "edipi": "9900000501", "dbn": None})
        load.load_people(world.services.db, world.services.keyring, [twin], actor="operator:test")
        return ROBIN
    if case == "child":
        kit = next(one for one in cast.people(clock.now().date()) if one.person == cast.KIT)
        born = kit.birth_date
        return Registrant(kit.given_name, kit.family_name, (born.year, born.month, born.day), kit.edipi, "dod_id")
    return {
        "stranger": STRANGER,
        "wrong birth date": WRONG_BIRTH_DATE,
        "wrong name": WRONG_NAME,
        "deceased": DECEASED,
        "conflict": CONFLICTED,
    }[case]


@pytest.mark.parametrize("case", REFUSALS)
def test_every_page_of_the_mail_road_is_the_same_to_the_byte(world: World, case: str) -> None:
    nobody = somebody(world, case)
    known, unknown = world.browser(), world.browser()
    for step in (
        identify,
        lambda browser, _: browser.submit(delivery="email", email="someone@home.example"),
        lambda browser, _: browser.submit(activation_code="00000-00000"),
        lambda browser, _: browser.open("/register/code"),
        lambda browser, _: browser.open("/register/account"),
        lambda browser, _: browser.open("/register/delivery").submit(delivery="email", email="someone@home.example"),
    ):
        step(known, DANA)
        step(unknown, nobody)
        assert seen(known) == seen(unknown)


@pytest.mark.parametrize("case", REFUSALS)
def test_the_same_statements_run_whoever_is_asked_for(world: World, case: str) -> None:
    """Equal work: the answers differ in values only."""
    nobody = somebody(world, case)
    told = {}
    for name, who in (("known", DANA), ("unknown", nobody)):
        browser = world.browser().open("/register").submit(level="basic")
        with statements(world) as identified:
            browser.submit(**who.fields)
        with statements(world) as mailed:
            browser.submit(delivery="email", email=f"{name}@home.example")
        told[name] = (identified, mailed)
    assert told["known"][0] == told["unknown"][0]
    if "registered" not in case:  # the owner of the account gets a notice besides
        assert told["known"][1] == told["unknown"][1]


@pytest.mark.parametrize("case", REFUSALS)
def test_on_the_screen_every_refusal_is_one_page_and_the_log_knows_why(world: World, case: str) -> None:
    """The screen is an admitted oracle of one bit (docs/adr/0008)."""
    nobody = somebody(world, case)
    refused, other = world.browser(), world.browser()
    identify(refused, nobody).submit(delivery="screen")
    identify(other, replace(STRANGER, given_name="Other")).submit(delivery="screen")
    assert (refused.status, refused.page.error, refused.page.name) == (422, "not_matched", "registration/not_matched")
    assert seen(refused) == seen(other)
    why = world.events("eligibility.refused")[-2].fields["why"]
    assert (
        why
        == {
            "stranger": "no_such_number",
            "wrong birth date": "birth_date_differs",
            "wrong name": "name_differs",
            "deceased": "deceased",
            "conflict": "conflict",
            "ambiguous": "ambiguous",
            "child": "too_young",
            "registered": "already_registered",
            "registered and proven": "already_registered",
        }[case]
    )


def test_a_refused_person_corrects_their_details_and_goes_on(world: World) -> None:
    browser = identify(world.browser(), WRONG_BIRTH_DATE).submit(delivery="screen")
    assert "/register/identity" in browser.page.links
    browser.open("/register/identity").submit(**DANA.fields)
    browser.submit(delivery="screen")
    finish(browser.open("/register/code").submit(), browser_code(browser), "dana.q")
    assert browser.page.name == "account/show"


def browser_code(browser: Browser) -> str:
    browser.open("/register/code")
    code = browser.page.ids["screen-code"]
    browser.submit(button="register-submit")
    return code


def test_whoever_is_not_matched_gets_a_mail_that_says_what_to_do_next(world: World) -> None:
    """A typed address gets an answer either way, and one text for every reason (docs/adr/0008)."""
    for number, case in enumerate(("stranger", "wrong name", "deceased", "conflict", "ambiguous")):
        ask_by_mail(world.browser(), somebody(world, case), f"someone{number}@home.example")
    mails = world.mails()
    assert len(mails) == 5
    assert len({(mail.subject, mail.text) for mail in mails}) == 1
    assert mails[0].subject == "We could not match your details"
    assert "/help#register" in mails[0].text


def test_the_owner_of_an_account_hears_that_somebody_tried_and_the_typed_address_hears_nothing_of_it(
    world: World,
) -> None:
    """R71."""
    owner = world.browser(address="203.0.113.50")
    ask_by_mail(owner, ROBIN, "robin@home.example")
    finish(owner, mailed_code(world, "robin@home.example"), "robin.e")
    ask_by_mail(world.browser(), ROBIN, "thief@elsewhere.example")
    newest = {mail.to: mail.subject for mail in reversed(world.mails())}
    assert newest == {
        "robin@home.example": "Somebody entered your details at Guidon",
        "thief@elsewhere.example": "We could not match your details",
    }


def test_an_owner_who_forgot_their_account_gets_one_mail_that_says_so(world: World) -> None:
    owner = world.browser(address="203.0.113.50")
    ask_by_mail(owner, ROBIN, "robin@home.example")
    finish(owner, mailed_code(world, "robin@home.example"), "robin.e")
    before = len(world.mails())
    ask_by_mail(world.browser(), ROBIN, "Robin@Home.example")
    assert [mail.subject for mail in world.mails()][: len(world.mails()) - before] == [
        "Somebody entered your details at Guidon"
    ]


def test_notices_to_an_owner_are_few_however_often_somebody_tries(world: World) -> None:
    owner = world.browser(address="203.0.113.50")
    ask_by_mail(owner, ROBIN, "robin@home.example")
    finish(owner, mailed_code(world, "robin@home.example"), "robin.e")
    for number in range(4):
        ask_by_mail(world.browser(), ROBIN, f"thief{number}@elsewhere.example")
    notices = [mail for mail in world.mails() if mail.to == "robin@home.example" and "entered" in mail.subject]
    assert len(notices) == 3


def test_a_decoys_code_reaches_nobody_and_opens_nothing(world: World) -> None:
    ask_by_mail(world.browser(), STRANGER, "someone@home.example")
    assert not any(re.search(r"\b\w{5}-\w{5}\b", mail.text) for mail in world.mails())
    assert [event.fields for event in world.events("activation_code.issued")] == [{"delivery": "decoy"}]


def test_nothing_that_was_typed_is_kept_in_clear_or_shown_again(world: World) -> None:
    """R76, R77, R78: the number is nowhere; names, birth date and code are in no row, event or later page."""
    who = replace(MAX, id_number="900-00-0066")
    browser = world.browser()
    pages = [identify(browser, who).page.html]
    browser.submit(delivery="email", email="max@home.example")
    pages.append(browser.page.html)
    code = mailed_code(world, "max@home.example")
    finish(browser, code, "max.o")
    pages.append(browser.page.html)
    for page in pages:
        assert "900-00-0066" not in page
        assert "900000066" not in page
    for bad in ("900000066", "900-00-0066", "O'Neil", "1950-01-31", code, code.replace("-", ""), "max@home"):
        for table, row in rows(world):
            assert bad not in row, f"{bad} in {table}"


def rows(world: World) -> Iterator[tuple[str, str]]:
    inspected = sa.inspect(world.services.db.engine)
    with world.services.db.read() as conn:
        for table in inspected.get_table_names():
            for row in conn.exec_driver_sql(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of our own tables
                yield table, repr(tuple(bytes(value) if isinstance(value, memoryview) else value for value in row))


def test_a_form_that_is_shown_again_does_not_show_the_number(world: World) -> None:
    browser = world.browser().open("/register").submit(level="basic")
    browser.submit(**{**DANA.fields, "birth_day": "31"})
    assert browser.status == 422
    assert "Dana" in browser.page.html
    assert DANA.id_number not in browser.page.html
