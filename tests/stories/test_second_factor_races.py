"""Real processes that bring the same code at the same moment: one of them is let in."""

import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from idp.config import Settings
from idp.credentials import recovery_codes
from idp.credentials.second_factor import Factor
from idp.credentials.sessions import Session
from idp.credentials.sign_in import Browser, Opened
from idp.journeys import sign_in
from idp.journeys.sign_in import HalfMade
from idp.limits import Limit, LimitCount
from idp.outcomes import Refused
from idp.services import create_services
from tests import authenticator
from tests.members import Member, join
from tests.races import Ready, together
from tests.world import World

_BROWSER = Browser(session=None, device=None, address="203.0.113.9")


def _half(world: World, member: Member) -> str:
    made = sign_in.sign_in(
        world.services, username=member.username, password=member.password, remember=False, browser=_BROWSER
    )
    assert isinstance(made, HalfMade)
    return made.handle


def _show(ready: Ready, settings: Settings, handles: list[str], factor: str, code: str) -> list[str]:
    """One process of several: a thread for each half-made sign-in, all with the same code."""
    services = create_services(settings)
    told: list[str] = []

    def once(handle: str) -> None:
        outcome = sign_in.complete(services, handle, factor=Factor(factor), typed=code, browser=_BROWSER)
        told.append(outcome.reason.value if isinstance(outcome, Refused) else type(outcome).__name__)

    ready()
    threads = [threading.Thread(target=once, args=(handle,)) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.db.close()
    return told


def _sessions(world: World, member: Member) -> int:
    with world.services.db.read() as conn:
        own = Session.account_id == member.account_id
        return conn.execute(sa.select(sa.func.count()).select_from(Session).where(own)).scalar_one()


@pytest.mark.races
@pytest.mark.parametrize("same_sign_in", [True, False])
def test_of_eight_who_bring_one_code_of_the_app_one_is_let_in(world: World, *, same_sign_in: bool) -> None:
    """R27: in one half-made sign-in, and in eight."""
    member = join(world.services, totp=True)
    handles = [_half(world, member)] * 8 if same_sign_in else [_half(world, member) for _ in range(8)]
    code = authenticator.code(member.totp_secret or "", later=authenticator.STEP)
    given = [(world.settings, handles[n * 2 : n * 2 + 2], "totp", code) for n in range(4)]
    told = Counter(reason for several in together(_show, given) for reason in several)
    assert told[Opened.__name__] == 1, told
    assert told.keys() <= {Opened.__name__, "code_used", "already_done"}
    assert _sessions(world, member) == 1


@pytest.mark.races
def test_of_eight_who_bring_one_recovery_code_one_is_let_in(world: World) -> None:
    """R34."""
    member = join(world.services, totp=True)
    codes = world.services.db.write(lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id))
    # Five are free of waiting, and all eight shall get as far as the code.
    world.services.db.write(
        lambda conn: conn.execute(sa.delete(LimitCount).where(LimitCount.key.startswith("recovery_code:"))).rowcount
    )
    handles = [_half(world, member) for _ in range(4)]
    given = [(world.settings, handles[n * 2 : n * 2 + 2], "recovery_code", codes[0]) for n in range(2)]
    told = Counter(reason for several in together(_show, given) for reason in several)
    assert told[Opened.__name__] == 1, told
    assert told.keys() <= {Opened.__name__, "code_used"}
    assert _sessions(world, member) == 1
    with world.services.db.read() as conn:
        assert recovery_codes.count_left(conn, member.account_id) == 9


@pytest.mark.races
def test_wrong_codes_at_the_same_moment_are_counted_one_by_one(world: World) -> None:
    """R15, R31: with one try left, eight guesses from four processes evaluate exactly one, and stop the app."""
    member = join(world.services, totp=True)
    handles = [_half(world, member) for _ in range(8)]
    wrong = authenticator.wrong_code(member.totp_secret or "")
    sign_in.complete(world.services, handles[0], factor=Factor.TOTP, typed=wrong, browser=_BROWSER)
    left_one = sa.update(LimitCount).where(LimitCount.key == f"totp:{member.account_id}")
    world.services.db.write(
        lambda conn: conn.execute(left_one.values(count=Limit.TOTP.value.most - 1, blocked_until=None)).rowcount
    )
    given = [(world.settings, handles[n * 2 : n * 2 + 2], "totp", wrong) for n in range(4)]
    told = Counter(reason for several in together(_show, given) for reason in several)
    assert told.keys() <= {"factor_stopped", "too_many_tries"}, told
    refusals = [event for event in world.events("second_factor.refused") if event.fields["why"] == "wrong_code"]
    assert len(refusals) == 2
    assert len(world.events("second_factor.stopped")) == 1
