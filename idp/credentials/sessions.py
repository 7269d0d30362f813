"""Sign-in sessions: what a browser holds a handle of. How strong one is follows from what was shown, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level, acr_of, effective_level
from idp.audit import Event

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
_TOUCH_EVERY = timedelta(minutes=1)

FACTORS = {"pwd": 1, "otp": 1, "hwk": 1}
"""The methods that count as one factor each toward the AAL (RFC 8176 names)."""


class Session(db.Row):
    """One browser's sign-in. `methods` is a list of `{"amr": …, "at": epoch seconds}`, the oldest first."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(primary_key=True)
    handle_digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"), index=True)
    methods: Mapped[dict[str, Any]]
    authenticated_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live sign-in as the rest of the house sees it. `auth_time`, in epoch seconds, is when they signed in."""

    session_id: str
    account_id: str
    person_id: str
    subject_id: str
    username: str
    account_level: Level
    aal: int
    amr: tuple[str, ...]
    auth_time: int

    @property
    def level(self) -> Level:
        """What this sign-in may show."""
        return effective_level(self.account_level, self.aal)

    @property
    def acr(self) -> str:
        """The one `acr` that is true of it."""
        return acr_of(self.account_level, self.aal, self.amr)


@dataclass(frozen=True, slots=True)
class Listed:
    """One live session as its owner sees it in the list."""

    session_id: str
    authenticated_at: datetime
    last_seen_at: datetime


def open_session(conn: Connection, account: Account, *, methods: tuple[str, ...], old_handle: str | None = None) -> str:
    """Open a session for an account that has just shown `methods`, and return the handle for its cookie (R80).

    Whatever handle this browser held before (`old_handle`) opens nothing afterwards (R81). If that was this account's own
    session, it keeps its id under the new handle, so that the clients it signed in to stay signed in; its strength and age
    become those of this sign-in alone (R85). Anybody else's session in this browser ends.
    """
    now = clock.now()
    handle = crypto.new_handle()
    begun: dict[str, Any] = {
        "handle_digest": crypto.digest(handle),
        "methods": {"shown": [{"amr": method, "at": clock.epoch(now)} for method in methods]},
        "authenticated_at": now,
        "last_seen_at": now,
        "expires_at": now + ABSOLUTE,
    }
    session_id = _renew(conn, account, old_handle, begun) if old_handle else None
    if session_id is None:
        session_id = crypto.new_id()
        db.add(
            conn,
            Session(id=session_id, account_id=account.id, person_id=account.person_id, ended_at=None, **begun),
        )
    audit.record(
        conn,
        Event.SIGN_IN_SUCCEEDED,
        actor=account.id,
        subject=account.person_id,
        account=account.id,
        session=session_id,
        methods=list(methods),
    )
    return handle


def _renew(conn: Connection, account: Account, old_handle: str, begun: dict[str, Any]) -> str | None:
    """Begin this account's session of the browser anew and tell its id; end it if it is somebody else's."""
    old = find_signed_in(conn, old_handle)
    if old is None:
        return None
    if old.account_id != account.id:
        end_session(conn, old.session_id, actor=account.id, why="replaced")
        return None
    still = sa.and_(Session.handle_digest == crypto.digest(old_handle), Session.ended_at.is_(None))
    return old.session_id if db.swap(conn, sa.update(Session).where(still).values(**begun)) else None


def find_signed_in(conn: Connection, handle: str) -> SignedIn | None:
    """The live sign-in behind a cookie, if its account is still active (R87). Pages call `touch` beside it."""
    return _found(conn, _BY_HANDLE, crypto.digest(handle))


def find_signed_in_by_id(conn: Connection, session_id: str) -> SignedIn | None:
    """The live sign-in of this id: what tokens that hang from it look up."""
    return _found(conn, _BY_ID, session_id)


# Made once: every page and every use of a token runs one of these, and to make one anew costs more than to run it.
_LIVE = (
    sa.select(
        Session.id,
        Session.account_id,
        Session.person_id,
        Account.subject_id,
        Account.username,
        Account.level,
        Session.methods,
        Session.authenticated_at,
    )
    .join(Account, Account.id == Session.account_id)
    .where(
        Session.ended_at.is_(None),
        Session.expires_at > sa.bindparam("now"),
        Session.last_seen_at > sa.bindparam("used_since"),
        Account.state == State.ACTIVE.value,
    )
)
_BY_HANDLE = _LIVE.where(Session.handle_digest == sa.bindparam("which"))
_LAST_SEEN = sa.select(Session.last_seen_at).where(Session.handle_digest == sa.bindparam("which"))
_BY_ID = _LIVE.where(Session.id == sa.bindparam("which"))


def _found(conn: Connection, statement: sa.Select[Any], which: str) -> SignedIn | None:
    now = clock.now()
    row = conn.execute(statement, {"which": which, "now": now, "used_since": now - IDLE}).one_or_none()
    if row is None:
        return None
    shown = [entry["amr"] for entry in row.methods["shown"]]
    factors = [method for method in shown if method in FACTORS]
    aal = 2 if len(set(factors)) > 1 or "user" in shown else 1
    amr = tuple(dict.fromkeys([*shown, *(["mfa"] if aal > 1 else [])]))
    return SignedIn(
        session_id=row.id,
        account_id=row.account_id,
        person_id=row.person_id,
        subject_id=row.subject_id,
        username=row.username,
        account_level=Level(row.level),
        aal=aal,
        amr=amr,
        auth_time=clock.epoch(row.authenticated_at),
    )


def needs_touch(conn: Connection, handle: str) -> bool:
    """Whether the last use was noted more than a minute ago, so that a page load rarely writes."""
    last = conn.execute(_LAST_SEEN, {"which": crypto.digest(handle)}).scalar_one_or_none()
    return last is not None and last < clock.now() - _TOUCH_EVERY


def touch(conn: Connection, handle: str) -> None:
    """Note that the session was used. A session whose idle time is over stays over."""
    now = clock.now()
    conn.execute(
        sa.update(Session)
        .where(
            Session.handle_digest == crypto.digest(handle),
            Session.ended_at.is_(None),
            Session.last_seen_at > now - IDLE,
        )
        .values(last_seen_at=now)
    )


def list_live(conn: Connection, account_id: str) -> list[Listed]:
    """Every live session of an account, the last used first."""
    now = clock.now()
    statement = (
        sa.select(Session.id, Session.authenticated_at, Session.last_seen_at)
        .where(
            Session.account_id == account_id,
            Session.ended_at.is_(None),
            Session.expires_at > now,
            Session.last_seen_at > now - IDLE,
        )
        .order_by(Session.last_seen_at.desc(), Session.id)
    )
    return [Listed(*row) for row in conn.execute(statement)]


def end_own(conn: Connection, asking: SignedIn, session_id: str) -> bool:
    """End one of the asking person's sessions; anybody else's is not found."""
    own = db.find(conn, Session, Session.id == session_id, Session.account_id == asking.account_id)
    return own is not None and end_session(conn, own.id, actor=asking.account_id, why="ended_by_owner")


def end_session(conn: Connection, session_id: str, *, actor: str, why: str) -> bool:
    """End one session, if it still lives."""
    session = db.find(conn, Session, Session.id == session_id)
    ended = session is not None and db.swap(
        conn,
        sa.update(Session).where(Session.id == session_id, Session.ended_at.is_(None)).values(ended_at=clock.now()),
    )
    if session is not None and ended:
        audit.record(conn, Event.SESSION_ENDED, actor=actor, subject=session.person_id, session=session_id, why=why)
    return ended


def end_all(conn: Connection, account_id: str, *, actor: str, why: str) -> int:
    """End every session of an account, as a lock or a changed password does; tell how many."""
    live = conn.execute(sa.select(Session.id).where(Session.account_id == account_id, Session.ended_at.is_(None)))
    return sum(end_session(conn, id_, actor=actor, why=why) for id_ in live.scalars())


def sweep(conn: Connection) -> int:
    """Delete sessions a week after their end; tell how many."""
    return conn.execute(sa.delete(Session).where(Session.expires_at <= clock.now() - timedelta(days=7))).rowcount
