"""New recovery codes: they lie sealed until the person says that they are saved; afterwards nobody can read them."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from idp import audit, limits
from idp.audit import Event
from idp.credentials import budgets, recovery_codes, second_factor, session_use
from idp.credentials.budgets import Budget
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, of_session
from idp.journeys.engine import Machine
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services

SAVED = "saved"


class At(StrEnum):
    """Where it stands: there is one page."""

    SAVE = "save"


MACHINE = Machine(
    kind="recovery_codes",
    start=At.SAVE,
    lifetime=timedelta(minutes=30),
    moves={At.SAVE: frozenset()},
    last=At.SAVE,
    opening=frozenset({"account_id", "codes"}),
)


def make(conn: Connection, services: Services, me: SignedIn) -> None:
    """A new set in place of the one before, shown in this session until it is saved."""
    codes = recovery_codes.renew(conn, services.keyring, me.account_id)
    budgets.forget(conn, Budget.RECOVERY_CODE, me.account_id)
    of_session.start(conn, services, MACHINE, me, codes=codes)
    audit.record(conn, Event.RECOVERY_CODES_MADE, actor=me.account_id, subject=me.person_id, account=me.account_id)


def renew(services: Services, me: SignedIn, handle: str) -> Refused | None:
    """Make a new set of recovery codes; the old set is dead in the same write (R35). It needs two factors."""
    owner = Owner(me.account_id, me.person_id)
    if me.aal < 2 or not me.second_factor:
        return Refused(Reason.NOT_ALLOWED)

    def renewed(conn: Connection) -> Refused | None:
        refused = limits.reserve(conn, Limit.RECOVERY_CODES_NEW, owner.account_id)
        if refused is not None:
            second_factor.record_refusal(conn, owner, Factor.RECOVERY_CODE, refused.reason)
            return refused
        session_use.touch(conn, handle, me)
        make(conn, services, me)
        second_factor.tell(conn, services.keyring, owner, "recovery_codes_made")
        return None

    return services.db.write(renewed)


def list_unsaved(services: Services, me: SignedIn) -> Sequence[str]:
    """The recovery codes that this session made and nobody has said to have saved; empty when there are none."""
    with services.db.read() as conn:
        journey = of_session.find(conn, services, MACHINE, me)
    return () if journey is None else tuple(journey.facts["codes"])


def note_saved(services: Services, me: SignedIn) -> None:
    """Erase the codes: the person has them, and from now on nobody else."""

    def forget(conn: Connection) -> None:
        journey = of_session.find(conn, services, MACHINE, me)
        if journey is not None:
            engine.end(conn, journey, SAVED)

    services.db.write(forget)
