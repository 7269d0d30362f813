"""Checking a second factor: how often one may be wrong, and what a use of it brings with it.

A code of the app, a recovery code and a passkey are checked alike: counted before they are compared (R15, R31, R34),
compared outside every write, and spent in the write of what they open. Each has its own budget for the account, which no
new sign-in renews, and a success clears only its own (R18).
"""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit
from idp.accounts import accounts, notices
from idp.audit import Event
from idp.credentials import budgets, devices, passkey_use, passkeys, recovery_codes, totp
from idp.credentials.budgets import Budget
from idp.credentials.ceremonies import Ceremony
from idp.credentials.passkey_use import Failed
from idp.credentials.passkeys import Asserted, Passkey
from idp.credentials.recovery_codes import Listed
from idp.credentials.totp import Fits, Totp
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused
from idp.ports import Services


class Factor(StrEnum):
    """What can be shown beside a password. The values go to the audit log."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose factor it is."""

    account_id: str
    person_id: str


@dataclass(frozen=True)
class Shown:
    """Something that is right and not spent yet, and the browser it was shown in, if the account signed in there before."""

    what: Fits | Listed | Asserted
    device: str | None

    @property
    def factor(self) -> Factor:
        """Which kind it is."""
        if isinstance(self.what, Asserted):
            return Factor.PASSKEY
        return Factor.TOTP if isinstance(self.what, Fits) else Factor.RECOVERY_CODE

    @property
    def methods(self) -> tuple[str, ...]:
        """What it is in `amr` (RFC 8176): a code that something the person has says once, or a passkey."""
        return self.what.methods if isinstance(self.what, Asserted) else ("otp",)


_BUDGETS = {Factor.TOTP: Budget.TOTP, Factor.RECOVERY_CODE: Budget.RECOVERY_CODE}


def check(
    services: Services, owner: Owner, factor: Factor, typed: str, *, device: str | None, holder: str
) -> Shown | Refused:
    """Whether what was shown is right. It is spent by `claim`, in the write of what it opens.

    `device` is the browser's handle; `holder` is what a passkey's challenge was given to.
    """
    if factor is Factor.PASSKEY:
        return _check_passkey(services, owner, typed, device=device, holder=holder)
    with services.db.read() as conn:
        known = devices.find_known(conn, device, owner.account_id)
    if (refused := services.db.write(lambda conn: _reserve(conn, owner, factor, known))) is not None:
        return refused
    with services.db.read() as conn:
        fits = _compare(conn, services.keyring, owner, factor, typed)
    if isinstance(fits, Refused):
        wrong = fits
        return services.db.write(lambda conn: _fail(conn, services.keyring, owner, factor, wrong))
    return Shown(fits, known)


def claim(conn: Connection, keyring: Keyring, owner: Owner, shown: Shown) -> Refused | None:
    """Spend what was right. `CODE_USED` for everybody but one who bring the same code (R27, R34)."""
    what = shown.what
    if isinstance(what, Asserted):
        return _claim_passkey(conn, keyring, owner, shown, what)
    if isinstance(what, Fits):
        claimed = totp.claim(conn, owner.account_id, what)
    else:
        claimed = recovery_codes.claim(conn, owner.account_id, what)
    if not claimed:
        record_refusal(conn, owner, shown.factor, Reason.CODE_USED)
        return Refused(Reason.CODE_USED)
    budgets.clear(conn, _BUDGETS[shown.factor], owner.account_id, shown.device)
    if shown.factor is Factor.RECOVERY_CODE:
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


def list_held(conn: Connection, account_id: str) -> frozenset[Factor]:
    """Which second factors the account has, disabled or not: a sign-in then never goes without."""
    held = set()
    if totp.find(conn, account_id) is not None:
        held.add(Factor.TOTP)
    if conn.execute(sa.select(Passkey.id).where(Passkey.account_id == account_id).limit(1)).first() is not None:
        held.add(Factor.PASSKEY)
    return frozenset(held)


def has_any(conn: Connection, account_id: str) -> bool:
    """Whether the account has a second factor, disabled or not."""
    return bool(conn.execute(_HAS_ANY, {"which": account_id}).scalar_one())


def held_by(account_id: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    """The same as part of a statement."""
    return sa.or_(
        sa.exists().where(Totp.account_id == account_id, Totp.confirmed_at.is_not(None)),
        sa.exists().where(Passkey.account_id == account_id),
    )


# Made once: every sign-in runs it, and to make it anew costs more than to run it.
_HAS_ANY = sa.select(held_by(sa.bindparam("which", type_=sa.Text())))


def revive(conn: Connection, account_id: str) -> None:
    """Let what was stopped work again and forget what was wrong, once an operator has made sure who asks."""
    totp.enable(conn, account_id)
    passkeys.enable_all(conn, account_id)
    for budget in _BUDGETS.values():
        budgets.forget(conn, budget, account_id)
    for passkey in passkeys.list_rows(conn, account_id):
        budgets.forget(conn, Budget.PASSKEY, passkey.id)


def is_stopped(conn: Connection, account_id: str) -> bool:
    """Whether too many failures have stopped any of them."""
    app = totp.find(conn, account_id)
    if app is not None and (app.disabled_at is not None or budgets.is_spent(conn, Budget.TOTP, account_id)):
        return True
    return any(passkey.disabled_at is not None for passkey in passkeys.list_rows(conn, account_id))


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


def record_stop(conn: Connection, keyring: Keyring, owner: Owner, factor: Factor) -> None:
    """Note that too many failures stopped a factor, and tell its owner."""
    audit.record(
        conn,
        Event.FACTOR_STOPPED,
        actor=owner.account_id,
        subject=owner.person_id,
        account=owner.account_id,
        factor=factor.value,
    )
    tell(conn, keyring, owner, "second_factor_stopped", factor=factor.value)


def _check_passkey(services: Services, owner: Owner, typed: str, *, device: str | None, holder: str) -> Shown | Refused:
    shown = passkey_use.check(services, Ceremony.SECOND_STEP, holder, typed, whose=owner.account_id, device=device)
    if not isinstance(shown, Failed):
        return Shown(shown.asserted, shown.device)
    failed = shown

    def note(conn: Connection) -> None:
        record_refusal(conn, owner, Factor.PASSKEY, failed.refused.reason)
        if failed.stopped:
            record_stop(conn, services.keyring, owner, Factor.PASSKEY)

    services.db.write(note)
    return failed.refused


def _claim_passkey(
    conn: Connection, keyring: Keyring, owner: Owner, shown: Shown, asserted: Asserted
) -> Refused | None:
    if passkeys.claim(conn, owner.account_id, asserted):
        budgets.clear(conn, Budget.PASSKEY, asserted.passkey, shown.device)
        return None
    record_refusal(conn, owner, Factor.PASSKEY, Reason.WRONG_PASSKEY)
    if any(passkey.id == asserted.passkey for passkey in passkeys.list_rows(conn, owner.account_id)):
        passkeys.record_suspicion(conn, account_id=owner.account_id, person_id=owner.person_id)
        tell(conn, keyring, owner, "passkey_suspect")
    return Refused(Reason.WRONG_PASSKEY)


def _reserve(conn: Connection, owner: Owner, factor: Factor, device: str | None) -> Refused | None:
    held = totp.find(conn, owner.account_id)
    spent = budgets.is_spent(conn, Budget.TOTP, owner.account_id)
    if factor is Factor.TOTP and held is not None and (held.disabled_at is not None or spent):
        refused: Refused | None = Refused(Reason.FACTOR_STOPPED)
    else:
        refused = budgets.reserve(conn, _BUDGETS[factor], owner.account_id, device)
    if refused is not None:
        record_refusal(conn, owner, factor, refused.reason)
    return refused


def _compare(conn: Connection, keyring: Keyring, owner: Owner, factor: Factor, typed: str) -> Fits | Listed | Refused:
    if factor is Factor.RECOVERY_CODE:
        return recovery_codes.compare(conn, keyring, owner.account_id, typed)
    held = totp.find(conn, owner.account_id)
    return Refused(Reason.WRONG_CODE) if held is None else totp.compare(keyring, held, typed)


def _fail(conn: Connection, keyring: Keyring, owner: Owner, factor: Factor, wrong: Refused) -> Refused:
    """Note it; the last of a hundred in a row stops this factor and no other (R13)."""
    record_refusal(conn, owner, factor, wrong.reason)
    if not budgets.is_spent(conn, _BUDGETS[factor], owner.account_id):
        return wrong
    if factor is Factor.RECOVERY_CODE:
        recovery_codes.void(conn, owner.account_id)
    elif not totp.disable(conn, owner.account_id):
        return Refused(Reason.FACTOR_STOPPED)
    record_stop(conn, keyring, owner, factor)
    return Refused(Reason.FACTOR_STOPPED if factor is Factor.TOTP else Reason.CODE_DEAD)
