"""An ID token shown again (`id_token_hint`): ours, for this client, though it may have expired (OIDC Core §3.1.2.1)."""

from collections.abc import Mapping
from typing import Any

from idp.oidc import jwts
from idp.oidc.keys import KeySet


def open_id_token(keys: KeySet, token: str, *, issuer: str) -> Mapping[str, Any] | None:
    """The claims of an ID token that we issued to exactly one client; None for any other token, ours included (R130)."""
    verified = jwts.verify(keys, token, jwts.Kind.ID_TOKEN, issuer=issuer)
    if verified is None:
        return None
    claims = verified.claims
    if not isinstance(claims.get("aud"), str) or not isinstance(claims.get("sub"), str) or "auth_time" not in claims:
        return None
    return claims
