"""Whatever is sent to any route of the map is refused kindly: never a fault, and to programs in their own words."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from idp.web.routes import Access, Route, RouteMap
from tests.http_browser import Browser, Page
from tests.members import join
from tests.registrants import DANA, identify
from tests.relying_party import on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite

_FORM = "application/x-www-form-urlencoded"
_PART = 'Content-Disposition: form-data; name="{name}"\r\n\r\nx\r\n'
_VALUES = (
    b"%00",
    b"a%00b",
    b"%ff%fe",
    b"\xff\xfe",
    b"%ed%a0%80",
    b"%0d%0aSet-Cookie:+a=b",
    b"a" * 20_000,
    b"%",
    b"&;=%26",
)


def _routes(world: World) -> list[Route]:
    routes: RouteMap = world.app.extensions["routes"]
    return [route for route in routes.all() if "POST" in route.methods]


def _address(route: Route) -> str:
    return re.sub(r"<[^>]+>", "something", route.rule)


@pytest.fixture
def browser(world: World) -> Browser:
    """Somebody in the middle of everything: a registration under way, and signed in with a second factor."""
    member = join(world.services, totp=True)
    registering = identify(world.browser(), DANA)
    signed_in = sign_in(world, member)
    journey = registering.cookie("idp_journey")
    assert journey
    signed_in.client.set_cookie("idp_journey", journey, domain="localhost")
    return signed_in


def _send(browser: Browser, route: Route, body: bytes, content_type: str) -> TestResponse:
    return browser.client.post(
        _address(route),
        data=body,
        content_type=content_type,
        base_url="http://localhost:5000",
        headers={"Origin": "http://localhost:5000"},
        environ_overrides={"REMOTE_ADDR": "198.51.100.7"},
    )


def _fields(browser: Browser, route: Route) -> tuple[str, list[str]]:
    """The mark of this browser's forms, and the names of the fields that this route's page shows."""
    shown: list[str] = []
    if "GET" in route.methods:
        answer = browser.client.get(_address(route), base_url="http://localhost:5000")
        page = Page(answer.get_data(as_text=True))
        shown = sorted({name for form in page.forms for name in form.names})
    token = Page(browser.client.get("/activate", base_url="http://localhost:5000").get_data(as_text=True))
    return token.form("csrf_token").fields["csrf_token"], shown


def _bodies(token: str, fields: list[str]) -> Iterator[tuple[str, bytes]]:
    mark = b"csrf_token=" + quote(token).encode()
    for name in fields or ["code"]:
        for value in _VALUES:
            yield _FORM, mark + b"&" + name.encode() + b"=" + value
        yield _FORM, mark + (b"&" + name.encode() + b"=1") * 2
    parts = "".join(f"--b\r\n{_PART.format(name=f'n{number}')}" for number in range(101)) + "--b--\r\n"
    own = f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
    nested = "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b--\r\n"
    yield "multipart/form-data; boundary=b", (own + parts).encode()
    yield "multipart/form-data; boundary=b", (own + nested).encode()
    yield "multipart/form-data", b"no boundary"
    yield _FORM, mark + b"&a=1" * 15_000
    yield _FORM, mark + b"&a=1" * 30_000
    yield "application/json", json.dumps({"csrf_token": token, "username": {"$ne": ""}}).encode()
    yield "text/plain", mark
    yield f"{_FORM}; charset=utf-7", mark + b"&username=+AGE-"


def test_no_form_breaks_whatever_is_sent_to_it(world: World, browser: Browser) -> None:
    """R101, R102, R103, R174: every field of every form with NUL, bad UTF-8, too much, twice; and every wrong kind of body."""
    seen = 0
    for route in _routes(world):
        if route.access is Access.MACHINE:
            continue
        token, fields = _fields(browser, route)
        for content_type, body in _bodies(token, [name for name in fields if name != "csrf_token"]):
            answer = _send(browser, route, body, content_type)
            seen += 1
            assert answer.status_code < 500, (route.rule, content_type, body[:80])
            if len(body) > 64 * 1024:
                assert answer.status_code in {400, 413}, (route.rule, answer.status_code)
            assert not any(sign in value for _, value in answer.headers for sign in "\r\n\0"), route.rule
    assert seen > 500


def test_programs_are_told_in_their_own_words(world: World, browser: Browser) -> None:
    """R102; RFC 6749 §5.2: JSON with `error`, whatever came, and never a page."""
    for route in _routes(world):
        if route.access is not Access.MACHINE:
            continue
        for content_type, body in _bodies("x", ["grant_type", "token", "client_id", "code"]):
            answer = _send(browser, route, body, content_type)
            assert answer.status_code in {200, 400, 401, 413, 415}, (route.rule, content_type, body[:60])
            if answer.status_code != 200 and answer.get_data():
                assert answer.mimetype == "application/json", route.rule
                assert answer.get_json()["error"], route.rule
            if answer.status_code == 200:
                # Revoking what is no token is a success (RFC 7009 §2.2).
                assert answer.get_data() in {b"", b'{"active":false}'}, route.rule


def test_pages_are_never_shared_with_another_origin(world: World, browser: Browser) -> None:
    """R98: no page says that a script elsewhere may read it, least of all with our cookies."""
    routes: RouteMap = world.app.extensions["routes"]
    for route in routes.all():
        for method in route.methods:
            answer = browser.client.open(
                _address(route),
                method=method,
                base_url="http://localhost:5000",
                headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
                buffered=True,
            )
            assert "Access-Control-Allow-Credentials" not in answer.headers, route.rule
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert allowed != "https://evil.example", route.rule
            assert allowed is None or route.access is Access.MACHINE, route.rule
