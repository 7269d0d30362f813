"""The session's cookie in production: which cookies open a page, and what of a page stays in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from tests.members import join
from tests.relying_party import on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite

_SITE = "https://id.example.org"


@pytest.fixture
def production(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[World]:
    """A provider over https, where every cookie carries `__Host-`."""
    made = World(database_url, keys_folder, tmp_path, demo=False, issuer=_SITE, smtp_url="smtps://mail.example")
    yield made
    made.close()


def _opens(world: World, cookie: str) -> bool:
    """Whether a browser that sends exactly this Cookie header is signed in."""
    answer = Client(world.app, use_cookies=False).get("/account", base_url=_SITE, headers={"Cookie": cookie})
    return answer.status_code == 200


def test_only_the_cookie_that_no_neighbour_can_set_opens_anything(production: World) -> None:
    """R90: a neighbouring site's `idp_session`, and one without a name that reads like ours, are no cookies of ours."""
    member = join(production.services)
    browser = (
        production.browser(Referer=f"{_SITE}/login")
        .open("/login")
        .submit(username=member.username, password=member.password)
    )
    handle = browser.client.get_cookie("__Host-idp_session", domain="id.example.org")
    assert handle is not None
    good = handle.value
    assert _opens(production, f"__Host-idp_session={good}")
    for planted in (
        f"idp_session={good}",
        f"=__Host-idp_session={good}",
        f"=idp_session={good}",
        f"__host-idp_session={good}",
        f"__Secure-idp_session={good}",
    ):
        assert not _opens(production, planted), planted.partition(good)[0]
    # Beside ours they change nothing either.
    assert _opens(production, f"idp_session={'A' * 43}; __Host-idp_session={good}; =__Host-idp_session={'A' * 43}")


def test_pages_of_the_signed_in_are_kept_nowhere_and_open_to_nobody_later(world: World) -> None:
    """R86, R91: a page that touched the session and one that did not; after the sign-out the handle opens nothing."""
    browser = sign_in(world, join(world.services))
    handle = browser.cookie("idp_session") or ""
    for address in ("/account", "/account", "/account/profile", "/session/ends"):
        headers = browser.open(address).response.headers
        assert headers["Cache-Control"] == "no-store", address
        assert "Cookie" in headers["Vary"], address
    browser.open("/logout").submit(button="logout-yes")
    assert browser.cookie("idp_session") is None
    browser.client.set_cookie("idp_session", handle, domain="localhost")
    assert browser.open("/account").page.name == "sign_in/login"
    assert browser.open("/session/ends").response.get_json() == {"idle": 0, "latest": 0}
