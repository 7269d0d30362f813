"""Access tokens for resource servers: signed, so that one can be read without asking us, and rows all the same, so that one that
is asked about dies with its sign-in (RFC 9068, R133).
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from idp import clock, crypto
from idp.oidc import jwts, subjects, tokens
from idp.oidc.authorizations import Authorization
from idp.oidc.context import Context
from idp.oidc.resources import Known
from idp.oidc.standing import Standing
from idp.oidc.tokens import Minted

LIFE = timedelta(minutes=5)
"""Half of an opaque token's: whoever does not introspect it learns of a revocation this late."""


@dataclass(frozen=True)
class Opened:
    """What names a token: the `jti` of one that we signed, or an opaque one itself; and whom it is for."""

    jti: str
    audience: str


def mint(
    context: Context, authorization: Authorization, standing: Standing, scopes: tuple[str, ...], target: Known
) -> Minted:
    """A token for one resource server, with the person as that server knows them (RFC 9068 §2.2). Not yet written."""
    jti = crypto.new_handle()
    minted = tokens.mint_access(authorization, scopes, audience=target.server.identifier, handle=jti, life=LIFE)
    now = clock.epoch(clock.now())
    claims: dict[str, object] = {
        "iss": context.issuer,
        "sub": subjects.sub_for(context.keyring, target.client, authorization.subject_id),
        "aud": target.server.identifier,
        "exp": now + int(LIFE.total_seconds()),
        "iat": now,
        "jti": jti,
        "client_id": authorization.client_id,
        "scope": " ".join(scopes),
        "auth_time": authorization.auth_time,
        "acr": standing.acr,
        "amr": authorization.amr,
    }
    return replace(minted, handle=jwts.sign(context.keys, target.server.alg, jwts.Kind.ACCESS_TOKEN, claims))


def look_for(context: Context, token: str) -> Opened:
    """By which handle and audience to look for the row of an access token of either kind. It asks for the signing keys, so it
    stands before a read and not in one.
    """
    opened = open_token(context, token)
    return Opened(token, context.issuer) if opened is None else opened


def open_token(context: Context, token: str) -> Opened | None:
    """Which token this is, if we signed it as an access token for a resource server; whether it still stands is told by its row."""
    verified = jwts.verify(context.keys.now(), token, jwts.Kind.ACCESS_TOKEN, issuer=context.issuer)
    if verified is None:
        return None
    jti, audience = verified.claims.get("jti"), verified.claims.get("aud")
    if not isinstance(jti, str) or not isinstance(audience, str) or not (jti + audience).isascii():
        return None
    return Opened(jti, audience)
