"""The upgrade: from Basic to Premium by what the policy still misses. Who it is for is signed in; nothing here is a decoy.

What a step proves is kept as evidence of the account at once, so a person who leaves in the middle loses nothing: the next
upgrade begins with what is there. `upgrade_questions` asks a vendor's questions, `upgrade_code` sends a code to an address of
record and takes it back; the second factor is enrolled on pages of its own.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit, clock, db, limits
from idp.accounts import people
from idp.accounts.accounts import Account, find_account
from idp.accounts.levels import Level
from idp.accounts.people import Person
from idp.audit import ANONYMOUS, Event
from idp.config import PolicyName
from idp.credentials import totp
from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import network_of
from idp.journeys import engine
from idp.journeys.engine import Journey, Machine
from idp.journeys.registration import give_back, reserve_all
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Claimed, IdKind, Known, Matched, PortDown, Services
from idp.proofing import address_codes, evidence, held_numbers, policy
from idp.proofing.address_codes import AddressCode
from idp.proofing.policy import POLICIES, Method


class At(StrEnum):
    """Where somebody stands in an upgrade."""

    IDENTIFY = "identify"
    WAY = "way"
    QUESTIONS = "questions"
    ADDRESS = "address"


MACHINE = Machine(
    kind="upgrade",
    start=At.IDENTIFY,
    lifetime=timedelta(minutes=30),
    moves={
        At.IDENTIFY: frozenset({At.WAY}),
        At.WAY: frozenset({At.IDENTIFY, At.WAY, At.QUESTIONS, At.ADDRESS}),
        At.QUESTIONS: frozenset({At.IDENTIFY, At.WAY, At.QUESTIONS, At.ADDRESS}),
        At.ADDRESS: frozenset({At.IDENTIFY, At.WAY, At.ADDRESS}),
    },
    last=At.ADDRESS,
    # Bound to the sign-in too: whoever else knows the password does not go on where the owner stopped (R57).
    opening=frozenset({"account", "session"}),
    writes={
        At.IDENTIFY: frozenset({"identified_at", "no_questions"}),
        At.WAY: frozenset({"way", "charged", "reference", "questions", "chosen", "asked_at"}),
    },
)


class Way(StrEnum):
    """How somebody can go on online; the values are what the form says."""

    QUESTIONS = "questions"
    LETTER = "letter"


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
    account = find_account(conn, account_id)
    if account is None:
        raise LookupError("an upgrade of an account that is not there")
    held = evidence.list_standing(conn, account_id)
    return Overview(
        account=account,
        held=held,
        second_factor=totp.has_second_factor(conn, account_id),
        missing=policy.roads_to(POLICIES[chosen], Level.PREMIUM, held),
        codes=tuple(address_codes.list_live(conn, account_id)),
    )


def begin(services: Services, me: SignedIn, *, language: str, old_handle: str | None) -> str:
    """Start an upgrade and return its handle; the one that this browser had under way ends."""
    keyring = services.keyring

    def write(conn: Connection) -> str:
        old = engine.find(conn, keyring, MACHINE, old_handle) if old_handle else None
        if old is not None and engine.end(conn, old, "left"):
            held_numbers.erase(conn, old.id)
            _record_end(conn, old.id, me, why="left")
        _, handle = _open(conn, keyring, me, language)
        return handle

    return services.db.write(write)


def begin_after_registration(
    conn: Connection, keyring: Keyring, me: SignedIn, *, registration: str, language: str
) -> str:
    """Start the upgrade of an account that was just made, by a person whom DEERS matched minutes ago: they need not say again
    who they are. The number that `registration` held goes on with it.
    """
    journey, handle = _open(conn, keyring, me, language)
    held_numbers.pass_on(conn, keyring, registration, journey.id)
    now = clock.epoch(clock.now())
    if engine.move(conn, keyring, MACHINE, journey, At.WAY, identified_at=now, no_questions=False) is None:
        raise LookupError("a journey that was opened in this write has moved")
    return handle


def find(conn: Connection, keyring: Keyring, me: SignedIn, handle: str | None) -> Journey | None:
    """The live upgrade behind a browser's handle, if it is this sign-in's own."""
    journey = engine.find(conn, keyring, MACHINE, handle) if handle else None
    if journey is None or journey.facts["account"] != me.account_id or journey.facts["session"] != me.session_id:
        return None
    return journey


def identify(services: Services, journey: Journey, me: SignedIn, claimed: Claimed, *, address: str) -> Refused | None:
    """Match again who this is: it must be the person of the account (R61). Every kind of no is told alike.

    Counted before it is asked, for the number, the address and everybody (R64, R65). Raises `PortDown`, and then nobody is
    charged (R79).
    """
    keyring = services.keyring
    counted = (
        (Limit.MATCH_GLOBAL, "all"),
        (Limit.MATCH_ADDRESS, network_of(address)),
        (Limit.MATCH_PERSON, keyring.mac("registration:number", f"{claimed.id_kind}:{claimed.id_number}")),
    )

    def reserve(conn: Connection) -> Refused | None:
        refused = reserve_all(conn, counted)
        if refused is not None:
            _record_match(conn, journey, me, claimed, why=refused.reason.value)
        return refused

    if (refused := services.db.write(reserve)) is not None:
        return refused
    try:
        found = services.directory.match(claimed)
    except PortDown:
        services.db.write(lambda conn: give_back(conn, counted))
        raise

    def note(conn: Connection) -> Refused | None:
        person = db.get(conn, Person, Person.id == me.person_id)
        if not isinstance(found, Matched):
            _record_match(conn, journey, me, claimed, why=found.value)
            return Refused(Reason.NOT_MATCHED)
        if people.authority_mac(keyring, found.person_key) != person.authority_mac:
            _record_match(conn, journey, me, claimed, why="another_person")
            return Refused(Reason.NOT_MATCHED)
        now = clock.epoch(clock.now())
        moved = engine.move(conn, keyring, MACHINE, journey, At.WAY, identified_at=now, no_questions=False)
        if moved is None:
            return Refused(Reason.ALREADY_DONE)
        people.ensure_person(conn, keyring, person_key=found.person_key, edipi=found.edipi)
        if claimed.id_kind is IdKind.SSN:
            held_numbers.hold(conn, keyring, journey.id, claimed.id_number)
        give_back(conn, counted)
        _record_match(conn, journey, me, claimed, why=None)
        return None

    return services.db.write(note)


def known(services: Services, me: SignedIn) -> Known | None:
    """What DEERS tells of the account's person today; None where it vouches for them no longer: unknown, in conflict, or dead.
    Raises `PortDown`.
    """
    with services.db.read() as conn:
        edipi = people.edipi_of(conn, services.keyring, me.person_id)
        person = db.get(conn, Person, Person.id == me.person_id)
    found = services.directory.find(edipi)
    if found is None or people.authority_mac(services.keyring, found.person_key) != person.authority_mac:
        return None
    return None if found.deceased or found.conflict else found


def offers(services: Services, journey: Journey, me: SignedIn) -> tuple[Offer, ...]:
    """The ways of the policy, each with why it is closed; none at all for whom DEERS does not vouch. Raises `PortDown`."""
    person = known(services, me)
    if person is None:
        return ()
    with services.db.read() as conn:
        held = evidence.list_standing(conn, me.account_id)
        number = held_numbers.find(conn, services.keyring, journey.id)
        spent = any(limits.is_spent(conn, limit, me.person_id) for limit in (Limit.KBV_DAY, Limit.KBV_EVER))
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
    if not person.emails and Method.CODE_EMAIL_OF_RECORD not in held:
        return Reason.NOT_FOUND  # right answers count only with a code by e-mail, which could not come
    if Method.KBV in held:
        return None
    if spent:
        return Reason.TOO_MANY_TRIES
    if journey.facts["no_questions"]:
        return Reason.NO_QUESTIONS
    return Reason.EXPIRED if number is None else None


def choose(services: Services, journey: Journey, me: SignedIn, way: Way) -> Refused | None:
    """Go this way. `ALREADY_DONE`: another tab went on meanwhile."""
    offered = {offer.way: offer.closed for offer in offers(services, journey, me)}
    if way not in offered:
        return Refused(Reason.NOT_ALLOWED)
    if (closed := offered[way]) is not None:
        return Refused(closed)

    def write(conn: Connection) -> Refused | None:
        answered = Method.KBV in evidence.list_standing(conn, me.account_id)
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


def go_back(services: Services, journey: Journey, there: At) -> bool:
    """Back to an earlier step; what followed it is forgotten. False when another tab went on meanwhile."""

    def write(conn: Connection) -> bool:
        return engine.move(conn, services.keyring, MACHINE, journey, there) is not None

    return services.db.write(write)


def sweep(conn: Connection) -> int:
    """Close upgrades that ran out of time; tell how many. `engine.sweep` comes after this."""
    closed = engine.close_expired(conn, MACHINE)
    for journey_id in closed:
        audit.record(conn, Event.UPGRADE_ENDED, actor=ANONYMOUS, subject=None, journey=journey_id, why="expired")
    return len(closed)


def _open(conn: Connection, keyring: Keyring, me: SignedIn, language: str) -> tuple[Journey, str]:
    conn.execute(
        sa.update(Account)
        .where(Account.id == me.account_id, Account.wanted_level < int(Level.PREMIUM))
        .values(wanted_level=int(Level.PREMIUM))
    )
    facts = {"account": me.account_id, "session": me.session_id}
    journey, handle = engine.start(conn, keyring, MACHINE, language=language, facts=facts)
    audit.record(
        conn,
        Event.UPGRADE_STARTED,
        actor=me.account_id,
        subject=me.person_id,
        journey=journey.id,
        account=me.account_id,
    )
    return journey, handle


def _record_match(conn: Connection, journey: Journey, me: SignedIn, claimed: Claimed, *, why: str | None) -> None:
    """`another_person` is what an alarm should be set on: somebody claims to be other than their account is (R61)."""
    fields = {"id_kind": claimed.id_kind.value}
    audit.record(
        conn,
        Event.ELIGIBILITY_MATCHED if why is None else Event.ELIGIBILITY_REFUSED,
        actor=me.account_id,
        subject=me.person_id,
        journey=journey.id,
        **(fields if why is None else {**fields, "why": why}),
    )


def _record_end(conn: Connection, journey_id: str, me: SignedIn, *, why: str) -> None:
    audit.record(conn, Event.UPGRADE_ENDED, actor=me.account_id, subject=me.person_id, journey=journey_id, why=why)
