"""Who wants to change how they sign in shows first, once more, that it is them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import time_machine

from tests import authenticator
from tests import passkey_user as user
from tests.members import join
from tests.passkey_device import Device
from tests.relying_party import sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def test_an_older_sign_in_is_shown_again_at_its_strongest_before_a_factor_is_changed(world: World) -> None:
    """R49, R89: password and code again, and then the page that was wanted, under a new handle."""
    member = join(world.services, totp=True)
    assert member.totp_secret is not None
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member)
        handle = browser.cookie("idp_session")
        assert browser.open("/account/second-factor").page.name == "second_factor/enrol"
        hand.shift(timedelta(minutes=6))
        browser.open("/account/second-factor")
        assert browser.page.name == "sign_in/again"
        assert member.username in browser.page.text
        browser.submit(password="another kettle over Monday")
        assert (browser.status, browser.page.error) == (422, "")
        browser.submit(password=member.password)
        assert browser.page.name == "sign_in/second_factor"
        assert browser.cookie("idp_session") == handle
        browser.submit(code=authenticator.code(member.totp_secret))
        assert (browser.page.name, browser.address) == ("second_factor/enrol", "/account/second-factor")
        assert browser.cookie("idp_session") != handle


def test_a_passkey_shows_it_too(world: World) -> None:
    """R53, R89: also for whoever forgot the password; what the browser remembers stays."""
    member, device = join(world.services), Device()
    with time_machine.travel(_START, tick=False) as hand:
        browser = user.member_with(world, member, device)
        hand.shift(timedelta(minutes=6))
        browser.open("/account/passkeys/add")
        assert browser.page.name == "sign_in/again"
        browser.submit(answer=device.answer(user.options(browser, user.TO_SIGN_IN)))
        assert browser.page.name == "passkeys/add"


def test_a_form_may_be_filled_in_a_little_longer_than_its_page_may_be_opened(world: World) -> None:
    """R89: five minutes to open, five more to send; after that nothing is changed."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member)
        browser.open("/account/recovery-codes")
        hand.shift(timedelta(minutes=9))
        browser.submit()
        assert browser.page.name == "second_factor/save_codes"
        browser.open("/account/recovery-codes")
        hand.shift(timedelta(minutes=2))
        browser.submit()
        assert browser.page.name == "sign_in/again"
    assert len(world.events("recovery_codes.made")) == 1


def test_a_first_factor_may_be_added_half_an_hour_after_the_sign_in_and_no_later(world: World) -> None:
    """R89: the upgrade takes a while, and a first factor takes nothing away."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member)
        hand.shift(timedelta(minutes=20))
        assert browser.open("/account/second-factor").page.name == "second_factor/enrol"
        hand.shift(timedelta(minutes=11))
        assert browser.open("/account/second-factor").page.name == "sign_in/again"
        browser.submit(password=member.password)
        assert browser.page.name == "second_factor/enrol"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "/nowhere", ""])
def test_the_way_back_is_a_page_of_ours(world: World, wanted: str) -> None:
    """R96: a link sends nobody to another site."""
    browser = sign_in(world, member := join(world.services))
    browser.open(f"/login/again?{urlencode({'next': wanted})}")
    browser.submit(password=member.password)
    assert browser.address == "/account"


def test_a_stranger_is_not_asked_again_but_asked_first(world: World) -> None:
    """R93: the page is for who is signed in."""
    browser = world.browser()
    assert browser.open("/login/again").page.name == "sign_in/login"


def test_wrong_passwords_here_are_the_same_hundred_and_the_same_waits(world: World) -> None:
    """R16: one budget, whichever page."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        browser = sign_in(world, member)
        for _ in range(5):
            browser.open("/login/again").submit(password="another kettle over Monday")
        assert browser.status == 422
        browser.open("/login/again").submit(password=member.password)
    assert browser.status == 429
    assert int(browser.response.headers["Retry-After"]) >= 1
