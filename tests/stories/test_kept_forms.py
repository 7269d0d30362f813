"""What somebody typed when their sign-in had ended: kept for them, and for nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import time_machine

from idp.accounts import profile
from idp.journeys import kept_form
from idp.journeys.engine import JourneyRow
from idp.web.routes import RouteMap
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import on_sqlite, sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_TYPED = {"name": "María del Mar Rivera", "address": "7 Calle Luna, San Juan PR 00901"}


def _sent_too_late(world: World, member: Member, hand: Any) -> Browser:
    """A browser whose profile was sent 31 minutes after the page was opened; it shows what came of that."""
    browser = sign_in(world, member).open("/account/profile")
    hand.shift(timedelta(minutes=31))
    return browser.submit(name=_TYPED["name"], address=_TYPED["address"])


def _shown(browser: Browser) -> dict[str, str]:
    fields = browser.page.form("given_name").fields
    return {name: fields[name] for name in _TYPED}


def _rows(world: World) -> list[JourneyRow]:
    with world.services.db.read() as conn:
        statement = (
            sa.select(JourneyRow.__table__).where(JourneyRow.kind == "kept_form").order_by(JourneyRow.created_at)
        )
        return [JourneyRow(**row) for row in conn.execute(statement).mappings()]


def test_what_was_typed_comes_back_after_the_sign_in_and_is_sent_again_by_its_owner(world: World) -> None:
    """WCAG 2.2.1, 2.2.5: nothing is saved before the person says so once more; then nothing is kept."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sent_too_late(world, member, hand)
        assert browser.page.name == "sign_in/login"
        assert "what you typed is there again" in browser.page.text
        (row,) = _rows(world)
        assert row.sealed is not None
        assert b"Luna" not in row.sealed
        browser.submit(username=member.username, password=PASSWORD)
        assert browser.page.name == "account/profile"
        assert "What you typed is still here" in browser.page.text
        assert _shown(browser) == _TYPED
        assert not world.events("profile.changed")
        # Looking twice takes nothing away.
        assert _shown(browser.open("/account/profile")) == _TYPED
        browser.submit(name=_TYPED["name"])
        assert "Your profile was saved." in browser.page.text
        with world.services.db.read() as conn:
            assert profile.read(conn, world.services.keyring, member.account_id)["address"] == _TYPED["address"]
        assert [row.outcome for row in _rows(world)] == ["sent_again"]
        assert _rows(world)[0].sealed is None
        assert browser.cookie("idp_kept") is None
        assert "What you typed is still here" not in browser.open("/account/profile").page.text


def test_another_account_never_sees_it(world: World) -> None:
    """R103: neither in the same browser, nor with the handle in another."""
    member, other = join(world.services), join(world.services, "other.person")
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sent_too_late(world, member, hand)
        handle = browser.cookie("idp_kept") or ""
        browser.submit(username=other.username, password=PASSWORD)
        assert browser.page.name == "account/profile"
        assert _shown(browser) == {"name": "", "address": ""}
        browser.submit(name="Other Person")
        thief = sign_in(world, other)
        thief.client.set_cookie("idp_kept", handle, domain="localhost")
        assert _shown(thief.open("/account/profile"))["address"] == ""
        with world.services.db.read() as conn:
            assert profile.read(conn, world.services.keyring, member.account_id) == {}
        owner = sign_in(world, member)
        owner.client.set_cookie("idp_kept", handle, domain="localhost")
        assert _shown(owner.open("/account/profile")) == _TYPED


def test_it_is_kept_for_half_an_hour(world: World) -> None:
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sent_too_late(world, member, hand)
        hand.shift(kept_form.LASTS)
        browser.open("/login?next=/account/profile").submit(username=member.username, password=PASSWORD)
        assert browser.page.name == "account/profile"
        assert _shown(browser) == {"name": "", "address": ""}


def test_one_form_is_kept_for_a_session_however_often_it_is_sent(world: World) -> None:
    """R79: a dead session's holder cannot fill the house."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member).open("/account/profile")
        form = browser.page.form("given_name")
        hand.shift(timedelta(minutes=31))
        for number in range(3):
            browser.post("/account/profile", {**form.fields, "name": f"Number {number}"})
        assert [row.sealed is None for row in _rows(world)] == [True, True, False]
        browser.submit(username=member.username, password=PASSWORD)
        assert _shown(browser)["name"] == "Number 2"


@on_sqlite
def test_nothing_is_kept_of_a_browser_that_was_never_signed_in(world: World) -> None:
    stranger = world.browser().open("/login")
    token = stranger.page.form("username").fields["csrf_token"]
    for handle in ("", "made-up-handle"):
        if handle:
            stranger.client.set_cookie("idp_session", handle, domain="localhost")
        stranger.post("/account/profile", {"csrf_token": token, **_TYPED})
        assert stranger.page.name == "sign_in/login"
        assert stranger.cookie("idp_kept") is None
    assert _rows(world) == []
    stranger.post("/account/profile", _TYPED)
    assert stranger.page.error == "stale_form"


@on_sqlite
def test_no_form_with_a_secret_is_kept(world: World) -> None:
    """R76: numbers, passwords and codes are not for this."""
    routes: RouteMap = world.app.extensions["routes"]
    keeping = [route for route in routes.all() if route.keeps]
    assert [route.rule for route in keeping] == ["/account/profile"]
    browser = sign_in(world, join(world.services))
    for route in keeping:
        browser.open(route.rule)
        for form in browser.page.forms:
            assert not {name for name in form.names if "password" in name or "code" in name or name == "number"}
        assert 'type="password"' not in browser.page.html
