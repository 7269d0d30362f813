"""The keys that live outside the database: what seals facts about people, peppers passwords, and keys the look-ups.

Three files in the keys folder, each a line `kid:base64url` per key, the newest first. Losing them loses the data; a
copy of the database without them tells nothing about anybody.
"""

import base64
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from idp.crypto import b64url, new_id

SHORT = 16
"""Bytes of a `short_mac`."""

FILES = ("sealing.key", "pepper.key", "lookup.key")


class KeyFault(Exception):
    """The keys cannot be used; the message says which file and what to do, never a key."""


class SealBroken(Exception):
    """A sealed value was not written for this table, column and row, or its key is gone."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """Opened keys: each a tuple of (kid, 32 bytes), newest first."""

    sealing: tuple[tuple[str, bytes], ...]
    pepper: tuple[tuple[str, bytes], ...]
    lookup: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        """Without any key (R145)."""
        return f"Keyring(sealing={[kid for kid, _ in self.sealing]})"

    def seal(self, plain: bytes, *, table: str, column: str, row: str) -> bytes:
        """AES-256-GCM, bound to its place: moved to another row or column it does not open (R74)."""
        return self.seal_all([(row, plain)], table=table, column=column)[0]

    def seal_all(self, plain: Sequence[tuple[str, bytes]], *, table: str, column: str) -> list[bytes]:
        """The same for many rows, each with its plain value. The nonces are drawn at once: that takes longer than the sealing."""
        kid, key = self.sealing[0]
        nonces = secrets.token_bytes(12 * len(plain))
        head, cipher = kid.encode("ascii") + b".", _cipher(key)
        sealed = []
        for number, (row, value) in enumerate(plain):
            nonce = nonces[12 * number : 12 * number + 12]
            sealed.append(head + nonce + cipher.encrypt(nonce, value, _place(table, column, row)))
        return sealed

    def unseal(self, sealed: bytes, *, table: str, column: str, row: str) -> bytes:
        """The plain value. Raises `SealBroken` when it was moved, altered, or sealed by a key that is gone."""
        kid, _, rest = sealed.partition(b".")
        for known, key in self.sealing:
            if known.encode("ascii") == kid:
                try:
                    return _cipher(key).decrypt(rest[:12], rest[12:], _place(table, column, row))
                except InvalidTag as broken:
                    raise SealBroken(f"{table}.{column}") from broken
        raise SealBroken(f"{table}.{column}: no such sealing key")

    def mac(self, purpose: str, value: str) -> str:
        """Keyed HMAC-SHA-256 for look-ups and limits of things that could be guessed (R75); a key of its own for each
        purpose.
        """
        keyed = _keyed(self.lookup[0][1], purpose).copy()
        keyed.update(value.encode("utf-8"))
        return b64url(keyed.finalize())

    def short_mac(self, purpose: str, value: bytes) -> bytes:
        """The same, cut to its first `SHORT` bytes (RFC 2104 §5), for tables of millions of rows. By chance two values would share
        one only among some 10^19 of them.
        """
        return self.short_macs(purpose)(value)

    def short_macs(self, purpose: str) -> Callable[[bytes], bytes]:
        """What makes `short_mac` of one purpose, for who needs many."""
        return _short_macs(self.lookup[0][1], purpose)

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one named purpose that lasts as long as the look-up key: pairwise subjects, form tokens."""
        return _derived(self.lookup[0][1], purpose)

    def peppered(self, password: str, kid: str | None = None) -> tuple[str, bytes]:
        """The pepper's kid, and HMAC(pepper, password): what the password hash is made of (R10). A given kid must
        still be held.
        """
        for known, key in self.pepper:
            if kid is None or known == kid:
                return known, hmac.digest(key, password.encode("utf-8"), "sha256")
        raise KeyFault("pepper.key no longer holds a pepper that stored passwords need")


@cache
def _derived(key: bytes, purpose: str) -> bytes:
    """Kept, since each request asks for a few; purposes are words of the code, so there are few of them."""
    return hmac.digest(key, b"guidon:" + purpose.encode("utf-8"), hashlib.sha256)


@cache
def _keyed(key: bytes, purpose: str) -> HMAC:
    """Kept, to be copied: to begin anew takes four times as long, and an import takes millions of them."""
    return HMAC(_derived(key, purpose), SHA256())


@cache
def _short_macs(key: bytes, purpose: str) -> Callable[[bytes], bytes]:
    begun = _keyed(key, purpose)

    def mac(value: bytes) -> bytes:
        keyed = begun.copy()
        keyed.update(value)
        return keyed.finalize()[:SHORT]

    return mac


@cache
def _cipher(key: bytes) -> AESGCM:
    """Kept, since to make it costs as much as to use it."""
    return AESGCM(key)


def make(folder: Path) -> list[str]:
    """Make the key files that are not there yet, 0600 in a 0700 folder, and name them. An existing file is never
    touched.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for name in FILES:
        line = f"{new_id()[:8]}:{b64url(secrets.token_bytes(32))}\n"
        try:
            opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(opened, "w", encoding="ascii") as file:
            file.write(line)
        made.append(name)
    return made


def load(folder: Path) -> Keyring:
    """Open the keys. Raises `KeyFault` when one is missing, damaged, or readable by anyone but its owner (R145)."""
    return Keyring(*(_read(folder / name) for name in FILES))


def _read(path: Path) -> tuple[tuple[str, bytes], ...]:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise KeyFault(f"{path.name} is not in the keys folder: run `idp keys init`") from None
    except (OSError, UnicodeDecodeError) as broken:
        raise KeyFault(f"{path.name} cannot be read") from broken
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFault(f"{path.name} can be read by others: run `chmod 600` on it")
    keys = tuple(_parse(line, path.name) for line in text.splitlines() if line.strip())
    if not keys:
        raise KeyFault(f"{path.name} is empty")
    return keys


def _parse(line: str, name: str) -> tuple[str, bytes]:
    kid, _, encoded = line.strip().partition(":")
    try:
        key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        key = b""
    if not kid.isalnum() or len(key) != 32:
        raise KeyFault(f"{name} has a damaged line")
    return kid, key


def _place(table: str, column: str, row: str) -> bytes:
    return f"{table}\x1f{column}\x1f{row}".encode()
