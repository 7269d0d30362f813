"""PKCE with S256 and nothing else: who may go without, what a challenge looks like, and whether a verifier fits it (RFC 7636)."""

import hashlib
import re

from idp import crypto
from idp.config import PkceRule
from idp.crypto import b64url
from idp.oidc.clients import Client, Pkce

METHODS = ("S256",)

# §4.2: 43 characters are a SHA-256 in base64url; `plain` may be longer, and is not accepted.
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def may_omit(client: Client, rule: PkceRule) -> bool:
    """Only a client with a secret, and only where its own setting or else the operator's says so (RFC 9700 §2.1.1)."""
    if client.is_public:
        return False
    if client.pkce is not None:
        return client.pkce == Pkce.OPTIONAL.value
    return rule is PkceRule.PUBLIC


def fits(verifier: str | None, challenge: str | None) -> bool:
    """Whether the verifier is the one behind the challenge; where there was none, none may come (RFC 9700 §4.8.2)."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    if not _VERIFIER.fullmatch(verifier):
        return False
    return crypto.same(b64url(hashlib.sha256(verifier.encode("ascii")).digest()), challenge)
