"""The operator's commands, as processes with an environment: what they print, what they refuse, and their exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from idp import clock, limits
from idp.accounts import notices
from idp.accounts.accounts import State, find_by_username
from idp.credentials import passwords, totp
from idp.db import list_rows
from idp.directory import cast
from idp.journeys import locking
from idp.limits import Limit, LimitCount
from idp.outcomes import Refused
from tests.deers_changes import Deers, follow
from tests.idp_command import Done, environment_of, read_json, run_idp, start_idp
from tests.members import join
from tests.registrants import DANA, register
from tests.relying_party import on_sqlite, sign_in
from tests.world import World

# What the commands do to either database is held by the stories.
pytestmark = on_sqlite

Idp = Callable[..., Done]


@pytest.fixture
def idp(world: World) -> Idp:
    def run(*words: str, **changes: str) -> Done:
        return run_idp(environment_of(world) | changes, *words)

    return run


def test_doctor_says_what_is_well_and_what_is_not(idp: Idp, world: World) -> None:
    sick = idp("doctor", "--json")
    assert sick.returncode == 1
    found = json.loads(sick.stdout)
    assert not found["mail"]["ok"]
    assert all(found[name]["ok"] for name in ("settings", "keys", "database", "signing", "clock", "deers"))
    world.mails()
    assert idp("doctor").returncode == 0


def test_doctor_names_what_is_wrong_without_values(idp: Idp, tmp_path: Path) -> None:
    """R163."""
    done = idp("doctor", IDP_ISSUER="http://secret-host.example", IDP_KEYS=str(tmp_path))
    assert done.returncode == 1
    assert "IDP_ISSUER: must be https" in done.stdout
    assert "secret-host" not in done.stdout + done.stderr
    keyless = idp("doctor", IDP_KEYS=str(tmp_path / "none"))
    assert "idp keys init" in keyless.stdout


def test_serve_refuses_a_database_that_does_not_fit(idp: Idp, tmp_path: Path) -> None:
    """R169: neither an empty one nor one from another time."""
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    for command in ("serve", "worker"):
        done = idp(command, DATABASE_URL=empty)
        assert done.returncode == 1
        assert "idp db upgrade" in done.stderr


def test_serve_refuses_a_stand_in_outside_the_demo(idp: Idp) -> None:
    done = idp("demo", "mail", IDP_DEMO="0", IDP_ISSUER="https://id.example.org", IDP_SMTP_URL="smtps://mail.example")
    assert done.returncode == 1
    assert "IDP_DEMO=1" in done.stderr


def test_a_database_is_made_and_checked(idp: Idp, tmp_path: Path) -> None:
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    assert idp("db", "check", DATABASE_URL=fresh).returncode == 1
    made = read_json(idp("db", "upgrade", "--json", DATABASE_URL=fresh))
    assert made["before"] is None
    assert len(made["keys_made"]) == 2
    assert read_json(idp("db", "check", "--json", DATABASE_URL=fresh)) == {
        "ok": True,
        "trouble": None,
        "differences": [],
    }
    assert read_json(idp("db", "upgrade", "--json", DATABASE_URL=fresh))["keys_made"] == []


def test_accounts_are_listed_shown_locked_and_unlocked(idp: Idp, world: World) -> None:
    assert read_json(idp("accounts", "list", "--json")) == []
    assert read_json(idp("demo", "accounts", "--json"))["made"] == ["sam.dual", "vic.veteran", "alex.dual"]
    levels = {row["username"]: row["level"] for row in read_json(idp("accounts", "list", "--json"))}
    assert levels == {"sam.dual": 1, "vic.veteran": 1, "alex.dual": 2}
    browser = world.browser()
    browser.open("/login").submit(username="sam.dual", password="seven quiet herons fly")
    assert browser.page.name.startswith("account/")
    asked = read_json(idp("accounts", "lock", "sam.dual", "--reason", "fraud_report", "--json"))
    assert asked["would_become"] == "locked"
    assert read_json(idp("accounts", "show", "sam.dual", "--json"))["state"] == "active"

    done = read_json(idp("accounts", "lock", "sam.dual", "--reason", "fraud_report", "--yes", "--json"))
    assert done["state"] == "locked"
    browser.open("/account")
    assert browser.page.name.startswith("sign_in/")
    with world.services.db.read() as conn:
        account = find_by_username(conn, "Sam.Dual")
    assert account is not None
    assert (account.state, account.state_why) == (State.LOCKED.value, "fraud_report")
    (event,) = world.events("account.locked")
    assert event.actor.startswith("operator:")

    assert idp("accounts", "lock", "sam.dual", "--reason", "again", "--yes").returncode == 1
    assert (
        read_json(idp("accounts", "unlock", "sam.dual", "--reason", "cleared", "--yes", "--json"))["state"] == "active"
    )


def test_a_password_that_too_many_wrong_ones_stopped_is_let_work_again(idp: Idp, world: World) -> None:
    """R13: disabled for good, and the way out is an operator who made sure who asks."""
    idp("demo", "accounts")
    with world.services.db.read() as conn:
        account = find_by_username(conn, "sam.dual")
    assert account is not None
    world.services.db.write(lambda conn: passwords.disable(conn, account.id))
    browser = world.browser()
    browser.open("/login").submit(username="sam.dual", password="seven quiet herons fly")
    assert browser.page.name.startswith("sign_in/")
    asked = read_json(idp("accounts", "unlock", "sam.dual", "--reason", "called_back", "--json"))
    assert asked["would_become"] == "factors_enabled"
    assert idp("accounts", "unlock", "sam.dual", "--reason", "called_back", "--yes").returncode == 0
    browser.open("/login").submit(username="sam.dual", password="seven quiet herons fly")
    assert browser.page.name.startswith("account/")


def test_an_app_that_too_many_wrong_codes_stopped_is_let_work_again(idp: Idp, world: World) -> None:
    """R13, R31: with a budget of its own again; a second time there is nothing to do."""
    member = join(world.services, totp=True)

    def stop(conn: Connection) -> bool:
        limits.reserve(conn, Limit.TOTP, member.account_id)
        return totp.disable(conn, member.account_id)

    assert world.services.db.write(stop)
    unlock = ("accounts", "unlock", member.username, "--reason", "called_back", "--yes")
    assert idp(*unlock).returncode == 0
    assert sign_in(world, member).page.name == "account/show"
    with world.services.db.read() as conn:
        assert list_rows(conn, LimitCount, LimitCount.key.startswith("totp:")) == []
    assert idp(*unlock).returncode == 1


def test_the_way_out_of_a_lock_by_the_owners_link_is_an_unlock_that_kills_the_links_before_it(
    idp: Idp, world: World
) -> None:
    """R50: a mail from before must not lock again what an operator has looked into; one from after it does."""
    member = join(world.services)

    def notice(conn: Connection) -> str:
        return notices.link(conn, member.account_id, "second_factor_added")["not_me"]

    used, left = world.services.db.write(notice), world.services.db.write(notice)
    assert locking.disown(world.services, used, address="203.0.113.9") is locking.Link.LOCKED
    assert read_json(idp("accounts", "show", member.username, "--json"))["state_why"] == "disowned:second_factor.added"
    assert idp("accounts", "unlock", member.username, "--reason", "called_back", "--yes").returncode == 0
    assert locking.look(world.services, left) is None
    assert isinstance(locking.disown(world.services, left, address="203.0.113.9"), Refused)
    assert sign_in(world, member).page.name == "account/show"
    assert locking.look(world.services, world.services.db.write(notice)) is locking.Link.LOCKS


def test_an_account_that_deers_holds_is_locked_and_unlocked_beneath_that(idp: Idp, world: World) -> None:
    """The two have owners of their own: an operator cannot bring the dead back, and DEERS lifts no lock."""
    deers = Deers(world)
    member = join(world.services, edipi="9900000015")
    name = member.username
    deers.died(cast.DANA)
    assert read_json(idp("deers", "sync", "--json")) == {
        "read": 1,
        "followed": {"held": 1, "freed": 0, "renumbered": 0, "rekeyed": 0, "merged": 0, "stopped": 0},
    }
    refused = idp("accounts", "unlock", name, "--reason", "called_back", "--yes")
    assert refused.returncode == 1
    assert "corrected at DEERS" in refused.stderr
    asked = read_json(idp("accounts", "lock", name, "--reason", "fraud_report", "--json"))
    assert (asked["would_become"], asked["held"]) == ("locked", "deceased")
    locked = read_json(idp("accounts", "lock", name, "--reason", "fraud_report", "--yes", "--json"))
    assert (locked["state"], locked["state_before"]) == ("deceased", "locked")
    shown = read_json(idp("accounts", "show", name, "--json"))
    assert (shown["state"], shown["state_before"], shown["state_before_why"]) == ("deceased", "locked", "fraud_report")
    assert idp("accounts", "lock", name, "--reason", "fraud_report", "--yes").returncode == 1

    deers.change(cast.DANA, deceased_on=None)
    assert read_json(idp("deers", "sync", "--json"))["followed"]["freed"] == 1
    assert read_json(idp("accounts", "show", name, "--json"))["state"] == "locked"
    deers.change(cast.DANA, conflict_since=clock.now().date())
    follow(world)
    lifted = idp("accounts", "unlock", name, "--reason", "cleared", "--yes")
    assert "It stays identity_conflict until DEERS takes that back." in lifted.stdout
    deers.change(cast.DANA, conflict_since=None)
    follow(world)
    assert read_json(idp("accounts", "show", name, "--json"))["state"] == "active"
    assert sign_in(world, member).page.name == "account/show"


def test_a_closed_account_is_closed_for_good_and_its_person_may_come_again(idp: Idp, world: World) -> None:
    """R87."""
    member = join(world.services, edipi="9900000015")
    browser = sign_in(world, member)
    assert idp("accounts", "close", member.username, "--reason", "not a code", "--yes").returncode == 2
    assert idp("accounts", "close", member.username, "--reason", "asked_for", "--yes").returncode == 0
    assert browser.open("/account").page.name == "sign_in/login"
    assert [mail.subject for mail in world.mails()] == ["Your account was closed"]
    assert idp("accounts", "unlock", member.account_id, "--reason", "asked_for", "--yes").returncode == 1
    register(world.browser(), DANA, member.username)
    with world.services.db.read() as conn:
        again = find_by_username(conn, member.username)
    assert again is not None
    assert (again.person_id, again.subject_id) == (member.person_id, member.subject_id)


def test_an_account_that_is_not_there_is_exit_code_three(idp: Idp) -> None:
    assert idp("accounts", "show", "nobody").returncode == 3
    assert idp("accounts", "lock", "nobody", "--reason", "x", "--yes").returncode == 3


@pytest.mark.parametrize("words", [("accounts", "lock"), ("accounts", "show", "nobody"), ("db", "check")])
def test_a_shell_sees_what_these_tests_see(world: World, words: tuple[str, ...]) -> None:
    """The other commands here are forked off a process that has imported them; these are begun by a shell as well."""
    forked, begun = (run(environment_of(world), *words) for run in (run_idp, start_idp))
    assert (forked.returncode, forked.stdout, forked.stderr) == (begun.returncode, begun.stdout, begun.stderr)


def test_usage_is_exit_code_two(idp: Idp) -> None:
    assert idp("accounts", "lock", "somebody").returncode == 2
    assert idp("no-such-noun").returncode == 2
    assert idp("serve", "--tls-cert", __file__).returncode == 2


def test_the_audit_log_is_read_newest_last(idp: Idp) -> None:
    idp("demo", "accounts")
    lines = idp("audit", "tail", "-n", "500", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    created = [event for event in events if event["event"] == "account.created"]
    assert len(created) == 3
    assert created[0]["fields"].keys() == {"account", "level", "policy"}


def test_the_demos_people_are_listed(idp: Idp) -> None:
    told = read_json(idp("demo", "people", "--json"))
    assert any(row["name"] == "Dana Example" for row in told["people_to_register"])
    assert told["ready_accounts"][0]["password"]
