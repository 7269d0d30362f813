"""Changing a password: by its owner, who is signed in and shows the present one first (R12)."""

from sqlalchemy import Connection

from idp import audit
from idp.accounts import accounts, known_words, notices
from idp.accounts.accounts import State
from idp.audit import Event
from idp.credentials import budgets, devices, passwords, second_factor, sessions, sign_in
from idp.credentials.budgets import Budget
from idp.credentials.passwords import Busy, Hashed, Password
from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import Browser, Try
from idp.outcomes import Reason, Refused
from idp.ports import Services


def check(services: Services, me: SignedIn, new: str) -> Refused | None:
    """Whether this person may choose this password. Beside a second factor a shorter one will do (R1)."""
    with services.db.read() as conn:
        alone = not second_factor.has_any(conn, me.account_id)
        about = known_words.list_words(conn, services.keyring, me.account_id)
    return passwords.check(new, username=me.username, breached=services.breached, alone=alone, about=about)


def change(
    services: Services, me: SignedIn, handle: str, *, current: str | None, new: str, browser: Browser
) -> str | Refused:
    """Put a new password in place of the present one, and return the session's new handle (R81).

    A wrong present one is counted as at sign-in (R16). In one write: the new password, a new handle for this session, the
    end of every other one and of what clients hold from it (R87), and a notice to every address.

    `current` is None where the sign-in is fresh and was made without a password. `WRONG_CREDENTIALS`, `TOO_MANY_TRIES`;
    `JOURNEY_GONE` when this session ended or got another handle meanwhile. Raises `Busy`, and then nothing was counted.
    """
    if (refused := check(services, me, new)) is not None:
        return refused
    if current is not None and passwords.is_same(current, new):
        return Refused(Reason.PASSWORD_SAME)
    with services.db.read() as conn:
        account = accounts.find_account(conn, me.account_id)
        stored = passwords.find_password(conn, me.account_id)
        known = devices.find_known(conn, browser.device, me.account_id)
    tried = Try(
        account,
        me.account_id,
        sign_in.network_of(browser.address),
        known,
        refusal=Event.PASSWORD_CHANGE_REFUSED,
        actor=me.account_id,
    )
    kind = services.settings.password_hash
    if current is None:
        # Not counted: who asks may set any password, and a wrong guess at the present one does.
        if passwords.verify(services.keyring, stored, new, kind):
            return Refused(Reason.PASSWORD_SAME)
    else:
        right = sign_in.judge(services, tried, stored, current)
        if isinstance(right, Refused):
            return right
        if not right:
            return services.db.write(lambda conn: sign_in.fail(conn, tried))
    try:
        hashed = passwords.hash_password(services.keyring, new, kind)
    except Busy:
        if current is not None:
            services.db.write(lambda conn: sign_in.clear(conn, tried))
        raise
    shown = tried if current is not None else None
    return services.db.write(lambda conn: _change(conn, services, me, handle, stored, hashed, new=new, tried=shown))


def _change(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    checked: Password | None,
    hashed: Hashed,
    *,
    new: str,
    tried: Try | None,
) -> str | Refused:
    """Everything that comes of it. Whatever is refused is refused before anything is written."""
    account = accounts.hold(conn, me.account_id)
    stored = passwords.find_password(conn, me.account_id)
    if account is None or account.state != State.ACTIVE.value:
        return Refused(Reason.JOURNEY_GONE)
    if tried is not None and (_mark(stored) != _mark(checked) or stored is None or stored.disabled_at is not None):
        return sign_in.fail(conn, tried)
    # The second factor may have gone meanwhile, and with it the right to a short one.
    refused = passwords.check_length(new, alone=not second_factor.has_any(conn, me.account_id))
    if refused is not None:
        return refused
    raised = sessions.raise_session(conn, me, handle)
    if raised is None:
        return Refused(Reason.JOURNEY_GONE)
    if tried is not None:
        sign_in.clear(conn, tried)
    budgets.forget(conn, Budget.PASSWORD, me.account_id)
    passwords.set_password(conn, me.account_id, hashed)
    sessions.end_everything(conn, me.account_id, keep=me.session_id, actor=me.account_id, why="password_changed")
    audit.record(conn, Event.PASSWORD_CHANGED, actor=me.account_id, subject=me.person_id, account=me.account_id)
    notices.tell_owner(conn, services.keyring, account, "password_changed")
    return raised


def _mark(stored: Password | None) -> str | None:
    """Which password it is, however often it is hashed anew."""
    return None if stored is None else stored.changed_at.isoformat()
