"""The e-mail addresses of an account: sealed, found again by keyed HMAC, verified when a code came back from them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring


class Address(db.Row):
    """One e-mail address of an account. An unverified one does not exist: it is added when its code came back."""

    __tablename__ = "address"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    mac: Mapped[str] = mapped_column(index=True)
    sealed: Mapped[bytes]
    verified_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


_OF_ACCOUNT = (
    sa.select(Address.id, Address.sealed)
    .where(Address.account_id == sa.bindparam("account"), Address.removed_at.is_(None))
    .order_by(Address.verified_at)
)
"""Made once: userinfo runs it, and to make it anew costs more than to run it."""


def mac(keyring: Keyring, email: str) -> str:
    """What an address is looked up and counted by: its whole text without case."""
    return keyring.mac("address", email.strip().casefold())


def add(conn: Connection, keyring: Keyring, *, account_id: str, email: str) -> None:
    """Keep an address that a code has come back from."""
    id_ = crypto.new_id()
    db.add(
        conn,
        Address(
            id=id_,
            account_id=account_id,
            mac=mac(keyring, email),
            sealed=keyring.seal(email.strip().encode("utf-8"), table="address", column="sealed", row=id_),
            verified_at=clock.now(),
            removed_at=None,
        ),
    )


def list_emails(conn: Connection, keyring: Keyring, account_id: str) -> list[str]:
    """The account's addresses in clear, the oldest first."""
    rows = conn.execute(_OF_ACCOUNT, {"account": account_id})
    return [keyring.unseal(row.sealed, table="address", column="sealed", row=row.id).decode("utf-8") for row in rows]
