"""The code of a registration: how it reaches a person, and how it comes back, on this device or on another.

Decoys (see `registration`) get codes too, which reach nobody, so that every case does the same work.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from idp import audit, clock, crypto, limits, outbox
from idp.accounts import accounts, addresses
from idp.audit import ANONYMOUS, Event
from idp.credentials.sign_in import network_of
from idp.journeys import engine
from idp.journeys.engine import Journey
from idp.journeys.registration import MACHINE, At, is_of_record, reservation_of
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services
from idp.proofing import activation
from idp.proofing.activation import ActivationCode
from idp.proofing.policy import POLICIES, Delivery, Policy


@dataclass(frozen=True, repr=False)
class Redeemed:
    """A code came back. `handle` is set when the journey has changed to the browser that brought the code."""

    handle: str | None

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return "Redeemed()"


def send_code(
    services: Services, journey: Journey, *, delivery: Delivery, email: str | None, language: str | None = None
) -> Refused | None:
    """Make a code and send or show it. By mail, None whatever the case; on the screen a decoy is told so
    (`NOT_MATCHED`).

    The screen is an oracle by nature: it is counted with the matches, and absent from the strict policy (docs/adr/0008).
    """
    chosen = POLICIES[services.settings.policy]
    if delivery not in chosen.deliveries:
        return Refused(Reason.NOT_ALLOWED)

    def write(conn: Connection) -> Refused | None:
        if (refused := limits.reserve(conn, Limit.CODE_ISSUE, journey.id)) is not None:
            return refused
        if delivery is Delivery.SCREEN:
            return _show_code(conn, services.keyring, journey)
        to = journey.facts["email_of_record"] if chosen.email_of_record else email
        return _mail_code(conn, services.keyring, journey, to, chosen, language or journey.language)

    return services.db.write(write)


def redeem(services: Services, typed: str, *, journey: Journey | None, address: str) -> Redeemed | Refused:
    """Take a code back. `journey` is this browser's own, if it waits for a code; any other journey's code brings that
    one here.

    A try at one's own code is counted for that code; a try at everybody's for the address and for all (R68, R69).
    """
    keyring = services.keyring
    refused = Refused(Reason.WRONG_CODE)
    if journey is not None:
        code, own = services.db.write(lambda conn: _reserve_own(conn, keyring, journey))
        if own is not None and own.reason is Reason.ALREADY_DONE:
            return own
        if code is not None and own is None and activation.fits(keyring, code, typed):
            return services.db.write(lambda conn: _spend(conn, keyring, code, same_device=True))
        refused = own or refused
    counted = ((Limit.CODE_GLOBAL, "all"), (Limit.CODE_ADDRESS, network_of(address)))
    if (busy := services.db.write(lambda conn: limits.reserve_all(conn, counted))) is not None:
        return _refuse_code(services, journey, refused if journey else busy)
    with services.db.read() as conn:
        other = activation.find_by_code(conn, keyring, typed)
    if other is None:
        return _refuse_code(services, journey, refused)
    if services.db.write(lambda conn: activation.reserve_try(conn, other)) is not None:
        return _refuse_code(services, journey, Refused(Reason.CODE_DEAD))

    def write(conn: Connection) -> Redeemed | Refused:
        limits.give_back_all(conn, counted)
        return _spend(conn, keyring, other, same_device=journey is not None and other.journey_id == journey.id)

    return services.db.write(write)


def _is_for_somebody(conn: Connection, keyring: Keyring, journey: Journey, *, to: str | None) -> bool:
    """Whether there is a person whom this journey may lead to an account, now, by a code that goes to this address (None:
    to the screen). Where there is an account already, only the address of record displaces it.
    """
    held = engine.holds(conn, journey, reservation_of(keyring, journey))
    free = not journey.facts["displaces"] or is_of_record(journey, to)
    return held and journey.facts["person_key"] is not None and free


def _show_code(conn: Connection, keyring: Keyring, journey: Journey) -> Refused | None:
    if not _is_for_somebody(conn, keyring, journey, to=None):
        _notify_owner(conn, keyring, journey)
        return Refused(Reason.NOT_MATCHED)
    code = crypto.new_code()
    facts = {"delivery": Delivery.SCREEN.value, "email": None, "code": code}
    if engine.move(conn, keyring, MACHINE, journey, At.ACTIVATE, **facts) is None:
        return Refused(Reason.ALREADY_DONE)
    activation.issue(conn, keyring, code, journey_id=journey.id, delivery=Delivery.SCREEN, address_mac=None)
    _record_issue(conn, journey, Delivery.SCREEN.value)
    return None


def _mail_code(
    conn: Connection, keyring: Keyring, journey: Journey, to: str | None, chosen: Policy, language: str
) -> Refused | None:
    """Mail a code, or "we could not match your details" in its place: the typed address gets an answer either way
    (docs/adr/0008).
    """
    known = None if chosen.email_of_record else to
    facts = {"delivery": Delivery.EMAIL.value, "email": known, "code": None}
    if engine.move(conn, keyring, MACHINE, journey, At.ACTIVATE, **facts) is None:
        return Refused(Reason.ALREADY_DONE)
    mac = addresses.mac(keyring, to or journey.id)
    if limits.reserve(conn, Limit.MAIL_ADDRESS, mac) is not None:
        # Said to nobody, since it would tell that somebody wrote to this address. A code that went there before still
        # works; otherwise there is one that nobody gets, so that a wrong guess is answered as anywhere (R63).
        held = activation.find_of_journey(conn, journey.id)
        if held is None or held.address_mac != mac:
            unsent = crypto.new_code()
            activation.issue(conn, keyring, unsent, journey_id=journey.id, delivery=Delivery.EMAIL, address_mac=mac)
        return None
    real = _is_for_somebody(conn, keyring, journey, to=to)
    code = crypto.new_code()
    activation.issue(conn, keyring, code, journey_id=journey.id, delivery=Delivery.EMAIL, address_mac=mac)
    _record_issue(conn, journey, Delivery.EMAIL.value if real else "decoy")
    owned = _notify_owner(conn, keyring, journey, displaced=real)
    if to is None or mac in owned:
        return None
    template, told = "no_match", {}
    if real:
        template, told = "activation_code", {"code": code, "minutes": str(int(activation.LASTS.total_seconds() // 60))}
    outbox.enqueue(conn, keyring, template=template, to=to, facts=told, language=language, subject=None)
    return None


def _notify_owner(conn: Connection, keyring: Keyring, journey: Journey, *, displaced: bool = False) -> frozenset[str]:
    """Tell whoever already has the account, at their own addresses, that somebody entered their details (R71).

    Returns the addresses by keyed HMAC; none when nobody has an account. An account that is about to be `displaced` hears of it
    when that has happened, and not now that nothing has changed.
    """
    account = accounts.find_account(conn, journey.facts["account"] or journey.id)
    if account is None:
        return frozenset()
    emails = addresses.list_emails(conn, keyring, account.id)
    if displaced:
        return frozenset()
    if limits.reserve(conn, Limit.MAIL_ADDRESS, f"notice:{account.id}") is None:
        for email in emails:
            outbox.enqueue(
                conn,
                keyring,
                template="already_registered",
                to=email,
                facts={},
                language=account.language,
                subject=account.person_id,
            )
    return frozenset(addresses.mac(keyring, email) for email in emails)


def _reserve_own(conn: Connection, keyring: Keyring, journey: Journey) -> tuple[ActivationCode | None, Refused | None]:
    """Count a try at this journey's own code; `ALREADY_DONE` when another click has brought it back meanwhile."""
    code = activation.find_of_journey(conn, journey.id)
    if code is not None:
        return code, Refused(Reason.CODE_DEAD) if activation.reserve_try(conn, code) is not None else None
    present = engine.find_by_id(conn, keyring, MACHINE, journey.id)
    done = present is not None and present.state == At.ACCOUNT
    return None, Refused(Reason.ALREADY_DONE if done else Reason.CODE_DEAD)


def _refuse_code(services: Services, journey: Journey | None, refused: Refused) -> Refused:
    def write(conn: Connection) -> Refused:
        audit.record(
            conn,
            Event.CODE_REFUSED,
            actor=ANONYMOUS,
            subject=None,
            journey=journey.id if journey else None,
            why=refused.reason.value,
        )
        return refused

    return services.db.write(write)


def _spend(conn: Connection, keyring: Keyring, code: ActivationCode, *, same_device: bool) -> Redeemed | Refused:
    """Spend the code and move its journey on, for one caller; the others hear `ALREADY_DONE` or `CODE_DEAD`."""
    claimed = activation.claim(conn, code)
    journey = engine.find_by_id(conn, keyring, MACHINE, code.journey_id)
    if not claimed or journey is None or journey.state != At.ACTIVATE:
        done = same_device and journey is not None and journey.state == At.ACCOUNT
        return Refused(Reason.ALREADY_DONE if done else Reason.CODE_DEAD)
    # Under the policy that asks for no address, the journey holds none: the code went to the one of record.
    typed = journey.facts["email"]
    went_to = journey.facts["email_of_record"] if typed is None and code.delivery == Delivery.EMAIL.value else typed
    if not _is_for_somebody(conn, keyring, journey, to=went_to):
        return Refused(Reason.WRONG_CODE)
    # A client's request is bound to the browser that brought it, so it does not travel to another one.
    request = journey.facts["request"] if same_device else None
    moved = engine.move(
        conn, keyring, MACHINE, journey, At.ACCOUNT, redeemed_at=clock.epoch(clock.now()), request=request
    )
    if moved is None:
        return Refused(Reason.ALREADY_DONE)
    audit.record(
        conn,
        Event.CODE_REDEEMED,
        actor=ANONYMOUS,
        subject=None,
        journey=journey.id,
        delivery=code.delivery,
        device="same" if same_device else "other",
    )
    return Redeemed(None if same_device else engine.renew_handle(conn, moved))


def _record_issue(conn: Connection, journey: Journey, delivery: str) -> None:
    audit.record(conn, Event.CODE_ISSUED, actor=ANONYMOUS, subject=None, journey=journey.id, delivery=delivery)
