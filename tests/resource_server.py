"""A resource server for tests: it checks JWT access tokens by itself, and asks about any at the introspection endpoint.

Every client of the test may have tokens for it, those that were registered before it too, unless a test says otherwise.
"""

import itertools
from typing import Any

import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from idp import clock, db
from idp.oidc import resources, scopes
from idp.oidc.clients import AuthMethod, Client, Kind
from idp.web.protocol import Protocol
from tests.relying_party import basic
from tests.world import World

_numbers = itertools.count(1)


def register(world: World, client_id: str, *identifiers: str) -> None:
    """Let a client that exists have tokens for these resource servers, and for no others; every process sees it at once."""
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Client).where(Client.id == client_id).values(resources=list(identifiers)))
    )
    protocol: Protocol | None = world.app.extensions.get("protocol")
    if protocol is not None:
        protocol.context.clients.forget()


def _serve_all(world: World, identifier: str) -> None:
    with world.services.db.read() as conn:
        parties = db.list_rows(conn, Client, Client.kind != Kind.SERVICE.value)
    for party in parties:
        register(world, party.id, *party.resources, identifier)


class ResourceServer:
    """One registered resource server."""

    def __init__(
        self,
        world: World,
        *,
        identifier: str | None = None,
        alg: str = "ES256",
        names: tuple[str, ...] = (),
        auth_method: AuthMethod = AuthMethod.BASIC,
        serves_all: bool = True,
    ) -> None:
        number = next(_numbers)
        wanted = resources.wanted(
            identifier=identifier or f"https://records{number}.example/api",
            name=f"Records {number}",
            scopes=names,
            alg=alg,
            auth_method=auth_method,
        )
        made = world.services.db.write(
            lambda conn: resources.create(conn, wanted, default_scopes=scopes.ALL, actor="operator:test")
        )
        assert made is not None
        self.server, self.secret = made
        self.uri = self.server.identifier
        if serves_all:
            _serve_all(world, self.uri)
        self._issuer = world.settings.issuer
        self._http = HttpClient(world.app, use_cookies=False)

    @property
    def proof(self) -> dict[str, str]:
        """What it shows of itself."""
        return {"Authorization": basic(self.server.client_id, self.secret or "")}

    def introspect(self, token: str, **more: str) -> dict[str, Any]:
        """What the provider says of a token."""
        response = self.post("/introspect", {"token": token, **more})
        assert response.status_code == 200, response.get_data(as_text=True)
        told: dict[str, Any] = response.get_json()
        return told

    def post(self, path: str, form: dict[str, str]) -> TestResponse:
        """A request with its own proof."""
        return self._http.post(path, base_url=self._issuer, data=form, headers=self.proof)

    def claims(self, token: str) -> dict[str, Any]:
        """A token checked as RFC 9068 §4 tells a resource server to, with the published keys."""
        published = KeySet.import_key_set(self._http.get("/jwks", base_url=self._issuer).get_json())
        read = jwt.decode(token, published, algorithms=[self.server.alg])
        assert read.header.keys() == {"alg", "kid", "typ"}
        assert read.header["typ"] == "at+jwt"
        claims = dict(read.claims)
        now = clock.epoch(clock.now())
        assert claims["iss"] == self._issuer
        assert claims["aud"] == self.uri
        assert claims["iat"] <= now < claims["exp"]
        return claims
