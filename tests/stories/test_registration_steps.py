"""The steps of a registration cannot be skipped, and going back, clicking twice and coming late end on the right page (R57)."""

import re
from datetime import timedelta

import pytest
import time_machine

from idp import clock
from idp.accounts.accounts import Account
from idp.db import list_rows
from idp.journeys.engine import JourneyRow
from tests.http_browser import Browser
from tests.registrants import DANA, PASSWORD, ROBIN, ask_on_screen, finish, identify, mailed_code, register
from tests.world import World

PAGES = ["/register/identity", "/register/delivery", "/register/code", "/activate", "/register/account"]


def walk(world: World, steps: int) -> Browser:
    """A browser that has gone this many steps."""
    browser = world.browser()
    if steps >= 1:
        browser.open("/register").submit(level="basic")
    if steps >= 2:
        browser.submit(**DANA.fields)
    if steps >= 3:
        browser.submit(delivery="screen")
    if steps >= 4:
        code = browser.page.ids["screen-code"]
        browser.submit().submit(activation_code=code)
    return browser


SHOWN = {
    1: ["/register/identity", "/register/identity", "/register/identity", "/activate", "/register/identity"],
    2: ["/register/identity", "/register/delivery", "/register/delivery", "/activate", "/register/delivery"],
    3: ["/register/identity", "/register/delivery", "/register/code", "/activate", "/activate"],
    4: ["/register/account"] * 5,
}


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_every_page_shows_itself_or_leads_to_the_page_of_the_present_step(world: World, steps: int) -> None:
    browser = walk(world, steps)
    assert [browser.open(page).address for page in PAGES] == SHOWN[steps]
    assert browser.status == 200


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_no_form_of_a_later_step_does_anything(world: World, steps: int) -> None:
    browser = walk(world, steps)
    token = browser.open(PAGES[0]).page.form("csrf_token").fields["csrf_token"]
    later = {1: [1, 2, 4], 2: [2, 4], 3: [4]}[steps]
    for number in later:
        browser.post(
            PAGES[number],
            {
                "csrf_token": token,
                "delivery": "screen",
                "new_username": "dana.q",
                "new_password": PASSWORD,
            },
        )
        assert browser.address == SHOWN[steps][number]
    with world.services.db.read() as conn:
        assert list_rows(conn, Account) == []
    if steps < 3:
        assert world.events("activation_code.issued") == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/activate"])
def test_without_a_journey_every_step_says_to_start_again(world: World, page: str) -> None:
    browser = world.browser().open(page)
    assert (browser.status, browser.page.error) == (410, "journey_gone")
    assert "/register" in browser.page.links


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/activate"])
def test_with_an_invented_or_ended_handle_too(world: World, page: str) -> None:
    browser = world.browser()
    browser.client.set_cookie("idp_journey", "x" * 43, domain="localhost")
    assert browser.open(page).status == 410


def test_a_journey_that_ran_out_of_time_says_so_and_a_new_one_starts_at_once(world: World) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        browser = walk(world, 2)
        traveller.shift(timedelta(minutes=46))
        browser.submit(delivery="screen")
        assert (browser.status, browser.page.error) == (410, "journey_gone")
        register(browser, DANA, "dana.q")
        assert browser.page.name == "account/show"


def test_going_back_to_correct_the_details_forgets_what_followed(world: World) -> None:
    browser = world.browser()
    older = ask_on_screen(browser, ROBIN)
    browser.open("/register/identity").submit(**DANA.fields)
    assert browser.address == "/register/delivery"
    other = world.browser().open("/activate").submit(activation_code=older)
    assert (other.status, other.page.error) == (422, "wrong_code")
    browser.submit(delivery="screen")
    code = browser.page.ids["screen-code"]
    finish(browser.open("/activate"), code, "dana.q")
    (account,) = world.events("account.created")
    (matched,) = {event.fields["id_kind"] for event in world.events("eligibility.matched")}
    assert (account.fields["level"], matched) == (1, "ssn")


def test_a_form_from_before_the_last_move_leads_on_and_does_nothing(world: World) -> None:
    """A second click, or another tab."""
    browser = world.browser().open("/register").submit(level="basic")
    form = {**browser.page.form("id_number").fields, **DANA.fields}
    browser.post("/register/identity", form)
    browser.post("/register/identity", form)
    assert browser.address == "/register/delivery"
    assert len(world.events("eligibility.matched")) == 1
    form = {**browser.page.form("delivery").fields, "delivery": "email", "email": "dana@home.example"}
    browser.post("/register/delivery", form)
    browser.post("/register/delivery", form)
    assert browser.address == "/activate"
    assert len(world.mails()) == 1
    form = {**browser.page.form("activation_code").fields, "activation_code": mailed_code(world, "dana@home.example")}
    browser.post("/activate", form)
    browser.post("/activate", form)
    assert browser.address == "/register/account"
    assert len(world.events("activation_code.redeemed")) == 1


def test_a_second_click_on_the_last_step_is_told_that_the_account_is_ready(world: World) -> None:
    browser = walk(world, 4)
    journey = browser.cookie("idp_journey")
    assert journey is not None
    form = {**browser.page.form("new_username").fields, "new_username": "dana.q", "new_password": PASSWORD}
    browser.post("/register/account", form)
    assert browser.page.name == "account/show"
    browser.client.set_cookie("idp_journey", journey, domain="localhost")
    browser.open("/register/account")
    assert browser.address == "/account", "signed in: on to the account"
    browser.client.delete_cookie("idp_session", domain="localhost")
    browser.open("/register/account")
    assert (browser.status, browser.page.error) == (409, "already_done")
    assert "/login" in browser.page.links
    assert len(world.events("account.created")) == 1


def test_opening_pages_changes_nothing(world: World) -> None:
    """R58: a mail scanner, a reload or a prefetch does nothing."""
    browser = walk(world, 3)
    code = browser.page.ids["screen-code"]
    with world.services.db.read() as conn:
        before = [(row.version, row.state) for row in list_rows(conn, JourneyRow)]
    events = len(world.events())
    for page in (*PAGES, "/register", f"/activate?activation_code={code}"):
        world.browser().open(page)
        browser.open(page)
    with world.services.db.read() as conn:
        assert [(row.version, row.state) for row in list_rows(conn, JourneyRow)] == before
    assert len(world.events()) == events


def test_the_handle_of_anothers_journey_is_all_that_opens_it(world: World) -> None:
    """R57: ids of journeys are in the log; they open nothing."""
    walk(world, 3)
    journey = world.events("registration.started")[0].journey
    assert journey is not None
    thief = world.browser()
    thief.client.set_cookie("idp_journey", journey, domain="localhost")
    assert thief.open("/register/code").status == 410


def test_pages_that_hold_personal_details_are_kept_by_no_browser_or_proxy(world: World) -> None:
    """R78, R91."""
    browser = walk(world, 1)
    assert browser.response.headers["Cache-Control"] == "no-store"
    (control,) = re.findall(r'<input[^>]*id="id_number"[^>]*>', browser.page.html)
    assert 'autocomplete="off"' in control
    assert DANA.id_number not in identify(browser, DANA).address
