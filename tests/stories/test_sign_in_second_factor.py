"""Signing in with two factors, and making a live sign-in stronger."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import Connection

from idp import audit, db
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.credentials import passwords, recovery_codes, sessions
from idp.credentials.sessions import SignedIn
from idp.web.routes import Access, RouteMap
from tests import authenticator
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _half(world: World, member: Member) -> Browser:
    """A browser in which the password was right and the second factor is awaited."""
    browser = world.browser().open("/login").submit(username=member.username, password=member.password)
    assert browser.page.name == "sign_in/second_factor", browser.page.text[:300]
    return browser


def _code(member: Member, *, later: int = 0) -> str:
    return authenticator.code(member.totp_secret or "", later=later)


def _paper(world: World, member: Member) -> list[str]:
    return world.services.db.write(lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id))


def _live(world: World, browser: Browser) -> SignedIn | None:
    with world.services.db.read() as conn:
        return sessions.find_signed_in(conn, browser.cookie("idp_session") or "")


def test_a_password_and_a_code_sign_in_with_two_factors(world: World) -> None:
    """SP 800-63B-4 §2.2.1: one session with both methods, as old as the password, and no trace of the half sign-in."""
    member = join(world.services, totp=True, level=Level.PREMIUM)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = _half(world, member)
        assert browser.cookie("idp_session") is None
        assert "you are not signed in yet" in browser.page.text
        clock_hand.shift(timedelta(seconds=45))
        browser.submit(code=_code(member), button="code-submit")
        assert browser.page.name == "account/show"
        assert browser.cookie("idp_sign_in") is None
        found = _live(world, browser)
    assert found is not None
    assert (found.aal, found.amr, found.level) == (2, ("pwd", "otp", "mfa"), Level.PREMIUM)
    assert found.auth_time == int(_START.timestamp())
    assert world.events("sign_in.succeeded")[-1].fields["methods"] == ["pwd", "otp"]
    assert len(world.events("sign_in.password_right")) == 1


def test_until_the_password_is_right_nobody_can_tell_who_has_a_second_factor(world: World) -> None:
    """R21, R23."""
    join(world.services)
    join(world.services, "two.factors", totp=True)
    seen = []
    for username in ("maria.rivera", "two.factors"):
        browser = world.browser()
        runs = passwords.SLOTS.runs
        browser.open("/login").submit(username=username, password="a wrong one, for sure")
        html = re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", browser.page.html).replace(username, "")
        cookies = [header.split("=")[0] for header in browser.response.headers.getlist("Set-Cookie")]
        seen.append((browser.status, html, cookies, passwords.SLOTS.runs - runs))
    assert seen[0] == seen[1]


@on_sqlite
def test_who_has_shown_half_is_a_stranger_everywhere(world: World) -> None:
    """R82: on every page for people who are signed in, and to every client."""
    member = join(world.services, totp=True)
    browser = _half(world, member)
    routes: RouteMap = world.app.extensions["routes"]
    guarded = [route for route in routes.all() if route.access is Access.SIGNED_IN]
    assert len(guarded) >= 6
    token = browser.page.form("code").fields["csrf_token"]
    for route in guarded:
        address = re.sub(r"<[^>]+>", "something", route.rule)
        for method in set(route.methods) & {"GET", "POST"}:
            answer = browser.client.open(
                address,
                method=method,
                base_url="http://localhost:5000",
                data={"csrf_token": token} if method == "POST" else None,
                headers={"Origin": "http://localhost:5000"} if method == "POST" else {},
            )
            assert answer.status_code == 303, (method, address)
            assert answer.headers["Location"].startswith("/login"), (method, address)
    party = RelyingParty(world)
    assert party.ask(browser, prompt="none")["error"] == "login_required"
    assert party.ask(browser) == {}
    assert browser.page.name == "sign_in/login"
    for route in [route for route in routes.all() if route.access is Access.PARKED and "GET" in route.methods]:
        browser.open(f"{route.rule}?request={'A' * 43}")
        assert browser.left_for is None
        assert member.username not in browser.page.html


def test_the_second_step_alone_opens_nothing(world: World) -> None:
    """R57, R82: without the half sign-in there is no such page, and a code is worth nothing."""
    member = join(world.services, totp=True)
    stranger = world.browser().open("/login")
    token = stranger.page.form("username").fields["csrf_token"]
    for page in ("/login/second-factor", "/login/recovery-code"):
        assert stranger.open(f"{page}?next=/upgrade").page.name == "sign_in/login"
        assert stranger.page.form("username").fields["next"] == "/upgrade"
        stranger.post(page, {"csrf_token": token, "code": _code(member)})
        assert stranger.page.name in {"errors/error", "sign_in/login"}
        assert stranger.cookie("idp_session") is None
    stranger.client.set_cookie("idp_sign_in", "A" * 43, domain="localhost")
    stranger.post("/login/second-factor", {"csrf_token": token, "code": _code(member)})
    assert (stranger.status, stranger.page.error) == (410, "journey_gone")


def test_a_half_made_sign_in_lasts_ten_minutes(world: World) -> None:
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = _half(world, member)
        clock_hand.shift(timedelta(minutes=9, seconds=59))
        assert browser.open("/login/second-factor").page.name == "sign_in/second_factor"
        clock_hand.shift(timedelta(seconds=1))
        browser.submit(code=_code(member))
        assert (browser.status, browser.page.error) == (410, "journey_gone")
        assert browser.open("/login/second-factor").page.name == "sign_in/login"


@pytest.mark.parametrize("what", ["locked", "password", "stopped"])
def test_a_half_made_sign_in_dies_with_what_it_rests_on(world: World, what: str) -> None:
    """R87: a lock, a changed password, a password that was stopped."""
    member = join(world.services, totp=True)
    browser = _half(world, member)
    changed = passwords.hash_password(
        world.services.keyring, "another long password, new", world.settings.password_hash
    )

    def change(conn: Connection) -> None:
        if what == "locked":
            accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="test")
        elif what == "password":
            passwords.set_password(conn, member.account_id, changed)
        else:
            passwords.disable(conn, member.account_id)

    world.services.db.write(change)
    browser.submit(code=_code(member))
    assert (browser.status, browser.page.error) == (410, "journey_gone")
    assert browser.cookie("idp_session") is None


def test_starting_over_ends_the_half_made_sign_in(world: World) -> None:
    member = join(world.services, totp=True)
    browser = _half(world, member)
    handle = browser.cookie("idp_sign_in") or ""
    form = next(form for form in browser.page.forms if form.action == "/login/start-over")
    browser.post("/login/start-over", form.fields)
    assert browser.page.name == "sign_in/login"
    thief = world.browser()
    thief.client.set_cookie("idp_sign_in", handle, domain="localhost")
    assert thief.open("/login/second-factor").page.name == "sign_in/login"


def test_each_password_begins_a_new_wait_and_ends_the_one_before(world: World) -> None:
    """R81: whoever planted a handle in this browser gains nothing by what is typed in it."""
    member = join(world.services, totp=True)
    browser = _half(world, member)
    planted = browser.cookie("idp_sign_in") or ""
    browser.open("/login").submit(username=member.username, password=PASSWORD)
    assert browser.cookie("idp_sign_in") != planted
    other = world.browser()
    other.client.set_cookie("idp_sign_in", planted, domain="localhost")
    assert other.open("/login/second-factor").page.name == "sign_in/login"
    browser.submit(code=_code(member))
    assert browser.page.name == "account/show"


def test_a_code_works_once_in_any_browser(world: World) -> None:
    """R27, R28: nor an older one after a newer."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False):
        first, second = _half(world, member), _half(world, member)
        newest, current = _code(member, later=30), _code(member)
        assert first.submit(code=newest).page.name == "account/show"
        for used in (newest, current, _code(member, later=-30)):
            second.submit(code=used)
            assert (second.status, second.page.error) == (422, "code_used")
            assert "wait for the next one" in second.page.text
        assert authenticator.last_step(world.services, member.account_id) == int(_START.timestamp()) // 30 + 1


@pytest.mark.parametrize("later", [-30, 0, 30])
def test_a_code_is_taken_one_step_early_or_late(world: World, later: int) -> None:
    """R29."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False):
        assert _half(world, member).submit(code=_code(member, later=later)).page.name == "account/show"


@pytest.mark.parametrize("later", [-600, -60, 60, 600])
def test_a_code_of_another_time_is_refused_and_the_clock_is_named(world: World, later: int) -> None:
    """R29: two steps away are too far. It counts like any wrong one."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False):
        browser = _half(world, member).submit(code=_code(member, later=later))
        assert (browser.status, browser.page.error) == (422, "clock_off")
        assert "the clock of your phone is off" in browser.page.text
        assert world.events("second_factor.refused")[-1].fields["why"] == "clock_off"
        assert browser.submit(code=_code(member, later=later + (660 if later > 0 else -660))).page.error == "wrong_code"


def test_when_the_servers_clock_steps_back_nothing_is_taken_twice(world: World) -> None:
    """R30."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as clock_hand:
        used = _code(member)
        assert _half(world, member).submit(code=used).page.name == "account/show"
        clock_hand.shift(timedelta(seconds=-90))
        browser = _half(world, member)
        for again in (used, _code(member), _code(member, later=30)):
            assert browser.submit(code=again).page.error == "code_used"
        clock_hand.shift(timedelta(seconds=120))
        assert browser.submit(code=_code(member)).page.name == "account/show"


@pytest.mark.parametrize(
    "typed", ["", "12345", "abcdef", "1234567", "٠١٢٣٤٥", "123\0", "7KQ2-M9XH-TD4R-0B5C", "9" * 20_000]
)
def test_what_is_no_code_is_asked_for_again(world: World, typed: str) -> None:
    member = join(world.services, totp=True)
    browser = _half(world, member).submit(code=typed)
    assert (browser.status, browser.page.name) == (422, "sign_in/second_factor")
    assert browser.cookie("idp_session") is None
    spaced = authenticator.unused_code(world.services, member)
    assert browser.submit(code=f" {spaced[:3]} {spaced[3:]} ").page.name == "account/show"


def test_a_code_sent_twice_in_one_form_is_refused(world: World) -> None:
    member = join(world.services, totp=True)
    browser = _half(world, member)
    form = {**browser.page.form("code").fields, "code": ["000000", _code(member)]}
    assert browser.post("/login/second-factor", form).status == 422
    assert browser.cookie("idp_session") is None


def test_the_same_form_sent_twice_signs_in_once_and_goes_on(world: World) -> None:
    member = join(world.services, totp=True)
    browser = _half(world, member)
    handle = browser.cookie("idp_sign_in") or ""
    form = {**browser.page.form("code").fields, "code": _code(member)}
    browser.post("/login/second-factor", form)
    browser.client.set_cookie("idp_sign_in", handle, domain="localhost")
    assert browser.post("/login/second-factor", form).page.name == "account/show"
    assert len(world.events("sign_in.succeeded")) == 1
    assert browser.open("/login/second-factor").page.name == "account/show"


def test_a_recovery_code_stands_in_for_the_app_once(world: World) -> None:
    """R34, R50: two factors, a notice, the number left, and the offer of new ones."""
    member = join(world.services, totp=True)
    codes = _paper(world, member)
    browser = _half(world, member)
    browser.open("/login/recovery-code").submit(code=codes[0])
    assert browser.page.name == "second_factor/recovery_codes"
    assert "9 recovery codes left" in browser.page.text
    found = _live(world, browser)
    assert found is not None
    assert (found.aal, found.amr) == (2, ("pwd", "otp", "mfa"))
    assert world.events("recovery_code.used")[-1].fields == {"account": member.account_id, "left": 9}
    mail = next(mail for mail in world.mails() if "recovery code" in mail.subject)
    assert "/help#not-you" in mail.text
    again = _half(world, member).open("/login/recovery-code").submit(code=codes[0])
    assert (again.status, again.page.error) == (422, "code_used")
    assert codes[0] not in browser.page.html
    browser.submit(button="new-codes")
    assert browser.page.name == "second_factor/save_codes"


def test_recovery_codes_are_kept_under_a_key(world: World) -> None:
    """R36: with 80 bits a bare digest would not do."""
    member = join(world.services, totp=True)
    codes = _paper(world, member)
    assert all(len(code.replace("-", "")) * 5 >= 64 for code in codes)
    with world.services.db.read() as conn:
        rows = db.list_rows(conn, recovery_codes.RecoveryCode)
    expected = world.services.keyring.mac("recovery_code", f"{member.account_id}\x1f{codes[0].replace('-', '')}")
    assert expected in {row.code_mac for row in rows}


def test_another_persons_recovery_code_opens_nothing(world: World) -> None:
    member = join(world.services, totp=True)
    codes = _paper(world, join(world.services, "other.person", totp=True))
    browser = _half(world, member).open("/login/recovery-code").submit(code=codes[0])
    assert (browser.status, browser.page.error) == (422, "wrong_code")


def test_the_client_gets_its_answer_after_the_second_step(world: World) -> None:
    """The request travels through both pages; the recovery code's page leads on to it too."""
    party = RelyingParty(world)
    member = join(world.services, totp=True)
    browser = world.browser()
    party.ask(browser)
    browser.submit(username=member.username, password=PASSWORD)
    assert party.client.name in browser.page.text
    browser.submit(code="000000").submit(code=authenticator.unused_code(world.services, member))
    claims = party.claims(party.read(party.redeem(party.answer(browser)["code"])).id_token)
    assert set(claims["amr"]) == {"pwd", "otp", "mfa"}
    other = world.browser()
    party.ask(other)
    other.submit(username=member.username, password=PASSWORD)
    other.open(next(link for link in other.page.links if link.startswith("/login/recovery-code")))
    other.submit(code=_paper(world, member)[0])
    assert other.page.name == "second_factor/recovery_codes"
    other.open(next(link for link in other.page.links if link.startswith("/authorize/continue")))
    assert "code" in party.answer(other)


@on_sqlite
def test_a_fresh_sign_in_asks_for_both_again(world: World) -> None:
    """OIDC Core §3.1.2.1 `prompt=login`: neither the session nor a code alone will do, nor a password from before."""
    party = RelyingParty(world)
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = sign_in(world, member)
        browser.open("/login?request=none-such").submit(username=member.username, password=PASSWORD)
        clock_hand.shift(timedelta(seconds=60))
        party.ask(browser, prompt="login")
        handle = browser.page.form("username").fields["request"]
        browser.open(f"/login/second-factor?request={handle}").submit(code=_code(member))
        assert browser.page.name == "sign_in/login"
        clock_hand.shift(timedelta(seconds=60))
        browser.submit(username=member.username, password=PASSWORD)
        assert browser.page.name == "sign_in/second_factor"
        browser.submit(code=_code(member))
        claims = party.claims(party.read(party.redeem(party.answer(browser)["code"])).id_token)
    assert claims["auth_time"] == int(_START.timestamp()) + 120


def test_remembering_the_device_waits_for_the_second_step(world: World) -> None:
    member = join(world.services, totp=True)
    browser = world.browser().open("/login")
    browser.submit(username=member.username, password=PASSWORD, remember="y")
    assert browser.cookie("idp_device") is None
    browser.submit(code=_code(member))
    assert browser.cookie("idp_device")


def test_no_code_and_no_secret_is_in_the_audit_log(world: World) -> None:
    member = join(world.services, totp=True)
    codes = _paper(world, member)
    browser = _half(world, member)
    typed = [authenticator.wrong_code(member.totp_secret or ""), _code(member)]
    for code in typed:
        browser.submit(code=code)
    _half(world, member).open("/login/recovery-code").submit(code=codes[0])
    with world.services.db.read() as conn:
        kept = str(conn.execute(sa.select(audit.AuditEvent.fields)).scalars().all())
    assert not [secret for secret in (*typed, *codes, member.totp_secret or "") if secret in kept]
