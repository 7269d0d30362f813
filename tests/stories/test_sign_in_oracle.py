"""Nobody learns from the sign-in pages whether a name has an account, or what the account is like (R21, R23, R25)."""

import pytest

from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.credentials import passwords
from tests import passkey_user as user
from tests.http_browser import Browser
from tests.members import join
from tests.oracle import seen, statements
from tests.passkey_device import Device
from tests.relying_party import on_sqlite
from tests.world import World

pytestmark = on_sqlite

_WRONG = "a wrong one, for sure"
_CASES = ["basic", "premium", "passkey", "locked", "closed", "stopped"]


def _name(world: World, case: str) -> str:
    """The name of somebody of this kind."""
    member = join(world.services, totp=case == "premium", level=Level.PREMIUM if case == "premium" else Level.BASIC)
    if case == "passkey":
        user.member_with(world, member, Device())
    elif case == "stopped":
        world.services.db.write(lambda conn: passwords.disable(conn, member.account_id))
    elif case in {"locked", "closed"}:
        state = State.LOCKED if case == "locked" else State.CLOSED
        world.services.db.write(
            lambda conn: accounts.change_state(
                conn, member.account_id, was=State.ACTIVE, becomes=state, why="fraud_report"
            )
        )
    return member.username


def _typed(browser: Browser, username: str, *, password: str = _WRONG) -> Browser:
    return browser.open("/login").submit(username=username, password=password)


@pytest.mark.parametrize("case", _CASES)
def test_every_name_gets_the_same_answer_for_the_same_work(world: World, case: str) -> None:
    """R21, R23: status, bytes, headers, cookies, statements, and one run of argon2, for whoever is asked for."""
    name = _name(world, case)
    told = []
    for username in (name, "nobody.here"):
        browser = world.browser().open("/login")
        runs = passwords.SLOTS.runs
        with statements(world) as ran:
            browser.submit(username=username, password=_WRONG)
        status, address, html, headers = seen(browser)
        cookies = sorted(header.partition("=")[0] for header in browser.response.headers.getlist("Set-Cookie"))
        # The name that was typed is shown again, to whoever typed it.
        shown = html.replace(browser.page.form("username").fields["username"], "").replace(username, "")
        headers.pop("Content-Length", None)
        told.append((status, address, len(shown.split()), headers, cookies, ran, passwords.SLOTS.runs - runs))
    assert told[0][:5] == told[1][:5]
    assert told[0][6] == told[1][6] == 1
    assert told[0][5] == told[1][5]


@pytest.mark.parametrize("case", _CASES)
def test_a_browser_that_is_known_for_somebody_else_learns_no_more(world: World, case: str) -> None:
    """R14, R21: the statements of a known browser are the same for every other name."""
    name = _name(world, case)
    own = join(world.services, "sam.lee", email=None)
    browser = _typed(world.browser(), own.username, password=own.password)
    told = []
    for username in (name, "nobody.here"):
        browser.client.delete_cookie("idp_session")
        browser.open("/login")
        with statements(world) as ran:
            browser.submit(username=username, password=_WRONG)
        told.append((browser.status, ran))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "name", ["\u202eadmin' OR 1=1 --", "x" * 5_000, "maria\0rivera", "\ud800".encode("utf-8", "replace").decode()]
)
def test_what_can_be_no_name_is_answered_like_any(world: World, name: str) -> None:
    """R21, R102: one run of argon2, the same words, and no fault."""
    runs = passwords.SLOTS.runs
    browser = _typed(world.browser(), name)
    assert (browser.status, browser.page.name) == (422, "sign_in/login")
    assert "not right" in browser.page.text
    assert passwords.SLOTS.runs == runs + 1


def test_the_options_for_a_passkey_are_the_same_for_everybody(world: World) -> None:
    """R25: no name is sent, and none is told, whoever this browser remembers."""
    member = join(world.services)
    user.member_with(world, member, Device())
    remembering = world.browser().open("/login")
    fresh = world.browser().open("/login")
    asked = [user.options(browser, user.TO_SIGN_IN) for browser in (remembering, fresh)]
    assert {**asked[0], "challenge": ""} == {**asked[1], "challenge": ""}
    assert asked[0]["challenge"] != asked[1]["challenge"]


def test_a_wrong_passkey_tells_no_account_from_another(world: World) -> None:
    """R23: what no account has and what a locked one has are refused alike until a signature was right."""
    member, device = join(world.services), Device()
    user.member_with(world, member, device)
    world.services.db.write(
        lambda conn: accounts.change_state(
            conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="fraud_report"
        )
    )
    told = []
    for shown in (Device(credential_id=device.credential_id), Device(credential_id=device.credential_id)):
        shown.user_handle = device.user_handle
        browser = user.sign_in_alone(world.browser(), shown)
        told.append((browser.status, browser.page.text))
    assert told[0] == told[1]
    assert "locked" not in told[0][1]
