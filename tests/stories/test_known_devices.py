"""A browser that somebody signed in with before: guesses from elsewhere do not hold its owner up, and it guesses no better."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import time_machine

from idp.credentials import passwords
from idp.credentials.devices import MOST_ACCOUNTS, DeviceAccount
from idp.credentials.sign_in import EVERYBODY
from idp.limits import Limit, LimitCount
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import sign_in
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_WRONG = "a wrong one, for sure"


def _known(world: World, member: Member) -> Browser:
    """A browser in which the member signed in before, and out."""
    browser = sign_in(world, member)
    browser.client.delete_cookie("idp_session")
    return browser


def _try(browser: Browser, member: Member, password: str = _WRONG) -> Browser:
    return browser.open("/login").submit(username=member.username, password=password)


def _set(world: World, key: str, count: int) -> None:
    far = _START + timedelta(days=300)
    world.services.db.write(
        lambda conn: (
            conn.execute(sa.delete(LimitCount).where(LimitCount.key == key)),
            conn.execute(sa.insert(LimitCount).values(key=key, count=count, window_ends_at=far, blocked_until=None)),
        )
    )


def test_who_guesses_elsewhere_does_not_make_the_owner_wait(world: World) -> None:
    """R14: the attacker waits, the owner's own browser does not; and its own failures make it wait."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        own = _known(world, member)
        for _ in range(5):
            assert _try(world.browser(address="203.0.113.5"), member).status == 422
        assert _try(world.browser(address="203.0.113.6"), member, PASSWORD).status == 429
        assert _try(own, member, PASSWORD).page.name == "account/show"
        own.client.delete_cookie("idp_session")
        for _ in range(5):
            assert _try(own, member).status == 422
        assert _try(own, member, PASSWORD).status == 429


def test_the_owners_success_lets_nobody_else_guess_sooner(world: World) -> None:
    """R14, R18: who guesses elsewhere goes on waiting, though the hundred begin anew."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        own = _known(world, member)
        for _ in range(5):
            _try(world.browser(address="203.0.113.5"), member)
        assert _try(own, member, PASSWORD).page.name == "account/show"
        assert _try(world.browser(address="203.0.113.5"), member).status == 429
    with world.services.db.read() as conn:
        hundred = sa.select(LimitCount.count).where(LimitCount.key == f"password:{member.account_id}")
        assert conn.execute(hundred).scalar_one_or_none() is None


def test_known_or_not_the_hundred_are_the_same(world: World) -> None:
    """R13: a known browser adds to them and can be the hundredth."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        own = _known(world, member)
        _set(world, f"password:{member.account_id}", 99)
        assert _try(own, member).status == 422
        with world.services.db.read() as conn:
            stored = passwords.find_password(conn, member.account_id)
        assert stored is not None
        assert stored.disabled_at is not None


def test_a_browser_is_known_for_who_signed_in_there_alone(world: World) -> None:
    """R14: having signed in as somebody gives no tries at anybody else."""
    maria, sam = join(world.services), join(world.services, "sam.lee", email="sam@example.org")
    with time_machine.travel(_START, tick=False):
        marias = _known(world, maria)
        for _ in range(5):
            _try(world.browser(), sam)
        assert _try(marias, sam, PASSWORD).status == 429


def test_a_family_shares_a_browser_and_a_library_is_forgotten(world: World) -> None:
    """R14: each of a few accounts is known there, the newest; a handle that was copied is dead at the next sign-in (R81)."""
    people = [join(world.services, f"person-{number}", email=None) for number in range(MOST_ACCOUNTS + 2)]
    browser = world.browser()
    seen = set()
    for person in people:
        _try(browser, person, PASSWORD)
        browser.client.delete_cookie("idp_session")
        seen.add(browser.cookie("idp_device"))
    assert len(seen) == len(people)
    with world.services.db.read() as conn:
        known = set(conn.execute(sa.select(DeviceAccount.account_id)).scalars())
    assert known == {person.account_id for person in people[2:]}


def test_only_a_finished_sign_in_makes_a_browser_known(world: World) -> None:
    """R14, R82: the password alone of an account with two factors does not."""
    member = join(world.services, totp=True)
    sign_in(world, member, half=True)
    with world.services.db.read() as conn:
        assert conn.execute(sa.select(DeviceAccount.device_id)).first() is None


def test_when_everybody_is_guessed_at_only_known_browsers_get_in(world: World) -> None:
    """R19: failures over all accounts and addresses have a limit; what goes well is not counted."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        own = _known(world, member)
        key = f"sign_in_global:{EVERYBODY}"
        _set(world, key, Limit.SIGN_IN_GLOBAL.value.most - 1)
        assert _try(world.browser(), member, PASSWORD).page.name == "account/show"
        assert _try(world.browser(), member).status == 422
        refused = _try(world.browser(address="203.0.113.77"), member, PASSWORD)
        assert refused.status == 429
        assert int(refused.response.headers["Retry-After"]) > 0
        assert _try(own, member, PASSWORD).page.name == "account/show"


def test_a_known_browser_is_not_held_up_by_its_neighbours(world: World) -> None:
    """R19: a barracks shares one address."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False):
        own = _known(world, member)
        _set(world, "sign_in_address:198.51.100.7", Limit.SIGN_IN_ADDRESS.value.most)
        assert _try(world.browser(), member, PASSWORD).status == 429
        assert _try(own, member, PASSWORD).page.name == "account/show"
