"""The link "This was not me": what stands behind it in a notice. Whoever has it may lock the account, and nothing else.

The token is 256 random bits. It lies in the mail, in clear nowhere else: the outbox holds it sealed until the mail has left,
and here is only its digest. One conditional UPDATE spends it (SP 800-63B-4 §4.6, R50, R73).
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.audit import Event

LASTS = timedelta(days=30)
"""As long as a person may take to read their mail."""


class Disowning(db.Row):
    """One link. `about` is the audit name of what its notice told."""

    __tablename__ = "disowning"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    about: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


def issue(conn: Connection, account_id: str, about: Event) -> str:
    """Make a token for one notice, the same in all its mails, and return it."""
    token = crypto.new_handle()
    now = clock.now()
    db.add(
        conn,
        Disowning(
            id=crypto.new_id(),
            token_digest=crypto.digest(token),
            account_id=account_id,
            about=about.value.name,
            created_at=now,
            expires_at=now + LASTS,
            used_at=None,
        ),
    )
    return token


def find_live(conn: Connection, token: str) -> Disowning | None:
    """The link behind a token while it works; unknown, used and run out are all None."""
    return db.find(conn, Disowning, Disowning.token_digest == crypto.digest(token), *_live())


def claim(conn: Connection, link: Disowning) -> bool:
    """Spend the link; of any number of tries at once one gets True."""
    return db.swap(conn, sa.update(Disowning).where(Disowning.id == link.id, *_live()).values(used_at=clock.now()))


def revoke(conn: Connection, account_id: str) -> None:
    """Kill every live link of an account: what they told of has been looked into with its owner."""
    conn.execute(sa.update(Disowning).where(Disowning.account_id == account_id, *_live()).values(used_at=clock.now()))


def sweep(conn: Connection) -> int:
    """Delete links that have run out; tell how many."""
    return conn.execute(sa.delete(Disowning).where(Disowning.expires_at <= clock.now())).rowcount


def _live() -> tuple[sa.ColumnElement[bool], ...]:
    return (Disowning.used_at.is_(None), Disowning.expires_at > clock.now())
