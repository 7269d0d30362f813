"""What is known of a person when a claim is to be told: read anew every time, and only where a released claim is made of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from idp import db
from idp.accounts import addresses, people, profile
from idp.accounts.levels import Level
from idp.accounts.people import Person
from idp.credentials.sessions import SignedIn
from idp.oidc import claims, subjects
from idp.oidc.claims import Claim, Facts, Proof, Where
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.request import Asked
from idp.ports import Known, PortDown
from idp.proofing import evidence
from idp.proofing.evidence import Evidence
from idp.proofing.policy import Method

_ROADS: tuple[tuple[str, frozenset[Method]], ...] = (
    ("in_person", frozenset({Method.IN_PERSON})),
    ("mail_code", frozenset({Method.CODE_POST_OF_RECORD})),
    ("kbv_plus_mail", frozenset({Method.KBV, Method.CODE_EMAIL_OF_RECORD})),
)
"""The roads to Premium in one word each, the surest first: a client is told the best of what speaks for the person."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose facts, and at which effective level of which sign-in."""

    account_id: str
    person_id: str
    level: Level
    aal: int


def gather(context: Context, client: Client, who: Who, wanted: Collection[Claim]) -> Facts:
    """Read what these rows are made of. DEERS is asked outside any transaction. Raises `PortDown` when it does not answer."""
    sources = claims.sources(wanted, who.level)
    bare = Facts(level=who.level, aal=who.aal, profile={}, emails=())
    if not sources - {Where.SIGN_IN}:
        return bare
    with context.db.read() as conn:
        facts = _own(context, conn, bare, who.account_id, sources)
        person = db.get(conn, Person, Person.id == who.person_id) if Where.DEERS in sources else None
    if person is None:
        return facts
    known = _ask(context, person)
    if known is None or known.sponsor is None or all(claim.name != "sponsor" for claim in wanted):
        return replace(facts, known=known)
    with context.db.read() as conn:
        sponsor_sub = _sub_of(context, conn, client, known.sponsor.person_key)
    return replace(facts, known=known, sponsor_sub=sponsor_sub)


def without_deers(wanted: Collection[Claim], level: Level) -> tuple[Claim, ...]:
    """What can be told while DEERS does not answer."""
    return tuple(claim for claim in wanted if claim.at[level].where is not Where.DEERS)


def preview(context: Context, client: Client, asked: Asked, signed_in: SignedIn) -> tuple[dict[str, object], bool]:
    """What would leave now if the person allowed it, for their own eyes; and whether DEERS answered, or its claims are missing."""
    scopes = claims.effective_scopes(asked.scopes, assurance_claims=client.assurance_claims)
    wanted = claims.rows(signed_in.level, scopes, asked.named_claims, id_token=False)
    who = Who(signed_in.account_id, signed_in.person_id, signed_in.level, signed_in.aal)
    try:
        return claims.release(gather(context, client, who, wanted), wanted), True
    except PortDown:
        ours = without_deers(wanted, signed_in.level)
        return claims.release(gather(context, client, who, ours), ours), False


def grows(client: Client, asked: Asked) -> bool:
    """Whether a Premium account would share something of DEERS's by the same consent, so that a Basic one hears of it before."""
    scopes = claims.effective_scopes(asked.scopes, assurance_claims=client.assurance_claims)
    rows = claims.rows(Level.PREMIUM, scopes, asked.named_claims, id_token=False)
    return Where.DEERS in claims.sources(rows, Level.PREMIUM)


def _own(context: Context, conn: Connection, bare: Facts, account_id: str, sources: frozenset[Where]) -> Facts:
    """What we keep ourselves."""
    keyring = context.keyring
    every = evidence.list_all(conn, account_id) if Where.EVIDENCE in sources else []
    proven = evidence.standing_of(every)
    return replace(
        bare,
        profile=profile.read(conn, keyring, account_id) if Where.PROFILE in sources else {},
        emails=tuple(addresses.list_emails(conn, keyring, account_id)) if Where.ADDRESSES in sources else (),
        evidence=proven,
        proof=_proof(every, proven),
    )


def _proof(every: Sequence[Evidence], standing: frozenset[Method]) -> Proof | None:
    """How the account came to Premium, by what still speaks for it."""
    for word, road in _ROADS:
        if road <= standing:
            last = max(
                (row for row in every if row.withdrawn_at is None and row.method in road), key=lambda row: row.at
            )
            return Proof(word, last.at.date(), last.policy)
    return None


def _ask(context: Context, person: Person) -> Known | None:
    """What DEERS tells of this very person: should their number lead to somebody else by now, it tells nothing."""
    edipi = context.keyring.unseal(person.edipi_sealed, table="person", column="edipi_sealed", row=person.id)
    known = context.directory.find(edipi.decode("ascii"))
    if known is None or people.authority_mac(context.keyring, known.person_key) != person.authority_mac:
        return None
    return known


def _sub_of(context: Context, conn: Connection, client: Client, person_key: str) -> str | None:
    """How this client knows somebody, if they have been here."""
    person = people.find_person(conn, context.keyring, person_key)
    subject = people.find_subject(conn, person.id) if person else None
    return None if subject is None else subjects.sub_for(context.keyring, client, subject.id)
