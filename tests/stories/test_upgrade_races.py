"""Real processes that bring the same code of record, or the same answer, at the same moment: one is taken (R57, R68)."""

import threading

import pytest

from idp import app as application
from idp.accounts.levels import Level
from idp.config import Settings
from idp.credentials import sessions
from idp.db import list_rows
from idp.journeys import upgrade_code
from idp.limits import Limit, LimitCount
from idp.outcomes import Refused
from idp.proofing.evidence import Evidence
from idp.proofing.policy import Method
from tests.races import Ready, together
from tests.registrants import DANA, MAX, register
from tests.upgraders import code_of_letter, start
from tests.world import World


def _redeem(ready: Ready, settings: Settings, session: str, code: str, times: int) -> list[str]:
    """One process of several: some threads, all with the same code."""
    services = application.create_services(settings)
    told: list[str] = []

    def once() -> None:
        with services.db.read() as conn:
            me = sessions.find_signed_in(conn, session)
        assert me is not None
        outcome = upgrade_code.redeem(services, me, code)
        told.append(outcome.reason.value if isinstance(outcome, Refused) else Level(outcome).name)

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
    start(browser, MAX).submit(way="letter").submit(button="upgrade-submit")
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
    start(browser, MAX).submit(way="letter").submit(button="upgrade-submit")
    code = code_of_letter(world)
    session = browser.cookie("idp_session")
    together(_redeem, [(world.settings, session, "00000-00000", 4)] * 3)
    assert _redeem(lambda: None, world.settings, session or "", code, 1) == ["code_dead"]
    with world.services.db.read() as conn:
        [row] = list_rows(conn, LimitCount, LimitCount.key.startswith("address_code:"))
    assert row.count == Limit.ADDRESS_CODE.value.most


def _draw(ready: Ready, settings: Settings, session: str, upgrade_handle: str) -> str:
    from idp.journeys import upgrade, upgrade_questions  # noqa: PLC0415 - in its own process

    services = application.create_services(settings)
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
    start(browser, DANA).submit(way="questions")
    arguments = (world.settings, browser.cookie("idp_session"), browser.cookie("idp_upgrade"))
    told = together(_draw, [arguments] * 4)
    assert sorted(told) == ["already_done"] * 3 + ["drawn"]
    with world.services.db.read() as conn:
        counts = {row.key.partition(":")[0]: row.count for row in list_rows(conn, LimitCount)}
    assert (counts["kbv_day"], counts["kbv_ever"]) == (1, 1)
    assert len(world.events("kbv.drawn")) == 1
