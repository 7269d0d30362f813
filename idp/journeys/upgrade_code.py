"""A code to an address of record: offered masked and never typed (R70), by e-mail or by letter, and taken back."""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import Connection

from idp import audit, clock, crypto, limits, outbox
from idp.accounts import addresses, notices
from idp.accounts.accounts import Account, get_account
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, upgrade
from idp.journeys.engine import Journey
from idp.journeys.upgrade import MACHINE, At, Proved, Way
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outbox import Channel as Travels
from idp.outcomes import Reason, Refused
from idp.ports import Known, Post, PostOfRecord, Services
from idp.proofing import address_codes, authority, evidence
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
    person = authority.find_known(services, me.person_id)
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
    person = authority.find_known(services, me.person_id)
    if person is None:
        return Refused(Reason.NOT_VOUCHED)
    keyring = services.keyring
    code = crypto.new_code()
    channel = channel_of(journey)
    emails, posts = _by_id(keyring, person)
    if chosen not in (posts if channel is Channel.POST else emails):
        return Refused(Reason.NOT_FOUND)

    def write(conn: Connection) -> Refused | None:
        limit = Limit.ADDRESS_LETTER if channel is Channel.POST else Limit.ADDRESS_EMAIL
        if (refused := limits.reserve(conn, limit, me.account_id)) is not None:
            return refused
        if engine.move(conn, keyring, MACHINE, journey, At.ADDRESS) is None:
            limits.give_back(conn, limit, me.account_id)
            return Refused(Reason.ALREADY_DONE)
        account = get_account(conn, me.account_id)
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


def redeem(
    services: Services, me: SignedIn, typed: str, *, handle: str, upgrade_handle: str | None
) -> Proved | Refused:
    """Take a code back, and let the account's level follow. `handle` is the session's, `upgrade_handle` an upgrade's under way.

    A try counts for each code that is on its way, before it is compared; a right one gives the other its try back. `NOT_YET`: it
    is right, and its 72 hours are not over. DEERS must still vouch for the person and hold the address, and is asked first, so
    that nobody is charged when it does not answer (R79). Raises `PortDown`.
    """
    keyring = services.keyring
    person = authority.find_known(services, me.person_id)
    if person is None:
        return _refuse(services, me, Refused(Reason.NOT_VOUCHED))

    def reserve(conn: Connection) -> tuple[list[AddressCode], bool]:
        codes = address_codes.list_live(conn, me.account_id)
        return address_codes.reserve_try(conn, codes), bool(codes)

    tried, waiting = services.db.write(reserve)
    fitting = next((code for code in tried if address_codes.fits(keyring, code, typed)), None)
    if fitting is None:
        return _refuse(services, me, Refused(Reason.WRONG_CODE if tried or not waiting else Reason.CODE_DEAD))
    early = fitting.works_from > clock.now()
    others = [code for code in tried if early or code.id != fitting.id]

    def unwind(conn: Connection) -> None:
        for code in others:
            limits.give_back(conn, Limit.ADDRESS_CODE, code.id)

    services.db.write(unwind)
    if early:
        return _refuse(services, me, Refused(Reason.NOT_YET, retry_after=fitting.works_from - clock.now()))
    emails, posts = _by_id(keyring, person)
    channel = Channel(fitting.channel)
    if fitting.address_mac not in (posts if channel is Channel.POST else emails):
        return _refuse(services, me, Refused(Reason.CODE_DEAD))

    def spend(conn: Connection) -> Proved | Refused:
        if not address_codes.claim(conn, fitting):
            return Refused(Reason.ALREADY_DONE)
        account = get_account(conn, me.account_id)
        evidence.add(conn, account, channel.method, policy=services.settings.policy, at=clock.now())
        if channel is Channel.EMAIL:
            _keep(conn, keyring, account, emails[fitting.address_mac])
        audit.record(
            conn,
            Event.ADDRESS_CODE_REDEEMED,
            actor=me.account_id,
            subject=me.person_id,
            account=me.account_id,
            channel=channel.value,
        )
        journey = upgrade.find(conn, keyring, me, upgrade_handle)
        return upgrade.follow(conn, services, me, handle, journey=journey, why=channel.method, also=person.every_email)

    return services.db.write(spend)


def _keep(conn: Connection, keyring: Keyring, account: Account, email: str) -> None:
    """An address that a code came back from is the account's from then on: it hears of what happens there."""
    held = {addresses.mac(keyring, one) for one in addresses.list_emails(conn, keyring, account.id)}
    if addresses.mac(keyring, email) not in held:
        addresses.add(conn, keyring, account_id=account.id, email=email)


def mask_email(email: str) -> str:
    """As much of an address as its owner needs to know it again: `d•••@e•••.com`."""
    local, _, domain = email.rpartition("@")
    host, _, top = domain.rpartition(".")
    return f"{local[:1]}•••@{host[:1]}•••.{top}"


def mask_post(post: Post) -> str:
    """As much of a postal address as its owner needs to know it again: where somebody lives is not for whoever knows their
    number.
    """
    street = " ".join(f"{word[:1]}•••" for word in post.street_address.split() if word[:1].isalpha())
    place = " ".join(part for part in (post.region or post.country, f"•••{(post.postal_code or '')[-2:]}") if part)
    return f"{street or '•••'}, {place}"


def _mail(conn: Connection, keyring: Keyring, account: Account, to: str, code: str, language: str) -> None:
    address_codes.issue(
        conn,
        keyring,
        code,
        account_id=account.id,
        channel=Channel.EMAIL,
        address_mac=_id(keyring, to),
        lasts=address_codes.EMAIL_LASTS,
        wait=timedelta(0),
    )
    minutes = str(int(address_codes.EMAIL_LASTS.total_seconds() // 60))
    outbox.enqueue(
        conn,
        keyring,
        template="address_code",
        to=to,
        facts={"code": code, "minutes": minutes, **notices.link(conn, account.id, "address_code")},
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
        address_mac=_id(keyring, to.post),
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
        facts={"code": code, "days": days, "works_from": issued.works_from.isoformat() if to.shared else ""},
        language=language,
        subject=account.person_id,
        channel=Travels.LETTER,
    )
    notices.tell_owner(conn, keyring, account, "letter_sent", {"days": days}, also=person.every_email)


def _refuse(services: Services, me: SignedIn, refused: Refused) -> Refused:
    def write(conn: Connection) -> Refused:
        audit.record(
            conn,
            Event.ADDRESS_CODE_REFUSED,
            actor=me.account_id,
            subject=me.person_id,
            account=me.account_id,
            why=refused.reason.value,
        )
        return refused

    return services.db.write(write)


def _by_id(keyring: Keyring, person: Known) -> tuple[dict[str, str], dict[str, PostOfRecord]]:
    """The addresses that count today, by what names them in forms and rows."""
    emails = {_id(keyring, one.address): one.address for one in person.emails}
    return emails, {_id(keyring, one.post): one for one in person.posts}


def _id(keyring: Keyring, address: str | Post) -> str:
    told = address if isinstance(address, str) else json.dumps(asdict(address), sort_keys=True)
    return keyring.mac("upgrade:address", told)[:22]
