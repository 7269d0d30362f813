"""How well a person is known (level), how strongly a sign-in was made (AAL), and what a client can ask of both."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum


class Level(IntEnum):
    """How well the person is known. There is no third: Managed Access is a relation."""

    BASIC = 1
    PREMIUM = 2


ACR_BASIC = "urn:dslogon:basic"
ACR_BASIC_MFA = "urn:dslogon:basic:mfa"
ACR_PREMIUM = "urn:dslogon:premium"
ACR_PREMIUM_PHR = "urn:dslogon:premium:phr"

ACRS = (ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR)
"""Every `acr` value there is, the weakest first."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must hold of a sign-in before something may go on. Journeys meet it, the protocol asks it; neither knows
    the other.
    """

    level: Level = Level.BASIC
    aal: int = 1
    within: timedelta | None = None
    """How long ago the sign-in may be; None: any live one will do."""


def effective_level(account_level: Level, aal: int) -> Level:
    """What this sign-in may show of the account: Premium only with two factors behind it, now."""
    return Level.PREMIUM if account_level is Level.PREMIUM and aal >= 2 else Level.BASIC


def acr_of(account_level: Level, aal: int, amr: tuple[str, ...]) -> str:
    """The one `acr` that is true of a sign-in (OIDC Core §2). A user-verified passkey lifts Premium to phishing-
    resistant.
    """
    if effective_level(account_level, aal) is Level.PREMIUM:
        return ACR_PREMIUM_PHR if "user" in amr else ACR_PREMIUM
    return ACR_BASIC_MFA if aal >= 2 else ACR_BASIC
