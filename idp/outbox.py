"""What is to leave the house: written with the act that causes it, delivered by the worker, so that a page never
waits for a mail server.

Address and facts are sealed until the message is delivered or given up, then erased.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring

MOST_TRIES = 10
_LEASE = timedelta(minutes=2)
_FIRST_RETRY = timedelta(seconds=15)
_LONGEST_RETRY = timedelta(hours=2)


class Channel(StrEnum):
    """How a message travels."""

    MAIL = "mail"
    LETTER = "letter"


class State(StrEnum):
    """Where a message is on its way."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


class Message(db.Row):
    """One message. `taken_until` is the lease of the worker that is delivering it."""

    __tablename__ = "outbox_message"

    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    template: Mapped[str]
    language: Mapped[str]
    sealed: Mapped[bytes | None]
    subject: Mapped[str | None]
    state: Mapped[str]
    tries: Mapped[int]
    due_at: Mapped[datetime]
    taken_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    fault: Mapped[str | None]

    __table_args__ = (sa.Index("ix_outbox_message_waiting", "state", "due_at"),)


@dataclass(frozen=True)
class Opened:
    """A message opened for delivery: `template` names a folder entry, `facts` fill it."""

    id: str
    channel: Channel
    template: str
    language: str
    to: str
    facts: Mapping[str, str]


def enqueue(
    conn: Connection,
    keyring: Keyring,
    *,
    template: str,
    to: str,
    facts: Mapping[str, str],
    language: str,
    subject: str | None,
    channel: Channel = Channel.MAIL,
) -> str:
    """Put a message beside the act that causes it; `subject` is whom it is about. Returns its id."""
    now = clock.now()
    id_ = crypto.new_id()
    plain = json.dumps({"to": to, "facts": dict(facts)}).encode("utf-8")
    db.add(
        conn,
        Message(
            id=id_,
            channel=channel.value,
            template=template,
            language=language,
            sealed=keyring.seal(plain, table="outbox_message", column="sealed", row=id_),
            subject=subject,
            state=State.WAITING.value,
            tries=0,
            due_at=now,
            created_at=now,
        ),
    )
    return id_


def claim(conn: Connection) -> Message | None:
    """Take the next message that is due, for one lease. A worker that dies leaves it to the next one: at least once,
    never lost.
    """
    now = clock.now()
    free = sa.or_(Message.taken_until.is_(None), Message.taken_until <= now)
    waiting = sa.and_(Message.state == State.WAITING.value, Message.due_at <= now, free)
    candidate = conn.execute(
        sa.select(Message.id).where(waiting).order_by(Message.due_at).limit(1)
    ).scalar_one_or_none()
    if candidate is None:
        return None
    taken = db.swap(
        conn,
        sa.update(Message)
        .where(Message.id == candidate, waiting)
        .values(taken_until=now + _LEASE, tries=Message.tries + 1),
    )
    return db.get(conn, Message, Message.id == candidate) if taken else None


def unseal(message: Message, keyring: Keyring) -> Opened:
    """What a claimed message says. Raises `SealBroken`; it stays claimed, so that one bad row does not stop the others."""
    plain = json.loads(keyring.unseal(message.sealed or b"", table="outbox_message", column="sealed", row=message.id))
    return Opened(message.id, Channel(message.channel), message.template, message.language, plain["to"], plain["facts"])


def delivered(conn: Connection, id_: str) -> None:
    """It left the house: erase what it said and to whom."""
    _end(conn, id_, State.DELIVERED, fault=None)


def failed(conn: Connection, id_: str, fault: str) -> bool:
    """It did not go. Tell whether that was the last try; `fault` is a class of trouble, never an address."""
    message = db.get(conn, Message, Message.id == id_)
    if message.tries >= MOST_TRIES:
        _end(conn, id_, State.GAVE_UP, fault=fault)
        return True
    wait = min(_FIRST_RETRY * 2 ** (message.tries - 1), _LONGEST_RETRY)
    conn.execute(
        sa.update(Message).where(Message.id == id_).values(due_at=clock.now() + wait, taken_until=None, fault=fault)
    )
    return False


def sweep(conn: Connection, older_than: timedelta = timedelta(days=30)) -> int:
    """Delete messages that ended long ago; tell how many."""
    ended = sa.delete(Message).where(Message.ended_at <= clock.now() - older_than)
    return conn.execute(ended).rowcount


def _end(conn: Connection, id_: str, state: State, *, fault: str | None) -> None:
    conn.execute(
        sa.update(Message)
        .where(Message.id == id_)
        .values(state=state.value, ended_at=clock.now(), taken_until=None, sealed=None, fault=fault)
    )
