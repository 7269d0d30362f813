"""Where one is signed in: the list, ending one and all, being remembered, and the seconds that are left."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from idp.accounts.levels import Level
from idp.credentials.session_list import Kind, kind_of
from idp.credentials.sessions import Session
from tests import authenticator
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.upgraders import enroll
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36"
)
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:125.0) Gecko/20100101 Firefox/125.0"


def _sign_in(
    world: World, member: Member, *, remember: bool = False, address: str = "198.51.100.7", agent: str = _MAC
) -> Browser:
    browser = world.browser(address=address, **{"User-Agent": agent}).open("/login")
    fields = {"username": member.username, "password": PASSWORD}
    if remember:
        fields["remember"] = "y"
    browser.submit(drop=() if remember else ("remember",), **fields)
    assert browser.page.name == "account/show", browser.page.text[:300]
    return browser


def _left(browser: Browser) -> dict[str, int]:
    told: dict[str, int] = browser.open("/session/ends").response.get_json()
    return told


def _outlives(browser: Browser) -> int | None:
    """How many seconds the session's cookie lives; None where it goes with the browser."""
    cookie = browser.client.get_cookie("idp_session", domain="localhost")
    assert cookie is not None
    return cookie.max_age


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (_PHONE, Kind("Chrome", "Android")),
        (_MAC, Kind("Firefox", "macOS")),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 CriOS/124.0 Mobile/15E148 Safari/604.1",
            Kind("Chrome", "iPad"),
        ),
        ("curl/8.0", Kind("curl", "")),
        ("", Kind("", "")),
        ("\u2603" * 300, Kind("", "")),
    ],
)
def test_a_browser_has_the_name_that_people_give_it(agent: str, kind: Kind) -> None:
    assert kind_of(agent) == kind


def test_the_list_says_where_with_what_and_when(world: World) -> None:
    """R88: the network address and the browser of the newest sign-in; the name it gave itself lies sealed."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        _sign_in(world, member, address="203.0.113.50", agent=_PHONE)
        hand.shift(timedelta(minutes=3))
        home = _sign_in(world, member)
        hand.shift(timedelta(minutes=2))
        text = home.open("/account").page.text
    assert "Chrome on Android 203.0.113.50" in text
    assert "Firefox on macOS 198.51.100.7" in text
    assert text.count("12:00:00") == 3  # signed in, last used, and the name of the button
    assert text.count("12:03:00") == 1
    assert "12:05:00" in text
    with world.services.db.read() as conn:
        sealed = conn.execute(sa.select(Session.agent_sealed)).scalars().all()
    assert len(sealed) == 2
    assert all(value is not None and b"Mozilla" not in value for value in sealed)


def test_what_a_browser_calls_itself_stays_inert_and_short(world: World) -> None:
    """R95."""
    member = join(world.services)
    _sign_in(world, member, agent="<script>alert(1)</script>" + "x" * 5_000)
    page = _sign_in(world, member).open("/account").page
    assert "<script>alert" not in page.html
    assert "Unknown browser" in page.text


def test_a_session_from_before_the_list_is_shown_as_unknown(world: World) -> None:
    member = join(world.services)
    _sign_in(world, member)
    world.services.db.write(lambda conn: conn.execute(sa.update(Session).values(address=None, agent_sealed=None)))
    text = sign_in(world, member).page.text
    assert "Unknown browser" in text
    assert "Not known" in text


def test_an_older_sign_in_is_shown_again_before_another_one_is_ended(world: World) -> None:
    """R88: and then the page asks about that very one."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        library, home = _sign_in(world, member, agent=_PHONE), _sign_in(world, member)
        hand.shift(timedelta(minutes=11))
        home.open("/account")
        chosen = home.page.form("session_id").fields["session_id"]
        home.submit(session_id=chosen)
        assert home.page.name == "sign_in/again"
        assert library.open("/account").page.name == "account/show"
        home.submit(password=PASSWORD)
        assert home.page.name == "sessions/end"
        assert "Chrome on Android" in home.page.text
        home.submit(session_id=chosen)
        assert "That sign-in has ended." in home.page.text
        assert library.open("/account").page.name == "sign_in/login"


def test_an_older_sign_in_is_shown_again_before_all_are_ended(world: World) -> None:
    """R88: for those with a second factor, with that."""
    member = join(world.services, totp=True)
    with time_machine.travel(_START, tick=False) as hand:
        home = sign_in(world, member)
        hand.shift(timedelta(minutes=6))
        assert home.open("/account/sessions/end-all").page.name == "sign_in/again"
        token = home.page.form("password").fields["csrf_token"]
        hand.shift(timedelta(minutes=5))
        home.post("/account/sessions/end-all", {"csrf_token": token, "end": "all"})
        assert home.page.name == "sign_in/again"
        assert not world.events("session.ended")


def test_the_page_of_one_sign_in_shows_nobody_elses(world: World) -> None:
    """R103."""
    member, other = join(world.services), join(world.services, "other.person")
    _sign_in(world, member)
    page = _sign_in(world, member).page
    theirs = page.form("session_id").fields["session_id"]
    stranger = _sign_in(world, other)
    for address in (theirs, "none-such", "%00", "x" * 3_000, "\u2603"):
        assert stranger.open(f"/account/sessions/end?session_id={address}").page.name == "account/show"
    assert not world.events("session.ended")


def test_signing_out_everywhere_ends_this_browsers_sign_in_too(world: World) -> None:
    """R86, R88."""
    member = join(world.services)
    there, here = _sign_in(world, member), _sign_in(world, member)
    old = here.cookie("idp_session") or ""
    here.open("/account/sessions/end-all")
    assert "in one other browser" in here.page.text
    here.submit(button="end-everything")
    assert here.page.name == "logout/done"
    assert here.response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert here.cookie("idp_session") is None
    here.client.set_cookie("idp_session", old, domain="localhost")
    for browser in (there, here):
        assert browser.open("/account").page.name == "sign_in/login"
    assert [event.fields["why"] for event in world.events("session.ended")] == ["ended_by_owner"] * 2


def test_a_remembered_basic_sign_in_outlives_the_browser(world: World) -> None:
    """R83 (SP 800-63B-4 §2.1.3): a week unused, thirty days in all, and only where it was asked for."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sign_in(world, member, remember=True)
        assert _outlives(browser) == 30 * 86_400
        assert "Remembered" in browser.page.text
        for _ in range(4):
            hand.shift(timedelta(days=6, hours=23))
            assert browser.open("/account").page.name == "account/show"
        hand.shift(timedelta(days=2, hours=5))
        assert browser.open("/account").page.name == "sign_in/login"
        assert browser.page.form("username").fields["username"] == member.username
        browser.submit(password=PASSWORD)
        hand.shift(timedelta(days=7, minutes=1))
        assert browser.open("/account").page.name == "sign_in/login"
        forgotten = _sign_in(world, member)
        assert _outlives(forgotten) is None
        hand.shift(timedelta(minutes=31))
        assert forgotten.open("/account").page.name == "sign_in/login"


def test_being_remembered_is_never_a_newer_sign_in(world: World) -> None:
    """R85 (OIDC Core §3.1.2.1): a client that wants a fresh one asks for it, and `auth_time` tells the truth."""
    member = join(world.services)
    rp = RelyingParty(world)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sign_in(world, member, remember=True)
        hand.shift(timedelta(days=3))
        claims = rp.claims(rp.tokens(browser).id_token)
        assert claims["auth_time"] == int(_START.timestamp())
        assert claims["amr"] == ["pwd"]
        for fresh in ({"prompt": "login"}, {"max_age": "3600"}):
            assert rp.ask(browser, **fresh) == {}
            assert browser.page.name == "sign_in/login"
        assert rp.ask(browser, prompt="none", max_age="3600")["error"] == "login_required"
        assert browser.open("/account/sessions/end-all").page.name == "sign_in/again"
        browser.submit(password=PASSWORD)
        assert browser.page.name == "sessions/end_all"
        # As it was asked at the sign-in: showing the password once more takes nothing away.
        hand.shift(timedelta(days=6))
        assert browser.open("/account").page.name == "account/show"


@pytest.mark.parametrize("level", [Level.BASIC, Level.PREMIUM])
def test_who_has_a_second_step_is_never_kept_signed_in(world: World, level: Level) -> None:
    """R83, R85: the box fills in the name and nothing else."""
    member = join(world.services, level=level, totp=True)
    with time_machine.travel(_START, tick=False) as hand:
        browser = world.browser().open("/login").submit(username=member.username, password=PASSWORD, remember="y")
        assert browser.page.name == "sign_in/second_factor"
        browser.submit(code=authenticator.unused_code(world.services, member))
        assert browser.page.name == "account/show"
        assert _outlives(browser) is None
        hand.shift(timedelta(minutes=16))
        assert browser.open("/account").page.name == "sign_in/login"


def test_a_second_step_ends_what_was_remembered_elsewhere_and_shortens_it_here(world: World) -> None:
    """R83: a sign-in with one factor that lasts a month must not outlive the day when there are two."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        there, plain = _sign_in(world, member, remember=True), _sign_in(world, member)
        here = _sign_in(world, member, remember=True)
        hand.shift(timedelta(minutes=5))
        here.open("/account/second-factor")
        enroll(here)
        assert there.open("/account").page.name == "sign_in/login"
        assert plain.open("/account").page.name == "account/show"
        assert [event.fields["why"] for event in world.events("session.ended")] == ["second_factor_added"]
        assert _left(here)["latest"] == 12 * 3600 - 300
        hand.shift(timedelta(minutes=16))
        assert here.open("/account").page.name == "sign_in/login"


def test_the_seconds_that_are_left_are_told_without_being_a_use(world: World) -> None:
    """WCAG 2.2.1, R83: asking puts nothing off, staying does, and the latest end cannot be moved."""
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sign_in(world, member)
        token = browser.open("/account/profile").page.form("name").fields["csrf_token"]
        assert _left(browser) == {"idle": 1800, "latest": 12 * 3600}
        hand.shift(timedelta(minutes=28, seconds=30))
        assert _left(browser) == {"idle": 90, "latest": 12 * 3600 - 1710}
        assert _left(browser)["idle"] == 90
        assert browser.post("/session/stay", {"csrf_token": token}).response.get_json() == {
            "idle": 1800,
            "latest": 12 * 3600 - 1710,
        }
        hand.shift(timedelta(minutes=31))
        assert _left(browser) == {"idle": 0, "latest": 0}
        assert browser.post("/session/stay", {"csrf_token": token}).response.get_json() == {"idle": 0, "latest": 0}
        assert browser.open("/account").page.name == "sign_in/login"


@on_sqlite
def test_the_page_carries_the_seconds_and_the_words(world: World) -> None:
    member = join(world.services)
    with time_machine.travel(_START, tick=False) as hand:
        browser = _sign_in(world, member)
        hand.shift(timedelta(seconds=30))
        page = browser.open("/account/profile").page
    assert 'data-idle="1770"' in page.html
    assert f'data-latest="{12 * 3600 - 30}"' in page.html
    assert 'id="session-end"' not in world.browser().open("/login").page.html


@on_sqlite
def test_staying_needs_the_form_token(world: World) -> None:
    """R92."""
    member = join(world.services)
    browser = _sign_in(world, member)
    browser.post("/session/stay", {})
    assert (browser.status, browser.page.error) == (400, "stale_form")
