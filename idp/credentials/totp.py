"""Time-based one-time codes of an app (RFC 6238): the second factor that everybody with a telephone can have."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import db


class Totp(db.Row):
    """The app of an account. It counts from the first right code on (`confirmed_at`), and until it is disabled."""

    __tablename__ = "totp"

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    secret_sealed: Mapped[bytes]
    last_step: Mapped[int]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


def has_second_factor(conn: Connection, account_id: str) -> bool:
    """Whether the account has a second factor that was confirmed, disabled or not: a sign-in then never goes without."""
    statement = sa.select(Totp.account_id).where(Totp.account_id == account_id, Totp.confirmed_at.is_not(None))
    return conn.execute(statement).scalar_one_or_none() is not None
