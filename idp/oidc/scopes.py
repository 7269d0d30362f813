"""What a client may ask for by name, and what each name lets through. Claims come from `claims`; consent shows these."""

from enum import StrEnum


class Scope(StrEnum):
    """The scopes that there are; anything else in a request is passed over (OIDC Core §3.1.2.1)."""

    OPENID = "openid"
    DSLOGON = "dslogon"
    PROFILE = "profile"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    EDIPI = "edipi"
    ELIGIBILITY = "eligibility"
    OFFLINE_ACCESS = "offline_access"


ALL = tuple(scope.value for scope in Scope)
"""Every scope, in the order in which it is told."""

NAMED = frozenset({Scope.EDIPI, Scope.ELIGIBILITY})
"""What a client gets only if its registration names it: a number that follows a person everywhere, and what they may use."""

DEFAULT = tuple(scope.value for scope in Scope if scope not in NAMED)
"""What a client is registered for when nobody says."""


def known(asked: str) -> tuple[str, ...]:
    """The scopes of a request that exist, each once, in the order asked."""
    return tuple(scope for scope in dict.fromkeys(asked.split(" ")) if scope in ALL)
