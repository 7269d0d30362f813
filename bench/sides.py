"""What is measured: a running server, the clients that it knows, and a browser that is signed in to it."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from bench.browser import Browser
from devtools.terminal import StopError

CONNECTIONS = 16
REDIRECT_URI = "https://client.example.org/callback"  # never visited: the load reads the code from the address
SCOPE = "openid profile email"
ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True)
class Client:
    """A relying party as one side knows it. Without a secret it is public, and its refresh tokens rotate."""

    id: str
    secret: str | None
    alg: str

    def order(self) -> dict[str, str | None]:
        return {
            "id": self.id, "secret": self.secret, "alg": self.alg, "redirect_uri": REDIRECT_URI, "scope": SCOPE,
        }  # fmt: skip


@dataclass
class Side:
    """One server under measurement. `session` is the process that it and its children are found by."""

    name: str
    port: int
    session: int
    clients: Mapping[str, Client]
    endpoints: Mapping[str, str]
    browser: Browser
    idle: float

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def prove(self, client: str) -> None:
        """Walk the client's flow once more: the peer's memory keeps a thousand things and forgets an older consent."""
        prove(self.browser, self.clients[client], self.endpoints)

    def order(self, what: str, client: str, path: str) -> dict[str, Any]:
        """What the load is told about this side."""
        return {
            "what": what, "port": self.port, "host": f"localhost:{self.port}", "origin": self.origin, "path": path,
            "connections": CONNECTIONS, "cookies": self.browser.cookies, "endpoints": dict(self.endpoints),
            "client": self.clients[client].order(),
        }  # fmt: skip


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        number: int = asking.getsockname()[1]
        return number


def endpoints(origin: str) -> dict[str, str]:
    """The paths of one server by the names of its discovery document (OIDC Discovery §3)."""
    path = "/.well-known/openid-configuration"
    document = httpx.get(origin + path, trust_env=False, timeout=30).raise_for_status().json()
    names = ("authorization", "token", "userinfo")
    found = {name: urlsplit(document[f"{name}_endpoint"]).path for name in names}
    return {**found, "discovery": path, "jwks": urlsplit(document["jwks_uri"]).path}


def authorization_request(client: Client, paths: Mapping[str, str], verifier: str, nonce: str) -> str:
    """The address that begins a code flow with PKCE (OIDC Core §3.1.2.1, RFC 7636 §4.3)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")
    asked = {
        "response_type": "code", "client_id": client.id, "redirect_uri": REDIRECT_URI, "scope": SCOPE,
        "state": secrets.token_urlsafe(16), "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{paths['authorization']}?{urlencode(asked)}"


def prove(browser: Browser, client: Client, paths: Mapping[str, str]) -> None:
    """Walk one whole code flow and verify its ID token's signature: afterwards consent is remembered, and what is
    measured is known to work. The load itself checks no signatures, for it would become the slower end.
    """
    verifier, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    ended = browser.open(authorization_request(client, paths, verifier, nonce))
    code = parse_qs(urlsplit(ended).query).get("code")
    if not ended.startswith(REDIRECT_URI) or not code:
        raise StopError(f"No code came back from {browser.origin}, but {ended}\n{browser.said()}")
    form = {
        "grant_type": "authorization_code", "code": code[0], "redirect_uri": REDIRECT_URI, "code_verifier": verifier,
    }  # fmt: skip
    with httpx.Client(base_url=browser.origin, trust_env=False, timeout=30) as http:
        if client.secret is None:
            answer = http.post(paths["token"], data={**form, "client_id": client.id})
        else:
            answer = http.post(paths["token"], data=form, auth=(client.id, client.secret))
        if answer.status_code != 200:
            raise StopError(f"No tokens came from {browser.origin}: {answer.status_code} {answer.text}")
        keys = KeySet.import_key_set(http.get(paths["jwks"]).json())
        token = jwt.decode(answer.json()["id_token"], keys, algorithms=[client.alg])
        if token.claims["nonce"] != nonce or token.claims["iss"] != browser.origin:
            raise StopError(f"The ID token of {browser.origin} is not the one that was asked for.")
