"""Browsers that somebody signed in with before. What one remembers fills in a name and is never a factor.

A known browser has tries of its own at the accounts that signed in there, so that somebody who guesses from elsewhere
cannot starve their owner (R14). It is known by a random handle, new at each sign-in.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.accounts.accounts import Account

LASTS = timedelta(days=365)

MOST_ACCOUNTS = 10
"""How many accounts one browser is known for, the newest: a family's, and not a library's."""


class Device(db.Row):
    """One browser. `account_id` is whose name its sign-in page fills in, if it was asked to remember one."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(primary_key=True)
    handle_digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[str | None] = mapped_column(sa.ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime] = mapped_column(index=True)


class DeviceAccount(db.Row):
    """An account that signed in with this browser."""

    __tablename__ = "device_account"

    device_id: Mapped[str] = mapped_column(sa.ForeignKey("device.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    last_used_at: Mapped[datetime]


def note(conn: Connection, account_id: str, *, old_handle: str | None, remember: bool | None) -> str:
    """Note that the account signed in with this browser, and return the new handle for its cookie.

    `remember` says whether its sign-in page fills in this account's name from now on; None leaves that as it is. The old
    handle is dead: whoever planted it in this browser learns nothing by it (R81).
    """
    now = clock.now()
    handle = crypto.new_handle()
    remembered = {} if remember is None else {"account_id": account_id if remember else None}
    device = _find(conn, old_handle)
    if device is not None and db.swap(
        conn,
        sa.update(Device)
        .where(Device.id == device.id, Device.handle_digest == device.handle_digest)
        .values(handle_digest=crypto.digest(handle), last_used_at=now, **remembered),
    ):
        conn.execute(
            db.upsert(conn, DeviceAccount)
            .values(device_id=device.id, account_id=account_id, last_used_at=now)
            .on_conflict_do_update(index_elements=["device_id", "account_id"], set_={"last_used_at": now})
        )
        _keep_newest(conn, device.id)
        return handle
    new = Device(
        id=crypto.new_id(),
        handle_digest=crypto.digest(handle),
        account_id=remembered.get("account_id"),
        created_at=now,
        last_used_at=now,
    )
    db.add(conn, new)
    db.add(conn, DeviceAccount(device_id=new.id, account_id=account_id, last_used_at=now))
    return handle


def find_known(conn: Connection, handle: str | None, account_id: str) -> str | None:
    """The id of this browser, if the account signed in with it before."""
    if handle is None:
        return None
    statement = (
        sa.select(Device.id)
        .join(DeviceAccount, DeviceAccount.device_id == Device.id)
        .where(_is_live(handle), DeviceAccount.account_id == account_id)
    )
    return conn.execute(statement).scalar_one_or_none()


def find_username(conn: Connection, handle: str) -> str | None:
    """The name to fill in, if one is remembered and the account still has it."""
    statement = (
        sa.select(Account.username)
        .join(Device, Device.account_id == Account.id)
        .where(_is_live(handle), Account.username_key.is_not(None))
    )
    return conn.execute(statement).scalar_one_or_none()


def forget_account(conn: Connection, account_id: str) -> None:
    """No browser is known for the account any more: each has to sign in anew to be."""
    conn.execute(sa.update(Device).where(Device.account_id == account_id).values(account_id=None))
    conn.execute(sa.delete(DeviceAccount).where(DeviceAccount.account_id == account_id))


def sweep(conn: Connection) -> int:
    """Delete what nobody used for a year; tell how many."""
    over = Device.last_used_at <= clock.now() - LASTS
    conn.execute(sa.delete(DeviceAccount).where(DeviceAccount.device_id.in_(sa.select(Device.id).where(over))))
    return conn.execute(sa.delete(Device).where(over)).rowcount


def _find(conn: Connection, handle: str | None) -> Device | None:
    return None if handle is None else db.find(conn, Device, _is_live(handle))


def _is_live(handle: str) -> sa.ColumnElement[bool]:
    return sa.and_(Device.handle_digest == crypto.digest(handle), Device.last_used_at > clock.now() - LASTS)


def _keep_newest(conn: Connection, device_id: str) -> None:
    newest = (
        sa.select(DeviceAccount.account_id)
        .where(DeviceAccount.device_id == device_id)
        .order_by(DeviceAccount.last_used_at.desc(), DeviceAccount.account_id)
        .limit(MOST_ACCOUNTS)
    )
    conn.execute(
        sa.delete(DeviceAccount).where(
            DeviceAccount.device_id == device_id, DeviceAccount.account_id.not_in(newest.scalar_subquery())
        )
    )
