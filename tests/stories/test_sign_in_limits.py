"""Guessing passwords: how long one waits, who waits, and what a hundred guesses do."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from idp import clock
from idp.config import Settings
from idp.credentials import passwords
from idp.credentials.sign_in import Browser as Brought
from idp.credentials.sign_in import Opened, Try, judge, network_of
from idp.journeys import sign_in
from idp.limits import Limit, LimitCount
from idp.outcomes import Reason, Refused
from idp.services import create_services
from idp.web import busy
from tests.http_browser import Browser, Page
from tests.members import PASSWORD, join
from tests.oracle import statements
from tests.races import Ready, together
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _guess(world: World, username: str, password: str = "a wrong one, for sure", address: str = "") -> Browser:
    browser = world.browser(address=address or f"198.51.100.{1 + hash(username) % 200}").open("/login")
    return browser.submit(username=username, password=password)


@pytest.mark.parametrize("username", ["maria.rivera", "nobody.here"])
def test_after_five_wrong_passwords_each_try_waits_longer(world: World, username: str) -> None:
    """R14, R21: 1 s, 2 s, 4 s …; the same for a name that nobody has."""
    join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        for _ in range(5):
            assert _guess(world, username).status == 422
        for wait in (1, 2, 4, 8):
            waiting = _guess(world, username)
            assert waiting.status == 429
            assert waiting.response.headers["Retry-After"] == str(wait)
            assert f"Please wait {wait} second" in waiting.page.text
            assert waiting.page.form("username").fields["username"] == username
            clock_hand.shift(timedelta(seconds=wait))
            assert _guess(world, username).status == 422


def test_nothing_is_compared_while_one_waits(world: World) -> None:
    """R14: not even the right password opens, and the wait does not grow by asking."""
    join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        for _ in range(5):
            _guess(world, "maria.rivera")
        runs = passwords.SLOTS.runs
        for _ in range(3):
            assert _guess(world, "maria.rivera", PASSWORD).status == 429
        assert passwords.SLOTS.runs == runs
        clock_hand.shift(timedelta(seconds=1))
        assert _guess(world, "maria.rivera", PASSWORD).page.name == "account/show"


def test_every_way_of_writing_a_name_waits_together(world: World) -> None:
    """R17, for names that somebody has and names that nobody has."""
    join(world.services)
    with time_machine.travel(_START, tick=False):
        for written in (
            ["maria.rivera", "MARIA.RIVERA", " Maria.Rivera", "\uff4daria.rivera", "mariA.rivera"],
            ["nobody"] * 5,
        ):
            for username in written:
                assert _guess(world, username).status == 422
            assert _guess(world, written[0].upper()).status == 429


def test_a_success_forgets_the_wrong_ones_before_it(world: World) -> None:
    """R18."""
    join(world.services)
    with time_machine.travel(_START, tick=False):
        for _ in range(3):
            for _ in range(4):
                assert _guess(world, "maria.rivera").status == 422
            assert _guess(world, "maria.rivera", PASSWORD).page.name == "account/show"


def test_one_account_does_not_make_another_wait(world: World) -> None:
    join(world.services)
    join(world.services, "other.person")
    with time_machine.travel(_START, tick=False):
        for _ in range(6):
            _guess(world, "maria.rivera")
        assert _guess(world, "other.person", PASSWORD).page.name == "account/show"


def test_a_hundred_wrong_guesses_make_the_password_worth_nothing(world: World) -> None:
    """R13, SP 800-63B-4 §3.2.2: from then on the right one opens nothing, whatever the wait."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        _guess(world, "maria.rivera")
        world.services.db.write(
            lambda conn: (
                conn.execute(
                    sa.update(LimitCount)
                    .where(LimitCount.key.startswith("password:"))
                    .values(count=99, blocked_until=None)
                ).rowcount
            )
        )
        assert _guess(world, "maria.rivera").status == 422
        clock_hand.shift(timedelta(days=30))
        waiting = _guess(world, "maria.rivera", PASSWORD)
        assert waiting.status == 429
        assert "days" in waiting.page.text
        clock_hand.shift(timedelta(days=366))
        assert _guess(world, "maria.rivera", PASSWORD).status == 422
    with world.services.db.read() as conn:
        stored = passwords.find_password(conn, member.account_id)
    assert stored is not None
    assert stored.disabled_at is not None


def test_one_address_may_be_wrong_fifty_times_an_hour_over_all_names(world: World) -> None:
    """R19: spraying one password over many names; those who sign in well at the same address give their try back."""
    join(world.services)
    with time_machine.travel(_START, tick=False) as clock_hand:
        for _ in range(3):
            assert _guess(world, "maria.rivera", PASSWORD, "203.0.113.5").page.name == "account/show"
        for number in range(3):
            assert _guess(world, f"name-{number}", address="203.0.113.5").status == 422
        with world.services.db.read() as conn:
            counted = sa.select(LimitCount.count).where(LimitCount.key == "sign_in_address:203.0.113.5")
            assert conn.execute(counted).scalar_one() == 3
        world.services.db.write(
            lambda conn: (
                conn.execute(
                    sa.update(LimitCount).where(LimitCount.key == "sign_in_address:203.0.113.5").values(count=49)
                ).rowcount
            )
        )
        assert _guess(world, "name-49", address="203.0.113.5").status == 422
        stopped = _guess(world, "maria.rivera", PASSWORD, "203.0.113.5")
        assert stopped.status == 429
        assert stopped.response.headers["Retry-After"] == "3600"
        assert _guess(world, "maria.rivera", PASSWORD, "203.0.113.6").page.name == "account/show"
        clock_hand.shift(timedelta(hours=1))
        assert _guess(world, "maria.rivera", PASSWORD, "203.0.113.5").page.name == "account/show"


def test_an_ipv6_subscriber_is_one_address() -> None:
    """R19: a /64 is handed to one household, and holds more addresses than anybody could count."""
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("203.0.113.5") != network_of("203.0.113.6")
    assert network_of("unknown") == "unknown"


def test_when_the_house_is_busy_nobody_is_charged_for_it(world: World) -> None:
    """R79, R173: 503 with Retry-After at once, and the database is not even asked."""
    join(world.services)
    with passwords_all_busy():
        runs = passwords.SLOTS.runs
        browser = world.browser(address="198.51.100.7").open("/login")
        with statements(world) as ran:
            busy = browser.submit(username="maria.rivera", password=PASSWORD)
        assert busy.status == 503
        assert int(busy.response.headers["Retry-After"]) > 0
        assert passwords.SLOTS.runs == runs
        assert ran == []
    assert _guess(world, "maria.rivera", PASSWORD).page.name == "account/show"


@pytest.mark.parametrize("language", ["en", "es"])
def test_who_is_turned_away_at_the_door_is_told_what_a_view_would_tell(world: World, language: str) -> None:
    """R173, R96: the page that was made when the server started is the same, wherever the person was on their way to."""
    door = busy.Door(world.app, world.app.extensions["routes"])
    browser = world.browser(**{"Accept-Language": language})
    for query, carried in (
        ("", ""),
        ("?next=/account/password", "?next=%2Faccount%2Fpassword"),
        ('?x=1&next="><script>&request=%22', "?request=%22&next=%22%3E%3Cscript%3E"),
    ):
        browser.open(f"/login{query}")
        with passwords_all_busy():
            told = browser.submit(username="maria.rivera", password=PASSWORD)
        environ = {**told.response.request.environ, "QUERY_STRING": query.removeprefix("?")}
        status, headers, body = door.turn_away(environ)
        page = Page(body.decode())
        assert (status, page.error, page.h1) == (told.status, "busy", told.page.h1)
        # Nothing but the id of a request, which is one of a crowd here, is left out.
        assert told.page.text.startswith(page.text)
        assert f"/login{carried}" in page.links
        assert f"/login{carried}{'&' if carried else '?'}ui_locales={'en' if language == 'es' else 'es'}" in page.links
        for name in ("Retry-After", "Content-Security-Policy", "Cache-Control", "Vary"):
            assert dict(headers)[name] == told.response.headers[name]
        assert "Set-Cookie" not in dict(headers)


def test_a_try_that_finds_no_place_after_it_was_counted_is_given_back(world: World) -> None:
    """R79: the last place was taken between the first look and the run."""
    maria = join(world.services)
    tried = Try(None, maria.account_id, "203.0.113.9", None)
    with passwords_all_busy(), pytest.raises(passwords.Busy):
        judge(world.services, tried, None, PASSWORD)
    with world.services.db.read() as conn:
        counts = conn.execute(sa.select(LimitCount.count)).scalars().all()
    assert len(counts) > 0
    assert sum(counts) == 0
    assert _guess(world, "maria.rivera", PASSWORD).page.name == "account/show"


class passwords_all_busy:  # noqa: N801 - reads as a context
    """Hold every slot and every place in the queue, as a flood would."""

    def __enter__(self) -> None:
        self._go = threading.Event()
        places = passwords._CORES * 3
        self._threads = [threading.Thread(target=self._hold) for _ in range(places)]
        for thread in self._threads:
            thread.start()
        while passwords.SLOTS._places._value:
            threading.Event().wait(0.01)

    def __exit__(self, *_: object) -> None:
        self._go.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _hold(self) -> None:
        with passwords.SLOTS.taken():
            self._go.wait(timeout=30)


def _race(ready: Ready, settings: Settings) -> list[str]:
    """One process of several: five threads, each with one wrong guess."""
    services = create_services(settings)
    told: list[str] = []

    def guess() -> None:
        browser = Brought(session=None, device=None, address="203.0.113.9")
        outcome = sign_in.sign_in(
            services, username="maria.rivera", password="a wrong one, for sure", remember=False, browser=browser
        )
        told.append(outcome.reason.value if isinstance(outcome, Refused) else type(outcome).__name__)

    ready()
    threads = [threading.Thread(target=guess) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.db.close()
    return told


@pytest.mark.races
def test_guesses_made_at_the_same_moment_are_counted_one_by_one(world: World) -> None:
    """R15: with one try left, twenty guesses from four processes evaluate exactly one."""
    member = join(world.services)
    far = clock.now() + timedelta(days=1)
    world.services.db.write(
        lambda conn: (
            conn.execute(
                sa.insert(LimitCount).values(
                    key=f"password:{member.account_id}",
                    count=Limit.PASSWORD.value.most - 1,
                    window_ends_at=far,
                    blocked_until=None,
                )
            ).rowcount
        )
    )
    told = [reason for several in together(_race, [(world.settings,)] * 4) for reason in several]
    assert len(told) == 20
    assert told.count(Reason.WRONG_CREDENTIALS) == 1
    assert told.count(Reason.TOO_MANY_TRIES) == 19
    assert not [outcome for outcome in told if outcome == Opened.__name__]
