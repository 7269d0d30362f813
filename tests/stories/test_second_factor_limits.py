"""Guessing at a second factor: how long one waits, and what a hundred wrong codes do."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import time_machine

from idp.credentials import recovery_codes
from idp.limits import LimitCount
from tests import authenticator
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _half(world: World, member: Member) -> Browser:
    return world.browser().open("/login").submit(username=member.username, password=member.password)


def _wrong(member: Member) -> str:
    return authenticator.wrong_code(member.totp_secret or "")


def _code(member: Member) -> str:
    return authenticator.code(member.totp_secret or "")


def _set_count(world: World, limit: str, count: int) -> None:
    statement = sa.update(LimitCount).where(LimitCount.key.startswith(f"{limit}:"))
    world.services.db.write(lambda conn: conn.execute(statement.values(count=count, blocked_until=None)).rowcount)


def _stop(world: World, member: Member) -> Browser:
    """A hundred wrong codes in a row; the browser that sent the last."""
    browser = _half(world, member).submit(code=_wrong(member))
    _set_count(world, "totp", 99)
    return browser.submit(code=_wrong(member))


def test_after_ten_wrong_codes_each_try_waits_longer_in_every_browser(world: World) -> None:
    """R31: a new sign-in has no new budget."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = _half(world, member)
        for _ in range(5):
            browser = _half(world, member)
            assert browser.submit(code=_wrong(member)).status == 422
            assert browser.submit(code=_wrong(member)).status == 422
        for wait in (30, 60, 120):
            browser = _half(world, member)
            browser.submit(code=_code(member))
            assert (browser.status, browser.page.name) == (429, "sign_in/second_factor")
            assert browser.response.headers["Retry-After"] == str(wait)
            clock_hand.shift(timedelta(seconds=wait))
            assert browser.submit(code=_wrong(member)).status == 422
        clock_hand.shift(timedelta(seconds=240))
        assert browser.submit(code=_code(member)).page.name == "account/show"


def test_a_right_password_does_not_forget_wrong_codes_but_a_right_code_does(world: World) -> None:
    """R18."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as clock_hand:
        for _ in range(3):
            for _ in range(9):
                assert _half(world, member).submit(code=_wrong(member)).status == 422
            assert _half(world, member).submit(code=_code(member)).page.name == "account/show"
            clock_hand.shift(timedelta(seconds=60))


def test_a_recovery_code_does_not_forget_wrong_codes_of_the_app(world: World) -> None:
    """R18: each factor has its own count."""
    member = join(world.services, totp=True)
    codes = world.services.db.write(lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id))
    with time_machine.travel(_START, tick=False):
        for _ in range(10):
            _half(world, member).submit(code=_wrong(member))
        opened = _half(world, member).open("/login/recovery-code").submit(code=codes[0])
        assert opened.page.name == "second_factor/recovery_codes"
        assert _half(world, member).submit(code=_code(member)).status == 429


def test_a_hundred_wrong_codes_stop_the_app_and_nothing_else(world: World) -> None:
    """R13: the sign-in never goes without a second factor; a recovery code still works, and a new app can be added."""
    member = join(world.services, totp=True)
    codes = world.services.db.write(lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id))
    with time_machine.travel(_START, tick=False) as clock_hand:
        last = _stop(world, member)
        assert (last.status, last.page.error) == (422, "factor_stopped")
        clock_hand.shift(timedelta(days=366))
        browser = _half(world, member)
        assert browser.submit(code=_code(member)).page.error == "factor_stopped"
        browser.open("/login/recovery-code").submit(code=codes[0])
        assert "Switched off" in browser.open("/account").page.text
        browser.open("/account/second-factor")
        secret = browser.page.ids["totp-secret"]
        browser.submit(code=authenticator.code(secret))
        assert "In use" in browser.open("/account").page.text
        clock_hand.shift(timedelta(seconds=60))
        assert _half(world, member).submit(code=authenticator.code(secret)).page.name == "account/show"
    assert [event.fields["factor"] for event in world.events("second_factor.stopped")] == ["totp"]
    assert [mail.to for mail in world.mails() if "too many wrong codes" in mail.subject] == ["maria@example.org"]


def test_wrong_recovery_codes_wait_and_at_a_hundred_the_list_is_dead(world: World) -> None:
    """R13, R34."""
    member = join(world.services, totp=True)
    codes = world.services.db.write(lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id))
    with time_machine.travel(_START, tick=False):
        browser = _half(world, member).open("/login/recovery-code")
        for _ in range(5):
            assert browser.submit(code="0000-0000-0000-0000").status == 422
        assert browser.submit(code=codes[0]).status == 429
        _set_count(world, "recovery_code", 99)
        _set_count(world, "recovery_code_wait", 0)
        assert browser.submit(code="0000-0000-0000-0000").page.error == "code_dead"
        assert browser.submit(code=codes[1]).page.error in {"too_many_tries", "wrong_code"}
        assert sign_in(world, member).open("/account").page.name == "account/show"
        with world.services.db.read() as conn:
            assert recovery_codes.count_left(conn, member.account_id) == 0


def test_one_persons_wrong_codes_make_nobody_else_wait(world: World) -> None:
    member, other = join(world.services, totp=True), join(world.services, "other.person", totp=True)
    with time_machine.travel(_START, tick=False):
        for _ in range(11):
            _half(world, member).submit(code=_wrong(member))
        assert _half(world, other).submit(code=_code(other)).page.name == "account/show"


def test_wrong_codes_do_not_stop_the_password(world: World) -> None:
    member = join(world.services, totp=True)
    _stop(world, member)
    browser = world.browser().open("/login").submit(username=member.username, password=PASSWORD)
    assert browser.page.name == "sign_in/second_factor"
