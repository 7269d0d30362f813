"""What an account has of Premium and what it misses, and which ways are open to get the rest."""

from dataclasses import dataclass

from sqlalchemy import Connection

from idp import limits
from idp.accounts.accounts import Account, get_account
from idp.accounts.levels import Level
from idp.config import PolicyName
from idp.credentials import second_factor
from idp.credentials.sessions import SignedIn
from idp.journeys import engine
from idp.journeys.engine import Journey
from idp.journeys.upgrade import MACHINE, QUIZ_TAKES, At, Way
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Known, Services
from idp.proofing import address_codes, authority, evidence, held_numbers, policy
from idp.proofing.address_codes import AddressCode
from idp.proofing.policy import POLICIES, Method


@dataclass(frozen=True)
class Overview:
    """What an account has of Premium, and what it misses."""

    account: Account
    held: frozenset[Method]
    second_factor: bool
    missing: tuple[frozenset[Method], ...]
    """For each road of the policy what is still to be shown, the shortest first; an empty one is walked."""
    codes: tuple[AddressCode, ...]
    """Codes that are on their way."""

    @property
    def is_premium(self) -> bool:
        """Whether there is nothing more to do."""
        return self.account.level >= Level.PREMIUM

    @property
    def is_proven(self) -> bool:
        """Whether a road is walked to its end, so that only the second factor may be missing."""
        return any(not road for road in self.missing)


@dataclass(frozen=True)
class Offer:
    """One way, and why it is closed; None: it is open."""

    way: Way
    closed: Reason | None


def overview(conn: Connection, chosen: PolicyName, account_id: str) -> Overview:
    """What is there and what is missing, now."""
    account = get_account(conn, account_id)
    held = (evidence.list_standing if account.level >= Level.PREMIUM else evidence.list_toward)(conn, account_id)
    return Overview(
        account=account,
        held=held,
        second_factor=second_factor.has_any(conn, account_id),
        missing=policy.roads_to(POLICIES[chosen], Level.PREMIUM, held),
        codes=tuple(address_codes.list_live(conn, account_id)),
    )


def list_offers(services: Services, journey: Journey, me: SignedIn) -> tuple[Offer, ...]:
    """The ways of the policy, each with why it is closed; none at all for whom DEERS does not vouch. Raises `PortDown`."""
    person = authority.find_known(services, me.person_id)
    if person is None:
        return ()
    with services.db.read() as conn:
        held = evidence.list_toward(conn, me.account_id)
        number = held_numbers.find(conn, services.keyring, journey.id, at_least=QUIZ_TAKES)
        spent = limits.is_blocked(conn, Limit.KBV, me.person_id)
    roads = POLICIES[services.settings.policy].roads.get(Level.PREMIUM, ())
    ways = []
    if any(Method.KBV in road for road in roads) and services.kbv is not None:
        ways.append(Offer(Way.QUESTIONS, _closed_questions(journey, held, person, number, spent=spent)))
    if any(Method.CODE_POST_OF_RECORD in road for road in roads) and services.letters is not None:
        ways.append(Offer(Way.LETTER, None if person.posts else Reason.NOT_FOUND))
    return tuple(ways)


def _closed_questions(
    journey: Journey, held: frozenset[Method], person: Known, number: str | None, *, spent: bool
) -> Reason | None:
    if not person.emails:
        return Reason.NOT_FOUND  # right answers count only with a code by e-mail, which could not come
    if Method.KBV in held:
        return None
    if spent:
        return Reason.TOO_MANY_TRIES
    if journey.facts["no_questions"]:
        return Reason.NO_QUESTIONS
    return Reason.EXPIRED if number is None else None


def choose(services: Services, journey: Journey, me: SignedIn, way: Way) -> Refused | None:
    """Go this way, if it is open now. `ALREADY_DONE`: another tab went on meanwhile."""
    offered = {offer.way: offer.closed for offer in list_offers(services, journey, me)}
    if way not in offered:
        return Refused(Reason.NOT_ALLOWED)
    if (closed := offered[way]) is not None:
        return Refused(closed)

    def write(conn: Connection) -> Refused | None:
        answered = Method.KBV in evidence.list_toward(conn, me.account_id)
        there = At.ADDRESS if way is Way.LETTER or answered else At.QUESTIONS
        moved = engine.move(
            conn,
            services.keyring,
            MACHINE,
            journey,
            there,
            way=way.value,
            charged=False,
            reference=None,
            questions=None,
            chosen=[],
            asked_at=None,
        )
        return Refused(Reason.ALREADY_DONE) if moved is None else None

    return services.db.write(write)
