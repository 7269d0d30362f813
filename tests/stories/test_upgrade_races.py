"""Real processes that bring the same code of record, or the same answer, at the same moment: one is taken (R57, R68)."""

import functools
import threading

import pytest
from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import Account
from idp.config import PolicyName, Settings
from idp.credentials import sessions, totp
from idp.db import list_rows
from idp.journeys import upgrade_code
from idp.limits import Limit, LimitCount
from idp.outcomes import Refused
from idp.proofing import evidence, raising
from idp.proofing.evidence import Evidence
from idp.proofing.policy import Method
from idp.services import create_services
from tests.members import join
from tests.races import Ready, together
from tests.registrants import DANA, MAX, register
from tests.upgraders import code_of_letter, start
from tests.world import World


def _redeem(ready: Ready, settings: Settings, session: str, code: str, times: int) -> list[str]:
    """One process of several: some threads, all with the same code."""
    services = create_services(settings)
    told: list[str] = []

    def once() -> None:
        with services.db.read() as conn:
            me = sessions.find_signed_in(conn, session)
        assert me is not None
        outcome = upgrade_code.redeem(services, me, code, handle=session, upgrade_handle=None)
        told.append(outcome.reason.value if isinstance(outcome, Refused) else outcome.level.name)

    ready()
    threads = [threading.Thread(target=once) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.db.close()
    return told


@pytest.mark.races
def test_a_code_of_record_is_taken_once(world: World) -> None:
    """R68."""
    browser = world.browser()
    register(browser, MAX, "max.oneil")
    start(browser, MAX).submit(delivery="post").submit(button="upgrade-submit")
    arguments = (world.settings, browser.cookie("idp_session"), code_of_letter(world), 1)
    told = [one for each in together(_redeem, [arguments] * 4) for one in each]
    assert sorted(told) == sorted(["BASIC", *(one for one in told if one != "BASIC")])
    assert told.count("BASIC") == 1
    with world.services.db.read() as conn:
        rows = list_rows(conn, Evidence, Evidence.method == Method.CODE_POST_OF_RECORD.value)
    assert len(rows) == 1


@pytest.mark.races
def test_wrong_codes_at_the_same_moment_share_five_tries(world: World) -> None:
    """R15, R68."""
    browser = world.browser()
    register(browser, MAX, "max.oneil")
    start(browser, MAX).submit(delivery="post").submit(button="upgrade-submit")
    code = code_of_letter(world)
    session = browser.cookie("idp_session")
    together(_redeem, [(world.settings, session, "00000-00000", 4)] * 3)
    assert _redeem(lambda: None, world.settings, session or "", code, 1) == ["code_dead"]
    with world.services.db.read() as conn:
        [row] = list_rows(conn, LimitCount, LimitCount.key.startswith("address_code:"))
    assert row.count == Limit.ADDRESS_CODE.value.most


def _draw(ready: Ready, settings: Settings, session: str, upgrade_handle: str) -> str:
    from idp.journeys import upgrade, upgrade_questions  # noqa: PLC0415 - in its own process

    services = create_services(settings)
    with services.db.read() as conn:
        me = sessions.find_signed_in(conn, session)
        assert me is not None
        journey = upgrade.find(conn, services.keyring, me, upgrade_handle)
    assert journey is not None
    ready()
    outcome = upgrade_questions.start(services, journey, me)
    services.db.close()
    return outcome.reason.value if outcome is not None else "drawn"


@pytest.mark.races
def test_questions_asked_for_at_the_same_moment_are_drawn_once_and_count_once(world: World) -> None:
    """R57, R66: two clicks on the button cost one try."""
    browser = world.browser()
    register(browser, DANA, "dana.q")
    start(browser, DANA).submit(delivery="email")
    arguments = (world.settings, browser.cookie("idp_session"), browser.cookie("idp_upgrade"))
    told = together(_draw, [arguments] * 4)
    assert sorted(told) == ["already_done"] * 3 + ["drawn"]
    with world.services.db.read() as conn:
        counts = {row.key.partition(":")[0]: row.count for row in list_rows(conn, LimitCount)}
    assert counts["kbv"] == 1
    assert len(world.events("kbv.drawn")) == 1


def _prove(ready: Ready, settings: Settings, ids: list[str], what: str) -> None:
    """One half of what Premium takes, for each account, in a process of its own."""
    services = create_services(settings)

    def write(conn: Connection, account_id: str) -> None:
        account = accounts.get_account(conn, account_id)
        if what == "factor":
            totp.keep(conn, services.keyring, account_id, secret=totp.new_secret(), step=0, old=None)
        else:
            evidence.add(conn, account, Method(what), policy=PolicyName.DS_LOGON, at=clock.now())
        raising.settle(conn, services.keyring, account_id, chosen=PolicyName.DS_LOGON, actor="operator:test", why=what)

    ready()
    for id_ in ids:
        services.db.write(functools.partial(write, account_id=id_))
    services.db.close()


@pytest.mark.races
def test_two_halves_that_come_at_the_same_moment_make_a_whole(world: World) -> None:
    """R48: the later of two writes sees what the earlier one did, so no level stays below or above its evidence."""
    members = [join(world.services, f"half.{number}", email=None) for number in range(20)]

    def match_all(conn: Connection) -> None:
        for member in members:
            account = accounts.get_account(conn, member.account_id)
            evidence.add(conn, account, Method.DEERS_MATCH, policy=PolicyName.DS_LOGON, at=clock.now())

    world.services.db.write(match_all)
    ids = [member.account_id for member in members]
    together(_prove, [(world.settings, ids, what) for what in ("factor", Method.CODE_POST_OF_RECORD.value)])
    with world.services.db.read() as conn:
        levels = {row.username: row.level for row in list_rows(conn, Account)}
    assert levels == {member.username: 2 for member in members}
