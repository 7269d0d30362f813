"""Locking an account: by an operator, or by its owner's "This was not me". The way out is an operator's (`idp accounts unlock`)."""

from enum import StrEnum

from sqlalchemy import Connection

from idp import audit, limits
from idp.accounts import accounts, disownings, notices
from idp.accounts.accounts import Account, State
from idp.audit import ANONYMOUS, Event
from idp.credentials import sessions
from idp.credentials.sign_in import network_of
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import address_codes

DISOWNED = "disowned"
"""The first half of the reason code of a lock that an owner's link made; the second is the audit name of what they disowned."""

_CLOSED_TO_ALL = {State.LOCKED, State.INACTIVE, State.IDENTITY_CONFLICT, State.DECEASED}
"""What an account can be in that nobody uses and only an operator opens: a lock would add nothing, and would hide why. Asked of
its own state: what DEERS holds would be open again as soon as DEERS says so, and a lock must be there by then.
"""


class Link(StrEnum):
    """What the link "This was not me" would do now, or did."""

    LOCKS = "locks"
    LOCKED = "locked"
    """The account is out of use already."""


def lock(conn: Connection, keyring: Keyring, account: Account, *, actor: str, why: str) -> bool:
    """Lock the account in this write and tell every address of it; False when its state is no longer as it was read.

    Every sign-in ends, and with it every token. Codes to its addresses of record are dead: whoever objected to a letter must not
    find that its code works after all.
    """
    if not accounts.change_own_state(conn, account, becomes=State.LOCKED, why=why):
        return False
    address_codes.revoke(conn, account.id)
    sessions.end_everything(conn, account.id, keep=None, actor=actor, why="account_locked")
    audit.record(conn, Event.ACCOUNT_LOCKED, actor=actor, subject=account.person_id, account=account.id, why=why)
    notices.tell_owner(conn, keyring, account, "account_locked")
    return True


def close(conn: Connection, keyring: Keyring, account: Account, *, actor: str, why: str) -> bool:
    """Close the account for good in this write and tell every address of it; False when its state is no longer as it was read.

    Its person may register again. Whoever else DEERS says is the same person comes back at the next look (`sync.look_at_person`).
    """
    if not accounts.change_state(conn, account.id, was=State(account.state), becomes=State.CLOSED, why=why):
        return False
    address_codes.revoke(conn, account.id)
    sessions.end_everything(conn, account.id, keep=None, actor=actor, why="account_closed")
    audit.record(conn, Event.ACCOUNT_CLOSED, actor=actor, subject=account.person_id, account=account.id, why=why)
    notices.tell_owner(conn, keyring, account, "account_closed")
    return True


def look(services: Services, token: str) -> Link | None:
    """What a link would do. Nothing changes by looking (R58); None for a link that does not work."""
    with services.db.read() as conn:
        held = disownings.find_live(conn, token)
        account = None if held is None else accounts.get_account(conn, held.account_id)
    if account is None or account.state == State.CLOSED:
        return None
    return Link.LOCKED if accounts.own_state(account) in _CLOSED_TO_ALL else Link.LOCKS


def disown(services: Services, token: str, *, address: str) -> Link | Refused:
    """Lock the account that the token speaks for. Whoever brings it is nobody that we know; having read the mail is enough
    (SP 800-63A-4 §3.10, R73).

    Tries are counted by address before the token is looked for, and what works is given back.
    """
    asks = network_of(address)
    if (refused := services.db.write(lambda conn: _reserve(conn, asks))) is not None:
        return refused
    return services.db.write(lambda conn: _disown(conn, services.keyring, token, asks))


def _reserve(conn: Connection, asks: str) -> Refused | None:
    refused = limits.reserve(conn, Limit.NOT_ME_ADDRESS, asks)
    return None if refused is None else _refuse(conn, refused)


def _disown(conn: Connection, keyring: Keyring, token: str, asks: str) -> Link | Refused:
    held = disownings.find_live(conn, token)
    # Two who come at once wait for each other here; the later one then sees what the earlier one did.
    account = None if held is None else accounts.hold(conn, held.account_id)
    if held is None or account is None or account.state == State.CLOSED:
        return _refuse(conn, Refused(Reason.NOT_FOUND))
    if accounts.own_state(account) in _CLOSED_TO_ALL:
        limits.give_back(conn, Limit.NOT_ME_ADDRESS, asks)
        return Link.LOCKED
    if not disownings.claim(conn, held):
        return _refuse(conn, Refused(Reason.NOT_FOUND))
    limits.give_back(conn, Limit.NOT_ME_ADDRESS, asks)
    lock(conn, keyring, account, actor=ANONYMOUS, why=f"{DISOWNED}:{held.about}")
    return Link.LOCKED


def _refuse(conn: Connection, refused: Refused) -> Refused:
    audit.record(conn, Event.DISOWNING_REFUSED, actor=ANONYMOUS, subject=None, why=refused.reason.value)
    return refused
