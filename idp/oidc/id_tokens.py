"""ID tokens: what one says, and how it is signed (OIDC Core §2, R124)."""

import hashlib

from idp import clock, crypto, logs
from idp.crypto import b64url
from idp.oidc import claims, facts, jwts, subjects
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.standing import Standing
from idp.ports import PortDown

log = logs.get(__name__)

LIFE = 300  # seconds


def issue(
    context: Context,
    client: Client,
    authorization: Authorization,
    standing: Standing,
    scopes: tuple[str, ...],
    *,
    access_token: str,
    nonce: str | None,
) -> str:
    """A signed ID token. `auth_time`, `amr` and `sid` are the sign-in's in every token of the chain; `acr` is what holds now."""
    now = clock.epoch(clock.now())
    core: dict[str, object] = {
        "iss": context.issuer,
        "sub": subjects.sub_for(context.keyring, client, authorization.subject_id),
        "aud": client.id,
        "exp": now + LIFE,
        "iat": now,
        "auth_time": authorization.auth_time,
        "acr": standing.acr,
        "amr": authorization.amr,
        "jti": crypto.new_id(),
        "at_hash": at_hash(access_token),
    }
    if nonce is not None:
        core["nonce"] = nonce
    if client.post_logout_redirect_uris:
        core["sid"] = authorization.sid
    # The core stands last, so that no released claim could ever take its place.
    return jwts.sign(
        context.keys,
        client.id_token_alg,
        jwts.Kind.ID_TOKEN,
        {**_released(context, client, authorization, standing, scopes), **core},
    )


def _released(
    context: Context, client: Client, authorization: Authorization, standing: Standing, scopes: tuple[str, ...]
) -> dict[str, object]:
    """What the table gives. A DEERS that does not answer keeps nobody from signing in: its claims are then left out."""
    effective = claims.effective_scopes(scopes, assurance_claims=client.assurance_claims)
    named = claims.still_named(
        client, authorization.named_claims("id_token"), granted=authorization.scopes, scopes=scopes
    )
    wanted = claims.rows(standing.level, effective, named, id_token=True)
    who = facts.Who(authorization.acting_account_id, authorization.subject_person_id, standing.level, authorization.aal)
    try:
        return claims.release(facts.gather(context, client, who, wanted), wanted)
    except PortDown:
        log.warning("outage", kind="directory", client=client.id)
        ours = facts.without_deers(wanted, standing.level)
        return claims.release(facts.gather(context, client, who, ours), ours)


def at_hash(access_token: str) -> str:
    """The left half of the token's SHA-256 (OIDC Core §3.1.3.6); every algorithm we sign with is of 256 bits."""
    return b64url(hashlib.sha256(access_token.encode("ascii")).digest()[:16])
