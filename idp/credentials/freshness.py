"""How fresh and how strong a sign-in must be before its owner may change how they sign in, or end what others hold.

A session that was left open, or a stolen handle, so changes nothing: whoever wants to must show again, at the account's
strongest, that it is them (R12, R49, R88, R89).
"""

from datetime import datetime, timedelta
from enum import Enum, auto

from idp.accounts.levels import Requirement
from idp.credentials.sessions import SignedIn

CHANGES_WITHIN = timedelta(minutes=5)
"""How old the sign-in may be when a page of changes is opened (R89)."""

TO_FILL_IN = timedelta(minutes=5)
"""How much longer the form on it may take."""

FIRST_FACTOR_WITHIN = timedelta(minutes=30)
"""The first second factor takes nothing away and is part of longer ways, such as the upgrade with its questions."""


class Lacking(Enum):
    """What a sign-in lacks."""

    SIGN_IN = auto()
    """A new sign-in altogether."""
    SECOND_FACTOR = auto()
    """Only the second factor: the rest is of these minutes."""


def to_change(me: SignedIn) -> Requirement:
    """What a change of factors, password or sessions asks: the strongest that the account can do, just now."""
    return Requirement(aal=2 if me.second_factor else 1, within=CHANGES_WITHIN)


def to_add_first() -> Requirement:
    """What adding a second factor asks of an account that has none."""
    return Requirement(within=FIRST_FACTOR_WITHIN)


def find_lacking(me: SignedIn, requirement: Requirement, now: datetime) -> Lacking | None:
    """What this sign-in lacks of the requirement; None where it meets it."""
    if requirement.within is not None and now - me.authenticated_at > requirement.within:
        return Lacking.SIGN_IN
    return Lacking.SECOND_FACTOR if me.aal < requirement.aal else None
