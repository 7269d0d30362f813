"""Browsers that were asked to remember who signs in there. What they remember fills in a name and is never a factor."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.accounts.accounts import Account

LASTS = timedelta(days=365)


class Device(db.Row):
    """One browser and the account whose name its sign-in page fills in."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(primary_key=True)
    handle_digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime] = mapped_column(index=True)


def remember(conn: Connection, account_id: str, *, old_handle: str | None) -> str:
    """Remember the account in this browser, and return the handle for its cookie.

    The handle is always a new one: whoever planted the old one in this browser learns no name by it (R81).
    """
    if old_handle is not None:
        forget(conn, old_handle)
    now = clock.now()
    handle = crypto.new_handle()
    db.add(
        conn,
        Device(
            id=crypto.new_id(),
            handle_digest=crypto.digest(handle),
            account_id=account_id,
            created_at=now,
            last_used_at=now,
        ),
    )
    return handle


def forget(conn: Connection, handle: str) -> None:
    """Forget whatever this browser remembered."""
    conn.execute(sa.delete(Device).where(Device.handle_digest == crypto.digest(handle)))


def find_username(conn: Connection, handle: str) -> str | None:
    """The name to fill in, if the account still has it."""
    statement = (
        sa.select(Account.username)
        .join(Device, Device.account_id == Account.id)
        .where(
            Device.handle_digest == crypto.digest(handle),
            Device.last_used_at > clock.now() - LASTS,
            Account.username_key.is_not(None),
        )
    )
    return conn.execute(statement).scalar_one_or_none()


def sweep(conn: Connection) -> int:
    """Delete what nobody used for a year; tell how many."""
    return conn.execute(sa.delete(Device).where(Device.last_used_at <= clock.now() - LASTS)).rowcount
