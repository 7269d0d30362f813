"""Which claim goes to whom: one table. A claim leaves only if its scope was granted or it was asked for by name, only at its
levels, and only if it has a value.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from idp.accounts.levels import Level
from idp.oidc.clients import Client
from idp.oidc.scopes import Scope
from idp.ports import Affiliation, Eligibility, Known
from idp.proofing.policy import Method

CORE = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "jti", "at_hash")
"""What an ID token says about itself and the sign-in. No row of the table may bear one of these names (R124)."""


class Where(StrEnum):
    """Where a value is from; nothing is read that no released claim is made of."""

    SIGN_IN = "sign_in"
    PROFILE = "profile"
    ADDRESSES = "addresses"
    EVIDENCE = "evidence"
    DEERS = "deers"


@dataclass(frozen=True, slots=True)
class Proof:
    """How Premium was reached: the road in one word, the day of its last step, and the policy of that day."""

    method: str
    at: date
    policy: str


@dataclass(frozen=True, repr=False)
class Facts:
    """What is known of the person in the account, at this moment."""

    level: Level
    aal: int
    profile: Mapping[str, Any]
    emails: tuple[str, ...]
    evidence: frozenset[Method] = frozenset()
    proof: Proof | None = None
    known: Known | None = None
    """What DEERS tells; None where it was not asked, knows nobody, or did not answer."""
    sponsor_sub: str | None = None
    """The sponsor as this client knows them, if they have been here."""

    def __repr__(self) -> str:
        """Without saying who (R77)."""
        return f"Facts({self.level!r})"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a claim's value is from at one level, and how it is made."""

    where: Where
    value: Callable[[Facts], object]


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: the claim's name, the scope that carries it, and what it is at each level at which it may leave."""

    name: str
    scope: Scope
    at: Mapping[Level, Source]
    in_id_token: bool = False


def _always(where: Where, value: Callable[[Facts], object]) -> Mapping[Level, Source]:
    return dict.fromkeys(Level, Source(where, value))


def _typed(name: str) -> Source:
    return Source(Where.PROFILE, lambda facts: facts.profile.get(name))


def _deers(value: Callable[[Known], object]) -> Source:
    return Source(Where.DEERS, lambda facts: None if facts.known is None else value(facts.known))


def _premium(source: Source) -> Mapping[Level, Source]:
    return {Level.PREMIUM: source}


def _typed_or(name: str, value: Callable[[Known], object]) -> Claim:
    """At Basic what the person typed, at Premium what the authority says, and never one for the other."""
    return Claim(name, Scope.PROFILE, {Level.BASIC: _typed(name), Level.PREMIUM: _deers(value)})


def _name(known: Known) -> str:
    """All parts of the name, in the order in which they are said (OIDC Core §5.1)."""
    parts = (known.given_name, known.middle_name, known.family_name, known.suffix)
    return " ".join(part for part in parts if part)


def _address(facts: Facts) -> dict[str, str] | None:
    """The address as it was typed, whole: the one member that needs no parts (OIDC Core §5.1.1)."""
    typed = facts.profile.get("address")
    return None if typed is None else {"formatted": str(typed)}


def _span(one: Affiliation | Eligibility) -> dict[str, str]:
    end = {} if one.end is None else {"end": one.end.isoformat()}
    return {"begin": one.begin.isoformat(), **end}


def _affiliations(known: Known) -> list[dict[str, str]] | None:
    return [{"category": one.category, "branch": one.branch, **_span(one)} for one in known.affiliations] or None


def _eligibility(known: Known) -> list[dict[str, str]] | None:
    told = [{"program": one.program, "plan": one.plan, "status": one.status, **_span(one)} for one in known.eligibility]
    return told or None


def _sponsor(facts: Facts) -> dict[str, str] | None:
    if facts.known is None or facts.known.sponsor is None:
        return None
    sub = {} if facts.sponsor_sub is None else {"sub": facts.sponsor_sub}
    return {**sub, "relationship": facts.known.sponsor.relationship}


def _proofing(facts: Facts) -> dict[str, str] | None:
    proof = facts.proof
    return None if proof is None else {"method": proof.method, "at": proof.at.isoformat(), "policy": proof.policy}


def _ial(facts: Facts) -> int | None:
    """Only what SP 800-63A-4 §4.2 would call level 2; knowing questions and reading mail are not that."""
    return 2 if Method.IN_PERSON in facts.evidence else None


TABLE: tuple[Claim, ...] = (
    # Never absent: a client gates its features by these two.
    Claim(
        "dslogon_assurance",
        Scope.DSLOGON,
        _always(Where.SIGN_IN, lambda facts: str(int(facts.level))),
        in_id_token=True,
    ),
    Claim("aal", Scope.DSLOGON, _always(Where.SIGN_IN, lambda facts: facts.aal), in_id_token=True),
    Claim("ial", Scope.DSLOGON, _premium(Source(Where.EVIDENCE, _ial)), in_id_token=True),
    Claim("proofing", Scope.DSLOGON, _premium(Source(Where.EVIDENCE, _proofing)), in_id_token=True),
    Claim("dslogon_status", Scope.DSLOGON, _premium(_deers(lambda known: known.status)), in_id_token=True),
    Claim("affiliations", Scope.DSLOGON, _premium(_deers(_affiliations)), in_id_token=True),
    _typed_or("name", _name),
    _typed_or("given_name", lambda known: known.given_name),
    _typed_or("middle_name", lambda known: known.middle_name),
    _typed_or("family_name", lambda known: known.family_name),
    _typed_or("birthdate", lambda known: known.born.isoformat()),
    # OIDC Core §5.1: beside female and male, other values may be used where neither applies; DEERS has `other`.
    _typed_or("gender", lambda known: known.gender),
    *(
        Claim(name, Scope.PROFILE, dict.fromkeys(Level, _typed(name)))
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
    Claim("email", Scope.EMAIL, _always(Where.ADDRESSES, lambda facts: facts.emails[0] if facts.emails else None)),
    # An address is kept only when a code has come back from it.
    Claim("email_verified", Scope.EMAIL, _always(Where.ADDRESSES, lambda facts: True if facts.emails else None)),
    Claim("phone_number", Scope.PHONE, dict.fromkeys(Level, _typed("phone_number"))),
    Claim("address", Scope.ADDRESS, _always(Where.PROFILE, _address)),
    Claim("dslogon_uuid", Scope.EDIPI, _premium(_deers(lambda known: known.edipi))),
    Claim("eligibility", Scope.ELIGIBILITY, _premium(_deers(_eligibility))),
    Claim("sponsor", Scope.ELIGIBILITY, _premium(Source(Where.DEERS, _sponsor))),
)

NAMES = tuple(claim.name for claim in TABLE)
SUPPORTED = tuple(dict.fromkeys((*CORE, *NAMES)))

_SCOPE_OF = {claim.name: claim.scope for claim in TABLE}


def rows(level: Level, scopes: Collection[str], named: Collection[str] = (), *, id_token: bool) -> tuple[Claim, ...]:
    """The rows that leave: by a granted scope or by name, and at this level alone.

    An ID token carries by scope only what belongs into every one, and by name anything; userinfo carries all of it.
    """
    return tuple(
        claim
        for claim in TABLE
        if level in claim.at
        and (claim.name in named or (claim.scope in scopes and (claim.in_id_token or not id_token)))
    )


def sources(wanted: Iterable[Claim], level: Level) -> frozenset[Where]:
    """Where the values of these rows have to be read."""
    return frozenset(claim.at[level].where for claim in wanted)


def release(facts: Facts, wanted: Iterable[Claim]) -> dict[str, object]:
    """The claims that leave, without any null (OIDC Core §5.3.2). A row that is not for the level of these facts gives nothing,
    whoever chose it (R125).
    """
    released = {}
    for claim in wanted:
        source = claim.at.get(facts.level)
        if source is not None and (value := source.value(facts)) is not None:
            released[claim.name] = value
    return released


def effective_scopes(scopes: tuple[str, ...], *, assurance_claims: bool) -> tuple[str, ...]:
    """With the client setting `assurance_claims`, `dslogon` counts as asked for in every request."""
    return (*scopes, Scope.DSLOGON.value) if assurance_claims and Scope.DSLOGON not in scopes else scopes


def registered_for(client: Client) -> frozenset[str]:
    """The claims that this client may ask for by name: those that a scope of its registration carries (R121)."""
    scopes = _effective(client, client.scopes)
    return frozenset(claim.name for claim in TABLE if claim.scope in scopes)


def still_named(
    client: Client, named: Iterable[str], *, granted: Iterable[str], scopes: Iterable[str]
) -> frozenset[str]:
    """Those of the claims asked for by name that a token with these scopes opens. A claim whose scope was granted and then left out
    of a narrower token is left out with it (RFC 6749 §6, R121); one whose scope was never asked for stands by its name alone.
    """
    dropped = set(_effective(client, granted)) - set(_effective(client, scopes))
    return frozenset(name for name in registered_for(client).intersection(named) if _SCOPE_OF[name] not in dropped)


def _effective(client: Client, scopes: Iterable[str]) -> tuple[str, ...]:
    return effective_scopes(tuple(scopes), assurance_claims=client.assurance_claims)


def beside(scopes: Collection[str], named: Iterable[str]) -> tuple[str, ...]:
    """Those of the named claims that none of these scopes carries already."""
    return tuple(dict.fromkeys(name for name in named if _SCOPE_OF[name] not in scopes))
