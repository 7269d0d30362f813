"""JWTs: those that we sign, and the one place that verifies any. A kind says how a token must look; the token says nothing."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from idp.oidc.keys import Keys, KeySet

_LONGEST = 16 * 1024
# RFC 7515 §3.1: three parts, base64url without padding. Anything else (JSON serialisation, dots, "=") is no token of ours (R129).
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_HEADER = {"alg", "kid", "typ"}


class Kind(Enum):
    """What a token is for: the `typ` of its header keeps one from being taken for another (R130)."""

    ID_TOKEN = "JWT"
    ACCESS_TOKEN = "at+jwt"


class _Registry(JWSRegistry):
    """Exactly the algorithms that the caller names. The library's own warns of `EdDSA`, which clients still say (RFC 8037 §3.1)."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


@dataclass(frozen=True, repr=False)
class Verified:
    """Claims that we signed ourselves."""

    claims: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Shown:
    """What a token says of itself, before anybody knows whether it is true."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def sign(keys: Keys, alg: str, kind: Kind, claims: dict[str, Any]) -> str:
    """A compact JWS with the present key of this algorithm."""
    signer = keys.signer(alg)
    header = {"alg": alg, "kid": signer.kid, "typ": kind.value}
    return jwt.encode(header, claims, signer.key, algorithms=[alg])


def verify(keys: KeySet, token: str, kind: Kind, *, issuer: str) -> Verified | None:
    """The claims of a token of this kind that this issuer signed; None for anything else. Expiry and audience are the caller's."""
    header = _header(token)
    # R127, R128: exactly these members, so no jwk, jku, x5c, crit, b64 or zip; the key is the named one or none.
    if header is None or header.keys() != _HEADER or header["typ"] != kind.value:
        return None
    kid = header["kid"]
    key = keys.by_kid.get(kid) if isinstance(kid, str) else None
    if key is None or header["alg"] != key.alg:
        return None
    claims = verify_with(key.key, key.alg, token)
    return Verified(claims) if claims is not None and claims.get("iss") == issuer else None


def peek(token: str) -> Shown | None:
    """What a compact JWS says, unverified: enough to find whose key must have signed it. Nothing in it may be believed."""
    header = _header(token)
    found = _COMPACT.fullmatch(token) if header is not None else None
    claims = None if found is None else _object(found[2])
    return None if header is None or claims is None else Shown(header, claims)


def verify_with(key: RSAKey | ECKey | OKPKey, alg: str, token: str) -> Mapping[str, Any] | None:
    """The claims, if this key signed exactly this token with exactly this algorithm. Whose key it is, is the caller's (R126)."""
    try:
        return jwt.decode(token, key, registry=_Registry(algorithms=[alg])).claims
    except (JoseError, ValueError, RecursionError):
        return None


def _header(token: str) -> dict[str, Any] | None:
    found = _COMPACT.fullmatch(token) if len(token) <= _LONGEST else None
    return None if found is None else _object(found[1])


def _object(part: str) -> dict[str, Any] | None:
    try:
        read = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
