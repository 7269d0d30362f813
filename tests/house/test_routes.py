"""The route map holds: every route has its rules, and the guard keeps them on every method of every route."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.test import Client, TestResponse

from idp.web.routes import Access, Csrf, Pages, Route, RouteMap
from tests.world import World

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _routes(world: World) -> list[Route]:
    routes: RouteMap = world.app.extensions["routes"]
    return routes.all()


def _address(route: Route) -> str:
    return re.sub(r"<[^>]+>", "something", route.rule)


def _send(world: World, method: str, route: Route, **headers: str) -> TestResponse:
    client = Client(world.app, use_cookies=True)
    return client.open(_address(route), method=method, base_url=world.settings.issuer, headers=headers, buffered=True)


def test_a_route_without_rules_stops_the_start(world: World) -> None:
    """R93."""
    app = Flask("bare", static_folder=None)
    routes = RouteMap()
    pages = Pages("good")

    @pages.route("/ruled", access=Access.PUBLIC, csrf=Csrf.FORM)
    def ruled() -> ResponseReturnValue:
        return ""

    routes.add(app, pages)
    routes.check(app)
    app.add_url_rule("/smuggled", endpoint="smuggled", view_func=ruled)
    with pytest.raises(LookupError, match="smuggled"):
        routes.check(app)
    assert len(_routes(world)) >= 15


def test_unlisted_methods_are_405_on_every_route(world: World) -> None:
    """R93."""
    for route in _routes(world):
        for method in set(_METHODS) - set(route.methods):
            response = _send(world, method, route)
            assert response.status_code == 405, f"{method} {route.rule}"


def test_head_is_get_without_a_body(world: World) -> None:
    """RFC 9110 §9.3.2: no page takes it for a form that was sent."""
    for route in _routes(world):
        if "GET" in route.methods:
            got, head = _send(world, "GET", route), _send(world, "HEAD", route)
            assert (head.status_code, head.get_data()) == (got.status_code, b""), route.rule


def test_every_form_needs_its_token(world: World) -> None:
    """R92: on every route that takes a form, without a session and with a foreign one."""
    guarded = [route for route in _routes(world) if "POST" in route.methods and route.csrf.checked]
    assert len(guarded) >= 5
    for route in guarded:
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            response = _send(world, "POST", route, **headers)
            assert response.status_code == 400, f"{route.rule} with {headers}"
            assert 'data-error="stale_form"' in response.get_data(as_text=True)


def test_every_unguarded_post_says_why(world: World) -> None:
    """R92: what is not guarded is a program's endpoint or has a reason of its own."""
    unguarded = [route for route in _routes(world) if "POST" in route.methods and not route.csrf.checked]
    assert unguarded
    assert all(len(route.csrf.why_not) > 10 for route in unguarded)


def test_pages_of_the_signed_in_send_others_to_sign_in_and_back(world: World) -> None:
    for route in _routes(world):
        if route.access is Access.SIGNED_IN and "GET" in route.methods:
            response = _send(world, "GET", route)
            assert response.status_code == 303, route.rule
            assert urlsplit(response.headers["Location"]).path == "/login"


def test_pages_of_a_journey_tell_others_to_start_again(world: World) -> None:
    """R57."""
    found = [route for route in _routes(world) if route.access is Access.JOURNEY and "GET" in route.methods]
    assert found
    for route in found:
        response = _send(world, "GET", route)
        assert response.status_code == 410, route.rule
        assert 'data-error="journey_gone"' in response.get_data(as_text=True)


def test_programs_get_no_cookie_and_people_no_cached_page(world: World) -> None:
    """R91; what programs call does no browser-session work."""
    for route in _routes(world):
        method = "GET" if "GET" in route.methods else "POST"
        response = _send(world, method, route)
        if route.access is Access.MACHINE:
            assert "Set-Cookie" not in response.headers, route.rule
        elif response.status_code == 200:
            assert "no-store" in response.headers["Cache-Control"], route.rule
            assert "Cookie" in response.headers["Vary"], route.rule


def test_every_answer_carries_the_headers(world: World) -> None:
    """R94, R97: errors and refusals too."""
    client = Client(world.app)
    answers = [_send(world, "GET" if "GET" in route.methods else "POST", route) for route in _routes(world)]
    answers.append(client.get("/no/such/page", base_url=world.settings.issuer))
    answers.append(client.get("/", base_url="http://evil.example"))
    for response in answers:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]
        # Where the address is a secret, our own pages are not told of it either.
        hidden = urlsplit(response.request.url).path in {route.rule for route in _routes(world) if route.secret_address}
        assert response.headers["Referrer-Policy"] == ("strict-origin" if hidden else "same-origin")


def test_another_host_is_refused_and_never_written_into_a_page(world: World) -> None:
    """R99."""
    client = Client(world.app)
    for headers in ({}, {"X-Forwarded-Host": "evil.example"}):
        response = client.get("/login", base_url="http://evil.example:5000", headers=headers)
        assert response.status_code == 400
        assert "evil.example" not in response.get_data(as_text=True)
    kept = client.get("/login", base_url=world.settings.issuer, headers={"X-Forwarded-Host": "evil.example"})
    assert kept.status_code == 200
    assert "evil.example" not in kept.get_data(as_text=True)


def test_the_demo_pages_are_not_there_in_production(database_url: str, keys_folder: Path, tmp_path: Path) -> None:
    production = World(
        database_url,
        keys_folder,
        tmp_path,
        demo=False,
        issuer="https://id.example.org",
        smtp_url="smtps://mail.example",
    )
    client = Client(production.app)
    assert client.get("/demo/mailbox", base_url="https://id.example.org").status_code == 404
    page = client.get("/login", base_url="https://id.example.org")
    assert page.status_code == 200
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    assert all(cookie.startswith("__Host-") and "Secure" in cookie for cookie in page.headers.getlist("Set-Cookie"))
    production.close()
