"""Signing in because a client asked: the page says for whom, and leads back there."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idp.oidc import clients
from idp.oidc.clients import Wanted
from tests.http_browser import Browser
from tests.members import PASSWORD, join
from tests.world import World

CALLBACK = "https://clinic.example/callback"


@pytest.fixture
def asking(world: World) -> dict[str, str]:
    """A valid authorization request of a clinic whose people are asked for nothing but their sign-in."""
    wanted = Wanted(name="Harbor <b>Clinic</b>", redirect_uris=(CALLBACK,), first_party=True)
    client, _ = world.services.db.write(
        lambda conn: clients.create(conn, wanted, default_scopes=("openid",), actor="operator:test")
    )
    return {
        "client_id": client.id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "as-it-was",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }


def _ask(browser: Browser, asking: dict[str, str], **more: str) -> Browser:
    return browser.open(f"/authorize?{urlencode({**asking, **more})}")


def _came_back(browser: Browser) -> bool:
    """Whether the client got its answer, with what it sent along."""
    left = urlsplit(browser.left_for or "")
    answer = parse_qs(left.query)
    return (
        f"{left.scheme}://{left.netloc}{left.path}" == CALLBACK
        and "code" in answer
        and answer["state"] == ["as-it-was"]
    )


def test_the_page_says_which_site_waits_and_lets_the_form_end_there(world: World, asking: dict[str, str]) -> None:
    """OIDC Core §3.1.2.1 `login_hint`; without the client in `form-action` Chromium blocks the way back (R94, R95)."""
    join(world.services)
    browser = _ask(world.browser(), asking, login_hint="maria.rivera")
    assert browser.page.name == "sign_in/login"
    assert "Harbor <b>Clinic</b>" in browser.page.text
    assert "<b>Clinic" not in browser.page.html
    assert browser.page.form("username").fields["username"] == "maria.rivera"
    assert "form-action 'self' https: https://clinic.example" in browser.response.headers["Content-Security-Policy"]
    assert any(link.startswith("/register?request=") for link in browser.page.links)


def test_after_a_wrong_password_the_client_still_waits(world: World, asking: dict[str, str]) -> None:
    join(world.services)
    browser = _ask(world.browser(), asking).submit(username="maria.rivera", password="a wrong one, for sure")
    assert browser.status == 422
    assert "Harbor" in browser.page.text
    browser.submit(username="maria.rivera", password=PASSWORD)
    assert _came_back(browser)


def test_a_hint_is_shown_as_it_is_and_stays_inert(world: World, asking: dict[str, str]) -> None:
    """R95."""
    hint = '"><script>alert(1)</script>'
    browser = _ask(world.browser(), asking, login_hint=hint)
    assert browser.page.form("username").fields["username"] == hint
    assert "<script>alert" not in browser.page.html


def test_another_browser_learns_nothing_of_a_request(world: World, asking: dict[str, str]) -> None:
    browser = _ask(world.browser(), asking, login_hint="maria.rivera")
    other = world.browser().open(browser.address)
    assert other.page.name == "sign_in/login"
    assert "Harbor" not in other.page.text
    assert other.page.form("username").fields["username"] == ""
    assert "clinic.example" not in other.response.headers["Content-Security-Policy"]


def test_whoever_is_signed_in_goes_straight_back(world: World, asking: dict[str, str]) -> None:
    join(world.services)
    browser = world.browser().open("/login").submit(username="maria.rivera", password=PASSWORD)
    assert _came_back(_ask(browser, asking))


def test_a_fresh_sign_in_is_made_once_and_keeps_the_session(world: World, asking: dict[str, str]) -> None:
    """OIDC Core §3.1.2.1 `prompt=login`; the handle is new (R81), the session that other clients know is the same."""
    join(world.services)
    browser = world.browser().open("/login").submit(username="maria.rivera", password=PASSWORD)
    before = browser.cookie("idp_session")
    _ask(browser, asking, prompt="login")
    assert browser.page.name == "sign_in/login"
    browser.submit(username="maria.rivera", password=PASSWORD)
    assert _came_back(browser)
    assert browser.cookie("idp_session") != before
    first, second = world.events("sign_in.succeeded")
    assert first.fields["session"] == second.fields["session"]
