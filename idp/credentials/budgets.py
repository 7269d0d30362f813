"""How often a factor may be wrong: a hundred in a row for everybody together, and waits for each who tries.

Every page where a factor is shown, and every way of writing a name, counts here and nowhere else (R16, R17). A browser that
the account signed in with before waits for its own failures alone, so that nobody elsewhere can starve the owner; its
failures are of the same hundred, after which the factor is worth nothing (R13, R14). A try is counted before it is judged,
in a write of its own (R15).
"""

from enum import Enum

from sqlalchemy import Connection

from idp import limits
from idp.limits import Limit
from idp.outcomes import Refused


class Budget(Enum):
    """A kind of factor, with the limit of its hundred and the one of its waits."""

    PASSWORD = (Limit.PASSWORD, Limit.PASSWORD_WAIT)
    TOTP = (Limit.TOTP, Limit.TOTP_WAIT)
    RECOVERY_CODE = (Limit.RECOVERY_CODE, Limit.RECOVERY_CODE_WAIT)
    PASSKEY = (Limit.PASSKEY, Limit.PASSKEY_WAIT)


def reserve(conn: Connection, budget: Budget, whose: str, device: str | None) -> Refused | None:
    """Count one try, or refuse it with the time to wait.

    `whose` is the account (for a passkey the passkey, for a stranger the HMAC of the name); `device` the known browser.
    """
    hundred, waits = budget.value
    refused = limits.reserve(conn, waits, _waiting(whose, device))
    if refused is None and (refused := limits.reserve(conn, hundred, whose)) is not None:
        limits.give_back(conn, waits, _waiting(whose, device))
    return refused


def give_back(conn: Connection, budget: Budget, whose: str, device: str | None) -> None:
    """Uncount a try that was not judged (R79)."""
    hundred, waits = budget.value
    limits.give_back(conn, waits, _waiting(whose, device))
    limits.give_back(conn, hundred, whose)


def clear(conn: Connection, budget: Budget, whose: str, device: str | None) -> None:
    """A success: the failures are not in a row any more, and whoever succeeded waits no longer (R18).

    Who guesses from elsewhere goes on waiting.
    """
    hundred, waits = budget.value
    limits.clear(conn, (waits, _waiting(whose, device)), (hundred, whose))


def forget(conn: Connection, budget: Budget, whose: str) -> None:
    """Forget every failure of everybody, once somebody made sure who the owner is or the factor was made anew."""
    hundred, waits = budget.value
    limits.clear(conn, (hundred, whose))
    limits.clear_all(conn, waits, whose)


def is_spent(conn: Connection, budget: Budget, whose: str) -> bool:
    """Whether the hundred are used up."""
    return limits.is_spent(conn, budget.value[0], whose)


def _waiting(whose: str, device: str | None) -> str:
    return whose if device is None else f"{whose}:{device}"
