"""A relying party for tests: it makes a valid request and lets a test change one thing, redeems codes, and checks ID tokens."""

import base64
import hashlib
import itertools
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from idp import clock
from idp.oidc import assertions, clients, resources, scopes
from idp.oidc.clients import AuthMethod, Kind, Wanted
from tests import authenticator
from tests.http_browser import Browser
from tests.members import Member
from tests.signer import Signer
from tests.world import World

_numbers = itertools.count(1)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of pages and answers, where the database is not what could go wrong: the stories run on both."""


@dataclass(frozen=True)
class Tokens:
    """What a token request gave."""

    access_token: str
    id_token: str
    refresh_token: str
    scope: str


class RelyingParty:
    """One registered client, first-party unless a test is about consent."""

    def __init__(self, world: World, **wishes: Any) -> None:
        number = next(_numbers)
        self.world = world
        self.home = f"https://rp{number}.example"
        wanted = Wanted(
            **{
                "name": f"Portal {number}",
                "redirect_uris": (f"{self.home}/callback",),
                "post_logout_redirect_uris": (f"{self.home}/bye",),
                "first_party": True,
                "resources": _served(world),
                **wishes,
            }
        )
        self.client, self.secret = world.services.db.write(
            lambda conn: clients.create(conn, wanted, default_scopes=scopes.DEFAULT, actor="operator:test")
        )
        self.redirect_uri = self.client.redirect_uris[0]
        self.verifier = secrets.token_urlsafe(48)
        self.signer: Signer | None = None
        """The private half of the key that the client is registered with, where it proves itself by assertions."""
        self.http = HttpClient(world.app, use_cookies=False)

    @property
    def challenge(self) -> str:
        """S256 of the verifier (RFC 7636 §4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """A valid request's parameters with some changed; None takes one away."""
        valid: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in valid.items() if value is not None}

    def url(self, **changes: str | None) -> str:
        """The address of such a request."""
        return "/authorize?" + urlencode(self.parameters(**changes), quote_via=quote, errors="surrogateescape")

    def ask(self, browser: Browser, **changes: str | None) -> dict[str, str]:
        """Send a browser with such a request, and read the answer that it carries back; empty if it stays on a page."""
        browser.open(self.url(**changes))
        return self.answer(browser)

    def answer(self, browser: Browser) -> dict[str, str]:
        """What the browser brought back to the redirect URI, if it came back."""
        if browser.left_for is None:
            return {}
        assert browser.left_for.startswith(self.redirect_uri), browser.left_for
        return {name: values[0] for name, values in parse_qs(urlsplit(browser.left_for).query).items()}

    def code(self, browser: Browser, **changes: str | None) -> str:
        """A code for the person signed in in this browser."""
        answer = self.ask(browser, **changes)
        assert "code" in answer, (answer, browser.page.name, browser.page.text[:300])
        return answer["code"]

    def redeem(self, code: str, **changes: str | None) -> TestResponse:
        """The token request for a code, with some parameters changed."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.token(form)

    def refresh(self, refresh_token: str, **changes: str | None) -> TestResponse:
        """The token request for a refresh token."""
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    def token(self, form: dict[str, str | None], *, headers: dict[str, str] | None = None) -> TestResponse:
        """A token request with this client's own proof added, unless other headers are given."""
        sent = {name: value for name, value in form.items() if value is not None}
        if headers is None:
            headers = {}
            if self.client.auth_method == AuthMethod.BASIC.value:
                headers = {"Authorization": basic(self.client.id, self.secret or "")}
            elif self.client.auth_method == AuthMethod.PRIVATE_KEY_JWT.value:
                sent = {**self.proof(), **sent}
            elif self.client.auth_method == AuthMethod.POST.value:
                sent = {"client_id": self.client.id, "client_secret": self.secret or "", **sent}
            else:
                sent = {"client_id": self.client.id, **sent}
        return self.send("/token", sent, headers=headers)

    def proof(self, **changes: Any) -> dict[str, str]:
        """The form members of an assertion by this client's key."""
        return {"client_assertion_type": assertions.TYPE, "client_assertion": self.assertion(**changes)}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A client assertion (RFC 7523 §3) with some claims or header members changed; None takes one away."""
        signer = key or self.signer
        assert signer is not None, "this client has no key of its own"
        now = clock.epoch(clock.now())
        claims = {
            "iss": self.client.id,
            "sub": self.client.id,
            "aud": self.world.settings.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
            **changes,
        }
        headed = {**signer.header, **(header or {})}
        return signer.sign(
            {name: value for name, value in headed.items() if value is not None},
            {name: value for name, value in claims.items() if value is not None},
        )

    def send(self, path: str, form: object, *, headers: dict[str, str] | None = None) -> TestResponse:
        """A POST as a program sends it."""
        return self.http.post(path, base_url=self.world.settings.issuer, data=form, headers=headers)

    def tokens(self, browser: Browser, **changes: str | None) -> Tokens:
        """A whole flow for the person signed in in this browser."""
        return self.read(self.redeem(self.code(browser, **changes)))

    def read(self, response: TestResponse) -> Tokens:
        """The tokens of a successful answer."""
        assert response.status_code == 200, response.get_data(as_text=True)
        body = response.get_json()
        return Tokens(
            body["access_token"], body.get("id_token", ""), body.get("refresh_token", ""), body.get("scope", "")
        )

    def userinfo(self, access_token: str) -> TestResponse:
        """The claims behind a token."""
        return self.get("/userinfo", headers={"Authorization": f"Bearer {access_token}"})

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> TestResponse:
        """A GET as a program sends it."""
        return self.http.get(path, base_url=self.world.settings.issuer, headers=headers)

    def claims(self, id_token: str) -> dict[str, Any]:
        """An ID token checked as OIDC Core §3.1.3.7 tells a client to, with the keys that the server publishes."""
        published = KeySet.import_key_set(self.get("/jwks").get_json())
        token = jwt.decode(id_token, published, algorithms=[self.client.id_token_alg])
        claims = dict(token.claims)
        now = clock.epoch(clock.now())
        assert token.header["typ"] == "JWT"
        assert claims["iss"] == self.world.settings.issuer
        assert claims["aud"] == self.client.id
        assert claims["iat"] <= now < claims["exp"] <= now + 300
        return claims


def _served(world: World) -> tuple[str, ...]:
    with world.services.db.read() as conn:
        return tuple(server.identifier for server in resources.list_resources(conn))


def public(world: World, **wishes: Any) -> RelyingParty:
    """A client without a secret."""
    return RelyingParty(world, kind=Kind.SPA, **wishes)


def signing(world: World, alg: str = "ES256", **wishes: Any) -> RelyingParty:
    """A client that proves itself by its own key."""
    signer = Signer.make(alg)
    rp = RelyingParty(world, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks={"keys": [signer.public]}, **wishes)
    rp.signer = signer
    return rp


def basic(client_id: str, secret: str) -> str:
    """HTTP Basic as RFC 6749 §2.3.1 wants it: both halves form-encoded first."""
    joined = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(joined.encode("utf-8")).decode("ascii")


def sign_in(world: World, member: Member, *, half: bool = False) -> Browser:
    """A browser in which this member has signed in, with a second factor if they have one.

    `half` leaves out the second step.
    """
    browser = world.browser()
    browser.open("/login").submit(username=member.username, password=member.password)
    if half:
        return browser
    if member.totp_secret is not None:
        browser.submit(code=authenticator.unused_code(world.services, member))
    assert browser.cookie("idp_session"), browser.page.text[:300]
    return browser
