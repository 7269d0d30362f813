"""Passkeys and security keys: what an account holds of them, and how one is shown (WebAuthn Level 3).

One that made sure of its user (by a finger, a face or a PIN) is two factors in one step; one that did not counts as one,
beside a password (R40, SP 800-63B-4 §3.1.7). The private half never leaves the person's own device, so here is nothing to
steal; it answers our own address alone, so nothing can be phished.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.audit import Event
from idp.credentials import ceremonies
from idp.credentials.ceremonies import Answer, Made, Sent, Site
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused

MOST = 20
"""How many one account may have."""

LONGEST_NAME = 60


class Passkey(db.Row):
    """One credential. `user_verified` tells that it could make sure of its user when it was added; a disabled one opens
    nothing (R13).
    """

    __tablename__ = "passkey"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    credential_id: Mapped[str] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    aaguid: Mapped[str]
    transports: Mapped[list[str]]
    user_verified: Mapped[bool]
    backup_eligible: Mapped[bool]
    backed_up: Mapped[bool]
    name_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Asserted:
    """A passkey answered rightly. Its counter is not spent yet."""

    passkey: str
    answer: Answer

    @property
    def methods(self) -> tuple[str, ...]:
        """What it is in `amr` (RFC 8176): a key kept in hardware or in several places, and whether its user was made sure of."""
        kind = "swk" if self.answer.backup_eligible else "hwk"
        return (kind, "user") if self.answer.user_verified else (kind,)


@dataclass(frozen=True, slots=True)
class Listed:
    """One passkey as its owner sees it in the list."""

    id: str
    credential_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    synced: bool
    user_verified: bool
    disabled: bool


def user_handle(account_id: str) -> str:
    """What the account is to an authenticator: its random id, which tells nobody anything (WebAuthn L3 §14.6.1)."""
    return crypto.b64url(account_id.encode("ascii"))


def keep(conn: Connection, keyring: Keyring, account_id: str, made: Made, *, name: str) -> str | Refused:
    """Make this one of the account's passkeys; its id. Refused where it is somebody's already (R44), or there are too many.

    The caller holds the account's row, so that two at once count one another.
    """
    if len(list_rows(conn, account_id)) >= MOST:
        return Refused(Reason.TOO_MANY)
    id_ = crypto.new_id()
    row = Passkey(
        id=id_,
        account_id=account_id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.answer.sign_count,
        aaguid=made.aaguid,
        transports=list(made.transports),
        user_verified=made.answer.user_verified,
        backup_eligible=made.answer.backup_eligible,
        backed_up=made.answer.backed_up,
        name_sealed=_seal(keyring, id_, name),
        created_at=clock.now(),
        last_used_at=None,
        disabled_at=None,
    )
    return id_ if db.add_unless_taken(conn, row) else Refused(Reason.ALREADY_DONE)


def find_by_credential(conn: Connection, credential_id: str) -> Passkey | None:
    """The passkey that a browser names."""
    return db.find(conn, Passkey, Passkey.credential_id == credential_id)


def compare(site: Site, passkey: Passkey, sent: Sent) -> Asserted | Refused:
    """Whether an answer is this passkey's, and is as it must be. Nothing is spent by it; its challenge was before."""
    if passkey.disabled_at is not None:
        return Refused(Reason.FACTOR_STOPPED)
    if sent.user_handle not in {None, passkey.account_id}:
        return Refused(Reason.WRONG_PASSKEY)
    answer = ceremonies.check_answer(site, sent, public_key=passkey.public_key)
    if isinstance(answer, Refused):
        return answer
    # Whether a key can be kept in several places is settled at its making and never changes (R42).
    if answer.backup_eligible != passkey.backup_eligible:
        return Refused(Reason.WRONG_PASSKEY)
    return Asserted(passkey.id, answer)


def claim(conn: Connection, account_id: str, asserted: Asserted) -> bool:
    """Spend an answer: the counter rises, by one statement (R43). False when it did not rise, or the passkey is gone.

    Keys that are kept in several places do not count and always say nought; their challenge alone makes them count once.
    """
    said = asserted.answer.sign_count
    rises = sa.or_(Passkey.sign_count < said, sa.and_(Passkey.sign_count == 0, sa.literal(said) == 0))
    return db.swap(
        conn,
        sa.update(Passkey)
        .where(Passkey.id == asserted.passkey, Passkey.account_id == account_id, Passkey.disabled_at.is_(None), rises)
        .values(sign_count=said, backed_up=asserted.answer.backed_up, last_used_at=clock.now()),
    )


def record_suspicion(conn: Connection, *, account_id: str, person_id: str) -> None:
    """Note that a counter did not rise: there may be a copy of the key (WebAuthn L3 §6.1.1)."""
    audit.record(conn, Event.PASSKEY_SUSPECT, actor=account_id, subject=person_id, account=account_id)


def list_rows(conn: Connection, account_id: str) -> list[Passkey]:
    """The account's passkeys, disabled ones too, the oldest first."""
    return db.list_rows(conn, Passkey, Passkey.account_id == account_id, order_by=Passkey.created_at)


def list_own(conn: Connection, keyring: Keyring, account_id: str) -> Sequence[Listed]:
    """The account's passkeys as its owner sees them, the oldest first."""
    return [
        Listed(
            id=row.id,
            credential_id=row.credential_id,
            name=_unseal(keyring, row),
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            synced=row.backed_up,
            user_verified=row.user_verified,
            disabled=row.disabled_at is not None,
        )
        for row in list_rows(conn, account_id)
    ]


def verifying_of(account_id: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    """Whether the account has a passkey that makes sure of its user and was not stopped, as part of a statement."""
    return sa.exists().where(
        Passkey.account_id == account_id, Passkey.user_verified.is_(True), Passkey.disabled_at.is_(None)
    )


def rename(conn: Connection, keyring: Keyring, account_id: str, passkey_id: str, name: str) -> bool:
    """Call one of the account's passkeys otherwise; False where it is not there."""
    return db.swap(
        conn,
        sa.update(Passkey)
        .where(Passkey.id == passkey_id, Passkey.account_id == account_id)
        .values(name_sealed=_seal(keyring, passkey_id, name)),
    )


def remove(conn: Connection, account_id: str, passkey_id: str) -> bool:
    """Take one of the account's passkeys away; False where it is not there."""
    return db.swap(conn, sa.delete(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == account_id))


def disable(conn: Connection, passkey_id: str) -> bool:
    """Make it worth nothing: a hundred wrong answers in a row (R13); tell whether it was worth something."""
    return db.swap(
        conn,
        sa.update(Passkey)
        .where(Passkey.id == passkey_id, Passkey.disabled_at.is_(None))
        .values(disabled_at=clock.now()),
    )


def enable_all(conn: Connection, account_id: str) -> None:
    """Let disabled ones work again, once an operator has made sure who asks."""
    conn.execute(sa.update(Passkey).where(Passkey.account_id == account_id).values(disabled_at=None))


def check_name(typed: str) -> str | Refused:
    """A name for a passkey: one line of text that its owner will know."""
    name = " ".join(typed.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        return Refused(Reason.NAME_NOT_ALLOWED)
    return name


def _seal(keyring: Keyring, passkey_id: str, name: str) -> bytes:
    return keyring.seal(name.encode("utf-8"), table="passkey", column="name_sealed", row=passkey_id)


def _unseal(keyring: Keyring, row: Passkey) -> str:
    return keyring.unseal(row.name_sealed, table="passkey", column="name_sealed", row=row.id).decode("utf-8")
