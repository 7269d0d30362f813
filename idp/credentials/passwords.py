"""Passwords: which are allowed, how they are kept, and how one is checked without holding up the house.

Kept is argon2id over the HMAC of the NFC form with a pepper that is not in the database (R10). Nothing here holds a
transaction over argon2: callers hash first and write after.
"""

import base64
import contextlib
import os
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db
from idp.credentials import blocklist
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused

SHORTEST_ALONE = 15
SHORTEST_WITH_SECOND_FACTOR = 8
LONGEST = 256

# OWASP's and SP 800-63B-4's floor; measured at about 30 ms of one core. Old strings carry their own figures (R11).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)

# NFC makes a text at most three times as long or a third as short, so anything past this cannot be a password of ours.
_WORTH_NORMALIZING = LONGEST * 4


class Busy(Exception):
    """Every argon2 slot is taken and the queue is full: nothing was checked, and trying again soon will do (R173)."""

    retry_after = timedelta(seconds=2)


class Password(db.Row):
    """The password of an account. A disabled one opens nothing whatever is typed (R13)."""

    __tablename__ = "password"

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    encoded: Mapped[str]
    pepper_kid: Mapped[str]
    changed_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


@dataclass(frozen=True, repr=False)
class Hashed:
    """A password made ready to be kept: the argon2 string with its parameters, and which pepper went in."""

    encoded: str
    pepper_kid: str

    def __repr__(self) -> str:
        """Without the hash (R77)."""
        return "Hashed()"


class Slots:
    """How many argon2 runs one process does at once: as many as cores, and a short queue. Each run takes 19 MiB."""

    def __init__(self, running: int, waiting: int) -> None:
        """`running` at once; `waiting` more may queue, and whoever comes after those is turned away."""
        self._free = threading.Semaphore(running)
        self._places = threading.Semaphore(running + waiting)
        self._counting = threading.Lock()
        self.runs = 0
        """How many times argon2 ran since the process started."""

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot. Raises `Busy` at once when the queue is full."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            with self._free:
                with self._counting:
                    self.runs += 1
                yield
        finally:
            self._places.release()


_CORES = len(os.sched_getaffinity(0))
SLOTS = Slots(running=_CORES, waiting=2 * _CORES)


def check(password: str, *, username: str, alone: bool = True, about: tuple[str, ...] = ()) -> Refused | None:
    """Whether somebody may choose this password; `alone` where no second factor stands beside it (R1, R2, R6).

    `about` are further words that others know of the person, such as the part of an e-mail address before the @.
    """
    if len(password) > _WORTH_NORMALIZING:
        return Refused(Reason.PASSWORD_TOO_LONG)
    length = len(unicodedata.normalize("NFC", password))
    if length > LONGEST:
        return Refused(Reason.PASSWORD_TOO_LONG)
    if length < (SHORTEST_ALONE if alone else SHORTEST_WITH_SECOND_FACTOR):
        return Refused(Reason.PASSWORD_TOO_SHORT)
    if blocklist.is_common(password, (username, *about)):
        return Refused(Reason.PASSWORD_COMMON)
    return None


def hash_password(keyring: Keyring, password: str) -> Hashed:
    """Make a password ready to be kept; runs argon2, so never inside a transaction. Raises `Busy`."""
    kid, peppered = keyring.peppered(_normalized(password))
    with SLOTS.taken():
        return Hashed(_HASHER.hash(peppered), kid)


def set_password(conn: Connection, account_id: str, hashed: Hashed) -> None:
    """Keep this as the account's password, in place of any other."""
    values = {
        "encoded": hashed.encoded,
        "pepper_kid": hashed.pepper_kid,
        "changed_at": clock.now(),
        "disabled_at": None,
    }
    conn.execute(
        db.upsert(conn, Password)
        .values(account_id=account_id, **values)
        .on_conflict_do_update(index_elements=["account_id"], set_=values)
    )


def find_password(conn: Connection, account_id: str) -> Password | None:
    """The account's password, disabled or not."""
    return db.find(conn, Password, Password.account_id == account_id)


def verify(keyring: Keyring, stored: Password | None, password: str) -> bool:
    """Whether `password` is the stored one: exactly one argon2 run, also where nothing is stored (R21).

    Runs argon2, so never inside a transaction. Raises `Busy`.
    """
    usable = stored is not None and stored.disabled_at is None and len(password) <= _WORTH_NORMALIZING
    if stored is None or not usable:
        kid, encoded = None, _DUMMY
    else:
        kid, encoded = stored.pepper_kid, stored.encoded
    _, peppered = keyring.peppered(_normalized(password[:_WORTH_NORMALIZING]), kid)
    with SLOTS.taken():
        try:
            _HASHER.verify(encoded, peppered)
        except (VerificationError, InvalidHashError):
            # Another password, or a damaged row, which is nobody's: the way out is the same as for a forgotten one.
            return False
    return usable


def needs_rehash(keyring: Keyring, stored: Password) -> bool:
    """Whether it was kept with older parameters or an older pepper than a new one would be (R11)."""
    newest_kid, _ = keyring.pepper[0]
    return stored.pepper_kid != newest_kid or _HASHER.check_needs_rehash(stored.encoded)


def replace_hash(conn: Connection, stored: Password, hashed: Hashed) -> bool:
    """Keep the same password in today's form, unless it was changed meanwhile. This is no change of password."""
    return db.swap(
        conn,
        sa.update(Password)
        .where(Password.account_id == stored.account_id, Password.encoded == stored.encoded)
        .values(encoded=hashed.encoded, pepper_kid=hashed.pepper_kid),
    )


def disable(conn: Connection, account_id: str) -> None:
    """Make the password worth nothing: a hundred wrong guesses in a row were made at it (R13)."""
    conn.execute(
        sa.update(Password)
        .where(Password.account_id == account_id, Password.disabled_at.is_(None))
        .values(disabled_at=clock.now())
    )


def enable(conn: Connection, account_id: str) -> bool:
    """Let a disabled password work again, once an operator has made sure who asks; tell whether it was disabled."""
    return db.swap(
        conn,
        sa.update(Password)
        .where(Password.account_id == account_id, Password.disabled_at.is_not(None))
        .values(disabled_at=None),
    )


def _normalized(password: str) -> str:
    """NFC: the same password typed on another keyboard is the same password (R3)."""
    return unicodedata.normalize("NFC", password)


def _dummy() -> str:
    """A string that no password fits, in today's parameters; made without argon2, so no stranger costs two runs."""
    salt, tag = (
        base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${tag}"


_DUMMY = _dummy()
