"""Adding an app that makes codes, changing it, and the recovery codes that go with it."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import qrcode
import sqlalchemy as sa
import time_machine

from idp import clock
from idp.accounts import accounts
from idp.accounts.levels import Level
from idp.config import PolicyName
from idp.credentials.recovery_codes import RecoveryCode
from idp.credentials.totp import Totp
from idp.journeys.engine import JourneyRow
from idp.proofing import evidence
from idp.proofing.policy import Method
from tests import authenticator
from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b")


def _secret(browser: Browser) -> str:
    return browser.page.ids["totp-secret"]


def _codes(browser: Browser) -> list[str]:
    return _CODE.findall(browser.page.ids["recovery-codes"])


def _enrol(browser: Browser) -> str:
    """Add an app from the account page on; the secret that it holds."""
    browser.open("/account/second-factor")
    secret = _secret(browser)
    browser.submit(code=authenticator.code(secret))
    return secret


def _has_app(world: World, member: Member) -> bool:
    with world.services.db.read() as conn:
        return conn.execute(sa.select(Totp.account_id).where(Totp.account_id == member.account_id)).first() is not None


def _told(world: World, words: str) -> list[str]:
    return [mail.to for mail in world.mails() if words in mail.subject]


def test_a_person_adds_an_app_saves_the_codes_and_is_signed_in_with_two_factors(world: World) -> None:
    """R32, R50, R81: the secret as a picture and as text, ten codes once, a new session handle, a notice."""
    member = join(world.services)
    browser = sign_in(world, member)
    before = browser.cookie("idp_session")
    assert "Not in use" in browser.open("/account").page.text
    browser.open("/account/second-factor")
    assert browser.page.name == "second_factor/enrol"
    assert "<svg" in browser.page.html
    assert browser.response.headers["Cache-Control"] == "no-store"
    secret = _secret(browser)
    assert len(secret.replace(" ", "")) * 5 >= 160
    browser.submit(code=authenticator.code(secret))
    assert browser.page.name == "second_factor/save_codes"
    codes = _codes(browser)
    assert len(set(codes)) == 10
    assert browser.cookie("idp_session") != before
    browser.submit(saved="y")
    assert browser.page.name == "account/show"
    assert "10" in browser.page.text[browser.page.text.index("Recovery codes left") :][:30]
    event = world.events("second_factor.added")[-1]
    assert event.fields == {"account": member.account_id, "factor": "totp", "in_place_of_another": False}
    assert world.events("session.raised")[-1].fields["methods"] == ["pwd", "otp"]
    assert _told(world, "second step was added") == ["maria@example.org"]


def test_the_picture_and_the_key_say_the_same_to_the_app(world: World) -> None:
    """RFC 6238: whatever app reads it makes the same codes, under the service's name and the person's."""
    browser = sign_in(world, join(world.services))
    browser.open("/account/second-factor")
    secret = _secret(browser).replace(" ", "")
    said = pyotp.TOTP(secret).provisioning_uri(name="maria.rivera", issuer_name="Guidon")
    assert said.startswith("otpauth://totp/Guidon:maria.rivera?")
    picture = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_M)
    picture.add_data(said)
    dark = {(x, y) for y, row in enumerate(picture.get_matrix()) for x, square in enumerate(row) if square}
    shown = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", browser.page.html)}
    assert shown == dark
    assert secret not in browser.address
    with world.services.db.read() as conn:
        kept = conn.execute(sa.select(JourneyRow.sealed)).scalars().all()
    assert all(secret.encode() not in (sealed or b"") for sealed in kept)


def test_what_was_begun_and_left_leaves_nothing_behind(world: World) -> None:
    """R33: no second factor, no lock-out; the same key in every tab of the session until then."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = sign_in(world, member)
        shown = _secret(browser.open("/account/second-factor"))
        assert _secret(browser.open("/account/second-factor")) == shown
        assert _secret(sign_in(world, member).open("/account/second-factor")) != shown
        assert not _has_app(world, member)
        assert sign_in(world, member).open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(minutes=20))
        browser.open("/account")
        clock_hand.shift(timedelta(minutes=20))
        browser.open("/account/second-factor").submit(password=member.password)
        assert _secret(browser) != shown


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "1234567", "١٢٣٤٥٦", "12345\0", "<b>123</b>"])
def test_what_is_no_code_is_asked_for_again(world: World, typed: str) -> None:
    member = join(world.services)
    browser = sign_in(world, member).open("/account/second-factor")
    shown = _secret(browser)
    browser.submit(code=typed)
    assert (browser.status, browser.page.name) == (422, "second_factor/enrol")
    assert _secret(browser) == shown
    assert not _has_app(world, member)


def test_a_wrong_code_adds_nothing_and_a_clock_that_is_off_is_told(world: World) -> None:
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        browser = sign_in(world, member).open("/account/second-factor")
        shown = _secret(browser)
        browser.submit(code=authenticator.wrong_code(shown))
        assert (browser.status, browser.page.error) == (422, "wrong_code")
        for later in (-300, 300, 60, -60):
            browser.submit(code=authenticator.code(shown, later=later))
            assert (browser.status, browser.page.error) == (422, "clock_off")
            assert "clock of your phone" in browser.page.text
        assert not _has_app(world, member)
        browser.submit(code=authenticator.code(shown, later=30))
        assert browser.page.name == "second_factor/save_codes"


def test_first_codes_are_counted_too(world: World) -> None:
    """R31: thirty an hour."""
    browser = sign_in(world, join(world.services))
    with time_machine.travel(datetime.now(UTC), tick=False):
        browser.open("/account/second-factor")
        wrong = authenticator.wrong_code(_secret(browser))
        for _ in range(30):
            assert browser.submit(code=wrong).status == 422
        browser.submit(code=authenticator.code(_secret(browser)))
        assert browser.status == 429
        assert browser.response.headers["Retry-After"]


def test_the_code_that_added_the_app_does_not_sign_anybody_in(world: World) -> None:
    """R27: the replay guard starts with the first code."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = sign_in(world, member)
        secret = _enrol(browser)
        other = world.browser().open("/login").submit(username=member.username, password=member.password)
        other.submit(code=authenticator.code(secret))
        assert (other.status, other.page.error) == (422, "code_used")
        clock_hand.shift(timedelta(seconds=30))
        assert other.submit(code=authenticator.code(secret)).page.name == "account/show"


def test_the_codes_are_shown_until_they_are_saved_and_then_never_again(world: World) -> None:
    """The box must be checked; a reload shows them again, the back button after it does not."""
    browser = sign_in(world, join(world.services))
    _enrol(browser)
    codes = _codes(browser)
    assert _codes(browser.open("/account/recovery-codes/save")) == codes
    browser.submit(button="saved-submit")
    assert (browser.status, browser.page.name) == (422, "second_factor/save_codes")
    assert _codes(browser) == codes
    browser.submit(saved="y")
    assert browser.page.name == "account/show"
    browser.open("/account/recovery-codes/save")
    assert browser.page.name == "second_factor/recovery_codes"
    assert not _CODE.search(browser.page.html)
    with world.services.db.read() as conn:
        kept = conn.execute(sa.select(JourneyRow.sealed, JourneyRow.outcome)).all()
        macs = conn.execute(sa.select(RecoveryCode.code_mac)).scalars().all()
    assert all(row.sealed is None for row in kept if row.outcome == "saved")
    assert len(macs) == 10
    assert not {code.replace("-", "") for code in codes} & set(macs)


def test_only_the_session_that_made_them_sees_the_codes(world: World) -> None:
    member = join(world.services)
    browser, other = sign_in(world, member), sign_in(world, member)
    secret = _enrol(browser)
    other.open("/account/recovery-codes/save")
    assert not _CODE.search(other.page.html)
    stranger = sign_in(world, join(world.services, "other.person"))
    assert not _CODE.search(stranger.open("/account/recovery-codes/save").page.html)
    assert stranger.page.name == "second_factor/enrol"
    assert _secret(stranger) != secret


def test_the_same_form_sent_twice_adds_one_app(world: World) -> None:
    """The second click comes with the handle from before the first, which opens nothing any more (R81)."""
    member = join(world.services)
    browser = sign_in(world, member).open("/account/second-factor")
    old = browser.cookie("idp_session") or ""
    form = {**browser.page.form("code").fields, "code": authenticator.code(_secret(browser))}
    assert browser.post("/account/second-factor", form).page.name == "second_factor/save_codes"
    again = world.browser()
    again.client.set_cookie("idp_session", old, domain="localhost")
    assert again.open("/account").page.name == "sign_in/login"
    assert browser.post("/account/second-factor", form).status == 410
    assert len(world.events("second_factor.added")) == 1


def test_of_two_sessions_that_add_an_app_the_second_is_not_let(world: World) -> None:
    """R49: what was begun with one factor does not replace the one that came meanwhile."""
    member = join(world.services)
    first, second = sign_in(world, member), sign_in(world, member)
    first.open("/account/second-factor")
    second.open("/account/second-factor")
    late = {**second.page.form("code").fields, "code": authenticator.code(_secret(second))}
    first.submit(code=authenticator.code(_secret(first)))
    assert first.page.name == "second_factor/save_codes"
    second.post("/account/second-factor", late)
    assert second.page.name == "sign_in/second_factor"
    assert len(world.events("second_factor.added")) == 1


def test_an_app_is_replaced_only_by_who_showed_the_old_one(world: World) -> None:
    """R49: with one factor the page first asks for the second; the old app dies with the first code of the new."""
    member = join(world.services, totp=True)
    weak = world.browser().open("/login").submit(username=member.username, password=member.password)
    assert weak.open("/account/second-factor").page.name == "sign_in/login"
    with time_machine.travel(datetime.now(UTC), tick=False) as clock_hand:
        browser = sign_in(world, member)
        browser.open("/account/second-factor")
        assert "Your old app works until" in browser.page.text
        secret = _secret(browser)
        assert member.totp_secret != secret.replace(" ", "")
        browser.submit(code=authenticator.code(secret))
        assert browser.page.name == "second_factor/save_codes"  # this member had no recovery codes yet
        browser.submit(saved="y")
        assert world.events("second_factor.added")[-1].fields["in_place_of_another"]
        clock_hand.shift(timedelta(seconds=60))
        again = world.browser().open("/login").submit(username=member.username, password=member.password)
        assert again.submit(code=authenticator.code(member.totp_secret or "")).page.error == "wrong_code"
        assert again.submit(code=authenticator.code(secret)).page.name == "account/show"


def test_codes_on_paper_serve_after_a_change_of_telephone(world: World) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False) as clock_hand:
        member = join(world.services)
        browser = sign_in(world, member)
        _enrol(browser)
        codes = _codes(browser)
        browser.submit(saved="y")
        clock_hand.shift(timedelta(seconds=60))
        _enrol(browser)
        assert browser.page.name == "account/show"
        other = world.browser().open("/login").submit(username=member.username, password=member.password)
        other.open("/login/recovery-code").submit(code=codes[3])
        assert other.page.name == "second_factor/recovery_codes"


def test_new_codes_take_the_place_of_the_old_ones_and_every_address_hears_of_it(world: World) -> None:
    """R35, R50."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        member = join(world.services)
        browser = sign_in(world, member)
        _enrol(browser)
        old = _codes(browser)
        browser.submit(saved="y")
        browser.open("/account/recovery-codes").submit(button="new-codes")
        new = _codes(browser)
        assert len(new) == 10
        assert not set(new) & set(old)
        other = world.browser().open("/login").submit(username=member.username, password=member.password)
        other.open("/login/recovery-code")
        assert other.submit(code=old[0]).page.error == "wrong_code"
        assert other.submit(code=new[0].lower().replace("-", " ")).page.name == "second_factor/recovery_codes"
    assert _told(world, "New recovery codes") == ["maria@example.org"]


def test_new_codes_need_two_factors(world: World) -> None:
    """R35: neither who has no second factor nor who has not shown it."""
    member = join(world.services)
    weak = sign_in(world, member)
    assert weak.open("/account/recovery-codes").page.name == "second_factor/enrol"
    strong = sign_in(world, member)
    _enrol(strong)
    form = strong.page.form("saved").fields
    assert weak.open("/account/recovery-codes").page.name == "sign_in/second_factor"
    token = weak.page.form("code").fields["csrf_token"]
    assert weak.post("/account/recovery-codes", {"csrf_token": token}).page.name == "sign_in/second_factor"
    assert strong.post("/account/recovery-codes/save", {**form, "saved": "y"}).page.name == "account/show"
    assert len(world.events("recovery_codes.made")) == 1


def test_sets_are_made_five_times_a_day(world: World) -> None:
    browser = sign_in(world, join(world.services, totp=True))
    for _ in range(5):
        assert (
            browser.open("/account/recovery-codes").submit(button="new-codes").page.name == "second_factor/save_codes"
        )
    assert browser.open("/account/recovery-codes").submit(button="new-codes").status == 429


def test_a_level_that_waited_for_the_second_factor_comes_with_it(world: World) -> None:
    """R48: the evidence was there; the factor was missing. Both in one write, and in this session at once."""
    member = join(world.services, wanted_level=Level.PREMIUM)

    def prove(conn: sa.Connection) -> None:
        account = accounts.find_account(conn, member.account_id)
        assert account is not None
        for method in (Method.DEERS_MATCH, Method.CODE_POST_OF_RECORD):
            evidence.add(conn, account, method, policy=PolicyName.DS_LOGON, at=clock.now())

    world.services.db.write(prove)
    browser = sign_in(world, member)
    assert "Basic (Level 1)" in browser.open("/account").page.text
    _enrol(browser)
    browser.submit(saved="y")
    assert "Premium (Level 2)" in browser.page.ids["account-level"]
    assert world.events("account.level_changed")[-1].fields["why"] == "second_factor"
