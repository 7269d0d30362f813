"""Something changed in an account and it was not its owner: the link in the mail locks it at once."""

import io
import logging
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import Connection

from idp import worker
from idp.accounts import accounts, addresses
from idp.accounts.accounts import Account, State
from idp.accounts.disownings import Disowning
from idp.config import Settings
from idp.db import list_rows
from idp.journeys import locking
from idp.limits import Limit
from idp.outcomes import Refused
from idp.proofing import address_codes
from idp.services import create_services
from tests import authenticator
from tests.http_browser import Browser
from tests.members import Member, join
from tests.races import Ready, together
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_LINK = re.compile(r"\S+/not-me\?token=(\S{43})&ui_locales=(\w+)")


def _add_app(world: World, member: Member) -> Browser:
    """Somebody who knows the password adds an app of their own."""
    browser = sign_in(world, member)
    browser.open("/account/second-factor")
    browser.submit(code=authenticator.code(browser.page.ids["totp-secret"])).submit(saved="y")
    assert browser.page.name == "account/show"
    return browser


def _links(world: World, subject: str) -> dict[str, str]:
    """The link of each mail with this subject, by the address that it went to."""
    found = {mail.to: _LINK.search(mail.text) for mail in world.mails() if subject in mail.subject}
    assert found
    return {to: link[0].removeprefix(world.settings.issuer) for to, link in found.items() if link}


def _link(world: World, subject: str = "second step was added") -> str:
    return next(iter(_links(world, subject).values()))


def _account(world: World, member: Member) -> Account:
    with world.services.db.read() as conn:
        return accounts.get_account(conn, member.account_id)


def _kept(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with world.services.db.read() as conn:
        tables = sa.inspect(conn).get_table_names()
        return {name: [tuple(row) for row in conn.execute(sa.text(f'SELECT * FROM "{name}"'))] for name in tables}  # noqa: S608


def test_the_link_locks_the_account_and_the_thief_is_out(world: World) -> None:
    """R50, R73; SP 800-63B-4 §4.6: sessions and tokens are dead at the next request; every address hears of it."""
    member = join(world.services)
    world.services.db.write(
        lambda conn: addresses.add(conn, world.services.keyring, account_id=member.account_id, email="old@example.org")
    )
    thief = _add_app(world, member)
    rp = RelyingParty(world)
    tokens = rp.tokens(thief)
    assert rp.userinfo(tokens.access_token).status_code == 200
    links = _links(world, "second step was added")
    assert links.keys() == {"maria@example.org", "old@example.org"}

    owner = world.browser(address="203.0.113.80").open(links["old@example.org"])
    assert (owner.status, owner.page.name) == (200, "not_me/ask")
    owner.submit(button="not-me-lock")
    assert (owner.status, owner.page.name, owner.address) == (200, "not_me/locked", "/not-me/locked")

    account = _account(world, member)
    assert (account.state, account.state_why) == (State.LOCKED.value, "disowned:second_factor.added")
    (event,) = world.events("account.locked")
    assert (event.actor, event.subject, event.address) == ("anonymous", member.person_id, "203.0.113.80")
    assert event.fields == {"account": member.account_id, "why": "disowned:second_factor.added"}
    assert thief.open("/account").page.name == "sign_in/login"
    assert rp.userinfo(tokens.access_token).status_code == 401
    told = [mail.to for mail in world.mails() if mail.subject == "Your account was locked"]
    assert sorted(told) == ["maria@example.org", "old@example.org"]

    thief.open("/login").submit(username=member.username, password=member.password)
    assert (thief.status, thief.page.error) == (403, "account_locked")
    assert "This was not me" in thief.page.text


def test_codes_to_addresses_of_record_die_with_the_lock(world: World) -> None:
    """R73: whoever objected to a letter must not find that its code works after all."""
    member = join(world.services)
    _add_app(world, member)

    def issue(conn: Connection) -> None:
        address_codes.issue(
            conn,
            world.services.keyring,
            "7KQ2M-9XHTD",
            account_id=member.account_id,
            channel=address_codes.Channel.POST,
            address_mac="x",
            lasts=timedelta(days=21),
            wait=timedelta(0),
        )

    world.services.db.write(issue)
    world.browser().open(_link(world)).submit(button="not-me-lock")
    with world.services.db.read() as conn:
        assert address_codes.list_live(conn, member.account_id) == []


def test_a_scanner_that_opens_the_link_changes_nothing(world: World) -> None:
    """R58: not a row; and without the form's mark not by POST either."""
    member = join(world.services)
    _add_app(world, member)
    link = _link(world)
    before = _kept(world)
    for method in ("GET", "HEAD"):
        answer = world.browser().client.open(link, method=method, base_url=world.settings.issuer)
        assert answer.status_code == 200
    assert world.browser().post(link).page.error == "stale_form"
    assert _kept(world) == before
    assert _account(world, member).state == State.ACTIVE.value


@on_sqlite
def test_the_page_gives_its_address_to_nobody(world: World) -> None:
    """R77, R94: no Referer carries the token, no page loads or leads anywhere else, and nothing is kept in a cache."""
    member = join(world.services)
    _add_app(world, member)
    link = _link(world)
    browser = world.browser()
    for page in (browser.open(link), browser.post(link)):
        assert page.response.headers["Referrer-Policy"] == "strict-origin"
        assert page.response.headers["Cache-Control"] == "no-store"
        assert not re.findall(r'(?:href|src|action)="(?!/(?!/)|#|data:|tel:)', page.page.html)


@on_sqlite
def test_the_token_is_in_no_log_no_event_and_no_row(world: World) -> None:
    """R74, R77: in the mail alone; here is its digest, and in the outbox it is sealed until it has left."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        member = join(world.services)
        _add_app(world, member)
        waiting = str(_kept(world))
        found = _LINK.search(next(mail.text for mail in world.mails() if "second step" in mail.subject))
        assert found
        world.browser().open(_link(world)).submit(button="not-me-lock")
        world.browser().open(_link(world))
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
    token = found[1]
    assert token not in waiting
    assert token not in str(_kept(world))
    assert token not in told.getvalue()


def test_unknown_used_and_old_links_are_the_same_page(world: World) -> None:
    """R58: to the byte; it says what to do, and nothing is locked."""
    with time_machine.travel(_START, tick=False) as time:
        member, other = join(world.services), join(world.services, "vic.veteran", email="vic@example.org")
        _add_app(world, member)
        _add_app(world, other)
        links = _links(world, "second step was added")
        world.browser().open(links["maria@example.org"]).submit(button="not-me-lock")
        time.shift(timedelta(days=31))
        seen, asked = [], world.browser()
        for address in (links["maria@example.org"], links["vic@example.org"], "/not-me?token=" + "x" * 43, "/not-me"):
            asked.open(address)
            assert (asked.status, asked.page.name, asked.page.error) == (410, "not_me/dead", "link_dead")
            seen.append(asked.response.get_data())
        assert len(set(seen)) == 1
        assert "service center" in asked.page.text
        assert _account(world, other).state == State.ACTIVE.value


def test_a_link_works_once(world: World) -> None:
    """R50: pressed again in another tab."""
    member = join(world.services)
    _add_app(world, member)
    link = _link(world)
    both = [world.browser().open(link), world.browser().open(link)]
    pages = [browser.submit(button="not-me-lock").page.name for browser in both]
    assert pages == ["not_me/locked", "not_me/dead"]
    assert len(world.events("account.locked")) == 1
    assert world.events("disowning.refused")[-1].fields == {"why": "not_found"}


def test_an_account_that_is_locked_already_says_so(world: World) -> None:
    """By another link, or by an operator: kindly, and without a second event."""
    member = join(world.services)
    _add_app(world, member)
    link = _link(world)
    waiting = world.browser().open(link)
    account = _account(world, member)
    world.services.db.write(
        lambda conn: locking.lock(conn, world.services.keyring, account, actor="operator:test", why="fraud_report")
    )
    assert waiting.submit(button="not-me-lock").page.name == "not_me/locked"
    assert world.browser().open(link).page.name == "not_me/locked"
    assert _account(world, member).state_why == "fraud_report"
    assert len(world.events("account.locked")) == 1


@on_sqlite
@pytest.mark.parametrize("token", ["", "x", "%00" * 43, "%ff%fe", "x" * 5_000, "é" * 20, "%0d%0aSet-Cookie:a=b"])
def test_a_hostile_token_is_a_link_that_does_not_work(world: World, token: str) -> None:
    """R101, R102."""
    browser = world.browser().open(f"/not-me?token={token}")
    assert (browser.status, browser.page.error) == (410, "link_dead")
    join(world.services)


@on_sqlite
def test_tries_are_counted_by_address_and_what_works_is_free(world: World) -> None:
    """R19: the page that says so still tells whom to call."""
    member = join(world.services)
    _add_app(world, member)
    link = _link(world)
    browser = world.browser(address="2001:db8:1:2::7").open(link)
    form = browser.page.form().fields
    for number in range(Limit.NOT_ME_ADDRESS.value.most):
        browser.post(f"/not-me?token={number:043}", form)
        assert browser.page.error == "link_dead"
    browser.post(link, form)
    assert (browser.status, browser.page.error) == (429, "too_many_tries")
    assert int(browser.response.headers["Retry-After"]) > 0
    assert "service center" in browser.page.text
    neighbour = world.browser(address="2001:db8:1:2::8").open(link).submit(button="not-me-lock")
    assert neighbour.status == 429
    assert world.browser().open(link).submit(button="not-me-lock").page.name == "not_me/locked"


@on_sqlite
def test_a_spanish_account_gets_spanish_mail_and_a_spanish_page(world: World) -> None:
    """The page is in the language of the mail, whatever the browser prefers."""
    member = join(world.services)
    world.services.db.write(
        lambda conn: (
            conn.execute(sa.update(Account).where(Account.id == member.account_id).values(language="es")).rowcount
        )
    )
    _add_app(world, member)
    mail = next(mail for mail in world.mails() if mail.to == "maria@example.org")
    found = _LINK.search(mail.text)
    assert found
    assert found[2] == "es"
    browser = world.browser().open(found[0].removeprefix(world.settings.issuer))
    assert browser.page.h1 == ["¿Bloquear su cuenta?"]
    browser.submit(button="not-me-lock")
    assert browser.page.h1 == ["Su cuenta está bloqueada"]
    assert any(mail.subject == "Su cuenta fue bloqueada" for mail in world.mails())


@on_sqlite
def test_links_are_swept_when_they_have_run_out(world: World) -> None:
    """R175."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as time:
        _add_app(world, member)
        with world.services.db.read() as conn:
            links = list_rows(conn, Disowning)
        # One for each notice, though it went to every address: the app, and its recovery codes.
        assert {link.about for link in links} <= {"second_factor.added", "recovery_codes.made"}
        time.shift(timedelta(days=30))
        assert worker.sweep(world.services)["idp.accounts.disownings"] == len(links)


def _press(ready: Ready, settings: Settings, token: str) -> str:
    services = create_services(settings)
    ready()
    outcome = locking.disown(services, token, address="203.0.113.9")
    services.db.close()
    return outcome.reason.value if isinstance(outcome, Refused) else outcome.value


@pytest.mark.races
def test_of_two_who_press_at_the_same_moment_one_locks(world: World) -> None:
    """R50: one event, one notice for each address."""
    member = join(world.services)
    _add_app(world, member)
    token = parse_qs(urlsplit(_link(world)).query)["token"][0]
    told = Counter(together(_press, [(world.settings, token)] * 2))
    assert told["locked"] >= 1
    assert told.keys() <= {"locked", "not_found"}
    assert len(world.events("account.locked")) == 1
    assert len([mail for mail in world.mails() if mail.subject == "Your account was locked"]) == 1
