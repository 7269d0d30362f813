"""What every second factor brings when it comes, and takes when it goes: codes, strength, level, and word to its owner."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from idp import audit
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.audit import Event
from idp.credentials import passwords, recovery_codes, second_factor, sessions
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sessions import SignedIn
from idp.journeys import new_codes
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import raising


@dataclass(frozen=True, repr=False)
class Enrolled:
    """The factor counts: the session's new handle, and whether recovery codes wait to be saved."""

    session: str
    codes: bool

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return f"Enrolled(codes={self.codes})"


class Undone(Exception):
    """Takes a half-made change back and says why: a returned refusal would commit it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def may_change(conn: Connection, me: SignedIn) -> None:
    """Hold the account for a change of its factors. Raises `Undone` where it may not be changed by this sign-in (R49)."""
    account = accounts.hold(conn, me.account_id)
    if account is None or account.state != State.ACTIVE.value:
        raise Undone(Refused(Reason.ACCOUNT_NOT_ACTIVE))
    if me.aal < 2 and second_factor.has_any(conn, me.account_id):
        raise Undone(Refused(Reason.NOT_ALLOWED))


def count_in(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    *,
    factor: Factor,
    methods: tuple[str, ...],
    replaced: bool,
    also: tuple[str, ...],
) -> Enrolled:
    """A factor was confirmed in this session: it rises, there are recovery codes, the level follows, every address is told.

    `also` are the addresses of DEERS, which hear of a risen level too. Raises `Undone` when the session ended meanwhile.
    """
    owner = Owner(me.account_id, me.person_id)
    raised = sessions.raise_session(conn, me, handle, methods=methods)
    if raised is None:
        raise Undone(Refused(Reason.JOURNEY_GONE))
    # A sign-in that outlives its browser is for accounts with one factor (R83).
    sessions.end_others(
        conn, me.account_id, keep=me.session_id, actor=me.account_id, why="second_factor_added", only_staying=True
    )
    audit.record(
        conn,
        Event.FACTOR_ADDED,
        actor=me.account_id,
        subject=me.person_id,
        account=me.account_id,
        factor=factor.value,
        in_place_of_another=replaced,
    )
    # Codes that are on paper still serve after a change of telephone.
    codes = recovery_codes.count_left(conn, me.account_id) == 0
    if codes:
        new_codes.make(conn, services, me)
    _settle(conn, services, me, also=also)
    second_factor.tell(
        conn, services.keyring, owner, "second_factor_added", factor=factor.value, replaced="yes" if replaced else ""
    )
    return Enrolled(raised, codes)


def take_away(
    services: Services,
    me: SignedIn,
    handle: str,
    *,
    factor: Factor,
    may_fall: bool,
    taken: Callable[[Connection], bool],
) -> str | Refused:
    """Take a factor away by `taken`, which tells whether it was there, with everything that goes with it; return the session's
    new handle. `WOULD_FALL` where that ends Premium and `may_fall` does not say that it may (R48); `PASSWORD_TOO_SHORT` where
    the password could not stand alone (R1); `NOT_FOUND`.
    """

    def gone(conn: Connection) -> str:
        may_change(conn, me)
        if not taken(conn):
            raise Undone(Refused(Reason.NOT_FOUND))
        return _count_out(conn, services, me, handle, factor=factor, may_fall=may_fall)

    try:
        return services.db.write(gone)
    except Undone as undone:
        return undone.refused


def _count_out(
    conn: Connection, services: Services, me: SignedIn, handle: str, *, factor: Factor, may_fall: bool
) -> str:
    """A factor was taken away in this write: the level follows, every address is told, and this session has a new handle.

    Every other sign-in ends. Without any factor left the recovery codes go too, and the password must be long enough alone
    (R1). A Premium account so falls to Basic, which only happens where its owner said yes to that (R48). Raises `Undone`
    otherwise.
    """
    owner = Owner(me.account_id, me.person_id)
    left = second_factor.has_any(conn, me.account_id)
    if not left:
        recovery_codes.void(conn, me.account_id)
        password = passwords.find_password(conn, me.account_id)
        if password is not None and not password.may_stand_alone:
            raise Undone(Refused(Reason.PASSWORD_TOO_SHORT))
    level = _settle(conn, services, me, also=())
    if level < me.account_level and not may_fall:
        raise Undone(Refused(Reason.WOULD_FALL))
    raised = sessions.raise_session(conn, me, handle)
    if raised is None:
        raise Undone(Refused(Reason.JOURNEY_GONE))
    # What was lost may be signed in somewhere.
    sessions.end_everything(conn, me.account_id, keep=me.session_id, actor=me.account_id, why="second_factor_removed")
    audit.record(
        conn,
        Event.FACTOR_REMOVED,
        actor=me.account_id,
        subject=me.person_id,
        account=me.account_id,
        factor=factor.value,
    )
    second_factor.tell(
        conn, services.keyring, owner, "second_factor_removed", factor=factor.value, last="" if left else "yes"
    )
    return raised


def _settle(conn: Connection, services: Services, me: SignedIn, *, also: tuple[str, ...]) -> Level:
    return raising.settle(
        conn,
        services.keyring,
        me.account_id,
        chosen=services.settings.policy,
        actor=me.account_id,
        why="second_factor",
        also=also,
    )
