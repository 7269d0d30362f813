"""JWTs that we sign, and the one place that verifies them. A kind says how a token must look; the token itself says nothing."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from idp.oidc.keys import Keys, KeySet

_LONGEST = 16 * 1024
# RFC 7515 §3.1: three parts, base64url without padding. Anything else (JSON serialisation, dots, "=") is no token of ours (R129).
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER = {"alg", "kid", "typ"}


class Kind(Enum):
    """What a token is for: the `typ` of its header keeps one from being taken for another (R130)."""

    ID_TOKEN = "JWT"


@dataclass(frozen=True, repr=False)
class Verified:
    """Claims that we signed ourselves."""

    claims: Mapping[str, Any]


def sign(keys: Keys, alg: str, kind: Kind, claims: dict[str, Any]) -> str:
    """A compact JWS with the present key of this algorithm."""
    signer = keys.signer(alg)
    header = {"alg": alg, "kid": signer.kid, "typ": kind.value}
    return jwt.encode(header, claims, signer.key, algorithms=[alg])


def verify(keys: KeySet, token: str, kind: Kind, *, issuer: str) -> Verified | None:
    """The claims of a token of this kind that this issuer signed; None for anything else. Expiry and audience are the caller's."""
    found = _COMPACT.fullmatch(token) if len(token) <= _LONGEST else None
    if found is None:
        return None
    try:
        header = json.loads(_decoded(found[1]))
    except (ValueError, RecursionError):
        return None
    # R127, R128: exactly these members, so no jwk, jku, x5c, crit, b64 or zip; the key is the named one or none.
    if not isinstance(header, dict) or header.keys() != _HEADER or header["typ"] != kind.value:
        return None
    kid = header["kid"]
    key = keys.by_kid.get(kid) if isinstance(kid, str) else None
    if key is None or header["alg"] != key.alg:
        return None
    try:
        claims = jwt.decode(token, key.key, algorithms=[key.alg]).claims
    except (JoseError, ValueError):
        return None
    return Verified(claims) if claims.get("iss") == issuer else None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
