"""Somebody who came from a client registers on the way, and is back at the client, signed in there too."""

import pytest

from tests.http_browser import Browser
from tests.registrants import DANA, PASSWORD, ask_by_mail, finish, mailed_code
from tests.relying_party import RelyingParty
from tests.world import World


@pytest.fixture
def rp(world: World) -> RelyingParty:
    return RelyingParty(world, name="The Portal")


def at_registration(world: World, rp: RelyingParty) -> Browser:
    """A browser that the client sent, on the page that explains the levels."""
    browser = world.browser().open(rp.url())
    (register,) = [link for link in browser.page.links if link.startswith("/register?request=")]
    return browser.open(register)


def test_after_the_last_step_the_person_is_back_at_the_client_with_a_code(world: World, rp: RelyingParty) -> None:
    browser = at_registration(world, rp)
    browser.submit(level="basic").submit(**DANA.fields).submit(delivery="screen")
    code = browser.page.ids["screen-code"]
    browser.submit().submit(activation_code=code)
    assert "To continue to The Portal" in browser.page.text
    # Chromium lets a form end only where the page said that it may (R94).
    assert rp.home in browser.response.headers["Content-Security-Policy"].partition("form-action")[2]
    browser.submit(new_username="dana.q", new_password=PASSWORD)
    answer = rp.answer(browser)
    assert answer["state"] == "state-1"
    assert rp.redeem(answer["code"]).status_code == 200


def test_the_request_is_never_in_the_address_of_a_step_nor_in_a_mail(world: World, rp: RelyingParty) -> None:
    browser = at_registration(world, rp)
    handle = browser.address.partition("request=")[2]
    browser.submit(level="basic")
    assert browser.address == "/register/identity"
    browser.submit(**DANA.fields).submit(delivery="email", email="dana@home.example")
    assert all(handle not in mail.text for mail in world.mails())


def test_on_another_device_the_person_ends_at_their_account(world: World, rp: RelyingParty) -> None:
    """A request is bound to the browser that brought it."""
    phone = at_registration(world, rp)
    phone.submit(level="basic").submit(**DANA.fields).submit(delivery="email", email="dana@home.example")
    laptop = world.browser(address="203.0.113.9").open("/activate")
    finish(laptop, mailed_code(world, "dana@home.example"), "dana.q")
    assert (laptop.address, laptop.left_for) == ("/account", None)


def test_anothers_request_handle_brings_nobody_to_the_client(world: World, rp: RelyingParty) -> None:
    """R57: the handle alone, sent to a victim, is worth nothing in their browser."""
    handle = at_registration(world, rp).address.partition("request=")[2]
    victim = world.browser().open(f"/register?request={handle}")
    assert "The Portal" not in victim.page.text
    victim.submit(level="basic").submit(**DANA.fields).submit(delivery="screen")
    code = victim.page.ids["screen-code"]
    finish(victim.submit(), code, "dana.q")
    assert (victim.address, victim.left_for) == ("/account", None)


def test_a_registration_without_a_client_ends_at_the_account(world: World) -> None:
    browser = world.browser()
    ask_by_mail(browser, DANA, "dana@home.example")
    finish(browser, mailed_code(world, "dana@home.example"), "dana.q")
    assert browser.address == "/account"
