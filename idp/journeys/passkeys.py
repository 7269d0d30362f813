"""Adding passkeys and security keys, giving them names, and taking them away."""

from typing import Any

from sqlalchemy import Connection

from idp import audit
from idp.accounts import accounts
from idp.audit import Event
from idp.credentials import budgets, ceremonies, passkey_options, passkeys, second_factor
from idp.credentials.budgets import Budget
from idp.credentials.ceremonies import Ceremony, Made
from idp.credentials.passkeys import Asserted
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sessions import SignedIn
from idp.journeys import factors
from idp.journeys.factors import Enrolled, Undone
from idp.journeys.sign_in import holder_of_session
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import authority


def options(services: Services, me: SignedIn) -> dict[str, Any] | Refused:
    """What this session's browser asks an authenticator for; `NOT_ALLOWED` to one factor where the account has two (R49)."""

    def asked(conn: Connection) -> dict[str, Any] | Refused:
        if me.aal < 2 and second_factor.has_any(conn, me.account_id):
            return Refused(Reason.NOT_ALLOWED)
        account = accounts.get_account(conn, me.account_id)
        return passkey_options.to_add(conn, ceremonies.site_of(services.settings), holder_of_session(me), account)

    return services.db.write(asked)


def add(services: Services, me: SignedIn, handle: str, *, typed: str, name: str) -> Enrolled | Refused:
    """Take what the authenticator made. Right, and in one write: it counts, and everything that a new factor brings comes
    with it.
    """
    called = passkeys.check_name(name)
    if isinstance(called, Refused):
        return called
    sent = ceremonies.read(typed)
    if isinstance(sent, Refused):
        return _refuse(services, me, sent)
    if not services.db.write(lambda conn: ceremonies.spend(conn, Ceremony.REGISTER, holder_of_session(me), sent)):
        return _refuse(services, me, Refused(Reason.EXPIRED))
    made = ceremonies.check_made(ceremonies.site_of(services.settings), sent)
    if isinstance(made, Refused):
        return _refuse(services, me, made)
    also = authority.list_emails(services, me.person_id)
    try:
        return services.db.write(lambda conn: _add(conn, services, me, handle, made, called, also))
    except Undone as undone:
        return undone.refused


def rename(services: Services, me: SignedIn, passkey_id: str, name: str) -> Refused | None:
    """Call it otherwise."""
    called = passkeys.check_name(name)
    if isinstance(called, Refused):
        return called

    def renamed(conn: Connection) -> Refused | None:
        if not passkeys.rename(conn, services.keyring, me.account_id, passkey_id, called):
            return Refused(Reason.NOT_FOUND)
        audit.record(conn, Event.PASSKEY_RENAMED, actor=me.account_id, subject=me.person_id, account=me.account_id)
        return None

    return services.db.write(renamed)


def remove(services: Services, me: SignedIn, handle: str, passkey_id: str, *, may_fall: bool) -> str | Refused:
    """Take it away, and return the session's new handle; refused as `factors.take_away` says."""

    def taken(conn: Connection) -> bool:
        there = passkeys.remove(conn, me.account_id, passkey_id)
        budgets.forget(conn, Budget.PASSKEY, passkey_id)
        return there

    return factors.take_away(services, me, handle, factor=Factor.PASSKEY, may_fall=may_fall, taken=taken)


def _add(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    made: Made,
    name: str,
    also: tuple[str, ...],
) -> Enrolled:
    factors.may_change(conn, me)
    kept = passkeys.keep(conn, services.keyring, me.account_id, made, name=name)
    if isinstance(kept, Refused):
        raise Undone(kept)
    # Its making was also a use of it, in this session.
    asserted = Asserted(kept, made.answer)
    return factors.count_in(
        conn, services, me, handle, factor=Factor.PASSKEY, methods=asserted.methods, replaced=False, also=also
    )


def _refuse(services: Services, me: SignedIn, refused: Refused) -> Refused:
    owner = Owner(me.account_id, me.person_id)
    services.db.write(lambda conn: second_factor.record_refusal(conn, owner, Factor.PASSKEY, refused.reason))
    return refused
