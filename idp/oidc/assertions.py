"""Client assertions: JWTs by which a client proves itself with its own key (RFC 7523 §3, OIDC Core §9 `private_key_jwt`).

One is good for a few minutes, for this server, and once. It is spent only after everything else about it is right, so that nobody
but the holder of the key can write anything.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.oidc import jwts, paths
from idp.oidc.clients import AuthMethod, Client
from idp.oidc.context import Context

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# Seconds. `exp` is at most five minutes ahead (R137), and ten more for a clock that differs.
_LONGEST_LIFE = 300 + 10
# How far `iat` and `nbf` may lie ahead: ten seconds must be taken, more than sixty must not (FAPI 2.0 §5.3.2.1, R132).
_AHEAD = 60
_LONGEST_JTI = 300
# R127: no jwk, jku, x5u, x5c, crit, b64 or zip. The thumbprints name a certificate, and are not looked at.
_HEADER = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})


class ClientAssertion(db.Row):
    """An assertion that was used, until it runs out: its `jti` is good for nothing more (R137)."""

    __tablename__ = "client_assertion"

    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), primary_key=True)
    jti_digest: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class WrongAssertion(Exception):
    """It proves nothing. The text is for the log, and says nothing that was sent."""


def redeem(context: Context, assertion: str, *, named: str | None) -> Client:
    """The client that this assertion proves, once. `named` is the request's `client_id`, if it has one (RFC 7521 §4.2).
    Raises `WrongAssertion`.
    """
    shown = jwts.peek(assertion)
    if shown is None:
        raise WrongAssertion("not a compact JWS")
    alg, kid = _headed(shown.header)
    client_id = shown.claims.get("sub")
    if not isinstance(client_id, str) or shown.claims.get("iss") != client_id or named not in {None, client_id}:
        raise WrongAssertion("iss, sub and client_id are not one client's")
    client = context.clients.find(client_id)
    if client is None or client.auth_method != AuthMethod.PRIVATE_KEY_JWT.value:
        raise WrongAssertion("unknown client, or registered for another method")
    key = context.client_keys.find(client, kid, alg)
    if key is None:
        raise WrongAssertion("no key of this client's fits")
    claims = jwts.verify_with(key.key, alg, assertion)
    if claims is None:
        raise WrongAssertion("wrong signature")
    _check_audience(claims.get("aud"), context.issuer)
    expires = _check_times(claims)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_JTI:
        raise WrongAssertion("no jti")
    used = ClientAssertion(
        client_id=client.id,
        # As JSON, since a jti may hold half a surrogate pair, which is no UTF-8.
        jti_digest=crypto.digest(json.dumps(jti)),
        expires_at=datetime.fromtimestamp(math.ceil(expires), UTC),
    )
    if not context.db.write(lambda conn: db.add_unless_taken(conn, used)):
        raise WrongAssertion("used before")
    return client


def sweep(conn: Connection) -> int:
    """Delete used assertions that have run out; tell how many."""
    return conn.execute(sa.delete(ClientAssertion).where(ClientAssertion.expires_at <= clock.now())).rowcount


def _headed(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """The algorithm and the name of the key. `typ` may be left out (RFC 7519 §5.1), but another kind's is refused (R130)."""
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not header.keys() <= _HEADER or not isinstance(typ, str) or typ.upper() != "JWT":
        raise WrongAssertion("a header that is not taken")
    if not isinstance(alg, str) or not (kid is None or isinstance(kid, str)) or ("kid" in header and kid is None):
        raise WrongAssertion("alg or kid is not text")
    return alg, kid


def _check_audience(aud: object, issuer: str) -> None:
    """We alone are meant, by our name or by the token endpoint's address (OIDC Core §9); a list may hold that one and no other,
    since what is meant for several can be carried from one to the next (R131).
    """
    only = aud[0] if isinstance(aud, list) and len(aud) == 1 else aud
    if not isinstance(only, str) or only not in {issuer, issuer + paths.TOKEN}:
        raise WrongAssertion("meant for somebody else")


def _check_times(claims: Mapping[str, Any]) -> float:
    """`exp` is needed, lies ahead, and not far; `iat` and `nbf`, where given, are not in the future (R132)."""
    now = clock.now().timestamp()
    expires = _moment(claims, "exp")
    if expires is None or not now < expires <= now + _LONGEST_LIFE:
        raise WrongAssertion("exp is missing, over, or too far ahead")
    for name in ("iat", "nbf"):
        moment = _moment(claims, name)
        if moment is not None and not 0 <= moment <= now + _AHEAD:
            raise WrongAssertion(f"{name} lies in the future")
    return expires


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate, which may have a fraction (RFC 7519 §2); None where it is not given."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(2**53) < value < 2**53:
        raise WrongAssertion(f"{name} is not a time")
    return float(value)
