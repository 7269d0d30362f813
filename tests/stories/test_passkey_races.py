"""Real processes that bring the same answer of a passkey, or raise the same session, at the same moment: one gets through."""

import threading
from collections import Counter

import pytest

from idp.config import Settings
from idp.credentials import passkeys
from idp.credentials.second_factor import Factor
from idp.credentials.sessions import find_signed_in
from idp.credentials.sign_in import Browser, Opened
from idp.journeys import passkey_sign_in, sign_in
from idp.outcomes import Refused
from idp.services import create_services
from tests import passkey_user as user
from tests.members import join
from tests.passkey_device import Device
from tests.races import Ready, together
from tests.relying_party import sign_in as signed_in_browser
from tests.world import World

_BROWSER = Browser(session=None, device=None, address="203.0.113.9")


def _name(outcome: object) -> str:
    return outcome.reason.value if isinstance(outcome, Refused) else type(outcome).__name__


def _use(ready: Ready, settings: Settings, given: list[tuple[str, str]]) -> list[str]:
    """One process of several: a thread for each (holder, answer)."""
    services = create_services(settings)
    told: list[str] = []

    def once(holder: str, answer: str) -> None:
        told.append(
            _name(
                passkey_sign_in.sign_in_with_passkey(
                    services, typed=answer, holder=holder, remember=False, browser=_BROWSER
                )
            )
        )

    ready()
    threads = [threading.Thread(target=once, args=one) for one in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.db.close()
    return told


def _asked(world: World, holder: str) -> dict[str, object]:
    asked = passkey_sign_in.options(world.services, holder, address="203.0.113.9")
    assert isinstance(asked, dict)
    return asked


@pytest.mark.races
def test_of_eight_who_bring_one_answer_one_is_let_in(world: World) -> None:
    """R37: its challenge is spent once, also where the key does not count."""
    device = Device(counts=False)
    user.member_with(world, join(world.services), device)
    answer = device.answer(_asked(world, "one browser"))
    given = [(world.settings, [("one browser", answer)] * 2) for _ in range(4)]
    told = Counter(name for several in together(_use, given) for name in several)
    assert told == {Opened.__name__: 1, "expired": 7}


@pytest.mark.races
def test_of_two_copies_with_one_count_one_is_let_in(world: World) -> None:
    """R43: different challenges, the same counter: a copy of the key; the second is refused and noted."""
    device = Device()
    user.member_with(world, join(world.services), device)
    answers = []
    for holder in ("one browser", "another"):
        device.count = 4
        answers.append((holder, device.answer(_asked(world, holder))))
    told = Counter(name for several in together(_use, [(world.settings, [one]) for one in answers]) for name in several)
    assert told == {Opened.__name__: 1, "wrong_passkey": 1}
    assert len(world.events("passkey.suspect")) == 1


def _rise(ready: Ready, settings: Settings, handle: str, answer: str) -> str:
    services = create_services(settings)
    with services.db.read() as conn:
        me = find_signed_in(conn, handle)
    assert me is not None
    ready()
    outcome = sign_in.step_up(services, me, handle, factor=Factor.PASSKEY, typed=answer, device=None)
    services.db.close()
    return _name(outcome)


@pytest.mark.races
def test_a_session_is_raised_once_by_whoever_comes_first(world: World) -> None:
    """R81, R85: four processes with good answers of their own raise one session; the others' answers stay unspent."""
    member, device = join(world.services), Device(verified=False)
    weak = signed_in_browser(world, member)
    user.member_with(world, member, device)
    handle = weak.cookie("idp_session") or ""
    with world.services.db.read() as conn:
        me = find_signed_in(conn, handle)
        row = passkeys.list_rows(conn, member.account_id)[0]
    assert me is not None
    answers = []
    for _ in range(4):
        answers.append(device.answer(sign_in.options_in_session(world.services, me)))
        device.count = row.sign_count
    told = Counter(together(_rise, [(world.settings, handle, answer) for answer in answers]))
    assert told["str"] == 1, told
    assert told.keys() <= {"str", "already_done", "wrong_passkey"}
    assert len(world.events("session.raised")) == 2
