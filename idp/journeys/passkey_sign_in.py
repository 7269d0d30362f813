"""Signing in with a passkey alone: no name is typed, and the passkey tells whose it is.

It made sure of its user, so it is two factors in one step (SP 800-63B-4 §3.1.7); one that did not is refused here.
"""

from typing import Any

from sqlalchemy import Connection

from idp import audit, crypto, limits
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.audit import ANONYMOUS, Event
from idp.credentials import ceremonies, passkey_options, passkey_use, second_factor
from idp.credentials import sign_in as opening
from idp.credentials.ceremonies import Ceremony
from idp.credentials.passkey_use import Failed, Shown
from idp.credentials.second_factor import Factor, Owner
from idp.credentials.sign_in import Browser, NotActive, Opened
from idp.journeys import sign_in
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services


def options(services: Services, holder: str, *, address: str) -> dict[str, Any] | Refused:
    """What a browser asks its authenticators for. `holder` is the random handle that the browser keeps for it (R37)."""

    def asked(conn: Connection) -> dict[str, Any] | Refused:
        refused = limits.reserve(conn, Limit.CHALLENGE_ADDRESS, opening.network_of(address))
        if refused is not None:
            return refused
        return passkey_options.to_sign_in(conn, ceremonies.site_of(services.settings), _held_by(holder))

    return services.db.write(asked)


def sign_in_with_passkey(
    services: Services,
    *,
    typed: str,
    holder: str | None,
    remember: bool | None,
    browser: Browser,
    half_made: str | None = None,
) -> Opened | NotActive | Refused:
    """Open a session for whose passkey answered. `half_made` is the sign-in that this browser had begun: it ends with this one.

    Failures count against the network that they come from (R19) and against the passkey that was named (R13).
    """
    network = opening.network_of(browser.address)
    if holder is None:
        return Refused(Reason.EXPIRED)
    if (refused := services.db.write(lambda conn: _reserve(conn, network))) is not None:
        return refused
    shown = passkey_use.check(services, Ceremony.SIGN_IN, _held_by(holder), typed, whose=None, device=browser.device)
    if isinstance(shown, Failed):
        failed = shown
        services.db.write(lambda conn: _note(conn, services, failed))
        return failed.refused
    if not shown.asserted.answer.user_verified:
        weak = Failed(Refused(Reason.WRONG_PASSKEY), shown.account_id)
        services.db.write(lambda conn: _note(conn, services, weak))
        return weak.refused
    right = shown
    return services.db.write(
        lambda conn: _open(conn, services, right, network, remember=remember, browser=browser, half_made=half_made)
    )


def _held_by(holder: str) -> str:
    return f"browser:{crypto.digest(holder)}"


def _reserve(conn: Connection, network: str) -> Refused | None:
    refused = limits.reserve(conn, Limit.SIGN_IN_ADDRESS, network)
    if refused is not None:
        _record(conn, None, None, refused.reason)
    return refused


def _note(conn: Connection, services: Services, failed: Failed) -> None:
    account = None if failed.account_id is None else accounts.find_account(conn, failed.account_id)
    person_id = None if account is None else account.person_id
    _record(conn, failed.account_id, person_id, failed.refused.reason)
    if account is not None and failed.stopped:
        second_factor.record_stop(conn, services.keyring, Owner(account.id, account.person_id), Factor.PASSKEY)


def _record(conn: Connection, account_id: str | None, person_id: str | None, why: Reason) -> None:
    audit.record(conn, Event.SIGN_IN_REFUSED, actor=ANONYMOUS, subject=person_id, account=account_id, why=why.value)


def _open(
    conn: Connection,
    services: Services,
    shown: Shown,
    network: str,
    *,
    remember: bool | None,
    browser: Browser,
    half_made: str | None,
) -> Opened | NotActive | Refused:
    account = accounts.get_account(conn, shown.account_id)
    owner = Owner(account.id, account.person_id)
    right = second_factor.Shown(shown.asserted, shown.device)
    if (refused := second_factor.claim(conn, services.keyring, owner, right)) is not None:
        _record(conn, account.id, account.person_id, refused.reason)
        return refused
    limits.give_back(conn, Limit.SIGN_IN_ADDRESS, network)
    if account.state != State.ACTIVE.value:
        _record(conn, account.id, account.person_id, Reason.ACCOUNT_NOT_ACTIVE)
        return NotActive(State(account.state))
    sign_in.end_half_made(conn, services, half_made)
    return opening.open_session(
        conn, services.keyring, account, methods=shown.asserted.methods, remember=remember, browser=browser
    )
