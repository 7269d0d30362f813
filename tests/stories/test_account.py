"""The account pages: who one is here, what one says about oneself, and where one is signed in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from idp.accounts import profile
from idp.accounts.levels import Level
from idp.accounts.profile import Profile
from tests.http_browser import Browser
from tests.members import PASSWORD, join
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

WHOLE: dict[str, Any] = {
    "name": "María del Mar Rivera",
    "given_name": "María",
    "family_name": "Rivera",
    "middle_name": "del Mar",
    "nickname": "Mari",
    "preferred_username": "mari-on-the-web",
    "profile": "https://people.example/mari",
    "picture": "https://people.example/mari.jpg?size=2",
    "website": "https://mari.example/",
    "gender": "female",
    "birthdate": "1984-03-27",
    "zoneinfo": "America/Puerto_Rico",
    "locale": "es-PR",
    "phone_number": "+17875550100",
    "address": "7 Calle Luna, San Juan PR 00901",
}


def _signed_in(world: World, username: str = "maria.rivera") -> Browser:
    browser = world.browser().open("/login").submit(username=username, password=PASSWORD)
    assert browser.page.name == "account/show"
    return browser


@pytest.mark.parametrize("page", ["/account", "/account/profile", "/upgrade"])
def test_account_pages_are_for_those_who_are_signed_in(world: World, page: str) -> None:
    browser = world.browser().open(page)
    assert browser.page.name == "sign_in/login"
    assert browser.response.headers["Cache-Control"] == "no-store"


def test_the_start_page_leads_in(world: World) -> None:
    browser = world.browser().open("/")
    assert browser.page.name == "help/start"
    assert {"/login", "/register", "/help"} <= set(browser.page.links)
    join(world.services)
    signed_in = _signed_in(world).open("/")
    assert "/account" in signed_in.page.links
    assert "/login" not in signed_in.page.links


def test_the_account_page_says_who_one_is_and_what_that_opens(world: World) -> None:
    join(world.services)
    page = _signed_in(world).page
    assert page.ids["account-level"] == "Basic (Level 1)"
    assert "maria@example.org" in page.text
    assert "(locked)" in page.text
    assert "Premium is pending" not in page.text


def test_who_asked_for_premium_is_told_where_it_stands(world: World) -> None:
    """Whoever asked for Premium has Basic at once, and is told what is missing."""
    join(world.services, wanted_level=Level.PREMIUM)
    browser = _signed_in(world)
    assert "Premium is pending" in browser.page.text
    assert "code sent to an address" in browser.page.ids["premium-missing"]
    browser.open("/upgrade")
    assert browser.page.name == "upgrade/start"
    assert browser.page.ids["premium-parts"].count("(missing)") == 4


def test_a_premium_account_is_shown_as_one(world: World) -> None:
    join(world.services, level=Level.PREMIUM, wanted_level=Level.PREMIUM)
    browser = _signed_in(world)
    assert browser.page.ids["account-level"] == "Premium (Level 2): identity verified, free"
    assert "(locked)" not in browser.page.text
    assert "You have Premium" in browser.open("/upgrade").page.text


def test_what_one_says_about_oneself_is_kept_sealed_and_read_by_its_oidc_names(world: World) -> None:
    """OIDC Core §5.1, with `updated_at` in seconds."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        browser = _signed_in(world).open("/account/profile").submit(**WHOLE)
        assert browser.page.name == "account/show"
        assert "Your profile was saved." in browser.page.text
        with world.services.db.read() as conn:
            assert profile.read(conn, world.services.keyring, member.account_id) == {
                **WHOLE,
                "updated_at": int(_START.timestamp()),
            }
            sealed = conn.execute(sa.select(Profile.sealed)).scalar_one()
        shown = browser.open("/account/profile").page.form("given_name").fields
        assert {name: shown[name] for name in WHOLE} == WHOLE
    assert b"Rivera" not in sealed
    event = world.events("profile.changed")[-1]
    assert (event.actor, event.subject, event.fields) == (
        member.account_id,
        member.person_id,
        {"account": member.account_id},
    )


def test_an_emptied_claim_is_gone_and_an_unchanged_profile_is_not_newer(world: World) -> None:
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = _signed_in(world).open("/account/profile").submit(name="Maria", nickname="Mari")
        clock_hand.shift(timedelta(minutes=1))
        browser.open("/account/profile").submit(name="Maria", nickname="Mari")
        assert "You changed nothing" in browser.page.text
        assert len(world.events("profile.changed")) == 1
        clock_hand.shift(timedelta(minutes=1))
        browser.open("/account/profile").submit(nickname=" ")
        with world.services.db.read() as conn:
            assert profile.read(conn, world.services.keyring, member.account_id) == {
                "name": "Maria",
                "updated_at": int(_START.timestamp()) + 120,
            }


def test_nobody_who_typed_nothing_has_a_profile(world: World) -> None:
    member = join(world.services)
    with world.services.db.read() as conn:
        assert profile.read(conn, world.services.keyring, member.account_id) == {}


CANNOT_BE_RIGHT = (
    ("birthdate", "2999-01-01"),
    ("birthdate", "1984-02-30"),
    ("birthdate", "03/27/1984"),
    ("birthdate", "\uff11\uff19\uff18\uff14-03-27"),
    ("website", "javascript:alert(1)"),
    ("website", "data:text/html,x"),
    ("profile", "https://"),
    ("profile", "https://user:pass@people.example/"),
    ("picture", 'https://people.example/"onerror=alert(1)'),
    ("picture", "https://people.example:port/"),
    ("picture", "https://[::1"),
    ("zoneinfo", "Mars/Olympus"),
    ("locale", "../../etc"),
    ("locale", "xx-YY"),
    ("locale", "en-" + "a" * 60_000),
    ("name", "x" * 201),
    ("name", "a\0b"),
    ("name", "a\u202eb"),
    ("nickname", "two\nlines"),
    ("website", "https://people.example/" + "a" * 1_000),
    ("phone_number", "555 555 0100"),
    ("phone_number", "+0 555 555 0100"),
    ("phone_number", "+1 555"),
    ("phone_number", "+1 555 555 0100 ext. 7"),
    ("phone_number", "+\uff11 555 555 0100"),
    ("phone_number", "+1" + "5" * 15),
    ("phone_number", "+1 555 555 0100" + " " * 60_000 + "1"),
    ("address", "x" * 501),
    ("address", "7 Calle Luna\nSan Juan"),
)


def test_a_telephone_number_is_kept_without_its_grouping(world: World) -> None:
    """OIDC Core §5.1 `phone_number`: as E.164 has it, however people group it."""
    member = join(world.services)
    browser = _signed_in(world)
    for typed in ("+1 (787) 555-0100", "+1.787.555.0100", " +1\u00a0787\u2011555 0100 "):
        browser.open("/account/profile").submit(phone_number=typed)
        assert browser.page.name == "account/show"
        with world.services.db.read() as conn:
            assert profile.read(conn, world.services.keyring, member.account_id)["phone_number"] == "+17875550100"
    assert len(world.events("profile.changed")) == 1


def test_what_cannot_be_right_is_told_at_its_field_and_nothing_is_kept(world: World) -> None:
    """R95 for what clients would carry into their pages; never a fault."""
    member = join(world.services)
    browser = _signed_in(world)
    for name, typed in CANNOT_BE_RIGHT:
        fields: dict[str, Any] = {name: typed, "middle_name": "del Mar"}
        browser.open("/account/profile").submit(**fields)
        assert (browser.status, browser.page.name) == (422, "account/profile"), (name, typed[:30])
        assert f'id="{name}-error"' in browser.page.html
        assert browser.page.form("middle_name").fields["middle_name"] == "del Mar"
    with world.services.db.read() as conn:
        assert profile.read(conn, world.services.keyring, member.account_id) == {}


def test_the_login_name_never_leaves_as_preferred_username(world: World) -> None:
    """docs/levels.md §5."""
    join(world.services)
    browser = _signed_in(world)
    for typed in ("maria.rivera", "MARIA.RIVERA ", "\uff4daria.rivera"):
        browser.open("/account/profile").submit(preferred_username=typed)
        assert browser.status == 422
        assert 'id="preferred_username-error"' in browser.page.html


def test_what_is_typed_into_the_profile_stays_inert(world: World) -> None:
    """R95."""
    join(world.services)
    typed = '"><script>alert(1)</script>{{7*7}}'
    browser = _signed_in(world).open("/account/profile").submit(name=typed)
    assert typed in browser.page.text
    assert "<script>alert" not in browser.page.html
    assert "<script>alert" not in browser.open("/account/profile").page.html


def test_nobody_sees_or_changes_another_persons_profile(world: World) -> None:
    """R103: a field that the form does not have names nobody else."""
    member, other = join(world.services), join(world.services, "other.person")
    _signed_in(world).open("/account/profile").submit(name="Maria Rivera")
    browser = _signed_in(world, "other.person").open("/account/profile")
    assert browser.page.form("name").fields["name"] == ""
    fields = {**browser.page.form("name").fields, "name": "Other Person", "account_id": member.account_id}
    browser.post("/account/profile", fields)
    with world.services.db.read() as conn:
        assert profile.read(conn, world.services.keyring, member.account_id)["name"] == "Maria Rivera"
        assert profile.read(conn, world.services.keyring, other.account_id)["name"] == "Other Person"


def test_a_sign_in_elsewhere_can_be_ended(world: World) -> None:
    """R88."""
    join(world.services)
    library, home = _signed_in(world), _signed_in(world)
    home.open("/account")
    assert "This browser" in home.page.text
    home.submit(session_id=home.page.form("session_id").fields["session_id"])
    assert "That sign-in has ended." in home.page.text
    assert library.open("/account").page.name == "sign_in/login"
    assert home.open("/account").page.name == "account/show"
    assert world.events("session.ended")[-1].fields["why"] == "ended_by_owner"


def test_nobody_ends_another_persons_sign_in(world: World) -> None:
    join(world.services)
    join(world.services, "other.person")
    victim = _signed_in(world)
    _signed_in(world)
    page = _signed_in(world, "maria.rivera").page
    theirs = page.form("session_id").fields["session_id"]
    stranger = _signed_in(world, "other.person")
    token = stranger.open("/account/profile").page.form("name").fields["csrf_token"]
    for chosen in (theirs, "none-such", "", "x" * 40_000, "\0"):
        stranger.post("/account/sessions/end", {"csrf_token": token, "session_id": chosen})
        assert stranger.status == 200
        assert "had already ended" in stranger.page.text
    assert victim.open("/account").page.name == "account/show"
    assert not world.events("session.ended")


def test_an_unused_sign_in_runs_out_and_a_used_one_does_not(world: World) -> None:
    """R83: half an hour unused, twelve hours in all."""
    join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        browser = _signed_in(world)
        for _ in range(3):
            clock_hand.shift(timedelta(minutes=29))
            assert browser.open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(minutes=31))
        assert browser.open("/account").page.name == "sign_in/login"
        browser = _signed_in(world)
        for _ in range(25):
            clock_hand.shift(timedelta(minutes=28))
            assert browser.open("/account").page.name == "account/show"
        clock_hand.shift(timedelta(minutes=25))
        assert browser.open("/account").page.name == "sign_in/login"


def test_help_says_what_can_be_done_today(world: World) -> None:
    browser = world.browser().open("/login")
    assert {"/help#username", "/help#password"} <= set(browser.page.links)
    browser.open("/help")
    assert {"username", "password", "code", "contact"} <= set(browser.page.ids)
    assert "You cannot set a new password online yet" in browser.page.text


def test_the_number_of_the_service_center_is_shown_where_there_is_one(world: World) -> None:
    assert "tel:" not in world.browser().open("/help").page.html
    world.app.extensions["services"] = _with_phone(world)
    page = world.browser().open("/help").page
    assert "800-555-0100" in page.text
    assert 'href="tel:8005550100"' in page.html


def _with_phone(world: World) -> object:
    settings = world.settings.model_copy(update={"help_phone": "800-555-0100"})
    return replace(world.services, settings=settings)
