"""Adding an app that makes codes, changing it, and taking it away.

Nothing counts before a first code was right (R33): until then the secret lies sealed in a journey that belongs to the
session, the same in every tab, and is gone half an hour later.
"""

from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from idp import limits
from idp.credentials import budgets, second_factor, session_use, totp
from idp.credentials.budgets import Budget
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sessions import SignedIn
from idp.credentials.totp import Totp
from idp.journeys import engine, factors, of_session
from idp.journeys.engine import Journey, Machine
from idp.journeys.factors import Enrolled, Undone
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import authority

ENROLLED = "enrolled"


class At(StrEnum):
    """Where it stands: there is one page."""

    SCAN = "scan"


MACHINE = Machine(
    kind="second_factor",
    start=At.SCAN,
    lifetime=timedelta(minutes=30),
    moves={At.SCAN: frozenset()},
    last=At.SCAN,
    opening=frozenset({"account_id", "secret", "replaces"}),
)


def begin(services: Services, me: SignedIn, handle: str) -> str | Refused:
    """The secret for a new app: the same one in this session until it is confirmed, left or half an hour old.

    `NOT_ALLOWED` to a sign-in with one factor where the account has two (R49).
    """

    def found_or_made(conn: Connection) -> str | Refused:
        # Taking the session's row first makes two tabs at once wait for one another, and so see one secret.
        session_use.touch(conn, handle, me)
        if me.aal < 2 and second_factor.has_any(conn, me.account_id):
            return Refused(Reason.NOT_ALLOWED)
        held = totp.find(conn, me.account_id)
        journey = of_session.find(conn, services, MACHINE, me)
        if journey is not None and journey.facts["replaces"] == _mark(held):
            secret: str = journey.facts["secret"]
            return secret
        secret = totp.new_secret()
        of_session.start(conn, services, MACHINE, me, secret=secret, replaces=_mark(held))
        return secret

    return services.db.write(found_or_made)


def confirm(services: Services, me: SignedIn, handle: str, typed: str) -> Enrolled | Refused:
    """Take the first code of the new app. Right, and in one write: the app counts in place of any before it, its replay
    guard starts, and everything that a new factor brings comes with it.

    `JOURNEY_GONE` when there is nothing to confirm any more, or another app is there by now.
    """
    owner = Owner(me.account_id, me.person_id)
    with services.db.read() as conn:
        journey = of_session.find(conn, services, MACHINE, me)
    if journey is None:
        return Refused(Reason.JOURNEY_GONE)
    limited = services.db.write(lambda conn: _reserve(conn, owner))
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
    except Undone as undone:
        return undone.refused


def remove(services: Services, me: SignedIn, handle: str, *, may_fall: bool) -> str | Refused:
    """Take the app away, and return the session's new handle; refused as `factors.take_away` says."""

    def taken(conn: Connection) -> bool:
        there = totp.remove(conn, me.account_id)
        budgets.forget(conn, Budget.TOTP, me.account_id)
        return there

    return factors.take_away(services, me, handle, factor=Factor.TOTP, may_fall=may_fall, taken=taken)


def _enrol(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    journey: Journey,
    step: int,
    also: tuple[str, ...],
) -> Enrolled:
    factors.may_change(conn, me)
    held = totp.find(conn, me.account_id)
    if journey.facts["replaces"] != _mark(held) or not engine.end(conn, journey, ENROLLED):
        raise Undone(Refused(Reason.JOURNEY_GONE))
    old = None if held is None else held.secret_sealed
    secret: str = journey.facts["secret"]
    if not totp.keep(conn, services.keyring, me.account_id, secret=secret, step=step, old=old):
        raise Undone(Refused(Reason.JOURNEY_GONE))
    budgets.forget(conn, Budget.TOTP, me.account_id)
    limits.clear(conn, (Limit.TOTP_CONFIRM, me.account_id))
    return factors.count_in(
        conn, services, me, handle, factor=Factor.TOTP, methods=("otp",), replaced=held is not None, also=also
    )


def _mark(held: Totp | None) -> str | None:
    """Which app a new one takes the place of."""
    return None if held is None else held.created_at.isoformat()


def _reserve(conn: Connection, owner: Owner) -> Refused | None:
    refused = limits.reserve(conn, Limit.TOTP_CONFIRM, owner.account_id)
    if refused is not None:
        second_factor.record_refusal(conn, owner, Factor.TOTP, refused.reason)
    return refused
