"""Adding an app that makes codes, and the recovery codes that go with it.

Nothing counts before a first code was right (R33): until then the secret lies sealed in a journey that belongs to the
session, the same in every tab, and is gone half an hour later. Recovery codes lie sealed in one until the person says that
they are saved; afterwards nobody can read them, here or anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from idp import audit, limits
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.audit import Event
from idp.credentials import recovery_codes, second_factor, sessions, totp
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sessions import SignedIn
from idp.credentials.totp import Totp
from idp.journeys import engine
from idp.journeys.engine import Journey, Machine
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import authority, raising

ENROLLED = "enrolled"
SAVED = "saved"


class At(StrEnum):
    """Where either journey stands: each has one page."""

    SCAN = "scan"
    SAVE = "save"


MACHINE = Machine(
    kind="second_factor",
    start=At.SCAN,
    lifetime=timedelta(minutes=30),
    moves={At.SCAN: frozenset()},
    last=At.SCAN,
    opening=frozenset({"account_id", "secret", "replaces"}),
)

CODES = Machine(
    kind="recovery_codes",
    start=At.SAVE,
    lifetime=timedelta(minutes=30),
    moves={At.SAVE: frozenset()},
    last=At.SAVE,
    opening=frozenset({"account_id", "codes"}),
)


@dataclass(frozen=True, repr=False)
class Enrolled:
    """The factor counts: the session's new handle, and whether recovery codes wait to be saved."""

    session: str
    codes: bool

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return f"Enrolled(codes={self.codes})"


class _Undone(Exception):
    """Takes a half-made change back: a returned refusal would commit it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def begin(services: Services, me: SignedIn, handle: str) -> str | Refused:
    """The secret for a new app: the same one in this session until it is confirmed, left or half an hour old.

    `NOT_ALLOWED` to a sign-in with one factor where the account has two (R49).
    """

    def found_or_made(conn: Connection) -> str | Refused:
        # Taking the session's row first makes two tabs at once wait for one another, and so see one secret.
        sessions.touch(conn, handle, me)
        held = totp.find(conn, me.account_id)
        if held is not None and me.aal < 2:
            return Refused(Reason.NOT_ALLOWED)
        journey = engine.find_holder(conn, services.keyring, MACHINE, _place(services, MACHINE, me))
        if journey is not None and journey.facts["replaces"] == _mark(held):
            secret: str = journey.facts["secret"]
            return secret
        secret = totp.new_secret()
        _start(conn, services, MACHINE, me, secret=secret, replaces=_mark(held))
        return secret

    return services.db.write(found_or_made)


def confirm(services: Services, me: SignedIn, handle: str, typed: str) -> Enrolled | Refused:
    """Take the first code of the new app. Right, and in one write: the app counts in place of any before it, its replay
    guard starts, there are recovery codes, the session rises, the level follows, and every address is told.

    `JOURNEY_GONE` when there is nothing to confirm any more, or another app is there by now.
    """
    owner = Owner(me.account_id, me.person_id)
    with services.db.read() as conn:
        journey = engine.find_holder(conn, services.keyring, MACHINE, _place(services, MACHINE, me))
    if journey is None:
        return Refused(Reason.JOURNEY_GONE)
    limited = services.db.write(lambda conn: _reserve(conn, Limit.TOTP_CONFIRM, owner))
    if limited is not None:
        return limited
    step = totp.judge(journey.facts["secret"], typed, last_step=0)
    if isinstance(step, Refused):
        why = step.reason
        services.db.write(lambda conn: second_factor.record_refusal(conn, owner, Factor.TOTP, why))
        return step
    # Asked before the write: the level may rise by this, and then DEERS's addresses hear of it too (R73).
    also = authority.list_emails(services, me.person_id)
    try:
        return services.db.write(lambda conn: _enrol(conn, services, me, handle, journey, step, also))
    except _Undone as undone:
        return undone.refused


def renew_codes(services: Services, me: SignedIn, handle: str) -> Refused | None:
    """Make a new set of recovery codes; the old set is dead in the same write (R35). It needs two factors."""
    owner = Owner(me.account_id, me.person_id)
    if me.aal < 2 or not me.second_factor:
        return Refused(Reason.NOT_ALLOWED)
    refused = services.db.write(lambda conn: _reserve(conn, Limit.RECOVERY_CODES_NEW, owner))
    if refused is not None:
        return refused

    def renew(conn: Connection) -> None:
        sessions.touch(conn, handle, me)
        _make_codes(conn, services, me)
        second_factor.tell(conn, services.keyring, owner, "recovery_codes_made")

    services.db.write(renew)
    return None


def list_new_codes(services: Services, me: SignedIn) -> Sequence[str]:
    """The recovery codes that this session made and nobody has said to have saved; empty when there are none."""
    with services.db.read() as conn:
        journey = engine.find_holder(conn, services.keyring, CODES, _place(services, CODES, me))
    return () if journey is None else tuple(journey.facts["codes"])


def note_saved(services: Services, me: SignedIn) -> None:
    """Erase the codes: the person has them, and from now on nobody else."""

    def forget(conn: Connection) -> None:
        journey = engine.find_holder(conn, services.keyring, CODES, _place(services, CODES, me))
        if journey is not None:
            engine.end(conn, journey, SAVED)

    services.db.write(forget)


def _enrol(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    journey: Journey,
    step: int,
    also: tuple[str, ...],
) -> Enrolled:
    owner = Owner(me.account_id, me.person_id)
    account = accounts.find_account(conn, me.account_id)
    held = totp.find(conn, me.account_id)
    if account is None or account.state != State.ACTIVE.value:
        raise _Undone(Refused(Reason.ACCOUNT_NOT_ACTIVE))
    if held is not None and me.aal < 2:
        raise _Undone(Refused(Reason.NOT_ALLOWED))
    if journey.facts["replaces"] != _mark(held) or not engine.end(conn, journey, ENROLLED):
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    old = None if held is None else held.secret_sealed
    secret: str = journey.facts["secret"]
    if not totp.keep(conn, services.keyring, me.account_id, secret=secret, step=step, old=old):
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    for limit in (Limit.TOTP, Limit.TOTP_CONFIRM):
        limits.clear(conn, limit, me.account_id)
    raised = sessions.raise_session(conn, me, handle, method=second_factor.METHOD)
    if raised is None:
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    audit.record(
        conn,
        Event.FACTOR_ADDED,
        actor=me.account_id,
        subject=me.person_id,
        account=me.account_id,
        factor=Factor.TOTP.value,
        in_place_of_another=held is not None,
    )
    # Codes that are on paper still serve after a change of telephone.
    codes = recovery_codes.count_left(conn, me.account_id) == 0
    if codes:
        _make_codes(conn, services, me)
    raising.settle(
        conn,
        services.keyring,
        me.account_id,
        chosen=services.settings.policy,
        actor=me.account_id,
        why="second_factor",
        also=also,
    )
    replaced = "yes" if held is not None else ""
    second_factor.tell(conn, services.keyring, owner, "second_factor_added", replaced=replaced)
    return Enrolled(raised, codes)


def _make_codes(conn: Connection, services: Services, me: SignedIn) -> None:
    codes = recovery_codes.renew(conn, services.keyring, me.account_id)
    limits.clear(conn, Limit.RECOVERY_CODE, me.account_id)
    _start(conn, services, CODES, me, codes=codes)
    audit.record(conn, Event.RECOVERY_CODES_MADE, actor=me.account_id, subject=me.person_id, account=me.account_id)


def _start(conn: Connection, services: Services, machine: Machine, me: SignedIn, **facts: Any) -> None:
    """Begin a journey of this session, in place of any of its kind. No browser holds its handle: the session finds it."""
    place = _place(services, machine, me)
    before = engine.find_holder(conn, services.keyring, machine, place)
    if before is not None:
        engine.end(conn, before, "replaced")
    account = accounts.find_account(conn, me.account_id)
    journey, _ = engine.start(
        conn,
        services.keyring,
        machine,
        language=account.language if account is not None else "en",
        facts={"account_id": me.account_id, **facts},
    )
    engine.reserve(conn, journey, place)


def _place(services: Services, machine: Machine, me: SignedIn) -> str:
    """What a journey of this kind holds for the session alone."""
    return services.keyring.mac(machine.kind, f"{me.account_id}\x1f{me.session_id}")


def _mark(held: Totp | None) -> str | None:
    """Which app a new one takes the place of."""
    return None if held is None else held.created_at.isoformat()


def _reserve(conn: Connection, limit: Limit, owner: Owner) -> Refused | None:
    refused = limits.reserve(conn, limit, owner.account_id)
    if refused is not None:
        second_factor.record_refusal(conn, owner, Factor.TOTP, refused.reason)
    return refused
