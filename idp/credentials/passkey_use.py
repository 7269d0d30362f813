"""Checking an answer of a passkey: its challenge is spent and the try counted, in one write, before anything is judged."""

from dataclasses import dataclass

from sqlalchemy import Connection

from idp.credentials import budgets, ceremonies, devices, passkeys
from idp.credentials.budgets import Budget
from idp.credentials.ceremonies import Ceremony, Sent
from idp.credentials.passkeys import Asserted, Passkey
from idp.outcomes import Reason, Refused
from idp.ports import Services


@dataclass(frozen=True)
class Shown:
    """Whose passkey answered rightly. Nothing is spent but the challenge."""

    account_id: str
    asserted: Asserted
    device: str | None


@dataclass(frozen=True)
class Failed:
    """It did not. `account_id` is whose passkey was named; `stopped` that this was the last of a hundred."""

    refused: Refused
    account_id: str | None = None
    stopped: bool = False


@dataclass(frozen=True)
class _Tried:
    passkey: Passkey
    device: str | None


def check(
    services: Services, ceremony: Ceremony, holder: str, typed: str, *, whose: str | None, device: str | None
) -> Shown | Failed:
    """Whether an answer is right: for a challenge of this `holder`, by a passkey of the account `whose` (None: of any).

    `device` is the browser's handle. What is right is spent by `passkeys.claim` in the write of what it opens.
    """
    sent = ceremonies.read(typed)
    if isinstance(sent, Refused):
        return Failed(sent)
    tried = services.db.write(lambda conn: _take(conn, ceremony, holder, sent, whose, device))
    if isinstance(tried, Failed):
        return tried
    asserted = passkeys.compare(ceremonies.site_of(services.settings), tried.passkey, sent)
    if isinstance(asserted, Refused):
        refused = asserted
        return services.db.write(lambda conn: _fail(conn, tried.passkey, refused))
    return Shown(tried.passkey.account_id, asserted, tried.device)


def clear(conn: Connection, shown: Shown) -> None:
    """It opened something: its failures are no longer in a row (R18)."""
    budgets.clear(conn, Budget.PASSKEY, shown.asserted.passkey, shown.device)


def _take(
    conn: Connection, ceremony: Ceremony, holder: str, sent: Sent, whose: str | None, device: str | None
) -> _Tried | Failed:
    if not ceremonies.spend(conn, ceremony, holder, sent):
        return Failed(Refused(Reason.EXPIRED))
    passkey = passkeys.find_by_credential(conn, sent.credential_id)
    if passkey is None or whose not in {None, passkey.account_id}:
        # Another account's is as unknown here as one that nobody has (R44).
        return Failed(Refused(Reason.UNKNOWN_PASSKEY))
    known = devices.find_known(conn, device, passkey.account_id)
    refused = budgets.reserve(conn, Budget.PASSKEY, passkey.id, known)
    return _Tried(passkey, known) if refused is None else Failed(refused, passkey.account_id)


def _fail(conn: Connection, passkey: Passkey, refused: Refused) -> Failed:
    """The last of a hundred in a row stops this passkey and no other factor (R13)."""
    stopped = budgets.is_spent(conn, Budget.PASSKEY, passkey.id) and passkeys.disable(conn, passkey.id)
    return Failed(Refused(Reason.FACTOR_STOPPED) if stopped else refused, passkey.account_id, stopped=stopped)
