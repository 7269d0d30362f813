"""A sign-in with two factors that lay unused goes on by the password alone, in its own browser and within its twelve hours."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.config import Settings
from idp.credentials import sessions
from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import Browser as Brought
from idp.credentials.sign_in import Opened
from idp.journeys import locking, sign_in
from idp.outcomes import Refused
from idp.services import create_services
from tests import authenticator, passkey_user
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.passkey_device import Device
from tests.races import Ready, together
from tests.relying_party import RelyingParty
from tests.relying_party import sign_in as signed_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_UNUSED = timedelta(minutes=20)
"""Longer than a sign-in with two factors may lie unused (R83)."""


@pytest.fixture(autouse=True)
def hand() -> Iterator[time_machine.Traveller]:
    """Time stands still until a test moves it."""
    with time_machine.travel(_START, tick=False) as travelled:
        yield travelled


def _live(world: World, browser: Browser) -> SignedIn | None:
    with world.services.db.read() as conn:
        return sessions.find_signed_in(conn, browser.cookie("idp_session") or "")


def _type_password(browser: Browser, member: Member, password: str = PASSWORD) -> Browser:
    return browser.open("/account").submit(username=member.username, password=password)


def test_a_premium_sign_in_goes_on_by_the_password_alone(world: World, hand: time_machine.Traveller) -> None:
    """R81, R84, SP 800-63B-4 §2.2.3: the same session under a new handle, as old as it was; a client hears just that."""
    member = join(world.services, level=Level.PREMIUM, totp=True)
    party = RelyingParty(world)
    browser = signed_in(world, member)
    before, handle = _live(world, browser), browser.cookie("idp_session") or ""
    hand.shift(_UNUSED)
    assert browser.open("/account").page.name == "sign_in/login"
    assert _type_password(browser, member, "a wrong one, for sure").status == 422
    assert _type_password(browser, member).page.name == "account/show"
    after = _live(world, browser)
    assert before is not None
    assert after is not None
    assert (after.session_id, after.auth_time, after.aal) == (before.session_id, before.auth_time, 2)
    with world.services.db.read() as conn:
        assert sessions.find_signed_in(conn, handle) is None
    claims = party.claims(party.tokens(browser).id_token)
    assert (claims["acr"], claims["auth_time"]) == ("urn:dslogon:premium", int(_START.timestamp()))
    assert set(claims["amr"]) == {"pwd", "otp", "mfa"}
    assert [event.fields for event in world.events("session.resumed")] == [
        {"account": member.account_id, "session": after.session_id}
    ]
    # It lies unused again, and goes on again, but not past its twelve hours.
    for _ in range(3):
        hand.shift(_UNUSED)
        assert _type_password(browser, member).page.name == "account/show"
    hand.move_to(_START + sessions.ABSOLUTE)
    assert _type_password(browser, member).page.name == "sign_in/second_factor"


def test_what_changes_how_one_signs_in_still_asks_for_both(world: World, hand: time_machine.Traveller) -> None:
    """R84, R89: it is no fresh sign-in."""
    member = join(world.services, totp=True)
    browser = signed_in(world, member)
    hand.shift(_UNUSED)
    _type_password(browser, member)
    assert browser.open("/account/password").page.name == "sign_in/again"
    assert browser.submit(password=PASSWORD).page.name == "sign_in/second_factor"


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "60"}, {"prompt": "select_account"}])
def test_a_client_that_wants_a_fresh_sign_in_gets_one(
    world: World, hand: time_machine.Traveller, wish: dict[str, str]
) -> None:
    """R84, OIDC Core §3.1.2.1: nobody types a password in vain first."""
    member = join(world.services, totp=True)
    party, browser = RelyingParty(world), signed_in(world, member)
    hand.shift(_UNUSED)
    party.ask(browser, **wish)
    assert browser.submit(username=member.username, password=PASSWORD).page.name == "sign_in/second_factor"
    browser.submit(code=authenticator.unused_code(world.services, member))
    assert party.claims(party.read(party.redeem(party.answer(browser)["code"])).id_token)["auth_time"] == clock.epoch(
        clock.now()
    )


def test_a_client_that_wants_none_has_its_answer_after_the_password(world: World, hand: time_machine.Traveller) -> None:
    """R84."""
    member = join(world.services, totp=True)
    party, browser = RelyingParty(world), signed_in(world, member)
    hand.shift(_UNUSED)
    party.ask(browser)
    browser.submit(username=member.username, password=PASSWORD)
    assert party.answer(browser).keys() >= {"code"}


def _sign_out(world: World, member: Member, browser: Browser) -> None:
    browser.open("/logout")


def _somebody_else_signs_in(world: World, member: Member, browser: Browser) -> None:
    other = join(world.services, "somebody.else", email=None)
    browser.open("/login").submit(username=other.username, password=PASSWORD)


def _sign_out_everywhere(world: World, member: Member, browser: Browser) -> None:
    elsewhere = signed_in(world, member)
    elsewhere.open("/account/sessions/end-all").submit(button="end-others")
    assert elsewhere.page.name == "account/show"


def _change_password(world: World, member: Member, browser: Browser) -> None:
    elsewhere = signed_in(world, member)
    elsewhere.open("/account/password").submit(current_password=PASSWORD, new_password=PASSWORD + "!")
    assert elsewhere.page.name == "account/show", elsewhere.page.text[:500]


def _lock_for_a_while(world: World, member: Member, browser: Browser) -> None:
    def lock(conn: Connection) -> None:
        account = accounts.get_account(conn, member.account_id)
        assert locking.lock(conn, world.services.keyring, account, actor="operator:test", why="fraud_report")
        assert accounts.change_state(conn, member.account_id, was=State.LOCKED, becomes=State.ACTIVE, why=None)

    world.services.db.write(lock)


def _add_another_factor(world: World, member: Member, browser: Browser) -> None:
    elsewhere = signed_in(world, member)
    passkey_user.add(elsewhere, Device(verified=False))


@pytest.mark.parametrize(
    ("act", "password"),
    [
        (_sign_out, PASSWORD),
        (_somebody_else_signs_in, PASSWORD),
        (_sign_out_everywhere, PASSWORD),
        (_change_password, PASSWORD + "!"),
        (_lock_for_a_while, PASSWORD),
        (_add_another_factor, PASSWORD),
    ],
)
def test_what_ended_otherwise_goes_on_by_nothing(
    world: World, hand: time_machine.Traveller, act: Callable[[World, Member, Browser], None], password: str
) -> None:
    """R84, R86, R87: while it lay unused it was ended, and whoever kept a copy of its handle has nothing."""
    member = join(world.services, totp=True)
    browser = signed_in(world, member)
    handle = browser.cookie("idp_session")
    hand.shift(_UNUSED)
    act(world, member, browser)
    thief = world.browser()
    thief.client.set_cookie("idp_session", handle or "", domain="localhost")
    assert _type_password(thief, member, password).page.name in {"sign_in/second_factor", "sign_in/passkey_step"}
    assert world.events("session.resumed") == []


def test_nobody_elses_goes_on_and_none_in_another_browser(world: World, hand: time_machine.Traveller) -> None:
    """R84: the handle is one half of it, its own account's password the other."""
    member, other = join(world.services, totp=True), join(world.services, "somebody.else", email=None, totp=True)
    browser = signed_in(world, member)
    hand.shift(_UNUSED)
    assert _type_password(browser, other).page.name == "sign_in/second_factor"
    assert _type_password(world.browser(), member).page.name == "sign_in/second_factor"
    assert _type_password(browser.open("/login"), member).page.name == "account/show"


def test_no_password_stands_in_for_a_passkey(world: World, hand: time_machine.Traveller) -> None:
    """R84: what could not be phished is not gone on with by what can."""
    member, device = join(world.services, level=Level.PREMIUM, totp=True), Device()
    passkey_user.member_with(world, member, device)
    browser = passkey_user.sign_in_alone(world.browser(), device)
    assert browser.page.name == "account/show"
    hand.shift(_UNUSED)
    assert _type_password(browser, member).page.name.startswith("sign_in/")


def test_one_factor_of_before_is_not_two_of_now(world: World, hand: time_machine.Traveller) -> None:
    """R82, R84: a session from before the second factor was added shows none."""
    member = join(world.services)
    weak, strong = signed_in(world, member), signed_in(world, member)
    strong.open("/account/second-factor")
    strong.submit(code=authenticator.code(strong.page.ids["totp-secret"]))
    hand.shift(timedelta(minutes=40))
    assert _type_password(weak, member).page.name == "sign_in/second_factor"


def _go_on(ready: Ready, settings: Settings, handle: str) -> list[str]:
    """One process of several: two threads with the same handle."""
    services, told = create_services(settings), list[str]()

    def once() -> None:
        outcome = sign_in.sign_in(
            services,
            username="maria.rivera",
            password=PASSWORD,
            remember=None,
            browser=Brought(session=handle, device=None, address="203.0.113.9"),
            may_resume=True,
        )
        told.append(outcome.reason.value if isinstance(outcome, Refused) else type(outcome).__name__)

    with time_machine.travel(_START + _UNUSED):
        ready()
        threads = [threading.Thread(target=once) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    services.db.close()
    return told


@pytest.mark.races
def test_of_four_tabs_one_goes_on(world: World, hand: time_machine.Traveller) -> None:
    """R81, R84: the others are asked for the second factor."""
    member = join(world.services, totp=True)
    handle = signed_in(world, member).cookie("idp_session") or ""
    told = Counter(word for words in together(_go_on, [(world.settings, handle)] * 2) for word in words)
    assert told == {Opened.__name__: 1, sign_in.HalfMade.__name__: 3}
    assert len(world.events("session.resumed")) == 1
