"""Real processes that want the same thing at the same moment: one code is spent once, one person gets one account (R68, R71)."""

import threading
from collections import Counter
from datetime import date

import pytest

from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.accounts.people import Person, Subject
from idp.config import Settings
from idp.credentials.sign_in import Browser
from idp.db import list_rows
from idp.journeys import engine, registration, registration_account, registration_code
from idp.journeys.engine import Journey
from idp.journeys.registration import MACHINE
from idp.outcomes import Refused
from idp.ports import Claimed, IdKind, Services
from idp.proofing.activation import ActivationCode
from idp.proofing.policy import Delivery
from idp.services import create_services
from tests.races import Ready, together
from tests.registrants import DANA, MAX, PASSWORD, ROBIN, Registrant
from tests.world import World

ADDRESS = "198.51.100.7"
_BROWSER = Browser(session=None, device=None, address=ADDRESS)
VIC = Registrant("Vic", "Veteran", (1948, 11, 11), "900000147")


def present(services: Services, handle: str) -> Journey:
    with services.db.read() as conn:
        journey = engine.find(conn, services.keyring, MACHINE, handle)
    assert journey is not None
    return journey


def outcome(made: object) -> str:
    if isinstance(made, tuple):
        return str(made[0].reason)
    return str(made.reason) if isinstance(made, Refused) else type(made).__name__


def identified(services: Services, who: Registrant) -> str:
    """A registration of this person; its handle."""
    handle = registration.begin(services, wanted_level=Level.BASIC, request=None, language="en", old_handle=None)
    year, month, day = who.born
    claimed = Claimed(who.given_name, who.family_name, date(year, month, day), IdKind(who.id_kind), who.id_number)
    assert registration.identify(services, present(services, handle), claimed, address=ADDRESS) is None
    return handle


def with_code(services: Services, who: Registrant) -> tuple[str, str] | Refused:
    """A registration that waits for its code: handle and code."""
    handle = identified(services, who)
    refused = registration_code.send_code(services, present(services, handle), delivery=Delivery.SCREEN, email=None)
    return refused or (handle, present(services, handle).facts["code"])


def _redeem(ready: Ready, settings: Settings, handle: str | None, code: str) -> list[str]:
    services = create_services(settings)
    journey = present(services, handle) if handle else None
    told: list[str] = []
    ready()

    def once() -> None:
        told.append(outcome(registration_code.redeem(services, code, journey=journey, address=ADDRESS)))

    threads = [threading.Thread(target=once) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.db.close()
    return told


@pytest.mark.races
@pytest.mark.parametrize("same_device", [True, False])
def test_of_twenty_tries_with_the_right_code_one_gets_through(world: World, same_device: bool) -> None:
    """R68."""
    waiting = with_code(world.services, DANA)
    assert not isinstance(waiting, Refused)
    handle, code = waiting
    tried = [(world.settings, handle if same_device else None, code)] * 4
    told = [one for several in together(_redeem, tried) for one in several]
    assert len(told) == 20
    assert told.count("Redeemed") == 1
    with world.services.db.read() as conn:
        assert [row.consumed_at is not None for row in list_rows(conn, ActivationCode)] == [True]
    assert len(world.events("activation_code.redeemed")) == 1


def _finish(ready: Ready, settings: Settings, handle: str, username: str) -> str:
    services = create_services(settings)
    journey = present(services, handle)
    ready()
    made = registration_account.finish(services, journey, username=username, password=PASSWORD, browser=_BROWSER)
    services.db.close()
    return outcome(made)


def at_last_step(services: Services, who: Registrant) -> str:
    waiting = with_code(services, who)
    assert not isinstance(waiting, Refused)
    handle, code = waiting
    redeemed = registration_code.redeem(services, code, journey=present(services, handle), address=ADDRESS)
    assert not isinstance(redeemed, Refused)
    return handle


@pytest.mark.races
def test_of_several_clicks_on_the_last_step_one_makes_the_account(world: World) -> None:
    handle = at_last_step(world.services, DANA)
    told = together(_finish, [(world.settings, handle, f"dana.{number}") for number in range(4)])
    assert told.count("Registered") == 1
    with world.services.db.read() as conn:
        assert len(list_rows(conn, Account)) == len(list_rows(conn, Person)) == len(list_rows(conn, Subject)) == 1


@pytest.mark.races
def test_of_several_people_who_want_one_username_one_gets_it_and_nothing_of_the_others_remains(world: World) -> None:
    handles = [at_last_step(world.services, who) for who in (DANA, ROBIN, MAX, VIC)]
    told = together(_finish, [(world.settings, handle, "The.Only.One") for handle in handles])
    assert Counter(told) == {"Registered": 1, "username_taken": 3}
    with world.services.db.read() as conn:
        assert len(list_rows(conn, Account)) == len(list_rows(conn, Person)) == 1


def _register(ready: Ready, settings: Settings, username: str) -> str:
    services = create_services(settings)
    ready()
    waiting = with_code(services, DANA)
    if isinstance(waiting, Refused):
        told = outcome(waiting)
    else:
        handle, code = waiting
        redeemed = registration_code.redeem(services, code, journey=present(services, handle), address=ADDRESS)
        told = outcome(redeemed)
        if told == "Redeemed":
            journey = present(services, handle)
            told = outcome(
                registration_account.finish(services, journey, username=username, password=PASSWORD, browser=_BROWSER)
            )
    services.db.close()
    return told


@pytest.mark.races
def test_of_several_applicants_for_one_person_one_gets_the_account(world: World) -> None:
    """R71: each goes the whole way at the same time."""
    told = together(_register, [(world.settings, f"dana.{number}") for number in range(4)])
    assert told.count("Registered") == 1, told
    # `already_done`: who looked before the winner's account was there and reserved after; the unique index decides.
    assert set(told) <= {"Registered", "not_matched", "wrong_code", "journey_gone", "already_done"}
    with world.services.db.read() as conn:
        assert len(list_rows(conn, Account)) == len(list_rows(conn, Person)) == 1
