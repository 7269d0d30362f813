"""Authorization requests that are refused: where the refusal goes, and what it says (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6)."""

import re
from urllib.parse import unquote_to_bytes, urlencode

import pytest

from idp.oidc.clients import Kind
from tests.http_browser import Browser
from tests.relying_party import RelyingParty, on_sqlite
from tests.world import World

_DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")


def _refused_here(browser: Browser, url: str, error: str) -> None:
    browser.open(url)
    assert browser.left_for is None, url
    assert browser.status == 400, url
    assert browser.page.error == error, url
    assert "Location" not in browser.response.headers


@on_sqlite
def test_an_unknown_client_gets_our_page(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1, R106: without a sure client nothing is redirected, whatever else is wrong."""
    for client_id in ("nobody", "", "ü", "a" * 5000, "'; DROP TABLE client;--", "\x00"):
        _refused_here(
            browser,
            rp.url(client_id=client_id, response_type="rubbish"),
            "unknown_client" if client_id else "invalid_request",
        )
    _refused_here(browser, rp.url(client_id=None), "invalid_request")


@on_sqlite
def test_a_redirect_uri_that_differs_in_any_byte_gets_our_page(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1, RFC 9700 §4.1.3, R105."""
    right = rp.redirect_uri
    host = right.removeprefix("https://").partition("/")[0]
    wrong = [
        right.upper(),
        right + "/",
        right + "?a=b",
        right + "#x",
        right[:-1],
        right.replace("https:", "http:"),
        right.replace(host, host + ":443"),
        right.replace(host, host + ".evil.example"),
        right.replace(host, "user@" + host),
        right.replace("/callback", "/x/../callback"),
        right.replace("/callback", "/%63allback"),
        right.replace("/callback", "//callback"),
        right + "%20",
        right + " ",
        "\\" + right,
        "javascript:alert(1)",
        "//" + host + "/callback",
        "/callback",
    ]
    for uri in wrong:
        _refused_here(browser, rp.url(redirect_uri=uri), "invalid_redirect_uri")
    _refused_here(browser, rp.url(redirect_uri=None), "invalid_redirect_uri")


@on_sqlite
def test_the_error_page_shows_nothing_that_was_sent(rp: RelyingParty, browser: Browser) -> None:
    """R95, R118: a name or a script in the request does not reach the page."""
    browser.open(rp.url(client_id="<script>alert(1)</script>", state="spoofed words"))
    assert "alert(1)" not in browser.page.html
    assert "spoofed words" not in browser.page.html


@on_sqlite
def test_repeated_client_or_address_gets_our_page_and_other_repeats_go_to_the_client(
    rp: RelyingParty, browser: Browser
) -> None:
    """RFC 6749 §3.1: no parameter twice; `resource` may come twice (RFC 8707 §2)."""
    _refused_here(browser, rp.url() + f"&client_id={rp.client.id}", "invalid_request")
    _refused_here(browser, rp.url() + "&" + urlencode({"redirect_uri": rp.redirect_uri}), "invalid_request")
    for name in ("scope", "state", "nonce", "response_type", "code_challenge", "prompt", "unknown_parameter"):
        browser.open(rp.url() + f"&{name}=x&{name}=x")
        assert rp.answer(browser)["error"] == "invalid_request", name
    browser.open(rp.url() + f"&resource={rp.world.settings.issuer}&resource={rp.world.settings.issuer}")
    assert "code" in rp.answer(browser)


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "CODE"}, "unsupported_response_type"),
        ({"response_mode": "rubbish"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "rubbish"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "rubbish"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://rp.example/request"}, "request_uri_not_supported"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
        ({"authorization_details": '[{"type":"x"}]'}, "invalid_authorization_details"),
        ({"id_token_hint": "rubbish"}, "invalid_request"),
        ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
        ({"claims": "rubbish"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": "[" * 5_000}, "invalid_request"),
        ({"claims": '{"id_token":{"acr":"x"}}'}, "invalid_request"),
        ({"claims": '{"userinfo":[]}'}, "invalid_request"),
        ({"claims": '{"x":"' + "x" * 9_000 + '"}'}, "invalid_request"),
        ({"claims": '{"x":' + "[" * 50 + "]" * 50 + "}"}, "invalid_request"),
        ({"nonce": "n" * 3000}, "invalid_request"),
        ({"nonce": "\x00"}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_answered_at_the_client(
    rp: RelyingParty, browser: Browser, world: World, changes: dict[str, str | None], error: str
) -> None:
    """RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6, §6.1, §6.2; RFC 7636 §4.4.1; RFC 9207 §2; R108, R109, R114."""
    answer = rp.ask(browser, **changes)
    assert answer["error"] == error, answer
    assert answer.keys() == {"error", "error_description", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("state-1", world.settings.issuer)
    assert _DESCRIPTION.fullmatch(answer["error_description"])


@on_sqlite
def test_a_scope_that_the_client_is_not_registered_for_is_refused(world: World, browser: Browser) -> None:
    """RFC 6749 §3.3, R121; an unknown one is passed over (OIDC Core §3.1.2.1)."""
    small = RelyingParty(world, scopes=("openid",))
    assert small.ask(browser, scope="openid email")["error"] == "invalid_scope"
    tokens = small.tokens(browser, scope="openid unheard-of")
    assert tokens.scope == "openid"


@on_sqlite
def test_what_nobody_knows_breaks_nothing(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §3.1, OIDC Core §3.1.2.1: unknown parameters and hints that mean nothing here are passed over."""
    assert "code" in rp.ask(
        browser,
        foo="bar",
        display="hologram",
        ui_locales="tlh xx-yy",
        claims_locales="fr",
        login_hint="\udcff who",
        acr_values="urn:unheard-of",
        dpop_jkt="x",
        claims='{"userinfo":{"unheard":null},"id_token":{"email":{"essential":true}}}',
    )


@on_sqlite
@pytest.mark.parametrize(
    "state",
    [
        "a b+c%20&=?#/\\\"'<>",
        "ünïcødé ☃ 🎺",
        "x" * 4096,
        " ",
        "\r\nLocation: https://evil.example",
        "%00%0d%0a",
    ],
)
def test_state_comes_back_byte_for_byte(rp: RelyingParty, browser: Browser, state: str) -> None:
    """RFC 6749 §4.1.2, R115; up to four kilobytes."""
    assert rp.ask(browser, state=state)["state"] == state
    browser.open(rp.url(state=state, response_type="rubbish"))
    assert rp.answer(browser)["state"] == state


def test_state_that_is_not_even_text_comes_back_too(rp: RelyingParty, world: World, browser: Browser) -> None:
    """RFC 6749 §4.1.2: the exact value received, through the stored request as well."""
    assert rp.ask(browser)["state"] == "state-1"
    for raw in ("%ff%fe%00", "%C3%28"):
        url = rp.url(state=None, prompt="login") + f"&state={raw}"
        browser.open(url)
        browser.submit(username="maria.rivera", password="blue kettle over Tuesday")
        assert browser.left_for is not None
        sent = browser.left_for.partition("state=")[2].partition("&")[0]
        assert unquote_to_bytes(sent) == unquote_to_bytes(raw)


@on_sqlite
def test_a_post_from_another_site_is_asked_to_come_again_by_get(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1: POST is allowed; its 303 makes the browser send its Lax cookies (RFC 9700 §4.12: never 307)."""
    response = browser.client.post(
        "/authorize",
        base_url="http://localhost:5000",
        data=rp.parameters(),
        headers={"Origin": "https://rp.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/authorize?")
    browser.open(response.headers["Location"])
    assert "code" in rp.answer(browser)


@on_sqlite
def test_a_post_that_is_no_form_gets_our_page(browser: Browser) -> None:
    """OIDC Core §13.2: form serialization, and nothing else."""
    for content in ("application/json", "text/plain"):
        response = browser.client.post(
            "/authorize", base_url="http://localhost:5000", data=b"{}", headers={"Content-Type": content}
        )
        assert response.status_code == 400


@on_sqlite
def test_a_registered_query_stays_beside_the_answer(world: World, browser: Browser) -> None:
    """RFC 6749 §3.1.2."""
    rp = RelyingParty(world, redirect_uris=("https://rp.example/cb?tenant=7",))
    browser.open(rp.url())
    assert browser.left_for is not None
    assert browser.left_for.startswith("https://rp.example/cb?tenant=7&code=")


@on_sqlite
def test_a_native_client_may_use_any_port_of_its_loopback_address(world: World, browser: Browser) -> None:
    """RFC 8252 §7.3, R105: the port alone, of the address alone, for a native client alone."""
    native = RelyingParty(
        world, kind=Kind.NATIVE, redirect_uris=("http://127.0.0.1/cb", "http://[::1]/cb", "org.example.app:/cb")
    )
    for uri in ("http://127.0.0.1:49152/cb", "http://[::1]:8080/cb", "http://127.0.0.1/cb", "org.example.app:/cb"):
        browser.open(native.url(redirect_uri=uri)).submit(button="consent-allow")
        assert browser.left_for is not None, uri
        assert browser.left_for.startswith(uri)
    for uri in (
        "http://127.0.0.1:49152/other",
        "http://localhost:49152/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:999999/cb",
        "https://127.0.0.1:49152/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2:1/cb",
    ):
        _refused_here(browser, native.url(redirect_uri=uri), "invalid_redirect_uri")
    web = RelyingParty(world, redirect_uris=("http://127.0.0.1/cb",))
    _refused_here(browser, web.url(redirect_uri="http://127.0.0.1:49152/cb"), "invalid_redirect_uri")


@on_sqlite
def test_too_much_is_refused_kindly(rp: RelyingParty, browser: Browser) -> None:
    """R102: bounded in size and in number, and never a 500."""
    _refused_here(browser, rp.url() + "&x=" + "x" * 40_000, "invalid_request")
    _refused_here(browser, rp.url() + "".join(f"&p{n}=1" for n in range(300)), "invalid_request")


@on_sqlite
def test_other_methods_are_not_taken(browser: Browser) -> None:
    """R93."""
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert browser.client.open("/authorize", base_url="http://localhost:5000", method=method).status_code == 405
