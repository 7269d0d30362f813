"""Which feature needs which level, and whether it opens for this person.

Everything here is pure: no request, no session, no clock. A portal of your own wants its own FEATURES and may keep
the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

# The two values of `acr` that say: this person's identity was verified, and this sign-in took two factors. The stronger first,
# as the provider names the first one that the sign-in meets.
PREMIUM_ACRS = ("urn:dslogon:premium:phr", "urn:dslogon:premium")
PREMIUM_ACR = frozenset(PREMIUM_ACRS)


class Level(IntEnum):
    """How well the provider knows the person. It says nothing of how the person signed in; that is the claim `aal`."""

    BASIC = 1
    PREMIUM = 2


class Answer(StrEnum):
    """What stands between a person and a feature."""

    OPEN = "open"
    SIGN_IN = "sign_in"
    UPGRADE = "upgrade"


@dataclass(frozen=True)
class Feature:
    """One thing that the portal offers. `needs` is None where no sign-in is asked for."""

    name: str
    path: str
    title: str
    summary: str
    needs: Level | None
    why: str = ""


HEALTH = "This needs a Premium account, because it shows your health information."

FEATURES = (
    Feature("profile", "/profile", "Profile", "What this portal knows about you.", Level.BASIC),
    Feature("information", "/information", "General information", "Opening hours, phone numbers, the way to us.", None),
    Feature("faq", "/faq", "Questions and answers", "Short answers to what people ask most.", None),
    Feature("messages", "/messages", "Secure messages", "What your care team writes to you.", Level.PREMIUM, HEALTH),
    Feature("appointments", "/appointments", "Appointments", "Your visits, past and to come.", Level.PREMIUM, HEALTH),
    Feature("records", "/records", "Health records", "Test results, allergies, vaccines.", Level.PREMIUM, HEALTH),
    Feature("refills", "/refills", "Prescription refills", "Your medicines, and what is left.", Level.PREMIUM, HEALTH),
)

HOME = "/"
_BY_NAME = {feature.name: feature for feature in FEATURES}
_OWN_PATHS = frozenset({HOME, *(feature.path for feature in FEATURES)})


def feature(name: str) -> Feature:
    """The feature of this name; a name that is not in the table is a mistake in this portal, hence KeyError."""
    return _BY_NAME[name]


def level_of(claims: Mapping[str, object]) -> Level:
    """The level that a validated ID token states.

    Premium takes both claims that speak of it, each with a value that we know. A claim that is missing, new to us or
    at odds with the other one makes the person Basic: a portal that guesses upward shows somebody's health record to a
    stranger, one that guesses downward shows an "Upgrade" link.
    """
    acr = claims.get("acr")
    # A broken token may hold a list here, which no set can be asked for.
    verified = isinstance(acr, str) and acr in PREMIUM_ACR
    return Level.PREMIUM if verified and claims.get("dslogon_assurance") == "2" else Level.BASIC


def decide(wanted: Feature, level: Level | None) -> Answer:
    """Whether the feature opens. `level` is None for somebody who is not signed in."""
    if wanted.needs is None:
        return Answer.OPEN
    if level is None:
        return Answer.SIGN_IN
    if level < wanted.needs:
        return Answer.UPGRADE
    return Answer.OPEN


def page_or_home(wanted: str | None) -> str:
    """The page to go to after sign-in: `wanted` if it is one of ours to the letter, else the home page.

    Comparing with a list leaves nothing to parse, and so nothing to be misled by: `//evil.example`, a backslash, a line
    break or a trailing dot are simply not in the list (R96).
    """
    return wanted if wanted is not None and wanted in _OWN_PATHS else HOME
