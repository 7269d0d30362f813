"""`idp sessions`: where an account is signed in, and ending that."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from idp.cli.main import idp
from tests.http_browser import Browser
from tests.members import join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite

_PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture(autouse=True)
def environment(world: World, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_DEMO", "1")
    monkeypatch.setenv("IDP_ISSUER", world.settings.issuer)
    monkeypatch.setenv("IDP_KEYS", str(world.settings.keys))
    monkeypatch.setenv("IDP_SMTP_URL", world.settings.smtp_url)
    monkeypatch.setenv("DATABASE_URL", database_url)


def _run(*words: str) -> Result:
    return CliRunner().invoke(idp, ["sessions", *words])


def _told(*words: str) -> Any:
    done = _run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _is_in(browser: Browser) -> bool:
    return browser.open("/account").page.name == "account/show"


def test_the_list_says_where_and_with_what(world: World) -> None:
    member = join(world.services)
    browser = world.browser(address="203.0.113.50", **{"User-Agent": _PHONE})
    browser.open("/login").submit(username=member.username, password=member.password)
    (one,) = _told("list", member.username)
    assert (one["address"], one["browser"], one["system"]) == ("203.0.113.50", "Chrome", "Android")
    assert _told("list", member.account_id) == [one]
    plain = _run("list", member.username).stdout
    assert one["id"] in plain
    assert "Chrome on Android" in plain
    assert _run("list", "nobody.here").exit_code == 3


def test_one_session_ends_and_only_with_yes(world: World) -> None:
    """R88: the operator is named in the log."""
    member = join(world.services)
    there, here = sign_in(world, member), sign_in(world, member)
    newest = _told("list", member.username)[0]["id"]
    assert _told("end", newest) == {"session": newest, "would_end": 1}
    assert _is_in(there)
    assert _is_in(here)
    assert _told("end", newest, "--yes") == {"session": newest, "ended": 1}
    assert [_is_in(there), _is_in(here)].count(True) == 1
    event = world.events("session.ended")[-1]
    assert event.actor.startswith("operator:")
    assert event.fields == {"session": newest, "why": "ended_by_operator"}
    assert _run("end", newest, "--yes").exit_code == 3


def test_all_sessions_of_an_account_end_and_what_clients_hold_with_them(world: World) -> None:
    """R87, R88."""
    member, other = join(world.services), join(world.services, "other.person")
    third = RelyingParty(world, first_party=False)
    there, here, stranger = sign_in(world, member), sign_in(world, member), sign_in(world, other)
    third.ask(here, scope="openid offline_access")
    here.submit(button="consent-allow")
    offline = third.read(third.redeem(third.answer(here)["code"]))
    assert _told("end", "--account", member.username) == {"account": member.account_id, "would_end": 2}
    assert _is_in(there)
    assert _told("end", "--account", member.username, "--yes") == {"account": member.account_id, "ended": 2}
    assert not _is_in(there)
    assert not _is_in(here)
    assert _is_in(stranger)
    assert third.refresh(offline.refresh_token).get_json()["error"] == "invalid_grant"
    assert _run("list", member.username).stdout == f"{member.username} is signed in nowhere.\n"


def test_what_the_command_cannot_do(world: World) -> None:
    member = join(world.services)
    assert _run("end").exit_code == 2
    assert _run("end", "some-session", "--account", member.username).exit_code == 2
    assert _run("end", "some-session").exit_code == 3
    assert _run("end", "--account", "nobody.here", "--yes").exit_code == 3
