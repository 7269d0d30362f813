"""Passwords: which are allowed, how they are kept, and how one is checked without holding up the house.

Kept is argon2id or PBKDF2, as the settings say, over the HMAC of the NFC form with a pepper that is not in the database
(R10). Nothing here holds a transaction over either: callers hash first and write after.
"""

import contextlib
import os
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db
from idp.config import PasswordHash
from idp.credentials import blocklist, hashing
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused
from idp.ports import BreachedPasswords

T = TypeVar("T")

SHORTEST_ALONE = 15
SHORTEST_WITH_SECOND_FACTOR = 8
LONGEST = 256

# NFC makes a text at most three times as long or a third as short, so anything past this cannot be a password of ours.
_WORTH_NORMALIZING = LONGEST * 4


class Busy(Exception):
    """Every slot is taken and the queue is full: nothing was checked, and trying again soon will do (R173)."""

    retry_after = timedelta(seconds=2)


class Password(db.Row):
    """The password of an account. A disabled one opens nothing whatever is typed (R13). `may_stand_alone` tells whether it is
    long enough without a second factor (R1), which nobody could tell from its hash.
    """

    __tablename__ = "password"

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    encoded: Mapped[str]
    pepper_kid: Mapped[str]
    may_stand_alone: Mapped[bool]
    changed_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


@dataclass(frozen=True, repr=False)
class Hashed:
    """A password made ready to be kept: the string with its figures, which pepper went in, and whether it is long enough alone."""

    encoded: str
    pepper_kid: str
    may_stand_alone: bool

    def __repr__(self) -> str:
        """Without the hash (R77)."""
        return "Hashed()"


class Slots:
    """How many expensive runs one process does at once: as many as cores, and a short queue. argon2 takes 19 MiB each."""

    def __init__(self, running: int, waiting: int) -> None:
        """`running` at once; `waiting` more may queue, and whoever comes after those is turned away."""
        self._free = threading.Semaphore(running)
        self.places = running + waiting
        """How many may be there at once, running and waiting."""
        self._places = threading.Semaphore(self.places)
        self._counting = threading.Lock()
        self._threads = ThreadPoolExecutor(running, thread_name_prefix="slot")
        self.runs = 0
        """How many runs there were since the process started."""

    def is_full(self) -> bool:
        """Whether `taken` would raise `Busy` now. It holds nothing: who asks first spares the work that would be for nothing."""
        if not self._places.acquire(blocking=False):
            return True
        self._places.release()
        return False

    def check(self) -> None:
        """Raise `Busy` where `is_full`."""
        if self.is_full():
            raise Busy

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

    def run(self, work: Callable[[], T]) -> T:
        """Do it in a slot and return what it returned. Raises `Busy` at once when the queue is full.

        In threads of its own, as many as slots: the memory of a run stays with its thread, and requests come in many more.
        """
        with self.taken():
            return self._threads.submit(work).result()


_CORES = len(os.sched_getaffinity(0))
SLOTS = Slots(running=_CORES, waiting=2 * _CORES)


def check(
    password: str,
    *,
    username: str,
    breached: BreachedPasswords | None,
    alone: bool = True,
    about: tuple[str, ...] = (),
) -> Refused | None:
    """Whether somebody may choose this password; `alone` where no second factor stands beside it (R1, R2, R6).

    `about` are further words that others know of the person, such as the part of an e-mail address before the @.
    Raises `PortDown` when the list of stolen passwords cannot be asked.
    """
    if (refused := check_length(password, alone=alone)) is not None:
        return refused
    if blocklist.is_common(password, (username, *about)):
        return Refused(Reason.PASSWORD_COMMON)
    if breached is not None and breached.holds(password):
        return Refused(Reason.PASSWORD_BREACHED)
    return None


def check_length(password: str, *, alone: bool) -> Refused | None:
    """Whether it is long enough and not too long; `alone` where no second factor stands beside it (R1, R2)."""
    if len(password) > _WORTH_NORMALIZING:
        return Refused(Reason.PASSWORD_TOO_LONG)
    length = len(unicodedata.normalize("NFC", password))
    if length > LONGEST:
        return Refused(Reason.PASSWORD_TOO_LONG)
    if length < (SHORTEST_ALONE if alone else SHORTEST_WITH_SECOND_FACTOR):
        return Refused(Reason.PASSWORD_TOO_SHORT)
    return None


def is_same(one: str, other: str) -> bool:
    """Whether two typed passwords are one and the same (R3)."""
    return _normalized(one) == _normalized(other)


def hash_password(keyring: Keyring, password: str, kind: PasswordHash) -> Hashed:
    """Make a password ready to be kept. One expensive run, so never inside a transaction. Raises `Busy`."""
    kid, peppered = keyring.peppered(_normalized(password))
    alone = check_length(password, alone=True) is None
    return Hashed(SLOTS.run(lambda: hashing.make(kind, peppered)), kid, alone)


def set_password(conn: Connection, account_id: str, hashed: Hashed) -> None:
    """Keep this as the account's password, in place of any other."""
    values = {
        "encoded": hashed.encoded,
        "pepper_kid": hashed.pepper_kid,
        "may_stand_alone": hashed.may_stand_alone,
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
    return db.find_by(conn, Password, Password.account_id, account_id)


def verify(keyring: Keyring, stored: Password | None, password: str, kind: PasswordHash) -> bool:
    """Whether `password` is the stored one: exactly one expensive run, also where nothing is stored (R21). That one is of the
    `kind` that new passwords are; a stored one is of whatever kind it was kept in.

    Never inside a transaction. Raises `Busy`.
    """
    usable = stored is not None and stored.disabled_at is None and len(password) <= _WORTH_NORMALIZING
    if stored is None or not usable:
        kid, encoded = None, _DUMMIES[kind]
    else:
        kid, encoded = stored.pepper_kid, stored.encoded
    _, peppered = keyring.peppered(_normalized(password[:_WORTH_NORMALIZING]), kid)
    # A damaged row fits nobody's: the way out is the same as for a forgotten one.
    return SLOTS.run(lambda: hashing.fits(encoded, peppered)) and usable


def needs_rehash(keyring: Keyring, stored: Password, kind: PasswordHash) -> bool:
    """Whether it was kept in another kind, with older figures or an older pepper than a new one would be (R11)."""
    newest_kid, _ = keyring.pepper[0]
    return stored.pepper_kid != newest_kid or not hashing.is_todays(kind, stored.encoded)


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


# Made once for each kind, since no stranger may cost more than an owner.
_DUMMIES = {kind: hashing.dummy(kind) for kind in PasswordHash}
