"""What follows here from what DEERS tells of a person now.

It is asked how the person is, never what happened to them: the account is made to fit, whatever it was before. So it does no
harm to look twice, late, or in another order. An account that DEERS does not vouch for is *held*: it is `deceased` or
`identity_conflict`, and keeps in `state_before` what it is by what happened here. A lock and its lifting change that one
meanwhile, so nothing of the two is lost. Ended eligibility is not identity and holds nobody; claims are read anew every time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit, db
from idp.accounts import accounts, merging, notices, people
from idp.accounts.accounts import Account, State
from idp.accounts.people import Person
from idp.audit import Event
from idp.credentials import sessions
from idp.journeys import engine
from idp.keyring import Keyring
from idp.ports import Known
from idp.proofing import address_codes


class Overtaken(Exception):
    """Somebody else looked at this person meanwhile: what DEERS told before that is worth nothing. Ask again."""


class Why(StrEnum):
    """Why an account is held; kept as its reason."""

    DECEASED = "deceased"
    CONFLICT = "conflict"
    """DEERS is not sure that its numbers belong to one person."""
    NOT_IN_DEERS = "not_in_deers"
    """DEERS knows nobody by the person's EDIPI, or somebody else, and told of no merge."""
    TWO_ACCOUNTS = "two_accounts"
    """DEERS made one of two people who have an account each: the service center closes one of them."""


class Followed(StrEnum):
    """What was done."""

    HELD = "held"
    FREED = "freed"
    RENUMBERED = "renumbered"
    REKEYED = "rekeyed"
    MERGED = "merged"
    STOPPED = "stopped"
    """A registration under way leads nowhere now."""


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """A record of DEERS that is looked at: its key as an HMAC, and what it is asked by."""

    mac: str
    edipi: str
    former_macs: tuple[str, ...] = ()
    """Keys that DEERS had for this person until now."""
    reserves: str | None = None
    """What a registration of this person reserves; None where the key itself is not known."""
    former_reserves: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without saying whose."""
        return "Record()"


@dataclass(frozen=True, slots=True)
class _Hold:
    state: State
    why: Why


_NOTICES = {State.DECEASED: "account_deceased", State.IDENTITY_CONFLICT: "account_held"}
_FREED_NOTICES = {State.ACTIVE: "account_freed", State.LOCKED: "account_locked"}
"""What the owner hears when the account is free again: nothing else may tell them that it works."""


def vouches(keyring: Keyring, known: Known | None, mac: str) -> bool:
    """Whether DEERS speaks for the person of this key: it knows exactly them, alive, and is sure of it."""
    return _is(keyring, known, mac) and known is not None and not (known.deceased or known.conflict)


def follow(
    conn: Connection, keyring: Keyring, record: Record, seen: Collection[Person], known: Known | None, *, actor: str
) -> list[Followed]:
    """Make everything here fit what DEERS told of a record, in one write; tell what was done.

    `seen` are the people of the record as `merging.list_one` found them before DEERS was asked. Raises `Overtaken`: of two who
    look at once, the one who asked earlier must not have the last word.
    """
    # First: this waits for a registration that is just being finished, and then sees its person.
    done = _stop_registrations(conn, record, vouched=vouches(keyring, known, record.mac), actor=actor)
    found = merging.list_one(conn, (record.mac, *record.former_macs))
    if [person.id for person in found] != [person.id for person in seen]:
        raise Overtaken
    for person in seen:
        here = sa.update(Person).where(Person.id == person.id, Person.looks == person.looks)
        if not db.swap(conn, here.values(looks=Person.looks + 1)):
            raise Overtaken
    head = _merge(conn, record, found, done, actor=actor)
    if head is None:
        return done
    live = [
        account
        for person in found
        if (account := accounts.find_live(conn, person.id)) is not None
        and (account := accounts.hold(conn, account.id)) is not None
        and account.state != State.CLOSED
    ]
    told = known if _is(keyring, known, head.authority_mac) else None
    if told is not None:
        _stand_for(conn, keyring, head, found, live, told, done, actor=actor)
    hold = _hold(told, len(live))
    for account in live:
        _fit(conn, keyring, account, hold, told, done, actor=actor)
    return done


def _is(keyring: Keyring, known: Known | None, mac: str) -> bool:
    return known is not None and people.authority_mac(keyring, known.person_key) == mac


def _stop_registrations(conn: Connection, record: Record, *, vouched: bool, actor: str) -> list[Followed]:
    """A registration of a person whom DEERS does not vouch for, or has under another key now, becomes a decoy (R71)."""
    reserves = [*record.former_reserves, *([] if vouched or record.reserves is None else [record.reserves])]
    stopped = engine.take_away(conn, reserves) if reserves else []
    for journey_id in stopped:
        why = "changed" if vouched else "not_vouched"
        audit.record(conn, Event.REGISTRATION_UNVOUCHED, actor=actor, subject=None, journey=journey_id, why=why)
    return [Followed.STOPPED for _ in stopped]


def _merge(
    conn: Connection, record: Record, found: Collection[Person], done: list[Followed], *, actor: str
) -> Person | None:
    """Who of them stands for the record, once everybody who had a former key of it is one with them."""
    by_id = {person.id: person for person in found}
    by_mac = {person.authority_mac: by_id[person.merged_into or person.id] for person in found}
    head = by_mac.get(record.mac)
    for former in record.former_macs:
        other = by_mac.get(former)
        if other is None or (head is not None and other.id == head.id):
            continue
        if head is None:
            head = merging.rekey(conn, other, record.mac)
            _note(conn, Event.PERSON_REKEYED, head, actor=actor)
            done.append(Followed.REKEYED)
        else:
            merging.merge(conn, other, head)
            audit.record(conn, Event.PERSON_MERGED, actor=actor, subject=other.id, into=head.id)
            done.append(Followed.MERGED)
    return head


def _stand_for(
    conn: Connection,
    keyring: Keyring,
    head: Person,
    found: Collection[Person],
    live: Collection[Account],
    told: Known,
    done: list[Followed],
    *,
    actor: str,
) -> None:
    """Whoever has the only live account stands for the record, with the present EDIPI."""
    owners = [person for person in found if person.id in {account.person_id for account in live}]
    if len(owners) == 1 and owners[0].id != head.id:
        merging.put_at_head(conn, head, owners[0])
        head = owners[0]
        _note(conn, Event.PERSON_REKEYED, head, actor=actor)
        done.append(Followed.REKEYED)
    if people.renumber(conn, keyring, head, told.edipi):
        _note(conn, Event.PERSON_RENUMBERED, head, actor=actor)
        done.append(Followed.RENUMBERED)


def _note(conn: Connection, event: Event, person: Person, *, actor: str) -> None:
    audit.record(conn, event, actor=actor, subject=person.id)


def _hold(told: Known | None, accounts_of_one: int) -> _Hold | None:
    """The one table: what DEERS tells → what the account is. Death comes first, since it says most."""
    if told is None:
        return _Hold(State.IDENTITY_CONFLICT, Why.NOT_IN_DEERS)
    if told.deceased:
        return _Hold(State.DECEASED, Why.DECEASED)
    if told.conflict:
        return _Hold(State.IDENTITY_CONFLICT, Why.CONFLICT)
    if accounts_of_one > 1:
        return _Hold(State.IDENTITY_CONFLICT, Why.TWO_ACCOUNTS)
    return None


def _fit(
    conn: Connection,
    keyring: Keyring,
    account: Account,
    hold: _Hold | None,
    told: Known | None,
    done: list[Followed],
    *,
    actor: str,
) -> None:
    """One account. What has been done already is not done again, and told to nobody twice."""
    held = account.state_before is not None
    if hold is None:
        if held:
            _free(conn, keyring, account, told, actor=actor)
            done.append(Followed.FREED)
        return
    if held and (account.state, account.state_why) == (hold.state.value, hold.why.value):
        return
    accounts.set_held(conn, account, becomes=hold.state, why=hold.why.value)
    address_codes.revoke(conn, account.id)
    sessions.end_everything(conn, account.id, keep=None, actor=actor, why=hold.state.value)
    audit.record(
        conn,
        Event.ACCOUNT_HELD,
        actor=actor,
        subject=account.person_id,
        account=account.id,
        was=account.state,
        state=hold.state.value,
        why=hold.why.value,
    )
    if account.state != hold.state:
        # A wrong report of a death is a grave error, so it is told wherever somebody may read it who can object. Where DEERS
        # mixes two people up, its addresses may be somebody else's.
        also = told.every_email if told is not None and hold.state is State.DECEASED else ()
        facts = {} if hold.state is State.DECEASED else {"why": hold.why.value}
        notices.tell_owner(conn, keyring, account, _NOTICES[hold.state], facts, also=also)
    done.append(Followed.HELD)


def _free(conn: Connection, keyring: Keyring, account: Account, told: Known | None, *, actor: str) -> None:
    own = accounts.own_state(account)
    accounts.set_free(conn, account)
    audit.record(
        conn,
        Event.ACCOUNT_FREED,
        actor=actor,
        subject=account.person_id,
        account=account.id,
        was=account.state,
        state=own.value,
    )
    if own in _FREED_NOTICES:
        notices.tell_owner(
            conn, keyring, account, _FREED_NOTICES[own], also=told.every_email if told is not None else ()
        )
