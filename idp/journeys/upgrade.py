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
from idp.accounts.accounts import Account, get_account
from idp.accounts.levels import Level
from idp.accounts.people import Person
from idp.audit import ANONYMOUS, Event
from idp.credentials import sessions
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, match_tries
from idp.journeys.engine import Journey, Machine
from idp.journeys.registration import hold_number
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Claimed, Matched, PortDown, Services
from idp.proofing import evidence, held_numbers, raising
from idp.proofing.policy import Method


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


QUIZ_TAKES = timedelta(minutes=10)
"""How long the number must still be held when the questions are drawn: four times two minutes, and the vendor's time."""

PREMIUM = "premium"
"""The outcome of an upgrade that reached it."""


class Way(StrEnum):
    """How somebody can go on online; the values are what the form says."""

    QUESTIONS = "email"
    """A vendor's questions, and then a code by e-mail."""
    LETTER = "post"
    """A code by letter."""


def begin(services: Services, me: SignedIn, *, language: str, old_handle: str | None) -> str:
    """Start an upgrade and return its handle; the one that this browser had under way ends."""
    keyring = services.keyring

    def write(conn: Connection) -> str:
        old = find(conn, keyring, me, old_handle)
        if old is not None and engine.end(conn, old, "left"):
            leave_quiz(conn, old, me)
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
    counted = match_tries.of(keyring, claimed, address)

    def reserve(conn: Connection) -> Refused | None:
        refused = match_tries.reserve(conn, counted)
        if refused is not None:
            _record_match(conn, journey, me, claimed, why=refused.reason.value)
        return refused

    if (refused := services.db.write(reserve)) is not None:
        return refused
    try:
        found = services.directory.match(claimed)
    except PortDown:
        services.db.write(lambda conn: limits.give_back_all(conn, counted))
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
        hold_number(conn, services, journey, claimed)
        limits.give_back_all(conn, counted)
        _record_match(conn, journey, me, claimed, why=None)
        _match_anew(conn, services, me)
        return None

    return services.db.write(note)


def go_back(services: Services, journey: Journey, me: SignedIn, there: At) -> bool:
    """Back to an earlier step; what followed it is forgotten. False when another tab went on meanwhile."""

    def write(conn: Connection) -> bool:
        moved = engine.move(conn, services.keyring, MACHINE, journey, there) is not None
        if moved:
            leave_quiz(conn, journey, me)
        return moved

    return services.db.write(write)


def leave_quiz(conn: Connection, journey: Journey, me: SignedIn, *, why: Reason = Reason.STOPPED) -> None:
    """What it means that a journey leaves its questions: open ones are a failed try (R66). One that was counted and never drawn is
    given back, and one whose answers wait for a vendor that does not judge (R79).
    """
    if journey.state != At.QUESTIONS:
        return
    questions, chosen = journey.facts["questions"], journey.facts["chosen"]
    if why is Reason.STOPPED and (questions is None or len(chosen) == len(questions)):
        if journey.facts["charged"]:
            limits.give_back(conn, Limit.KBV, me.person_id)
        return
    audit.record(
        conn,
        Event.QUIZ_FAILED,
        actor=me.account_id,
        subject=me.person_id,
        journey=journey.id,
        account=me.account_id,
        why=why.value,
    )


@dataclass(frozen=True, repr=False)
class Proved:
    """Something was shown: the account's level now, and the session's new handle where the level rose (R72, R81)."""

    level: Level
    session: str | None

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return f"Proved({self.level})"


def follow(
    conn: Connection,
    services: Services,
    me: SignedIn,
    handle: str,
    *,
    journey: Journey | None,
    why: Method,
    also: tuple[str, ...],
) -> Proved:
    """Let the level follow what was just kept. Where it rose, this session gets a new handle, every other one of the account
    ends, and so does the upgrade with whatever it still held; all in this write.
    """
    before = get_account(conn, me.account_id).level
    level = raising.settle(
        conn,
        services.keyring,
        me.account_id,
        chosen=services.settings.policy,
        actor=me.account_id,
        why=why.value,
        also=also,
    )
    if level <= before:
        return Proved(level, None)
    if journey is not None and engine.end(conn, journey, PREMIUM):
        held_numbers.erase(conn, journey.id)
    sessions.end_others(conn, me.account_id, keep=me.session_id, actor=me.account_id, why="level_rose")
    return Proved(level, sessions.raise_session(conn, me, handle))


def sweep(conn: Connection) -> int:
    """Close upgrades that ran out of time; tell how many. `engine.sweep` comes after this."""
    closed = engine.close_expired(conn, MACHINE)
    for journey_id in closed:
        audit.record(conn, Event.UPGRADE_ENDED, actor=ANONYMOUS, subject=None, journey=journey_id, why="expired")
    return len(closed)


def _match_anew(conn: Connection, services: Services, me: SignedIn) -> None:
    """Where the match of the registration counts no longer, this one takes its place."""
    account = get_account(conn, me.account_id)
    if Method.DEERS_MATCH not in evidence.list_standing(conn, me.account_id):
        evidence.add(conn, account, Method.DEERS_MATCH, policy=services.settings.policy, at=clock.now())
        raising.settle(
            conn,
            services.keyring,
            me.account_id,
            chosen=services.settings.policy,
            actor=me.account_id,
            why=Method.DEERS_MATCH.value,
        )


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
