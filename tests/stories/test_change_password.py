"""Changing one's password, and what ends with the old one."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine

from idp import limits
from idp.accounts import addresses, profile
from idp.config import PasswordHash
from idp.credentials import breached, passwords
from idp.credentials.passwords import Password
from idp.limits import Limit, LimitCount
from tests import authenticator
from tests import passkey_user as user
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.passkey_device import Device
from tests.relying_party import RelyingParty, sign_in
from tests.world import World

STOLEN = "seven herons in a row"
NEW = "green lantern under Friday"
_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def world(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[World]:
    """A provider that has a list of stolen passwords, with this one in it."""
    stolen = hashlib.sha1(STOLEN.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "list").write_text(f"{stolen}:7\n")
    breached.import_list(tmp_path / "list", tmp_path / "breached.bin")
    made = World(database_url, keys_folder, tmp_path, breached_passwords=tmp_path / "breached.bin")
    yield made
    made.close()


def _change(browser: Browser, current: str = PASSWORD, new: str = NEW) -> Browser:
    browser.open("/account/password")
    assert browser.page.name == "account/password", browser.page.text
    return browser.submit(current_password=current, new_password=new)


def _opens(world: World, member: Member, password: str) -> bool:
    browser = world.browser().open("/login").submit(username=member.username, password=password)
    return browser.page.name in {"account/show", "sign_in/second_factor", "sign_in/passkey_step"}


def _kept(world: World, member: Member) -> Password:
    with world.services.db.read() as conn:
        stored = passwords.find_password(conn, member.account_id)
    assert stored is not None
    return stored


def test_a_person_changes_their_password_and_is_signed_out_everywhere_else(world: World) -> None:
    """R12, R50, R81, R87: a new handle here, an end by the next request elsewhere, and a notice to every address."""
    member = join(world.services)
    world.services.db.write(
        lambda conn: addresses.add(conn, world.services.keyring, account_id=member.account_id, email="m2@example.org")
    )
    here, elsewhere = sign_in(world, member), sign_in(world, member)
    before = here.cookie("idp_session")
    assert "/account/password" in here.open("/account").page.links
    _change(here)
    assert here.address == "/account?done=password"
    assert "Your password was changed" in here.page.text
    assert here.cookie("idp_session") != before
    assert elsewhere.open("/account").page.name == "sign_in/login"
    assert not _opens(world, member, PASSWORD)
    assert _opens(world, member, NEW)
    (event,) = world.events("password.changed")
    assert (event.actor, event.subject) == (member.account_id, member.person_id)
    assert [ended.fields["why"] for ended in world.events("session.ended")] == ["password_changed"]
    told = [mail for mail in world.mails() if mail.subject == "Your password was changed"]
    assert sorted(mail.to for mail in told) == ["m2@example.org", "maria@example.org"]
    assert all(NEW not in mail.text and PASSWORD not in mail.text for mail in told)


def test_the_handle_from_before_opens_nothing_any_more(world: World) -> None:
    """R12, R81: who held a copy of it is out."""
    browser = sign_in(world, join(world.services))
    stolen = browser.cookie("idp_session")
    assert stolen is not None
    _change(browser)
    thief = world.browser()
    thief.client.set_cookie("idp_session", stolen, domain="localhost")
    assert thief.open("/account").page.name == "sign_in/login"
    assert browser.open("/account").page.name == "account/show"


def test_without_the_present_password_nothing_is_changed(world: World) -> None:
    """R12: a stolen session alone changes nothing; what was typed never comes back."""
    member = join(world.services)
    browser = sign_in(world, member)
    for wrong in ("another kettle over Monday", ""):
        _change(browser, current=wrong)
        assert (browser.status, browser.page.name) == (422, "account/password")
        assert NEW not in browser.page.html
        assert not wrong or wrong not in browser.page.html
    assert browser.page.ids["current_password-error"]
    assert world.events("password.changed") == []
    (refused,) = world.events("password.change_refused")
    assert (refused.actor, refused.fields["why"]) == (member.account_id, "wrong_credentials")
    assert _opens(world, member, PASSWORD)
    assert browser.open("/account").page.name == "account/show"


def _failures(world: World, member: Member) -> int:
    with world.services.db.read() as conn:
        key = LimitCount.key == f"password:{member.account_id}"
        return conn.execute(sa.select(LimitCount.count).where(key)).scalar_one_or_none() or 0


def test_wrong_ones_are_counted_as_at_sign_in(world: World) -> None:
    """R14, R16: one budget, whichever page asks, and one wait for a browser; a change forgives them (R18)."""
    member = join(world.services)
    wrong = "no such kettle here"
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member)
        world.browser(address="203.0.113.9").open("/login").submit(username=member.username, password=wrong)
        for _ in range(2):
            assert browser.open("/login/again").submit(password=wrong).status == 422
        for _ in range(3):
            assert _change(browser, current=wrong).status == 422
        assert _failures(world, member) == 6
        runs = passwords.SLOTS.runs
        assert _change(browser).status == 429
        assert browser.response.headers["Retry-After"] == "1"
        assert browser.open("/login/again").submit(password=PASSWORD).status == 429
        assert passwords.SLOTS.runs == runs
        hand.shift(timedelta(seconds=1))
        assert _change(browser).address == "/account?done=password"
        assert _failures(world, member) == 0


def test_a_wrong_one_costs_one_run_and_a_change_two(world: World) -> None:
    """R21: what is refused before the comparison costs none."""
    browser = sign_in(world, join(world.services))
    for current, new, cost in [
        ("wrong kettle", NEW, 1),
        (PASSWORD, "too short", 0),
        (PASSWORD, PASSWORD, 0),
        (PASSWORD, NEW, 2),
    ]:
        runs = passwords.SLOTS.runs
        _change(browser, current, new)
        assert passwords.SLOTS.runs - runs == cost, new


def test_a_hundredth_wrong_one_stops_the_password_and_the_session_cannot_go_on_guessing(world: World) -> None:
    """R13, R16."""
    member = join(world.services)
    browser = sign_in(world, member)

    def nearly(conn: sa.Connection) -> None:
        limits.reserve(conn, Limit.PASSWORD, member.account_id)
        conn.execute(sa.update(LimitCount).where(LimitCount.key == f"password:{member.account_id}").values(count=99))

    world.services.db.write(nearly)
    _change(browser, current="the last wrong kettle")
    assert _kept(world, member).disabled_at is not None
    assert _change(browser).status == 429
    assert world.events("password.changed") == []


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (PASSWORD, "password_same"),
        ("q8#rT2v!Lm5@xZ", "password_too_short"),
        ("passwordpassword", "password_common"),
        ("maria.rivera-2026", "password_common"),
        ("kalypso.1984@home", "password_common"),
        ("Wilhelmina Quartermaine", "password_common"),
        ("z" * 300, "password_too_long"),
        (STOLEN, "password_breached"),
    ],
)
def test_a_password_that_nobody_should_have_is_refused_kindly(world: World, new: str, error: str) -> None:
    """R1, R2, R6: also one made of the person's own names and addresses, and the one from before."""
    member = join(world.services, email="kalypso.1984@home@example.org")
    keyring = world.services.keyring
    world.services.db.write(
        lambda conn: profile.save(
            conn,
            keyring,
            account_id=member.account_id,
            person_id=member.person_id,
            typed=dict.fromkeys(profile.NAMES, "") | {"name": "Wilhelmina Quartermaine"},
        )
    )
    browser = sign_in(world, member)
    _change(browser, new=new)
    assert (browser.status, browser.page.error) == (422, error)
    assert browser.page.ids["new_password-error"]
    assert new not in browser.page.html
    assert world.events("password.change_refused") == []
    assert _opens(world, member, PASSWORD)


def test_beside_a_second_factor_eight_characters_are_enough(world: World) -> None:
    """R1: and the page says which it is."""
    member = join(world.services, totp=True)
    browser = sign_in(world, member)
    assert "At least 8 characters" in browser.open("/account/password").page.text
    _change(browser, new="q8#rT2v")
    assert (browser.status, browser.page.error) == (422, "password_too_short")
    assert "Use 8 characters or more" in browser.page.ids["new_password-error"]
    _change(browser, new="q8#rT2v!")
    assert browser.address == "/account?done=password"
    alone = sign_in(world, join(world.services, "alex.alone", email=None))
    assert "At least 15 characters" in alone.open("/account/password").page.text
    _change(alone, new="q8#rT2v!")
    assert "Use 15 characters or more" in alone.page.ids["new_password-error"]


def test_an_older_sign_in_shows_first_that_it_is_them(world: World) -> None:
    """R12, R89: at the account's strongest, and for a form that was left open too."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as hand:
        browser = sign_in(world, member)
        browser.open("/account/password")
        hand.shift(timedelta(minutes=11))
        browser.submit(current_password=PASSWORD, new_password=NEW)
        assert browser.page.name == "sign_in/again"
        assert browser.open("/account/password").page.name == "sign_in/again"
        browser.submit(password=PASSWORD)
        browser.submit(code=authenticator.unused_code(world.services, member))
        assert browser.page.name == "account/password"
        browser.submit(current_password=PASSWORD, new_password=NEW)
        assert browser.address == "/account?done=password"


def _stop(world: World, member: Member) -> None:
    """As a hundred wrong ones in a row leave it."""

    def stopped(conn: sa.Connection) -> None:
        for limit in (Limit.PASSWORD, Limit.PASSWORD_WAIT):
            limits.reserve(conn, limit, member.account_id)
        key = LimitCount.key == f"password:{member.account_id}"
        conn.execute(sa.update(LimitCount).where(key).values(count=Limit.PASSWORD.value.most))
        passwords.disable(conn, member.account_id)

    world.services.db.write(stopped)


def test_a_fresh_sign_in_without_a_password_is_not_asked_for_one(world: World) -> None:
    """R12, R13: a passkey shows more than the password, which may be forgotten or stopped; the new one works at once."""
    member, device = join(world.services), Device()
    user.member_with(world, member, device)
    _stop(world, member)
    assert not _opens(world, member, PASSWORD)
    browser = user.sign_in_alone(world.browser(), device).open("/account/password")
    assert "current_password" not in browser.page.form("new_password").names
    assert browser.submit(new_password=NEW).address == "/account?done=password"
    assert _kept(world, member).disabled_at is None
    assert _opens(world, member, NEW)
    browser.open("/account/password").submit(new_password=NEW)
    assert (browser.status, browser.page.error) == (422, "password_same")
    assert len(world.events("password.changed")) == 1


def test_nobody_gets_around_the_present_password_by_leaving_its_field_out(world: World) -> None:
    """R12."""
    member = join(world.services)
    browser = sign_in(world, member).open("/account/password")
    assert browser.submit(drop=("current_password",), new_password=NEW).status == 422
    browser.open("/account/password").submit(current_password=" ", new_password=NEW)
    assert browser.status == 422
    assert _opens(world, member, PASSWORD)


def test_what_clients_hold_from_the_other_sign_ins_is_dead(world: World) -> None:
    """R12, R87: refresh and access tokens, and codes that were not redeemed; what this sign-in gave stays."""
    member = join(world.services)
    here, elsewhere = sign_in(world, member), sign_in(world, member)
    rp = RelyingParty(world)
    mine, others = rp.tokens(here), rp.tokens(elsewhere)
    code = rp.code(elsewhere)
    _change(here)
    assert rp.refresh(others.refresh_token).get_json()["error"] == "invalid_grant"
    assert rp.userinfo(others.access_token).status_code == 401
    assert rp.redeem(code).get_json()["error"] == "invalid_grant"
    assert rp.refresh(mine.refresh_token).status_code == 200


def test_a_sign_in_that_waits_for_its_second_factor_dies(world: World) -> None:
    """R87: it was begun with the old password."""
    member = join(world.services, totp=True)
    half = world.browser().open("/login").submit(username=member.username, password=PASSWORD)
    assert half.page.name == "sign_in/second_factor"
    _change(sign_in(world, member))
    half.submit(code=authenticator.unused_code(world.services, member))
    assert half.cookie("idp_session") is None
    assert (half.status, half.page.error) == (410, "journey_gone")


def test_a_second_tab_that_was_slower_changes_nothing(world: World) -> None:
    """R81: its handle is the one from before."""
    member = join(world.services)
    browser = sign_in(world, member)
    fields = browser.open("/account/password").page.form("new_password").fields
    old = browser.cookie("idp_session")
    assert old is not None
    _change(browser)
    browser.client.set_cookie("idp_session", old, domain="localhost")
    browser.post("/account/password", {**fields, "current_password": NEW, "new_password": "yellow boat on Sunday"})
    assert browser.page.name == "sign_in/login"
    assert len(world.events("password.changed")) == 1
    assert _opens(world, member, NEW)


def test_a_password_is_kept_for_ten_years_and_nobody_is_made_to_change_it(world: World) -> None:
    """R7."""
    with time_machine.travel(_START, tick=False) as hand:
        member = join(world.services)
        hand.shift(timedelta(days=3_653))
        assert _opens(world, member, PASSWORD)


@pytest.mark.parametrize(("was", "chosen"), [("argon2id", "pbkdf2_sha256"), ("pbkdf2_sha256", "argon2id")])
def test_each_password_moves_to_the_chosen_kind_when_its_owner_signs_in(
    world: World, was: str, chosen: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """R10, R11, R21: also the run that a stranger costs is of the chosen kind, and it is one."""
    old = World(
        world.settings.database_url,
        world.settings.keys,
        tmp_path_factory.mktemp("old"),
        password_hash=PasswordHash(was),
    )
    member = join(old.services)
    old.close()
    new = World(
        world.settings.database_url,
        world.settings.keys,
        tmp_path_factory.mktemp("new"),
        password_hash=PasswordHash(chosen),
    )
    marks = {"argon2id": "$argon2id$", "pbkdf2_sha256": "$pbkdf2-sha256$i=600000$"}
    assert _kept(new, member).encoded.startswith(marks[was])
    assert _opens(new, member, PASSWORD)
    assert _kept(new, member).encoded.startswith(marks[chosen])
    assert _opens(new, member, PASSWORD)
    for username, password in (("nobody.here", PASSWORD), (member.username, "no such kettle here")):
        runs = passwords.SLOTS.runs
        assert not _opens(new, Member("", "", "", username, ""), password)
        assert passwords.SLOTS.runs == runs + 1
    new.close()
