"""Whatever is sent to the pages of a registration gets a page that says what is wrong; never a fault, never half a record."""

import pytest

from idp.accounts.accounts import Account
from idp.accounts.people import Person
from idp.db import list_rows
from tests.http_browser import Browser
from tests.registrants import DANA, PASSWORD, ROBIN, ask_on_screen, identify, register
from tests.relying_party import on_sqlite
from tests.world import World

pytestmark = on_sqlite

HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "{{7*7}}",
    "javascript:alert(1)",
    "' OR 1=1 --",
    "a\r\nBcc: x@example.com",
    "x" * 5_000,
    "\u202e\u200b\ufeff",
    "\ud7ff\U0010ffff",
    "é" * 300,
    "١٢٣٤٥٦٧٨٩",
    "-1",
    "1e9",
    "\uff19\uff10\uff10\uff10\uff10\uff10\uff10\uff11\uff15",
    "../../etc/passwd",
]


def refused(browser: Browser, page: str) -> None:
    assert browser.page.name == page, browser.page.text
    assert browser.status == 422
    assert browser.page.html.count("Please fix")
    assert "<script>alert" not in browser.page.html
    assert "<svg onload" not in browser.page.html


def at_identity(world: World) -> Browser:
    return world.browser().open("/register").submit(level="basic")


def test_no_kind_of_account_but_the_two_is_taken(world: World) -> None:
    """R95."""
    browser = world.browser().open("/register")
    for value in HOSTILE:
        refused(browser.submit(level=value), "registration/start")


@pytest.mark.parametrize("field", ["birth_month", "birth_day", "birth_year", "id_kind", "id_number"])
def test_no_hostile_date_kind_or_number_is_taken(world: World, field: str) -> None:
    browser = at_identity(world)
    for value in HOSTILE:
        refused(browser.submit(**{**DANA.fields, field: value}), "registration/identity")
    assert world.events("eligibility.refused") == []


@pytest.mark.parametrize("field", ["given_name", "family_name"])
def test_a_hostile_name_is_refused_or_matches_nobody(world: World, field: str) -> None:
    for number, value in enumerate(HOSTILE):
        browser = world.browser(address=f"198.51.100.{number}").open("/register").submit(level="basic")
        browser.submit(**{**DANA.fields, field: value, "id_number": f"9001000{number:02}"})
        if browser.status == 422:
            refused(browser, "registration/identity")
        else:
            assert (browser.status, browser.page.name) == (200, "registration/delivery")
    assert world.events("eligibility.matched") == []


def test_every_detail_is_needed_and_comes_once(world: World) -> None:
    browser = at_identity(world)
    for field, value in DANA.fields.items():
        refused(browser.submit(**DANA.fields, drop=(field,)), "registration/identity")
        twice = {**browser.page.form(field).fields, **DANA.fields, field: [value, value]}
        refused(browser.post("/register/identity", twice), "registration/identity")
    assert world.events("eligibility.matched") == []


def test_a_birth_date_is_a_real_day_of_the_past(world: World) -> None:
    browser = at_identity(world)
    for written in ("2 30 1984", "13 1 1984", "0 1 1984", "2 10 84", "2 10 2984", "2 10 1066"):
        month, day, year = written.split()
        browser.submit(**{**DANA.fields, "birth_month": month, "birth_day": day, "birth_year": year})
        refused(browser, "registration/identity")


def test_a_number_has_the_digits_of_its_kind(world: World) -> None:
    browser = at_identity(world)
    for kind, number in (("ssn", "90000001"), ("ssn", "9000000155"), ("dod_id", "900000015"), ("dod_id", "9" * 11)):
        refused(browser.submit(**{**DANA.fields, "id_kind": kind, "id_number": number}), "registration/identity")


def test_no_hostile_way_or_address_is_taken(world: World) -> None:
    browser = identify(world.browser(), DANA)
    for value in HOSTILE:
        refused(browser.submit(delivery=value, email="dana@home.example"), "registration/delivery")
        refused(browser.submit(delivery="email", email=value), "registration/delivery")
    assert world.mails() == []


def test_what_is_no_address_is_refused(world: World) -> None:
    browser = identify(world.browser(), DANA)
    for email in (
        "dana",
        "dana@",
        "@home.example",
        "dana@home",
        "dana@@home.example",
        "da na@home.example",
        "dana@home..example",
        "dana@-home.example",
        "<dana@home.example>",
        "dana@home.example, x@y.example",
        "dana@home.example\nBcc: x@y.example",
        "a" * 65 + "@home.example",
        "dana@" + "a" * 250 + ".example",
    ):
        refused(browser.submit(delivery="email", email=email), "registration/delivery")


def test_no_hostile_code_is_taken(world: World) -> None:
    for number, value in enumerate(HOSTILE):
        browser = world.browser(address=f"198.51.100.{number}").open("/activate")
        refused(browser.submit(activation_code=value), "activation/enter")


@pytest.fixture
def last_step(world: World) -> Browser:
    browser = world.browser()
    code = ask_on_screen(browser, DANA)
    return browser.submit(activation_code=code)


def test_no_hostile_username_is_taken(world: World, last_step: Browser) -> None:
    for value in (
        *(value for value in HOSTILE if value != "1e9"),
        "ab",
        "900-00-0015",
        "9900000015",
        "555-123-4567",
        "-dana",
        "dana.",
    ):
        refused(last_step.submit(new_username=value, new_password=PASSWORD), "registration/account")
    with world.services.db.read() as conn:
        assert list_rows(conn, Account) == []
        assert list_rows(conn, Person) == [], "nothing half-made remains"
    last_step.submit(new_username="dana.q", new_password=PASSWORD)
    assert last_step.page.name == "account/show"


def test_a_weak_or_endless_password_is_refused_and_not_shown_again(last_step: Browser) -> None:
    """R1, R2, R6."""
    for password in ("", "fourteen chars", "dana.q dana.q dana.q", "passwordpassword", "x" * 257, "x" * 20_000):
        refused(last_step.submit(new_username="dana.q", new_password=password), "registration/account")
        assert 'value="dana.q"' in last_step.page.html, "what was right is kept"
        assert not password or password not in last_step.page.html


def test_username_and_password_are_told_off_together(last_step: Browser) -> None:
    refused(last_step.submit(new_username="!", new_password="short"), "registration/account")
    assert "Please fix these 2 problems" in last_step.page.text


def test_a_taken_username_is_said_at_its_field_and_nothing_is_lost(world: World, last_step: Browser) -> None:
    register(world.browser(), ROBIN, "Robin.E")
    refused(last_step.submit(new_username="robin.e", new_password=PASSWORD), "registration/account")
    assert last_step.page.error == "username_taken"
    last_step.submit(new_username="dana.q", new_password=PASSWORD)
    assert last_step.page.name == "account/show"


@pytest.mark.parametrize("path", ["/register", "/activate"])
def test_a_form_without_its_mark_is_refused(world: World, path: str) -> None:
    """R92."""
    browser = world.browser().open(path)
    browser.post(path, {"level": "basic", "activation_code": "11111-11111"})
    assert (browser.status, browser.page.error) == (400, "stale_form")


@pytest.mark.parametrize("query", ["request=", "request=" + "a" * 5_000, "request=%00%ff", "request=//evil.example"])
def test_a_strange_request_handle_leads_to_the_account_page(world: World, query: str) -> None:
    """R96: it never becomes an address to go to."""
    browser = world.browser().open(f"/register?{query}")
    assert browser.status == 200
    browser.submit(level="basic").submit(**DANA.fields).submit(delivery="screen")
    code = browser.page.ids["screen-code"]
    browser.submit().submit(activation_code=code).submit(new_username="dana.q", new_password=PASSWORD)
    assert (browser.address, browser.left_for) == ("/account", None)
