"""The two ways in which a password may be kept, and what each costs. Which one is chosen, a setting says.

Both begin with a random salt of 16 bytes and carry their own figures in the string, so that either is checked whatever
is chosen today (R10, R11).
"""

import base64
import hashlib
import hmac
import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from idp.config import PasswordHash

# OWASP's and SP 800-63B-4's floor; measured at about 30 ms of one core. Old strings carry their own figures.
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
_ARGON2_MARK = "$argon2id$"

# OWASP's figure for HMAC-SHA-256 (SP 800-132), for houses that may only use what FIPS 140 approves.
_ITERATIONS = 600_000
_SALT = 16
_TAG = 32
_PBKDF2 = re.compile(r"\$pbkdf2-sha256\$i=([1-9][0-9]{0,8})\$([A-Za-z0-9+/]{8,88})\$([A-Za-z0-9+/]{43})", re.ASCII)


def make(kind: PasswordHash, peppered: bytes) -> str:
    """The string to keep. Expensive, as is `fits`: callers hold a slot."""
    if kind is PasswordHash.ARGON2ID:
        return _ARGON2.hash(peppered)
    salt = secrets.token_bytes(_SALT)
    return _pbkdf2_string(salt, _pbkdf2(peppered, salt, _ITERATIONS))


def fits(encoded: str, peppered: bytes) -> bool:
    """Whether this is what the string was made of, whichever kind it is. A damaged string fits nobody's."""
    if found := _PBKDF2.fullmatch(encoded):
        salt, tag = _decoded(found[2]), _decoded(found[3])
        return hmac.compare_digest(_pbkdf2(peppered, salt, int(found[1])), tag)
    try:
        return _ARGON2.verify(encoded, peppered)
    except (VerificationError, InvalidHashError):
        return False


def is_todays(kind: PasswordHash, encoded: str) -> bool:
    """Whether a new string would be of this kind and cost as much."""
    if kind is PasswordHash.ARGON2ID:
        return encoded.startswith(_ARGON2_MARK) and not _ARGON2.check_needs_rehash(encoded)
    found = _PBKDF2.fullmatch(encoded)
    return found is not None and int(found[1]) == _ITERATIONS and len(_decoded(found[2])) == _SALT


def dummy(kind: PasswordHash) -> str:
    """A string of this kind that no password fits; made without a run, so that no stranger costs two (R21)."""
    salt, tag = secrets.token_bytes(_SALT), secrets.token_bytes(_TAG)
    if kind is PasswordHash.PBKDF2_SHA256:
        return _pbkdf2_string(salt, tag)
    cost = f"m={_ARGON2.memory_cost},t={_ARGON2.time_cost},p={_ARGON2.parallelism}"
    return f"{_ARGON2_MARK}v=19${cost}${_encoded(salt)}${_encoded(tag)}"


def _pbkdf2(peppered: bytes, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", peppered, salt, iterations, _TAG)


def _pbkdf2_string(salt: bytes, tag: bytes) -> str:
    return f"$pbkdf2-sha256$i={_ITERATIONS}${_encoded(salt)}${_encoded(tag)}"


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
