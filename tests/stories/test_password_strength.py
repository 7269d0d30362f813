"""How strong a password looks while it is typed: who may ask, how often, and what the answer says."""

import io
import itertools
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http_browser import Browser
from tests.members import join
from tests.registrants import DANA, ask_on_screen
from tests.relying_party import on_sqlite, sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_ADDRESS = "/password/strength"
_numbers = itertools.count(1)


def _ask(browser: Browser, typed: str, **more: str) -> dict[str, Any]:
    token = browser.page.form("new_password").fields["csrf_token"]
    page = browser.page
    browser.post(_ADDRESS, {"csrf_token": token, "new_password": typed, **more})
    told: dict[str, Any] = json.loads(browser.response.get_data(as_text=True)) if browser.status == 200 else {}
    browser.page = page
    return told


def _registering(world: World) -> Browser:
    browser = world.browser(address=f"198.51.100.{next(_numbers) % 200}")
    browser.submit(activation_code=ask_on_screen(browser, DANA), button="activate-submit")
    assert browser.page.name == "registration/account"
    return browser


def _changing(world: World, *, totp: bool = False) -> Browser:
    browser = sign_in(world, join(world.services, totp=totp)).open("/account/password")
    assert browser.page.name == "account/password"
    return browser


@pytest.mark.parametrize("way", [_registering, _changing])
def test_who_chooses_a_password_hears_how_it_is(world: World, way: Any) -> None:
    """R6: by the same rules as the form, which alone refuses."""
    browser = way(world)
    assert _ask(browser, "blue kettle over Tuesday") == {"score": 4, "words": "Strong."}
    assert browser.response.headers["Cache-Control"] == "no-store"
    assert browser.response.content_type == "application/json"
    for refused, words in [
        ("q8#rT2v!Lm5@xZ", "too short"),
        ("passwordpassword", "easy to guess"),
        ("z" * 300, "too long"),
        ("", "too short"),
    ]:
        told = _ask(browser, refused)
        assert told["score"] == 0, refused
        assert words in told["words"]
    assert _ask(browser, "my dogs are 1234 dogs")["score"] >= 1


def test_the_persons_own_words_count(world: World) -> None:
    """R6: the username of the same form, and what the account holds."""
    registering = _registering(world)
    assert "easy to guess" in _ask(registering, "zbygniew-brzeski", new_username="zbygniew.brzeski")["words"]
    assert "easy to guess" not in _ask(registering, "zbygniew-brzeski", new_username="dana")["words"]
    assert "easy to guess" in _ask(_changing(world), "maria-rivera-2026")["words"]


def test_beside_a_second_factor_a_shorter_one_is_not_called_too_short(world: World) -> None:
    """R1."""
    browser = _changing(world, totp=True)
    assert _ask(browser, "q8#rT2v!")["score"] > 0
    assert "Use 8 characters" in _ask(browser, "q8#rT2v")["words"]


def test_a_stranger_is_refused(world: World) -> None:
    """R93: neither without anything, nor in the middle of a registration that is not at a password yet."""
    browser = world.browser().open("/login")
    token = browser.page.form("username").fields["csrf_token"]
    browser.post(_ADDRESS, {"csrf_token": token, "new_password": "blue kettle over Tuesday"})
    assert (browser.status, browser.page.error) == (410, "journey_gone")
    browser.open("/register").submit(level="basic")
    token = browser.page.form("given_name").fields["csrf_token"]
    browser.post(_ADDRESS, {"csrf_token": token, "new_password": "blue kettle over Tuesday"})
    assert (browser.status, browser.page.error) == (410, "journey_gone")


def test_another_site_cannot_ask(world: World) -> None:
    """R92."""
    browser = _changing(world)
    token = browser.page.form("new_password").fields["csrf_token"]
    assert browser.post(_ADDRESS, {"new_password": "x"}).status == 400
    fields = {"csrf_token": token, "new_password": "x"}
    assert browser.post(_ADDRESS, fields, **{"Sec-Fetch-Site": "cross-site"}).status == 400


def test_asking_is_counted_and_the_form_works_on(world: World) -> None:
    """R20: for the account, in whichever browser; who is over it hears nothing and may choose all the same."""
    with time_machine.travel(_START, tick=False) as hand:
        browser = _changing(world)
        for _ in range(120):
            assert _ask(browser, "short")
        assert _ask(browser, "short") == {}
        assert browser.status == 429
        assert "words" not in browser.response.get_data(as_text=True)
        assert int(browser.response.headers["Retry-After"]) > 0
        hand.shift(timedelta(minutes=3))
        browser.open("/account/password")
        assert _ask(browser, "short") == {}
        browser.submit(current_password="blue kettle over Tuesday", new_password="green lantern under Friday")
        assert browser.address == "/account?done=password"
        hand.shift(timedelta(minutes=8))
        assert sign_in_again(world).open("/account/password").page.name == "account/password"


def sign_in_again(world: World) -> Browser:
    """The same person in another browser."""
    browser = world.browser().open("/login")
    return browser.submit(username="maria.rivera", password="green lantern under Friday")


@on_sqlite
def test_whatever_is_typed_gets_an_answer(world: World) -> None:
    """R104: never a fault."""
    browser = _changing(world)

    @settings(max_examples=60, deadline=None, database=None)
    @given(typed=st.text(max_size=400), name=st.text(max_size=100))
    def answered(typed: str, name: str) -> None:
        assert _ask(browser, typed, new_username=name)["score"] in range(5)

    answered()


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"csrf_token=%s",
        b"csrf_token=%s&new_password=%%00",
        b"csrf_token=%s&new_password=%%ff%%fe%%ed%%a0%%80",
        b"csrf_token=%s&new_password=a&new_password=b&new_username[]=c",
        b"csrf_token=%s&new_password=" + b"4%%40" * 6_000,
        b"csrf_token=%s&new_password=" + b"x" * 70_000,
        b"csrf_token=%s&" + b"a=b&" * 500,
    ],
)
def test_a_hostile_body_is_no_fault(world: World, body: bytes) -> None:
    """R104."""
    browser = _changing(world)
    token = browser.page.form("new_password").fields["csrf_token"].encode()
    browser.post(_ADDRESS, body % token, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert browser.status in {200, 400, 413}


@on_sqlite
def test_nothing_of_it_is_logged_or_kept(world: World) -> None:
    """R77."""
    root = logging.getLogger()
    heard = io.StringIO()
    handler, level = logging.StreamHandler(heard), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        browser = _changing(world)
        before = len(world.events())
        assert _ask(browser, "marzipan hovercraft lullaby")["score"] == 4
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "marzipan" not in heard.getvalue()
    assert len(world.events()) == before


@on_sqlite
def test_the_pages_bring_the_script_and_work_without_it(world: World) -> None:
    """R9, R94: its own file, nothing inline; hidden until the script shows it."""
    for browser in (_registering(world), _changing(world)):
        html = browser.page.html
        assert "/static/strength." in html
        assert 'hidden data-strength="new_password"' in html
        assert 'role="status" aria-live="polite"' in html
        assert 'autocomplete="new-password"' in html
        assert "maxlength" not in html.split('name="new_password"')[1].split(">")[0]
        assert "onpaste" not in html
