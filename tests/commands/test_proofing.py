"""`idp proofing`: why an account has its level, what an operator saw, and a method that is trusted no longer."""

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import find_account
from idp.accounts.levels import Level
from idp.cli.main import idp
from idp.config import PolicyName
from idp.proofing import evidence, raising
from idp.proofing.policy import Method
from tests.members import join
from tests.registrants import ROBIN, ask_by_mail, finish, mailed_code
from tests.relying_party import on_sqlite
from tests.world import World


def run(world: World, *words: str) -> Result:
    """A command as an operator types it, on this world's database."""
    settings = world.settings
    environment = {
        "IDP_DEMO": "1",
        "IDP_ISSUER": settings.issuer,
        "IDP_KEYS": str(settings.keys),
        "IDP_SMTP_URL": settings.smtp_url,
        "IDP_POLICY": settings.policy.value,
        "DATABASE_URL": settings.database_url,
    }
    return CliRunner().invoke(idp, list(words), env=environment)


def test_who_was_seen_in_person_becomes_premium_with_a_second_factor(world: World) -> None:
    """DESIGN: an operator's check and a second factor; without the factor it waits (R48, R161)."""
    member = join(world.services, "robin.example", totp=True)
    without = join(world.services, "dana.q", email=None)
    _with_match(world, member.account_id)
    _with_match(world, without.account_id)
    said = run(world, "proofing", "in-person", "robin.example", "--reference", "visit-2026-114")
    assert (said.exit_code, "Add --yes" in said.output) == (0, True)
    assert _level(world, member.account_id) == Level.BASIC
    done = run(world, "proofing", "in-person", "robin.example", "--reference", "visit-2026-114", "--yes", "--json")
    assert json.loads(done.output) == {"account": member.account_id, "recorded": "in_person", "level": 2}
    waiting = run(world, "proofing", "in-person", "dana.q", "--reference", "visit-2026-115", "--yes")
    assert "becomes Premium with a second factor" in waiting.output
    assert _level(world, without.account_id) == Level.BASIC
    assert [event.fields["reference"] for event in world.events("proofing.in_person")] == [
        "visit-2026-114",
        "visit-2026-115",
    ]
    assert any("now Premium" in mail.subject for mail in world.mails())


@on_sqlite
def test_show_tells_why(world: World) -> None:
    browser = world.browser()
    ask_by_mail(browser, ROBIN, "robin.example@example.net")
    finish(browser, mailed_code(world, "robin.example@example.net"), "robin.example")
    shown = json.loads(run(world, "proofing", "show", "robin.example", "--json").output)
    assert [one["method"] for one in shown["evidence"]] == ["deers_match", "code_email_of_record"]
    assert all(one["policy"] == "ds_logon" and one["at"] and one["counts"] for one in shown["evidence"])
    assert ["kbv"] in shown["premium_misses"]
    text = run(world, "proofing", "show", "robin.example").output
    assert "robin.example: Basic (Level 1)" in text
    assert "Premium still needs: kbv or" in text
    assert "second factor: none" in text
    account = run(world, "accounts", "show", "robin.example").output
    assert "why this level:" in account
    assert "deers_match" in account


def test_a_distrusted_method_lowers_whoever_relied_on_it(world: World) -> None:
    """DESIGN: `distrust` lists, and with --yes downgrades; another road that stands keeps its level."""
    relied = join(world.services, "relied", totp=True, email="relied@example.org")
    other = join(world.services, "other", totp=True, email="other@example.org")
    for member, method in ((relied, Method.KBV), (other, Method.KBV), (other, Method.IN_PERSON)):
        _with_match(world, member.account_id, Method.CODE_EMAIL_OF_RECORD, method)
    for username in ("relied", "other"):
        _settle(world, username)
    assert _level(world, relied.account_id) == _level(world, other.account_id) == Level.PREMIUM
    listed = run(world, "proofing", "distrust", "kbv")
    assert "2 accounts rely on it" in listed.output
    assert _level(world, relied.account_id) == Level.PREMIUM
    done = json.loads(run(world, "proofing", "distrust", "kbv", "--yes", "--json").output)
    assert {one["username"]: one["level"] for one in done["accounts"]} == {"relied": 1, "other": 2}
    assert _level(world, relied.account_id) == Level.BASIC
    assert [event.fields["why"] for event in world.events("account.level_changed")][-1] == "distrusted_kbv"
    assert any(mail.to == "relied@example.org" and "now Basic" in mail.subject for mail in world.mails())
    again = json.loads(run(world, "proofing", "distrust", "kbv", "--yes", "--json").output)
    assert again["accounts"] == []


@on_sqlite
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("proofing", "show", "nobody"), 3),
        (("proofing", "in-person", "nobody", "--reference", "abc"), 3),
        (("proofing", "in-person", "robin", "--reference", "a name!"), 2),
        (("proofing", "distrust", "palmistry"), 2),
    ],
)
def test_what_cannot_be_is_refused(world: World, words: tuple[str, ...], code: int) -> None:
    join(world.services, "robin")
    assert run(world, *words).exit_code == code


def _with_match(world: World, account_id: str, *more: Method) -> None:

    def write(conn: Connection) -> None:
        account = find_account(conn, account_id)
        assert account is not None
        for method in (Method.DEERS_MATCH, *more):
            evidence.add(conn, account, method, policy=PolicyName.DS_LOGON, at=clock.now())

    world.services.db.write(write)


def _settle(world: World, username: str) -> None:

    with world.services.db.read() as conn:
        account = accounts.find_by_username(conn, username)
    assert account is not None
    world.services.db.write(
        lambda conn: raising.settle(
            conn, world.services.keyring, account.id, chosen=PolicyName.DS_LOGON, actor="operator:test", why="test"
        )
    )


def _level(world: World, account_id: str) -> Level:

    with world.services.db.read() as conn:
        account = find_account(conn, account_id)
    assert account is not None
    return Level(account.level)
