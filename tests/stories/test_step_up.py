"""A live sign-in that becomes stronger, for itself or for a client, and how long each strength lasts."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from idp import db
from idp.accounts.levels import ACR_BASIC_MFA, Level
from idp.credentials import recovery_codes, sessions
from idp.credentials.sessions import Session, SignedIn
from tests import authenticator
from tests.http_browser import Browser
from tests.members import join
from tests.relying_party import RelyingParty, sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _live(world: World, browser: Browser) -> SignedIn | None:
    with world.services.db.read() as conn:
        return sessions.find_signed_in(conn, browser.cookie("idp_session") or "")


def _add_app(world: World, browser: Browser) -> str:
    browser.open("/account/second-factor")
    secret = browser.page.ids["totp-secret"]
    assert browser.submit(code=authenticator.code(secret)).page.name == "second_factor/save_codes"
    return secret


def test_a_sign_in_from_before_the_second_factor_steps_up(world: World) -> None:
    """R81: the factor was added in another browser; a new handle, the same session and the same `auth_time`."""
    with time_machine.travel(_START, tick=False) as clock_hand:
        member = join(world.services)
        weak, strong = sign_in(world, member), sign_in(world, member)
        secret = _add_app(world, strong)
        clock_hand.shift(timedelta(seconds=60))
        before, handle = _live(world, weak), weak.cookie("idp_session") or ""
        assert before is not None
        assert (before.aal, before.second_factor, before.acr) == (1, True, "urn:dslogon:basic")
        assert "before the second step was added" in weak.open("/account").page.text
        weak.open("/login/second-factor?next=/upgrade")
        assert weak.submit(code="000000").status == 422
        weak.submit(code=authenticator.code(secret))
        assert weak.address == "/upgrade"
        after = _live(world, weak)
        assert after is not None
        assert (after.session_id, after.auth_time, after.aal) == (before.session_id, before.auth_time, 2)
        assert weak.cookie("idp_session") != handle
        with world.services.db.read() as conn:
            assert sessions.find_signed_in(conn, handle) is None
            shown = db.get(conn, Session, Session.id == after.session_id).methods["shown"]
        assert [entry["amr"] for entry in shown] == ["pwd", "otp"]
        assert shown[1]["at"] - shown[0]["at"] == 60


def test_a_premium_person_with_one_factor_is_basic_until_the_second(world: World) -> None:
    """R85: level and `acr` follow what was shown in this sign-in."""
    member = join(world.services, level=Level.PREMIUM)
    browser = sign_in(world, member)
    found = _live(world, browser)
    assert found is not None
    assert (found.level, found.acr) == (Level.BASIC, "urn:dslogon:basic")
    _add_app(world, browser)
    found = _live(world, browser)
    assert found is not None
    assert (found.level, found.acr) == (Level.PREMIUM, "urn:dslogon:premium")


def test_a_parallel_tab_that_steps_up_too_finds_it_done(world: World) -> None:
    with time_machine.travel(_START, tick=False) as clock_hand:
        member = join(world.services)
        weak, strong = sign_in(world, member), sign_in(world, member)
        secret = _add_app(world, strong)
        clock_hand.shift(timedelta(seconds=60))
        weak.open("/login/second-factor")
        form = weak.page.form("code").fields
        weak.submit(code=authenticator.code(secret))
        weak.post("/login/second-factor", {**form, "code": authenticator.code(secret)})
        assert weak.page.name == "account/show"
        assert len(world.events("session.raised")) == 2


def test_a_client_that_wants_two_factors_gets_them_inside_its_request(world: World) -> None:
    """OIDC Core §3.1.2.1 `acr_values`: the first app is added on the way, the codes are saved, and the client hears of both."""
    party = RelyingParty(world)
    browser = sign_in(world, join(world.services))
    assert party.ask(browser, acr_values=ACR_BASIC_MFA) == {}
    assert browser.page.name == "second_factor/enrol"
    assert party.client.name in browser.page.text
    browser.submit(code="000000", button="code-submit")
    browser.submit(code=authenticator.code(browser.page.ids["totp-secret"]), button="code-submit")
    assert browser.page.name == "second_factor/save_codes"
    assert party.client.name in browser.page.text
    browser.submit(saved="y")
    claims = party.claims(party.read(party.redeem(party.answer(browser)["code"])).id_token)
    assert claims["acr"] == ACR_BASIC_MFA


def test_a_client_that_wants_two_factors_makes_a_weaker_sign_in_step_up(world: World) -> None:
    """`auth_time` stays the second of the sign-in: the factor made it stronger, not newer. A recovery code does as well."""
    party = RelyingParty(world)
    with time_machine.travel(_START, tick=False) as clock_hand:
        member = join(world.services)
        first, second, strong = (sign_in(world, member) for _ in range(3))
        secret = _add_app(world, strong)
        clock_hand.shift(timedelta(seconds=60))
        assert party.ask(first, acr_values=ACR_BASIC_MFA) == {}
        assert first.page.name == "sign_in/second_factor"
        first.submit(code=authenticator.code(secret), button="code-submit")
        claims = party.claims(party.read(party.redeem(party.answer(first)["code"])).id_token)
        assert (claims["acr"], claims["auth_time"]) == (ACR_BASIC_MFA, int(_START.timestamp()))
        codes = world.services.db.write(
            lambda conn: recovery_codes.renew(conn, world.services.keyring, member.account_id)
        )
        party.ask(second, acr_values=ACR_BASIC_MFA)
        second.open(next(link for link in second.page.links if link.startswith("/login/recovery-code")))
        second.submit(code=codes[0], button="code-submit")
        assert second.page.name == "second_factor/recovery_codes"
        second.open(next(link for link in second.page.links if link.startswith("/authorize/continue")))
        assert "code" in party.answer(second)


def test_who_would_rather_not_goes_back_as_they_are(world: World) -> None:
    """Not now: on the page of the first app and on the page of the second step."""
    party = RelyingParty(world)
    member = join(world.services)
    weak, strong = sign_in(world, member), sign_in(world, member)
    party.ask(weak, acr_values=ACR_BASIC_MFA)
    weak.submit(shown_to=weak.page.form("shown_to").fields["shown_to"], button="decline-submit")
    assert party.claims(party.read(party.redeem(party.answer(weak)["code"])).id_token)["acr"] != ACR_BASIC_MFA
    _add_app(world, strong)
    party.ask(weak, acr_values=ACR_BASIC_MFA)
    assert weak.page.name == "sign_in/second_factor"
    weak.submit(shown_to=weak.page.form("shown_to").fields["shown_to"], button="decline-submit")
    assert party.claims(party.read(party.redeem(party.answer(weak)["code"])).id_token)["acr"] != ACR_BASIC_MFA


@pytest.mark.parametrize(("totp", "minutes"), [(False, 30), (True, 15)])
def test_a_stronger_sign_in_ends_sooner_when_nobody_uses_it(world: World, totp: bool, minutes: int) -> None:
    """R83, SP 800-63B-4 §2.1.3, §2.2.3."""
    member = join(world.services, totp=totp)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = sign_in(world, member)
        for _ in range(3):
            clock_hand.shift(timedelta(minutes=minutes, seconds=-1))
            assert browser.open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(minutes=minutes))
        assert browser.open("/account").page.name == "sign_in/login"


def test_no_use_and_no_step_up_lengthens_twelve_hours(world: World) -> None:
    """R83: counted from the password on."""
    with time_machine.travel(_START, tick=False) as clock_hand:
        member = join(world.services)
        browser = sign_in(world, member)
        clock_hand.shift(timedelta(minutes=5))
        _add_app(world, browser)
        for _ in range(71):
            clock_hand.shift(timedelta(minutes=10))
            assert browser.open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(minutes=4, seconds=59))
        assert browser.open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(seconds=1))
        assert browser.open("/account").page.name == "sign_in/login"
