"""A code to an address of record: offered masked and never typed (R70), by e-mail or by letter, and taken back."""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import Connection

from idp import audit, clock, crypto, limits, outbox
from idp.accounts import notices
from idp.accounts.accounts import Account, find_account
from idp.accounts.levels import Level
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, upgrade
from idp.journeys.engine import Journey
from idp.journeys.upgrade import MACHINE, At, Way
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outbox import Channel as Travels
from idp.outcomes import Reason, Refused
from idp.ports import Known, Post, PostOfRecord, Services
from idp.proofing import address_codes, evidence, raising
from idp.proofing.address_codes import AddressCode, Channel

_HOME = "US"


@dataclass(frozen=True, repr=False)
class Choice:
    """One address as it is offered: `id` names it in the form and tells nothing."""

    id: str
    masked: str
    shared: bool

    def __repr__(self) -> str:
        """Without any of the address."""
        return "Choice()"


def channel_of(journey: Journey) -> Channel:
    """How the code travels on the way that was chosen."""
    return Channel.POST if journey.facts["way"] == Way.LETTER.value else Channel.EMAIL


def choices(services: Services, journey: Journey, me: SignedIn) -> list[Choice]:
    """The addresses of record that a code may go to, masked. Raises `PortDown`."""
    person = upgrade.known(services, me)
    keyring = services.keyring
    if person is None:
        return []
    if channel_of(journey) is Channel.POST:
        return [Choice(_id(keyring, one.post), mask_post(one.post), one.shared) for one in person.posts]
    return [Choice(_id(keyring, one.address), mask_email(one.address), shared=False) for one in person.emails]


def send(services: Services, journey: Journey, me: SignedIn, chosen: str, *, language: str) -> Refused | None:
    """Send a code to the chosen address. Raises `PortDown`.

    A letter is told of at every other address. Where somebody else has the same postal address, its code works only after 72
    hours, so that whom it is about can object first.
    """
    person = upgrade.known(services, me)
    if person is None:
        return Refused(Reason.NOT_VOUCHED)
    keyring = services.keyring
    code = crypto.new_code()
    channel = channel_of(journey)
    emails = {_id(keyring, one.address): one.address for one in person.emails}
    posts = {_id(keyring, one.post): one for one in person.posts}
    if chosen not in (posts if channel is Channel.POST else emails):
        return Refused(Reason.NOT_FOUND)

    def write(conn: Connection) -> Refused | None:
        limit = Limit.ADDRESS_LETTER if channel is Channel.POST else Limit.ADDRESS_EMAIL
        if (refused := limits.reserve(conn, limit, me.account_id)) is not None:
            return refused
        if engine.move(conn, keyring, MACHINE, journey, At.ADDRESS) is None:
            limits.give_back(conn, limit, me.account_id)
            return Refused(Reason.ALREADY_DONE)
        account = _account(conn, me)
        if channel is Channel.POST:
            _post(conn, keyring, account, person, posts[chosen], code, language)
        else:
            _mail(conn, keyring, account, emails[chosen], code, language)
        audit.record(
            conn,
            Event.ADDRESS_CODE_ISSUED,
            actor=me.account_id,
            subject=me.person_id,
            journey=journey.id,
            account=me.account_id,
            channel=channel.value,
            shared=channel is Channel.POST and posts[chosen].shared,
        )
        return None

    return services.db.write(write)


def redeem(services: Services, me: SignedIn, typed: str) -> Level | Refused:
    """Take a code back, and give the account the level that it now has.

    A try counts for each code that is on its way, before it is compared. `NOT_YET`: it is right, and its 72 hours are not over.
    DEERS must still vouch for the person, and is asked first, so that nobody is charged when it does not answer (R79). Raises
    `PortDown`.
    """
    keyring = services.keyring
    person = upgrade.known(services, me)
    if person is None:
        return _refuse(services, me, Reason.NOT_VOUCHED)

    def reserve(conn: Connection) -> tuple[list[AddressCode], bool]:
        codes = address_codes.list_live(conn, me.account_id)
        return address_codes.reserve_try(conn, codes), bool(codes)

    tried, waiting = services.db.write(reserve)
    fitting = next((code for code in tried if address_codes.fits(keyring, code, typed)), None)
    if fitting is None:
        return _refuse(services, me, Reason.WRONG_CODE if tried or not waiting else Reason.CODE_DEAD)
    if (wait := fitting.works_from - clock.now()).total_seconds() > 0:
        services.db.write(lambda conn: limits.give_back(conn, Limit.ADDRESS_CODE, fitting.id))
        return Refused(Reason.NOT_YET, retry_after=wait)

    def spend(conn: Connection) -> Level | Refused:
        if not address_codes.claim(conn, fitting):
            return Refused(Reason.ALREADY_DONE)
        channel = Channel(fitting.channel)
        account = _account(conn, me)
        evidence.add(conn, account, channel.method, policy=services.settings.policy, at=clock.now())
        audit.record(
            conn,
            Event.ADDRESS_CODE_REDEEMED,
            actor=me.account_id,
            subject=me.person_id,
            account=me.account_id,
            channel=channel.value,
        )
        return raising.settle(
            conn,
            keyring,
            me.account_id,
            chosen=services.settings.policy,
            actor=me.account_id,
            why=channel.method.value,
            also=person.every_email,
        )

    return services.db.write(spend)


def mask_email(email: str) -> str:
    """As much of an address as its owner needs to know it again: `d•••@e•••.com`."""
    local, _, domain = email.rpartition("@")
    host, _, top = domain.rpartition(".")
    return f"{local[:1]}•••@{host[:1]}•••.{top}"


def mask_post(post: Post) -> str:
    """As much of a postal address as its owner needs: the number, the first letter of the street, and the town."""
    words = post.street_address.split()
    shown = [word if word.isdigit() else f"{word[:1]}•••" for word in words[:2]]
    place = ", ".join(part for part in (post.locality, post.region) if part)
    return f"{' '.join(shown)}, {place}"


def _mail(conn: Connection, keyring: Keyring, account: Account, to: str, code: str, language: str) -> None:
    address_codes.issue(
        conn,
        keyring,
        code,
        account_id=account.id,
        channel=Channel.EMAIL,
        lasts=address_codes.EMAIL_LASTS,
        wait=timedelta(0),
    )
    minutes = str(int(address_codes.EMAIL_LASTS.total_seconds() // 60))
    outbox.enqueue(
        conn,
        keyring,
        template="address_code",
        to=to,
        facts={"code": code, "minutes": minutes},
        language=language,
        subject=account.person_id,
    )


def _post(
    conn: Connection,
    keyring: Keyring,
    account: Account,
    person: Known,
    to: PostOfRecord,
    code: str,
    language: str,
) -> None:
    lasts = address_codes.POST_LASTS if to.post.country == _HOME else address_codes.POST_LASTS_ABROAD
    issued = address_codes.issue(
        conn,
        keyring,
        code,
        account_id=account.id,
        channel=Channel.POST,
        lasts=lasts,
        wait=address_codes.SHARED_WAITS if to.shared else timedelta(0),
    )
    name = " ".join(part for part in (person.given_name, person.middle_name, person.family_name, person.suffix) if part)
    days = str(lasts.days)
    outbox.enqueue(
        conn,
        keyring,
        template="address_code",
        to=json.dumps({"name": name, **asdict(to.post)}),
        facts={"code": code, "days": days, "works_from": issued.works_from.date().isoformat() if to.shared else ""},
        language=language,
        subject=account.person_id,
        channel=Travels.LETTER,
    )
    notices.tell_owner(conn, keyring, account, "letter_sent", {"days": days}, also=person.every_email)


def _refuse(services: Services, me: SignedIn, why: Reason) -> Refused:
    def write(conn: Connection) -> Refused:
        audit.record(
            conn,
            Event.ADDRESS_CODE_REFUSED,
            actor=me.account_id,
            subject=me.person_id,
            account=me.account_id,
            why=why.value,
        )
        return Refused(why)

    return services.db.write(write)


def _account(conn: Connection, me: SignedIn) -> Account:
    account = find_account(conn, me.account_id)
    if account is None:
        raise LookupError("a live session without its account")
    return account


def _id(keyring: Keyring, address: str | Post) -> str:
    told = address if isinstance(address, str) else json.dumps(asdict(address), sort_keys=True)
    return keyring.mac("upgrade:address", told)[:22]
