"""Random things and digests: ids, handles, codes. Keys that must be kept are the keyring's, not ours."""

import base64
import binascii
import hashlib
import hmac
import secrets

# Crockford's base 32: no I, L, O, U, so nothing is misread from a screen or misheard on a telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("ILO", "110")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")

CODE_LENGTH = 10
"""Characters of an activation code: 50 random bits, where R68 asks for 40, since `/activate` finds a journey by the
code alone.
"""


def new_id() -> str:
    """A random identifier of 128 bits, lower-case base 32. It names a row; knowing it opens nothing."""
    return base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()


def new_handle() -> str:
    """A random secret of 256 bits, base64url: whoever holds it may act, so only its digest is stored (R80, R110)."""
    return secrets.token_urlsafe(32)


def new_code(length: int = CODE_LENGTH, *, group: int = 5) -> str:
    """A one-time code that a person copies by hand, five random bits a character, such as `7KQ2M-9XHTD` (R68)."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(length))
    return "-".join(drawn[start : start + group] for start in range(0, length, group))


def normalize_code(typed: str) -> str:
    """What was meant by a code as typed: any case, spaces or dashes, O for 0, I and L for 1."""
    bare = "".join(character for character in typed.upper() if character.isalnum())
    return bare.translate(_MISREAD)


def digest(handle: str) -> str:
    """SHA-256 of a 256-bit handle, base64url: what is stored and looked up. Never for anything that can be guessed
    (R75).
    """
    return b64url(hashlib.sha256(handle.encode("utf-8")).digest())


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    # The module base64 does these very steps, one function call each; an import makes seven digests of everybody.
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode("ascii")
