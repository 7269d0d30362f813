"""Sign-in sessions: what a browser holds a handle of. How strong one is follows from what was shown, and when.

A stronger sign-in ends sooner when nobody uses it (R83, SP 800-63B-4 §2.1.3, §2.2.3). Whatever makes a session worth
more gives it a new handle (R81).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.accounts import accounts
from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level, acr_of, effective_level
from idp.audit import Event
from idp.credentials import passkeys, second_factor
from idp.keyring import Keyring

IDLE = {1: timedelta(minutes=30), 2: timedelta(minutes=15)}
"""How long a session of each AAL may lie unused (R83)."""

ABSOLUTE = timedelta(hours=12)
"""How long after the sign-in a session ends at the latest, whatever was shown since (R83)."""

STAYS_IDLE, STAYS = timedelta(days=7), timedelta(days=30)
"""The same two for a session that outlives its browser (SP 800-63B-4 §2.1.3: at AAL1, 30 days at the most)."""

_LONGEST_AGENT = 300

KNOWN = {"pwd"}
HELD = {"otp", "hwk", "swk"}
"""The methods (RFC 8176) that show something a person knows, and something they have: two of a kind are no two factors."""


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
    idle_ends_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None]
    """The network address of its newest sign-in."""
    agent_sealed: Mapped[bytes | None]
    """What the browser called itself then, sealed: it can be as telling as a name."""
    stays: Mapped[bool]
    """Whether it outlives its browser, as a remembered sign-in does at AAL1 does."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live sign-in as the rest of the house sees it."""

    session_id: str
    account_id: str
    person_id: str
    subject_id: str
    username: str
    account_level: Level
    aal: int
    amr: tuple[str, ...]
    authenticated_at: datetime
    second_factor: bool
    """Whether the account has a second factor, shown in this sign-in or not."""
    passkey: bool = False
    """Whether it has a passkey that makes sure of its user."""
    stays: bool = False
    """Whether this session outlives its browser."""

    @property
    def auth_time(self) -> int:
        """When they signed in, in the epoch seconds that clients are told (OIDC Core §2)."""
        return clock.epoch(self.authenticated_at)

    @property
    def level(self) -> Level:
        """What this sign-in may show."""
        return effective_level(self.account_level, self.aal)

    @property
    def acr(self) -> str:
        """The one `acr` that is true of it."""
        return acr_of(self.account_level, self.aal, self.amr)


@dataclass(frozen=True, slots=True)
class Signed:
    """The little of a live sign-in that a token hangs from."""

    account_id: str
    level: Level


@dataclass(frozen=True, repr=False)
class Where:
    """Where a sign-in comes from: the network address, and what the browser calls itself."""

    address: str
    agent: str

    def sealed_agent(self, keyring: Keyring, session_id: str) -> bytes:
        """What the browser calls itself, as the row of a session keeps it."""
        agent = self.agent[:_LONGEST_AGENT].encode("utf-8")
        return keyring.seal(agent, table="session", column="agent_sealed", row=session_id)

    def __repr__(self) -> str:
        """Without the browser's name."""
        return "Where()"


@dataclass(frozen=True, repr=False)
class Begun:
    """A session that was opened: the handle for its cookie, and whether the cookie outlives the browser."""

    handle: str
    stays: bool

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return f"Begun(stays={self.stays})"


def open_session(
    conn: Connection,
    keyring: Keyring,
    account: Account,
    *,
    methods: tuple[str, ...],
    where: Where,
    stay: bool | None = False,
    old_handle: str | None = None,
    earlier: Mapping[str, datetime] | None = None,
) -> Begun:
    """Open a session for an account that has just shown `methods` (R80).

    `stay` asks that it outlive the browser, and None that this be as it was in this browser. It is granted only where one
    factor is all that the account has, and Basic all that it opens.

    `earlier` holds what was shown of them on a page before this one, and when. The sign-in is as old as the oldest of
    them, so that no client that asks for a fresh one is given a password from before it asked (OIDC Core §3.1.2.1).

    Whatever handle this browser held before (`old_handle`) opens nothing afterwards (R81). If that was this account's own
    session, it keeps its id under the new handle, so that the clients it signed in to stay signed in; its strength and age
    become those of this sign-in alone (R85). Anybody else's session in this browser ends.
    """
    now = clock.now()
    moments = {method: (earlier or {}).get(method, now) for method in methods}
    handle = crypto.new_handle()
    shown = [_entry(method, at) for method, at in moments.items()]
    old = _find_own(conn, account, old_handle)
    wished = old is not None and old.stays if stay is None else stay
    stays = wished and _may_stay(conn, account)

    def begun(session_id: str) -> dict[str, Any]:
        return {
            "handle_digest": crypto.digest(handle),
            "methods": {"shown": shown},
            "authenticated_at": min(moments.values()),
            "last_seen_at": now,
            "idle_ends_at": now + idle_for(_aal(shown), stays=stays),
            "expires_at": min(moments.values()) + (STAYS if stays else ABSOLUTE),
            "address": where.address,
            "agent_sealed": where.sealed_agent(keyring, session_id),
            "stays": stays,
        }

    session_id = old.session_id if old is not None else None
    if session_id is None or not db.swap(conn, still(session_id, old_handle or "").values(**begun(session_id))):
        session_id = crypto.new_id()
        db.add(
            conn,
            Session(
                id=session_id, account_id=account.id, person_id=account.person_id, ended_at=None, **begun(session_id)
            ),
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
    return Begun(handle, stays)


def _find_own(conn: Connection, account: Account, old_handle: str | None) -> SignedIn | None:
    """This account's session in the browser; one that is somebody else's ends, and so does one that lay unused."""
    old = find_signed_in(conn, old_handle) if old_handle else None
    if old_handle and old is None:
        end_unused(conn, old_handle, why="replaced")
    if old is not None and old.account_id != account.id:
        end_session(conn, old.session_id, actor=account.id, why="replaced")
        return None
    return old


def _may_stay(conn: Connection, account: Account) -> bool:
    """Asked while the account is held, so that no factor comes between the question and the session."""
    held = accounts.hold(conn, account.id)
    return held is not None and held.level == Level.BASIC and not second_factor.has_any(conn, held.id)


def idle_for(aal: int, *, stays: bool) -> timedelta:
    """How long a session may lie unused (R83)."""
    return STAYS_IDLE if stays else IDLE[aal]


def raise_session(conn: Connection, signed_in: SignedIn, old_handle: str, *, methods: Sequence[str] = ()) -> str | None:
    """Add what was shown just now to a live session, and return its new handle: the old one opens nothing from
    here on (R81). Without a method only the handle is new, as when the account's level rose.

    None when the session ended meanwhile or was raised in another tab: nothing has changed then. The sign-in stays as
    old as it was: `auth_time` is one value for a session, clients compare it with what they saw, and one more factor
    is no new sign-in (OIDC Core §2). When a method itself was shown is kept beside it (R85).
    """
    row = db.find(conn, Session, Session.id == signed_in.session_id)
    if row is None:
        return None
    now = clock.now()
    shown = [entry for entry in row.methods["shown"] if entry["amr"] not in methods]
    shown.extend(_entry(method, now) for method in methods)
    handle = crypto.new_handle()
    raised = db.swap(
        conn,
        still(signed_in.session_id, old_handle).values(
            handle_digest=crypto.digest(handle),
            methods={"shown": shown},
            last_seen_at=now,
            idle_ends_at=now + IDLE[_aal(shown)],
            # Worth more than a sign-in that outlives its browser may be: the ordinary ends hold from here on.
            expires_at=min(row.expires_at, row.authenticated_at + ABSOLUTE),
            stays=False,
        ),
    )
    if not raised:
        return None
    audit.record(
        conn,
        Event.SESSION_RAISED,
        actor=signed_in.account_id,
        subject=signed_in.person_id,
        session=signed_in.session_id,
        methods=[entry["amr"] for entry in shown],
    )
    return handle


def still(session_id: str, handle: str) -> sa.Update:
    """An UPDATE that hits only while this handle opens this session."""
    return sa.update(Session).where(
        Session.id == session_id, Session.handle_digest == crypto.digest(handle), Session.ended_at.is_(None)
    )


def _entry(method: str, at: datetime) -> dict[str, Any]:
    return {"amr": method, "at": clock.epoch(at)}


def _aal(shown: Sequence[Mapping[str, Any]]) -> int:
    """How strong a sign-in is in which this was shown: two kinds of factor, or a passkey that made sure of its user (R40)."""
    methods = {entry["amr"] for entry in shown}
    return 2 if (methods & KNOWN and methods & HELD) or "user" in methods else 1


def find_signed_in(conn: Connection, handle: str) -> SignedIn | None:
    """The live sign-in behind a cookie, if its account is still active (R87). Pages call `session_use.touch` beside it."""
    return _found(conn, _BY_HANDLE, crypto.digest(handle))


def find_account_of(conn: Connection, session_id: str) -> Signed | None:
    """Whose session this is, and how well they are known, while it lives: what every use of a token looks up."""
    row = conn.execute(_ACCOUNT_OF, {"which": session_id, "now": clock.now()}).one_or_none()
    return None if row is None else Signed(row.account_id, Level(row.level))


def hold(conn: Connection, session_id: str) -> bool:
    """Whether a session lives, for a decision in this write: whoever ends it at the same moment waits for its end."""
    return conn.execute(_HOLD, {"which": session_id, "now": clock.now()}).scalar_one_or_none() is not None


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
        Session.stays,
        second_factor.held_by(Account.id).label("second_factor"),
        passkeys.verifying_of(Account.id).label("passkey"),
    )
    .join(Account, Account.id == Session.account_id)
    .where(
        Session.ended_at.is_(None),
        Session.expires_at > sa.bindparam("now"),
        Session.idle_ends_at > sa.bindparam("now"),
        Account.state == State.ACTIVE.value,
    )
)
_BY_HANDLE = _LIVE.where(Session.handle_digest == sa.bindparam("which"))
_ACCOUNT_OF = _LIVE.with_only_columns(Session.account_id, Account.level).where(Session.id == sa.bindparam("which"))

_HOLD = (
    _LIVE.with_only_columns(Session.id)
    .where(Session.id == sa.bindparam("which"))
    .with_for_update(read=True, of=Session)
)


def _found(conn: Connection, statement: sa.Select[*tuple[Any, ...]], which: str) -> SignedIn | None:
    row = conn.execute(statement, {"which": which, "now": clock.now()}).one_or_none()
    if row is None:
        return None
    aal = _aal(row.methods["shown"])
    shown = [entry["amr"] for entry in row.methods["shown"]]
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
        authenticated_at=row.authenticated_at,
        second_factor=bool(row.second_factor),
        passkey=bool(row.passkey),
        stays=row.stays,
    )


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


def end_unused(conn: Connection, handle: str, *, why: str) -> None:
    """End the session behind a handle that opens nothing any more, so that it does not go on either (R84)."""
    row = db.find_by(conn, Session, Session.handle_digest, crypto.digest(handle))
    if row is not None and row.expires_at > clock.now():
        end_session(conn, row.id, actor=row.account_id, why=why)


def end_others(
    conn: Connection, account_id: str, *, keep: str | None, actor: str, why: str, only_staying: bool = False
) -> int:
    """End every session of an account but `keep`, or of those only the ones that outlive their browser; tell how many lived.

    One that lay unused ends too: else it might go on (R84).
    """
    now = clock.now()
    unused = Session.idle_ends_at <= now
    which = [Session.id != (keep or ""), *([sa.or_(Session.stays, unused)] if only_staying else [])]
    of_account = (Session.account_id == account_id, Session.ended_at.is_(None), Session.expires_at > now)
    found = conn.execute(sa.select(Session.id, Session.idle_ends_at).where(*of_account, *which)).all()
    return sum(end_session(conn, one.id, actor=actor, why=why) and one.idle_ends_at > now for one in found)


def end_everything(conn: Connection, account_id: str, *, keep: str | None, actor: str, why: str) -> int:
    """End every session of an account but `keep`, and whatever clients hold of it for offline use; tell how many sessions
    that were (R87).

    A lock, a changed password and "sign out everywhere" do this. What hangs from the session that is kept lives on, but
    not what it gave for offline use: the person grants that anew.
    """
    ended = end_others(conn, account_id, keep=keep, actor=actor, why=why)
    # After the sessions: whoever grants something holds its session's row, so no grant from before is younger than this.
    accounts.void_grants(conn, account_id)
    return ended
