"""Checking a second factor: how often one may be wrong, and what a use of it brings with it.

A code of the app and a recovery code are checked alike: counted before they are compared (R15, R31, R34), compared outside
every write, and spent in the write of what they open. Each has its own budget for the account, which no new sign-in
renews, and a success clears only its own (R18).
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from idp import audit, limits
from idp.accounts import accounts, notices
from idp.audit import Event
from idp.credentials import recovery_codes, totp
from idp.credentials.recovery_codes import Listed
from idp.credentials.totp import Fits
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services

METHOD = "otp"
"""What either of them is in `amr` (RFC 8176): something that the person has, which says its code once."""

Shown = Fits | Listed
"""A right code that is not spent yet."""


class Factor(StrEnum):
    """What can be shown beside a password. The values go to the audit log."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose factor it is."""

    account_id: str
    person_id: str


_LIMITS = {Factor.TOTP: Limit.TOTP, Factor.RECOVERY_CODE: Limit.RECOVERY_CODE}


def check(services: Services, owner: Owner, factor: Factor, typed: str) -> Shown | Refused:
    """Whether a code is right. It is spent by `claim`, in the write of what it opens."""
    if (refused := services.db.write(lambda conn: _reserve(conn, owner, factor))) is not None:
        return refused
    with services.db.read() as conn:
        shown = _compare(conn, services.keyring, owner, factor, typed)
    if isinstance(shown, Refused):
        wrong = shown
        return services.db.write(lambda conn: _fail(conn, services.keyring, owner, factor, wrong))
    return shown


def claim(conn: Connection, keyring: Keyring, owner: Owner, shown: Shown) -> Refused | None:
    """Spend a right code. `CODE_USED` for everybody but one who bring the same (R27, R34)."""
    if isinstance(shown, Fits):
        factor, claimed = Factor.TOTP, totp.claim(conn, owner.account_id, shown)
    else:
        factor, claimed = Factor.RECOVERY_CODE, recovery_codes.claim(conn, owner.account_id, shown)
    if not claimed:
        record_refusal(conn, owner, factor, Reason.CODE_USED)
        return Refused(Reason.CODE_USED)
    limits.clear(conn, _LIMITS[factor], owner.account_id)
    if factor is Factor.RECOVERY_CODE:
        left = recovery_codes.count_left(conn, owner.account_id)
        audit.record(
            conn,
            Event.RECOVERY_CODE_USED,
            actor=owner.account_id,
            subject=owner.person_id,
            account=owner.account_id,
            left=left,
        )
        tell(conn, keyring, owner, "recovery_code_used", left=str(left))
    return None


def revive(conn: Connection, account_id: str) -> None:
    """Let a stopped app work again and forget what was wrong, once an operator has made sure who asks."""
    totp.enable(conn, account_id)
    for limit in _LIMITS.values():
        limits.clear(conn, limit, account_id)


def tell(conn: Connection, keyring: Keyring, owner: Owner, template: str, **facts: str) -> None:
    """A notice to every address of the account (R50)."""
    account = accounts.find_account(conn, owner.account_id)
    if account is not None:
        notices.tell_owner(conn, keyring, account, template, facts)


def record_refusal(conn: Connection, owner: Owner, factor: Factor, why: Reason) -> None:
    """Note that a code opened nothing."""
    audit.record(
        conn,
        Event.FACTOR_REFUSED,
        actor=owner.account_id,
        subject=owner.person_id,
        account=owner.account_id,
        factor=factor.value,
        why=why.value,
    )


def _reserve(conn: Connection, owner: Owner, factor: Factor) -> Refused | None:
    held = totp.find(conn, owner.account_id)
    stopped = held is not None and (held.disabled_at is not None or limits.is_spent(conn, Limit.TOTP, owner.account_id))
    if factor is Factor.TOTP and stopped:
        refused: Refused | None = Refused(Reason.FACTOR_STOPPED)
    else:
        refused = limits.reserve(conn, _LIMITS[factor], owner.account_id)
    if refused is not None:
        record_refusal(conn, owner, factor, refused.reason)
    return refused


def _compare(conn: Connection, keyring: Keyring, owner: Owner, factor: Factor, typed: str) -> Shown | Refused:
    if factor is Factor.RECOVERY_CODE:
        return recovery_codes.compare(conn, keyring, owner.account_id, typed)
    held = totp.find(conn, owner.account_id)
    return Refused(Reason.WRONG_CODE) if held is None else totp.compare(keyring, held, typed)


def _fail(conn: Connection, keyring: Keyring, owner: Owner, factor: Factor, wrong: Refused) -> Refused:
    """Note it; the last of a hundred in a row stops this factor and no other (R13)."""
    record_refusal(conn, owner, factor, wrong.reason)
    if not limits.is_spent(conn, _LIMITS[factor], owner.account_id):
        return wrong
    if factor is Factor.RECOVERY_CODE:
        recovery_codes.void(conn, owner.account_id)
    elif not totp.disable(conn, owner.account_id):
        return Refused(Reason.FACTOR_STOPPED)
    audit.record(
        conn,
        Event.FACTOR_STOPPED,
        actor=owner.account_id,
        subject=owner.person_id,
        account=owner.account_id,
        factor=factor.value,
    )
    tell(conn, keyring, owner, "second_factor_stopped", factor=factor.value)
    return Refused(Reason.FACTOR_STOPPED if factor is Factor.TOTP else Reason.CODE_DEAD)
