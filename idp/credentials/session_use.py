"""Using a session: when it ends, that each use of it puts its idle end off, and that nothing is kept for ever."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import clock, crypto, db
from idp.credentials.sessions import Session, SignedIn, idle_for, still

_TOUCH_EVERY = timedelta(minutes=1)

_ENDS = sa.select(Session.last_seen_at, Session.idle_ends_at, Session.expires_at).where(
    Session.handle_digest == sa.bindparam("which")
)


@dataclass(frozen=True, slots=True)
class Ends:
    """When a session was used last, and when it ends: unused, and at the latest."""

    last_seen_at: datetime
    idle_ends_at: datetime
    expires_at: datetime

    @property
    def needs_touch(self) -> bool:
        """Whether the last use was noted more than a minute ago, so that a page load rarely writes."""
        return self.last_seen_at < clock.now() - _TOUCH_EVERY


def find_ends(conn: Connection, handle: str) -> Ends | None:
    """When the session behind a cookie ends; only `find_signed_in` tells whether it lives. None where another tab gave it a
    new handle in this moment.
    """
    row = conn.execute(_ENDS, {"which": crypto.digest(handle)}).one_or_none()
    return None if row is None else Ends(*row)


def touch(conn: Connection, handle: str, found: SignedIn) -> datetime:
    """Note that the session was used, and tell when it now ends unused. One whose idle time is over stays over."""
    now = clock.now()
    idle_ends_at = now + idle_for(found.aal, stays=found.stays)
    conn.execute(
        still(found.session_id, handle)
        .where(Session.idle_ends_at > now)
        .values(last_seen_at=now, idle_ends_at=idle_ends_at)
    )
    return idle_ends_at


def find_owner(conn: Connection, handle: str) -> Session | None:
    """The session that this handle opened, though it be over by now: nobody is signed in by that."""
    return db.find(conn, Session, Session.handle_digest == crypto.digest(handle))


def sweep(conn: Connection) -> int:
    """Delete sessions a week after their end; tell how many."""
    return conn.execute(sa.delete(Session).where(Session.expires_at <= clock.now() - timedelta(days=7))).rowcount
