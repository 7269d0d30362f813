"""Activation codes: the one-time code that ends a registration. Kept as a keyed HMAC, spent by one conditional UPDATE
(R68).

A journey has one live code at the most; a new one kills the old. Tries are counted against the code itself, whichever
device they come from: after five it is dead, even for whoever then types it right.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db, limits
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Refused
from idp.proofing.policy import Delivery

LASTS = timedelta(minutes=30)
"""R54 as decided here, for both deliveries."""

_LONGEST_TYPED = 200


class ActivationCode(db.Row):
    """One code. `address_mac` is the address that it went to; None for one that was shown on the screen."""

    __tablename__ = "activation_code"

    id: Mapped[str] = mapped_column(primary_key=True)
    journey_id: Mapped[str] = mapped_column(index=True)
    mac: Mapped[str] = mapped_column(unique=True)
    delivery: Mapped[str]
    address_mac: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    consumed_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


def issue(
    conn: Connection, keyring: Keyring, code: str, *, journey_id: str, delivery: Delivery, address_mac: str | None
) -> None:
    """Make this freshly drawn code the journey's; its former one is dead."""
    revoke(conn, journey_id)
    now = clock.now()
    db.add(
        conn,
        ActivationCode(
            id=crypto.new_id(),
            journey_id=journey_id,
            mac=_mac(keyring, code),
            delivery=delivery.value,
            address_mac=address_mac,
            created_at=now,
            expires_at=now + LASTS,
            consumed_at=None,
            revoked_at=None,
        ),
    )


def revoke(conn: Connection, journey_id: str) -> None:
    """Kill the journey's code, if it has a live one."""
    conn.execute(
        sa.update(ActivationCode)
        .where(
            ActivationCode.journey_id == journey_id,
            ActivationCode.consumed_at.is_(None),
            ActivationCode.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
    )


def find_of_journey(conn: Connection, journey_id: str) -> ActivationCode | None:
    """The journey's live code."""
    return db.find(conn, ActivationCode, ActivationCode.journey_id == journey_id, *_live())


def find_by_code(conn: Connection, keyring: Keyring, typed: str) -> ActivationCode | None:
    """The live code that somebody typed, in any journey. Callers count the try first (R69)."""
    return db.find(conn, ActivationCode, ActivationCode.mac == _mac(keyring, typed), *_live())


def reserve_try(conn: Connection, code: ActivationCode) -> Refused | None:
    """Count one try at this code, in a write before the comparison. After the fifth it is dead: the count outlives it."""
    return limits.reserve(conn, Limit.CODE_JOURNEY, code.id)


def fits(keyring: Keyring, code: ActivationCode, typed: str) -> bool:
    """Whether this is the code, compared in a time that tells nothing of it."""
    return crypto.same(code.mac, _mac(keyring, typed))


def claim(conn: Connection, code: ActivationCode) -> bool:
    """Spend the code; of any number of tries at once one gets True."""
    return db.swap(
        conn, sa.update(ActivationCode).where(ActivationCode.id == code.id, *_live()).values(consumed_at=clock.now())
    )


def sweep(conn: Connection) -> int:
    """Delete codes a day after they stopped working; tell how many."""
    return conn.execute(
        sa.delete(ActivationCode).where(ActivationCode.expires_at <= clock.now() - timedelta(days=1))
    ).rowcount


def _live() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        ActivationCode.consumed_at.is_(None),
        ActivationCode.revoked_at.is_(None),
        ActivationCode.expires_at > clock.now(),
    )


def _mac(keyring: Keyring, typed: str) -> str:
    return keyring.mac("activation_code", crypto.normalize_code(typed[:_LONGEST_TYPED]))
