"""Registration: from "who are you" to an account, in four steps. Nothing that a person could see tells whether they
were matched.

A claim that opens nothing makes a *decoy*: a journey like any other, counted and written alike, whose code reaches
nobody (R63). The number itself is not kept beyond the look-up; the journey holds the authority's key for the person
(R76).

A journey *reserves* its person, and the newest applicant has the reservation: whoever left in the middle starts again
at once, on any device, and the older journey becomes a decoy without a word. The last step uses the reservation up in
the write that makes the account, so one account comes out of any race (R71).
"""

from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from idp import audit, clock, limits
from idp.accounts import accounts, people
from idp.accounts.levels import Level
from idp.audit import ANONYMOUS, Event
from idp.credentials.sign_in import network_of
from idp.journeys import engine, match_tries
from idp.journeys.engine import Journey, Machine
from idp.keyring import Keyring
from idp.limits import Counted
from idp.outcomes import Reason, Refused
from idp.ports import Claimed, IdKind, Matched, NoMatch, PortDown, Services
from idp.proofing import activation, held_numbers
from idp.proofing.policy import POLICIES, Method


class At(StrEnum):
    """Where somebody stands in a registration."""

    IDENTIFY = "identify"
    DELIVERY = "delivery"
    ACTIVATE = "activate"
    ACCOUNT = "account"


MACHINE = Machine(
    kind="registration",
    start=At.IDENTIFY,
    # Longer than a code lives, so that a code which still works always finds its journey.
    lifetime=activation.LASTS + timedelta(minutes=15),
    moves={
        At.IDENTIFY: frozenset({At.DELIVERY}),
        At.DELIVERY: frozenset({At.DELIVERY, At.ACTIVATE}),
        At.ACTIVATE: frozenset({At.DELIVERY, At.ACTIVATE, At.ACCOUNT}),
        At.ACCOUNT: frozenset(),
    },
    last=At.ACCOUNT,
    opening=frozenset({"wanted_level", "request"}),
    writes={
        At.IDENTIFY: frozenset(
            {
                "person_key",
                "edipi",
                "email_of_record",
                "account",
                "displaces",
                "matched_at",
                "asked_from",
                "asked_with",
            }
        ),
        At.DELIVERY: frozenset({"delivery", "email", "code"}),
        At.ACTIVATE: frozenset({"redeemed_at"}),
    },
)

REGISTERED = "account"
"""The outcome of a journey that led to an account."""

_ALREADY_REGISTERED = "already_registered"


def begin(
    services: Services, *, wanted_level: Level, request: str | None, language: str, old_handle: str | None
) -> str:
    """Start a registration and return its handle; the one that this browser had under way ends."""
    keyring = services.keyring

    def write(conn: Connection) -> str:
        old = engine.find(conn, keyring, MACHINE, old_handle) if old_handle else None
        if old is not None and engine.end(conn, old, "left"):
            activation.revoke(conn, old.id)
            held_numbers.erase(conn, old.id)
            record_end(conn, old.id, why="left")
        facts = {"wanted_level": int(wanted_level), "request": request}
        journey, handle = engine.start(conn, keyring, MACHINE, language=language, facts=facts)
        audit.record(
            conn,
            Event.REGISTRATION_STARTED,
            actor=ANONYMOUS,
            subject=None,
            journey=journey.id,
            level=int(wanted_level),
        )
        return handle

    return services.db.write(write)


def identify(services: Services, journey: Journey, claimed: Claimed, *, address: str) -> Refused | None:
    """Look up who this is. None, whatever was found: the journey goes on in every case (R63).

    Counted before it is asked, for the number, the address and everybody (R64, R65). Raises `PortDown`, and then
    nobody is charged (R79).
    """
    counted = match_tries.of(services.keyring, claimed, address)
    if (refused := services.db.write(lambda conn: _reserve_match(conn, journey, claimed, counted))) is not None:
        return refused
    try:
        found = services.directory.match(claimed)
    except PortDown:
        services.db.write(lambda conn: limits.give_back_all(conn, counted))
        raise
    return services.db.write(lambda conn: _note_match(conn, services, journey, claimed, found, address))


def sweep(conn: Connection) -> int:
    """Close registrations that ran out of time, and delete codes that are over; `engine.sweep` comes after this."""
    for journey_id in engine.close_expired(conn, MACHINE):
        record_end(conn, journey_id, why="expired")
    return activation.sweep(conn)


def _reserve_match(conn: Connection, journey: Journey, claimed: Claimed, counted: Counted) -> Refused | None:
    refused = match_tries.reserve(conn, counted)
    if refused is not None:
        audit.record(
            conn,
            Event.ELIGIBILITY_REFUSED,
            actor=ANONYMOUS,
            subject=None,
            journey=journey.id,
            id_kind=claimed.id_kind.value,
            why=refused.reason.value,
        )
    return refused


def _note_match(
    conn: Connection, services: Services, journey: Journey, claimed: Claimed, found: Matched | NoMatch, address: str
) -> Refused | None:
    """Write down what was found. Every case does the same statements; they differ in values only (R63)."""
    keyring = services.keyring
    matched = found if isinstance(found, Matched) else None
    person = people.find_person(conn, keyring, matched.person_key if matched else journey.id)
    account = accounts.find_live(conn, person.id if person else journey.id)
    free = matched if account is None else None
    # An account without proof of an address of record does not hold its person: whoever shows that proof displaces it.
    may_displace = matched is not None and account is not None and not account.proven
    led = matched if free or may_displace else None
    why = found.value if isinstance(found, NoMatch) else _ALREADY_REGISTERED
    audit.record(
        conn,
        Event.ELIGIBILITY_MATCHED if free else Event.ELIGIBILITY_REFUSED,
        actor=ANONYMOUS,
        subject=person.id if person else None,
        journey=journey.id,
        **({"id_kind": claimed.id_kind.value} if free else {"id_kind": claimed.id_kind.value, "why": why}),
    )
    moved = engine.move(
        conn,
        keyring,
        MACHINE,
        journey,
        At.DELIVERY,
        person_key=led.person_key if led else None,
        edipi=led.edipi if led else None,
        email_of_record=led.email_of_record if led else None,
        account=account.id if account else None,
        displaces=may_displace,
        matched_at=clock.epoch(clock.now()),
        asked_from=network_of(address),
        asked_with=match_tries.number_key(keyring, claimed.id_kind, claimed.id_number),
    )
    if moved is None:
        return Refused(Reason.ALREADY_DONE)
    activation.revoke(conn, journey.id)
    engine.reserve(conn, moved, reservation_of(keyring, moved))
    if journey.facts["wanted_level"] == Level.PREMIUM:
        # For the questions of the upgrade that follows, so that nobody types it twice; for a decoy too (R63).
        hold_number(conn, services, journey, claimed)
    return None


def hold_number(conn: Connection, services: Services, journey: Journey, claimed: Claimed) -> None:
    """Keep the number of this claim for a vendor's questions, where there are any, and no number of a claim before it: they
    must be about the person whom the journey has found.
    """
    held_numbers.erase(conn, journey.id)
    asked = services.kbv is not None and POLICIES[services.settings.policy].knows(Method.KBV)
    if asked and claimed.id_kind is IdKind.SSN:
        held_numbers.hold(conn, services.keyring, journey.id, claimed.id_number)


def is_of_record(journey: Journey, email: str | None) -> bool:
    """Whether a typed address is the one that DEERS holds for the journey's person: a code that comes back from it then
    proves the address of record. Who asks is not told.
    """
    held = journey.facts["email_of_record"]
    return held is not None and email is not None and email.strip().casefold() == held.strip().casefold()


def reservation_of(keyring: Keyring, journey: Journey) -> str:
    """What the journey reserves: its person, or for a decoy a thing that nobody else asks for."""
    return reservation_for(keyring, journey.facts["person_key"] or journey.id)


def reservation_for(keyring: Keyring, person_key: str) -> str:
    """What a registration of the person with this key reserves."""
    return keyring.mac("registration:person", person_key)


def record_end(conn: Connection, journey_id: str, *, why: str) -> None:
    audit.record(conn, Event.REGISTRATION_ENDED, actor=ANONYMOUS, subject=None, journey=journey_id, why=why)
