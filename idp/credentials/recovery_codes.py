"""Recovery codes: ten on paper, for the day when the telephone is gone (look-up secrets, SP 800-63B-4 §3.1.2, §4.2.1.1).

One stands in for a code of the app and so counts as `otp`: with the password it makes two factors. It is told apart in
the audit log, and its use is told to the owner at every address.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused

HOW_MANY = 10
FEW = 3
"""From so few on the pages ask to make new ones."""

LENGTH = 16
"""Characters of one code: 80 random bits, where R34 asks for 64."""


class RecoveryCode(db.Row):
    """One code, by its keyed HMAC: it has too few bits to be kept by a bare digest (R36)."""

    __tablename__ = "recovery_code"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    code_mac: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Listed:
    """A code that is on the account's list. It is not spent yet."""

    row: str


def is_code(typed: str) -> bool:
    """Whether it has the form of a code, however it is grouped."""
    return len(typed) <= 100 and len(crypto.normalize_code(typed)) == LENGTH


def compare(conn: Connection, keyring: Keyring, account_id: str, typed: str) -> Listed | Refused:
    """Whether a code is one of the account's and was not used. Nothing is spent by it."""
    found = db.find(conn, RecoveryCode, RecoveryCode.code_mac == _mac(keyring, account_id, typed))
    if found is None or found.account_id != account_id:
        return Refused(Reason.WRONG_CODE)
    return Refused(Reason.CODE_USED) if found.used_at is not None else Listed(found.id)


def claim(conn: Connection, account_id: str, listed: Listed) -> bool:
    """Spend a code: True for one asker of any number (R34)."""
    return db.swap(
        conn,
        sa.update(RecoveryCode)
        .where(RecoveryCode.id == listed.row, RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
        .values(used_at=clock.now()),
    )


def renew(conn: Connection, keyring: Keyring, account_id: str) -> list[str]:
    """Make a new set in place of the one before, which is dead with it (R35); the codes are shown once, by the caller."""
    void(conn, account_id)
    codes = [crypto.new_code(LENGTH, group=4) for _ in range(HOW_MANY)]
    now = clock.now()
    for code in codes:
        mac = _mac(keyring, account_id, code)
        db.add(
            conn,
            RecoveryCode(id=crypto.new_id(), account_id=account_id, code_mac=mac, created_at=now, used_at=None),
        )
    return codes


def void(conn: Connection, account_id: str) -> None:
    """Take every code of the account away."""
    conn.execute(sa.delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def count_left(conn: Connection, account_id: str) -> int:
    """How many are left to use."""
    own = sa.and_(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return conn.execute(sa.select(sa.func.count()).select_from(RecoveryCode).where(own)).scalar_one()


def _mac(keyring: Keyring, account_id: str, typed: str) -> str:
    return keyring.mac("recovery_code", f"{account_id}\x1f{crypto.normalize_code(typed)}")
