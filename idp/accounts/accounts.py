"""Accounts: the one live credential set of a person, with its username, state and level."""

import re
import unicodedata
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.accounts.levels import Level
from idp.audit import Event
from idp.outcomes import Reason, Refused


class State(StrEnum):
    """What an account is in. A registration under way is a journey and not an account."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOCKED = "locked"
    INACTIVE = "inactive"
    IDENTITY_CONFLICT = "identity_conflict"
    DECEASED = "deceased"
    CLOSED = "closed"


class Account(db.Row):
    """A person's credential set. `subject_id` is the subject it speaks for; `proven` tells whether an address of
    record was shown.
    """

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"), index=True)
    subject_id: Mapped[str] = mapped_column(sa.ForeignKey("subject.id"))
    username: Mapped[str]
    username_key: Mapped[str | None] = mapped_column(unique=True)
    level: Mapped[int]
    wanted_level: Mapped[int]
    proven: Mapped[bool]
    state: Mapped[str]
    state_why: Mapped[str | None]
    language: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    granted_from: Mapped[datetime | None]
    """What clients were given for offline use before this moment is dead; NULL where nothing ever was ended so."""
    state_before: Mapped[str | None]
    """The state that comes back when the authority takes back what it said of the person; NULL while it said nothing."""
    state_before_why: Mapped[str | None]

    __table_args__ = (
        sa.Index(
            "uq_account_live",
            "person_id",
            unique=True,
            sqlite_where=sa.text("state <> 'closed'"),
            postgresql_where=sa.text("state <> 'closed'"),
        ),
    )


_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{1,62})[A-Za-z0-9]")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[\d._-]{7,}")


def username_key(typed: str) -> str:
    """What a typed username is looked up and counted by: the same for every way of writing it (R17)."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def check_username(typed: str) -> Refused | None:
    """3 to 64 letters, digits, dots, dashes or underscores; nothing that looks like an SSN, a DoD ID or a telephone
    number.
    """
    wanted = typed.strip()
    if not _USERNAME.fullmatch(wanted) or _LOOKS_LIKE_A_NUMBER.fullmatch(wanted):
        return Refused(Reason.USERNAME_NOT_ALLOWED)
    return None


def find_account(conn: Connection, account_id: str) -> Account | None:
    """The account of this id."""
    return db.find_by(conn, Account, Account.id, account_id)


def get_account(conn: Connection, account_id: str) -> Account:
    """The account of this id, which must be there: a miss is a bug."""
    return db.get(conn, Account, Account.id == account_id)


def find_by_username(conn: Connection, typed: str) -> Account | None:
    """The account that this username belongs to, however it was written."""
    return db.find_by(conn, Account, Account.username_key, username_key(typed))


def hold(conn: Connection, account_id: str) -> Account | None:
    """The account, for a decision in this write: whoever else decides about it at the same moment waits for its end, so that of
    two writes the later one sees what the earlier one did. SQLite has one writer at a time anyway.
    """
    statement = sa.select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)
    return None if conn.execute(statement).scalar_one_or_none() is None else find_account(conn, account_id)


def find_live(conn: Connection, person_id: str) -> Account | None:
    """The person's one account that is not closed."""
    return db.find(conn, Account, Account.person_id == person_id, Account.state != State.CLOSED.value)


def create(
    conn: Connection,
    *,
    person_id: str,
    subject_id: str,
    username: str,
    level: Level,
    wanted_level: Level,
    proven: bool,
    policy: str,
    language: str,
) -> Account | Refused:
    """Make the account, unless the username or the person is taken. The caller's write brings credentials and
    evidence with it.
    """
    if (refused := check_username(username)) is not None:
        return refused
    now = clock.now()
    account = Account(
        id=crypto.new_id(),
        person_id=person_id,
        subject_id=subject_id,
        username=username.strip(),
        username_key=username_key(username),
        level=int(level),
        wanted_level=int(wanted_level),
        proven=proven,
        state=State.ACTIVE.value,
        state_why=None,
        language=language,
        created_at=now,
        changed_at=now,
        granted_from=None,
        state_before=None,
        state_before_why=None,
    )
    if not db.add_unless_taken(conn, account):
        taken = find_by_username(conn, username) is not None
        return Refused(Reason.USERNAME_TAKEN if taken else Reason.ALREADY_DONE)
    audit.record(
        conn,
        Event.ACCOUNT_CREATED,
        actor=account.id,
        subject=person_id,
        account=account.id,
        level=int(level),
        policy=policy,
    )
    return account


def own_state(account: Account) -> State:
    """What the account is by what happened here, whatever the authority says of its person meanwhile."""
    return State(account.state_before or account.state)


def change_state(conn: Connection, account_id: str, *, was: State, becomes: State, why: str | None) -> bool:
    """Move an account from one state to another, if it still is in the first. The username of a closed account stays
    taken by nobody.
    """
    values: dict[str, object] = {"state": becomes.value, "state_why": why, "changed_at": clock.now()}
    if becomes is State.CLOSED:
        values |= {"username_key": None, "state_before": None, "state_before_why": None}
    if was is State.ACTIVE:
        # What dies with the state does not come back with it (R87).
        values["granted_from"] = clock.now()
    return db.swap(
        conn, sa.update(Account).where(Account.id == account_id, Account.state == was.value).values(**values)
    )


def change_own_state(conn: Connection, account: Account, *, becomes: State, why: str | None) -> bool:
    """The same for what happens here to an account that the authority may hold: then it is the state that comes back with the
    authority's word that changes, so that neither of the two hides or undoes the other.
    """
    if account.state_before is None:
        return change_state(conn, account.id, was=State(account.state), becomes=becomes, why=why)
    statement = sa.update(Account).where(Account.id == account.id, Account.state_before == account.state_before)
    return db.swap(conn, statement.values(state_before=becomes.value, state_before_why=why, changed_at=clock.now()))


def set_held(conn: Connection, account: Account, *, becomes: State, why: str) -> None:
    """Let the account be what the authority says of its person, and keep what it was. The caller has it by `hold`."""
    values: dict[str, object] = {"state": becomes.value, "state_why": why, "changed_at": clock.now()}
    if account.state_before is None:
        values |= {"state_before": account.state, "state_before_why": account.state_why}
    if account.state == State.ACTIVE.value:
        values["granted_from"] = clock.now()
    conn.execute(sa.update(Account).where(Account.id == account.id).values(**values))


def set_free(conn: Connection, account: Account) -> None:
    """Let a held account be again what it is by what happened here. The caller has it by `hold`."""
    conn.execute(
        sa.update(Account)
        .where(Account.id == account.id)
        .values(
            state=account.state_before,
            state_why=account.state_before_why,
            state_before=None,
            state_before_why=None,
            changed_at=clock.now(),
        )
    )


def void_grants(conn: Connection, account_id: str) -> None:
    """Whatever clients hold for offline use is dead from now on; `oidc/standing.py` looks here."""
    conn.execute(sa.update(Account).where(Account.id == account_id).values(granted_from=clock.now()))
