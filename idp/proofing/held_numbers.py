"""An SSN that a vendor's questions need: sealed beside its journey, for less than thirty minutes, then erased (R76).

Nothing else in the house keeps one. The sweep comes every few minutes, so what is held for 24 is gone within 30.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db
from idp.keyring import Keyring

HELD_FOR = timedelta(minutes=24)


class HeldNumber(db.Row):
    """The number of one journey."""

    __tablename__ = "held_number"

    journey_id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)


def hold(conn: Connection, keyring: Keyring, journey_id: str, ssn: str, *, until: datetime | None = None) -> None:
    """Keep the number for the journey, in place of any other; `until` where it was held before."""
    values = {
        "sealed": keyring.seal(ssn.encode("ascii"), table="held_number", column="sealed", row=journey_id),
        "expires_at": until or clock.now() + HELD_FOR,
    }
    conn.execute(
        db.upsert(conn, HeldNumber)
        .values(journey_id=journey_id, **values)
        .on_conflict_do_update(index_elements=["journey_id"], set_=values)
    )


def find(conn: Connection, keyring: Keyring, journey_id: str, *, at_least: timedelta = timedelta(0)) -> str | None:
    """The journey's number, while its time lasts, and for `at_least` so long from now."""
    until = clock.now() + at_least
    row = db.find(conn, HeldNumber, HeldNumber.journey_id == journey_id, HeldNumber.expires_at > until)
    if row is None:
        return None
    return keyring.unseal(row.sealed, table="held_number", column="sealed", row=journey_id).decode("ascii")


def pass_on(conn: Connection, keyring: Keyring, journey_id: str, to_journey_id: str) -> bool:
    """Give the number to the journey that follows, for what is left of its time; tell whether there was one."""
    row = db.find(conn, HeldNumber, HeldNumber.journey_id == journey_id, HeldNumber.expires_at > clock.now())
    number = find(conn, keyring, journey_id)
    erase(conn, journey_id)
    if row is None or number is None:
        return False
    hold(conn, keyring, to_journey_id, number, until=row.expires_at)
    return True


def erase(conn: Connection, journey_id: str) -> None:
    """Forget the journey's number."""
    conn.execute(sa.delete(HeldNumber).where(HeldNumber.journey_id == journey_id))


def sweep(conn: Connection) -> int:
    """Erase what was held long enough; tell how many."""
    return conn.execute(sa.delete(HeldNumber).where(HeldNumber.expires_at <= clock.now())).rowcount
