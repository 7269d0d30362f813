"""The last step of a registration: account, password, address, evidence, level and session come into being together."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from idp import audit
from idp.accounts import accounts, addresses, known_words, notices, people
from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level
from idp.audit import ANONYMOUS, Event
from idp.credentials import passwords, sessions
from idp.credentials.passwords import Hashed
from idp.credentials.sign_in import Browser
from idp.journeys import engine, match_tries, upgrade
from idp.journeys.engine import Journey
from idp.journeys.following import vouches
from idp.journeys.registration import REGISTERED, is_of_record, record_end, reservation_of
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused
from idp.ports import Known, Services
from idp.proofing import address_codes, evidence, policy
from idp.proofing.policy import POLICIES, Delivery, Method, Policy


@dataclass(frozen=True, repr=False)
class Registered:
    """The account exists and its person is signed in: the session's handle, and the client's request that waits, if
    one does.
    """

    session: str
    request: str | None
    upgrade: str | None
    """The handle of the upgrade that follows, for who asked for Premium."""

    def __repr__(self) -> str:
        """Without the handles (R77)."""
        return "Registered()"


class _Undone(Exception):
    """Takes a half-made account back: a returned refusal would commit it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def finish(
    services: Services,
    journey: Journey,
    *,
    username: str,
    password: str,
    browser: Browser,
    language: str | None = None,
) -> Registered | tuple[Refused, ...]:
    """Make the account with everything that belongs to it, in one write, and sign its person in.

    Every refusal of username and password is told at once. `JOURNEY_GONE`: a newer journey for the same person took
    over, or DEERS vouches for them no longer: it is asked once more. `ALREADY_DONE`: the person got an account meanwhile, or a
    click came twice. One expensive run; raises `Busy` and `PortDown`.
    """
    email = journey.facts["email"]
    about = (known_words.before_at(email),) if email else ()
    with services.db.read() as conn:
        told = [
            _check_username(conn, username),
            passwords.check(password, username=username, breached=services.breached, alone=True, about=about),
        ]
    if refused := tuple(refusal for refusal in told if refusal is not None):
        return refused
    # No decoy gets as far as this, so nothing is told by the call. What changes after it finds the reservation, or the account.
    known = services.directory.find(journey.facts["edipi"])
    hashed = passwords.hash_password(services.keyring, password, services.settings.password_hash)
    try:
        made = services.db.write(
            lambda conn: _create(
                conn,
                services,
                journey,
                known,
                username=username,
                hashed=hashed,
                browser=browser,
                language=language or journey.language,
            )
        )
    except _Undone as undone:
        made = undone.refused
    return (made,) if isinstance(made, Refused) else made


def _check_username(conn: Connection, username: str) -> Refused | None:
    """Also whether it is free, so that nobody waits for argon2 only to hear that it is not; the write decides."""
    if (refused := accounts.check_username(username)) is not None:
        return refused
    return Refused(Reason.USERNAME_TAKEN) if accounts.find_by_username(conn, username) is not None else None


def _create(
    conn: Connection,
    services: Services,
    journey: Journey,
    known: Known | None,
    *,
    username: str,
    hashed: Hashed,
    browser: Browser,
    language: str,
) -> Registered | Refused:
    """Everything that an account consists of. Raises `_Undone` where a refusal must leave nothing behind."""
    keyring = services.keyring
    facts = journey.facts
    if known is None or not vouches(keyring, known, people.authority_mac(keyring, facts["person_key"])):
        if engine.end(conn, journey, "not_vouched"):
            record_end(conn, journey.id, why="not_vouched")
        return Refused(Reason.JOURNEY_GONE)
    if not engine.claim_reservation(conn, journey, reservation_of(keyring, journey)):
        if engine.end(conn, journey, "superseded"):
            record_end(conn, journey.id, why="superseded")
        return Refused(Reason.JOURNEY_GONE)
    if not engine.end(conn, journey, REGISTERED):
        raise _Undone(Refused(Reason.ALREADY_DONE))
    chosen = POLICIES[services.settings.policy]
    code_method = _shown_by_code(chosen, journey, known)
    shown = {Method.DEERS_MATCH: facts["matched_at"], code_method: facts["redeemed_at"]}
    level = policy.level_for(chosen, shown.keys(), second_factor=False)
    if level is None:
        # The policy was made stricter while this journey was under way.
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    if facts["displaces"] and not policy.is_proven(shown.keys()):
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    person = people.ensure_person(conn, keyring, person_key=known.person_key, edipi=known.edipi)
    displaced = _displace(conn, keyring, person.id) if facts["displaces"] else False
    subject = (None if displaced else people.find_subject(conn, person.id)) or people.renew_subject(conn, person.id)
    account = accounts.create(
        conn,
        person_id=person.id,
        subject_id=subject.id,
        username=username,
        level=level,
        wanted_level=Level(facts["wanted_level"]),
        proven=policy.is_proven(shown.keys()),
        policy=chosen.name.value,
        language=language,
    )
    if isinstance(account, Refused):
        raise _Undone(account)
    passwords.set_password(conn, account.id, hashed)
    _keep_address(conn, keyring, account, journey, chosen)
    for method, at in shown.items():
        evidence.add(conn, account, method, policy=chosen.name, at=datetime.fromtimestamp(at, UTC))
    match_tries.settle(conn, number=facts["asked_with"], network=facts["asked_from"])
    begun = sessions.open_session(
        conn, keyring, account, methods=("pwd",), where=browser.where, old_handle=browser.session
    )
    session = begun.handle
    return Registered(session, facts["request"], _go_on_to_premium(conn, services, journey, session, language))


def _shown_by_code(chosen: Policy, journey: Journey, known: Known) -> Method:
    """What it shows that the code came back: more, if it went to an address that DEERS still has for the person. Raises
    `_Undone` where the policy takes no other.
    """
    method = chosen.deliveries[Delivery(journey.facts["delivery"])]
    held = journey.facts["email_of_record"]
    still = held is not None and held.casefold() in {one.address.casefold() for one in known.emails}
    if method is Method.CODE_EMAIL_OF_RECORD and not still:
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    if method is Method.CODE_EMAIL and still and is_of_record(journey, journey.facts["email"]):
        return Method.CODE_EMAIL_OF_RECORD
    return method


def _go_on_to_premium(
    conn: Connection, services: Services, journey: Journey, session: str, language: str
) -> str | None:
    """The upgrade of who asked for Premium, begun in the same write; whom DEERS has just matched is not asked again."""
    me = sessions.find_signed_in(conn, session)
    if journey.facts["wanted_level"] != Level.PREMIUM or me is None:
        return None
    return upgrade.begin_after_registration(conn, services.keyring, me, registration=journey.id, language=language)


def _displace(conn: Connection, keyring: Keyring, person_id: str) -> bool:
    """Close the account that stands for this person without proof: its rightful owner is here. Its subject id dies with it, so
    no client takes the one for the other. Raises `_Undone` if it was proven meanwhile.
    """
    live = accounts.find_live(conn, person_id)
    old = None if live is None else accounts.hold(conn, live.id)
    if old is None:
        return False
    if old.proven or not accounts.change_state(
        conn, old.id, was=State(old.state), becomes=State.CLOSED, why="displaced"
    ):
        raise _Undone(Refused(Reason.JOURNEY_GONE))
    sessions.end_everything(conn, old.id, keep=None, actor=ANONYMOUS, why="displaced")
    address_codes.revoke(conn, old.id)
    notices.tell_owner(conn, keyring, old, "account_displaced")
    audit.record(conn, Event.ACCOUNT_DISPLACED, actor=ANONYMOUS, subject=person_id, account=old.id)
    return True


def _keep_address(conn: Connection, keyring: Keyring, account: Account, journey: Journey, chosen: Policy) -> None:
    """Keep the address that the code came back from, as the account's verified one."""
    if journey.facts["delivery"] != Delivery.EMAIL.value:
        return
    email = journey.facts["email_of_record"] if chosen.email_of_record else journey.facts["email"]
    addresses.add(conn, keyring, account_id=account.id, email=email)
