"""Which claim goes to whom: one table. A claim leaves only with its scope, only at its levels, and only if it has a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from idp.accounts import addresses, profile
from idp.accounts.levels import Level
from idp.keyring import Keyring
from idp.oidc.scopes import Scope

CORE = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "jti", "at_hash")
"""What an ID token says about itself and the sign-in. No row of the table may bear one of these names (R124)."""

_ANY = frozenset(Level)
# At Premium these are the authority's to tell; what a person typed is not passed off as verified.
_TYPED = frozenset({Level.BASIC})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the person in the account, at this moment."""

    level: Level
    aal: int
    profile: Mapping[str, Any]
    emails: tuple[str, ...]


Source = Callable[[Facts], object]


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: the claim's name, the scope that asks for it, the levels at which it may leave, and where its value is from."""

    name: str
    scope: Scope
    levels: frozenset[Level]
    source: Source
    in_id_token: bool = False


def _typed(name: str) -> Source:
    return lambda facts: facts.profile.get(name)


TABLE: tuple[Claim, ...] = (
    # Never absent: a client gates its features by these two.
    Claim("dslogon_assurance", Scope.DSLOGON, _ANY, lambda facts: str(int(facts.level)), in_id_token=True),
    Claim("aal", Scope.DSLOGON, _ANY, lambda facts: facts.aal, in_id_token=True),
    *(
        Claim(name, Scope.PROFILE, _TYPED, _typed(name))
        for name in ("name", "given_name", "family_name", "middle_name", "gender", "birthdate")
    ),
    *(
        Claim(name, Scope.PROFILE, _ANY, _typed(name))
        for name in (
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "zoneinfo",
            "locale",
            "updated_at",
        )
    ),
    Claim("email", Scope.EMAIL, _ANY, lambda facts: facts.emails[0] if facts.emails else None),
    # An address is kept only when a code has come back from it.
    Claim("email_verified", Scope.EMAIL, _ANY, lambda facts: True if facts.emails else None),
    Claim("phone_number", Scope.PHONE, _ANY, _typed("phone_number")),
    Claim("address", Scope.ADDRESS, _ANY, _typed("address")),
)

SUPPORTED = tuple(dict.fromkeys((*CORE, *(claim.name for claim in TABLE))))

_FROM_PROFILE = frozenset({Scope.PROFILE, Scope.PHONE, Scope.ADDRESS})


def gather(
    conn: Connection, keyring: Keyring, account_id: str, *, scopes: tuple[str, ...], level: Level, aal: int
) -> Facts:
    """Read what these scopes need, anew at every issue; nothing else is read or unsealed."""
    return Facts(
        level=level,
        aal=aal,
        profile=profile.read(conn, keyring, account_id) if _FROM_PROFILE.intersection(scopes) else {},
        emails=tuple(addresses.list_emails(conn, keyring, account_id)) if Scope.EMAIL in scopes else (),
    )


def release(facts: Facts, scopes: tuple[str, ...], *, id_token: bool) -> dict[str, object]:
    """The claims that leave, without any null (OIDC Core §5.3.2). At Basic no row gives a value that is DEERS's."""
    released = {}
    for claim in TABLE:
        if claim.scope not in scopes or facts.level not in claim.levels or (id_token and not claim.in_id_token):
            continue
        if (value := claim.source(facts)) is not None:
            released[claim.name] = value
    return released


def effective_scopes(scopes: tuple[str, ...], *, assurance_claims: bool) -> tuple[str, ...]:
    """With the client setting `assurance_claims`, `dslogon` counts as asked for in every request."""
    return (*scopes, Scope.DSLOGON.value) if assurance_claims and Scope.DSLOGON not in scopes else scopes
