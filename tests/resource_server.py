"""A resource server for tests: it checks JWT access tokens by itself, and asks about any at the introspection endpoint."""

import itertools
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from idp import clock
from idp.oidc import resources, scopes
from idp.oidc.clients import AuthMethod
from tests.relying_party import basic
from tests.world import World

_numbers = itertools.count(1)


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
