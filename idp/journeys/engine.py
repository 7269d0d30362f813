"""Journeys: what a person does in several steps is a row with a named state, and moves only on roads that its machine
declares.

The browser holds a random handle (R80); the facts that the steps established are sealed in the row. A move is one
compare-and-set on state and version, so of two tabs, two clicks or two devices one wins and the other learns it (R57).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring

OVER = "[*]"
_ENDED_STAYS = timedelta(hours=1)


class UndeclaredRoad(Exception):
    """The code asked for a move, or for facts, that the machine does not declare: a bug, never a person's doing."""


@dataclass(frozen=True)
class Machine:
    """One kind of journey: its states in the order of the steps, the roads between them, the facts that each step
    writes.

    At a state a journey holds only facts of `opening` and of earlier states, so going back drops what came after.
    `lifetime` is how long a journey waits for its next move.
    """

    kind: str
    start: StrEnum
    lifetime: timedelta
    moves: Mapping[StrEnum, frozenset[StrEnum]]
    last: StrEnum
    writes: Mapping[StrEnum, frozenset[str]] = field(default_factory=dict)
    opening: frozenset[str] = frozenset()

    def check_move(self, here: str, there: StrEnum) -> None:
        """Raise `UndeclaredRoad` unless there is a road from `here` to `there`."""
        if there not in self.moves.get(self.state(here), frozenset()):
            raise UndeclaredRoad(f"{self.kind}: no road from {here} to {there}")

    def check_facts(self, there: StrEnum, facts: Mapping[str, Any]) -> None:
        """Raise `UndeclaredRoad` when a fact is not one that an earlier step than `there` writes."""
        if strange := facts.keys() - self.facts_at(there):
            raise UndeclaredRoad(f"{self.kind}: {there} does not know {sorted(strange)}")

    def facts_at(self, there: StrEnum) -> frozenset[str]:
        """The names of the facts that a journey may hold when it stands at `there`."""
        known = self.opening
        for state in self.moves:
            if state == there:
                break
            known |= self.writes.get(state, frozenset())
        return known

    def state(self, value: str) -> StrEnum:
        """The state of this name."""
        return type(self.start)(value)

    def diagram(self) -> str:
        """The machine as a mermaid state diagram; `docs/journeys/` is generated from it."""
        lines = ["stateDiagram-v2", f"    {OVER} --> {self.start}"]
        lines += [
            f"    {here} --> {there}"
            for here, roads in self.moves.items()
            for there in sorted(roads, key=list(self.moves).index)
        ]
        lines.append(f"    {self.last} --> {OVER}")
        for state, written in self.writes.items():
            lines.append(f"    note right of {state}: writes {', '.join(sorted(written))}")
        return "\n".join(lines) + "\n"


class JourneyRow(db.Row):
    """A journey as stored. `sealed` holds its facts and is erased at its end; `version` counts its moves."""

    __tablename__ = "journey"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    version: Mapped[int]
    handle_digest: Mapped[str] = mapped_column(unique=True)
    sealed: Mapped[bytes | None]
    language: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class Reservation(db.Row):
    """What one journey holds for itself alone, by keyed HMAC; the newest journey that asks for it has it."""

    __tablename__ = "journey_reservation"

    reserves: Mapped[str] = mapped_column(primary_key=True)
    journey_id: Mapped[str] = mapped_column(index=True)


@dataclass(frozen=True, repr=False)
class Journey:
    """A live journey, opened. It is a picture of one moment: a move makes the next one."""

    id: str
    state: str
    version: int
    facts: Mapping[str, Any]
    language: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Without the facts (R77)."""
        return f"Journey({self.id}, {self.state})"


def start(
    conn: Connection, keyring: Keyring, machine: Machine, *, language: str, facts: Mapping[str, Any]
) -> tuple[Journey, str]:
    """Begin a journey; return it with the handle for the browser's cookie."""
    machine.check_facts(machine.start, facts)
    now = clock.now()
    handle = crypto.new_handle()
    id_ = crypto.new_id()
    row = JourneyRow(
        id=id_,
        kind=machine.kind,
        state=machine.start.value,
        version=1,
        handle_digest=crypto.digest(handle),
        sealed=_seal(keyring, id_, facts),
        language=language,
        created_at=now,
        expires_at=now + machine.lifetime,
        ended_at=None,
        outcome=None,
    )
    db.add(conn, row)
    return _open(row, keyring), handle


def find(conn: Connection, keyring: Keyring, machine: Machine, handle: str) -> Journey | None:
    """The live journey of this kind behind a browser's handle."""
    return _find_live(conn, keyring, machine, JourneyRow.handle_digest == crypto.digest(handle))


def find_by_id(conn: Connection, keyring: Keyring, machine: Machine, journey_id: str) -> Journey | None:
    """The live journey of this id, for something else than a browser's handle that named it."""
    return _find_live(conn, keyring, machine, JourneyRow.id == journey_id)


def move(
    conn: Connection, keyring: Keyring, machine: Machine, journey: Journey, there: StrEnum, **facts: object
) -> Journey | None:
    """Move on, or back, with what the step established; None when the journey has moved or ended meanwhile.

    Raises `UndeclaredRoad`. The journey then has its whole lifetime before it again.
    """
    machine.check_move(journey.state, there)
    machine.check_facts(there, facts)
    kept = {name: value for name, value in journey.facts.items() if name in machine.facts_at(there)}
    expires_at = clock.now() + machine.lifetime
    held = {**kept, **facts}
    moved = db.swap(
        conn,
        _as_seen(journey).values(
            state=there.value,
            version=journey.version + 1,
            sealed=_seal(keyring, journey.id, held),
            expires_at=expires_at,
        ),
    )
    return Journey(journey.id, there.value, journey.version + 1, held, journey.language, expires_at) if moved else None


def renew_handle(conn: Connection, journey: Journey) -> str:
    """Give the journey to another browser: return a new handle; the old one opens nothing from now on (R81)."""
    handle = crypto.new_handle()
    conn.execute(sa.update(JourneyRow).where(JourneyRow.id == journey.id).values(handle_digest=crypto.digest(handle)))
    return handle


def end(conn: Connection, journey: Journey, outcome: str) -> bool:
    """Close the journey and erase its facts; False when it has moved or ended meanwhile."""
    ended = db.swap(conn, _as_seen(journey).values(ended_at=clock.now(), outcome=outcome, sealed=None))
    if ended:
        release(conn, journey)
    return ended


def reserve(conn: Connection, journey: Journey, reserves: str) -> None:
    """Hold something for this journey alone, taking it from whichever journey held it before.

    The newest has it, so that whoever left in the middle, on any device, can start again at once; the older journey
    is not told, and learns at its next step that there is nothing for it. One statement, so two askers cannot both
    have it.
    """
    release(conn, journey)
    conn.execute(
        db.upsert(conn, Reservation)
        .values(reserves=reserves, journey_id=journey.id)
        .on_conflict_do_update(index_elements=["reserves"], set_={"journey_id": journey.id})
    )


def holds(conn: Connection, journey: Journey, reserves: str) -> bool:
    """Whether no newer journey has taken the reservation."""
    return db.find(conn, Reservation, *_held(journey, reserves)) is not None


def find_holder(conn: Connection, keyring: Keyring, machine: Machine, reserves: str) -> Journey | None:
    """The live journey of this kind that holds the reservation."""
    holder = sa.select(Reservation.journey_id).where(Reservation.reserves == reserves)
    return _find_live(conn, keyring, machine, JourneyRow.id.in_(holder))


def claim_reservation(conn: Connection, journey: Journey, reserves: str) -> bool:
    """Use up the reservation; False when this journey no longer has it. Of any number of journeys one gets True
    (R71).
    """
    return db.swap(conn, sa.delete(Reservation).where(*_held(journey, reserves)))


def take_away(conn: Connection, reserves: Collection[str]) -> list[str]:
    """Let nobody have these reservations any longer; return the ids of the journeys that had one. They are not told."""
    taken = sa.delete(Reservation).where(Reservation.reserves.in_(reserves)).returning(Reservation.journey_id)
    return list(conn.execute(taken).scalars())


def release(conn: Connection, journey: Journey) -> None:
    """Let go of whatever the journey holds."""
    conn.execute(sa.delete(Reservation).where(Reservation.journey_id == journey.id))


def close_expired(conn: Connection, machine: Machine) -> list[str]:
    """End this kind's journeys whose time ran out, erase their facts (R76), and return their ids."""
    now = clock.now()
    closed = conn.execute(
        sa.update(JourneyRow)
        .where(JourneyRow.kind == machine.kind, JourneyRow.ended_at.is_(None), JourneyRow.expires_at <= now)
        .values(ended_at=now, outcome="expired", sealed=None)
        .returning(JourneyRow.id)
    )
    return list(closed.scalars())


def find_outcome(conn: Connection, machine: Machine, handle: str) -> str | None:
    """What a journey that ended a short while ago came to: the answer for a click that came twice."""
    row = db.find(conn, JourneyRow, JourneyRow.handle_digest == crypto.digest(handle), JourneyRow.kind == machine.kind)
    return None if row is None else row.outcome


def sweep(conn: Connection) -> int:
    """Delete journeys an hour after their end or when their time ran out, with what they held; tell how many."""
    now = clock.now()
    out_of_time = sa.and_(JourneyRow.ended_at.is_(None), JourneyRow.expires_at <= now)
    over = sa.or_(JourneyRow.ended_at <= now - _ENDED_STAYS, out_of_time)
    conn.execute(sa.delete(Reservation).where(Reservation.journey_id.in_(sa.select(JourneyRow.id).where(over))))
    return conn.execute(sa.delete(JourneyRow).where(over)).rowcount


def _find_live(conn: Connection, keyring: Keyring, machine: Machine, which: sa.ColumnElement[bool]) -> Journey | None:
    row = db.find(
        conn,
        JourneyRow,
        which,
        JourneyRow.kind == machine.kind,
        JourneyRow.ended_at.is_(None),
        JourneyRow.expires_at > clock.now(),
    )
    return None if row is None else _open(row, keyring)


def _as_seen(journey: Journey) -> sa.Update:
    """An UPDATE that hits only if the journey still is as this picture of it shows, and in time."""
    return sa.update(JourneyRow).where(
        JourneyRow.id == journey.id,
        JourneyRow.state == journey.state,
        JourneyRow.version == journey.version,
        JourneyRow.ended_at.is_(None),
        JourneyRow.expires_at > clock.now(),
    )


def _held(journey: Journey, reserves: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (Reservation.reserves == reserves, Reservation.journey_id == journey.id)


def _seal(keyring: Keyring, journey_id: str, facts: Mapping[str, Any]) -> bytes:
    plain = json.dumps(dict(facts), sort_keys=True).encode("utf-8")
    return keyring.seal(plain, table="journey", column="sealed", row=journey_id)


def _open(row: JourneyRow, keyring: Keyring) -> Journey:
    facts = json.loads(keyring.unseal(row.sealed or b"", table="journey", column="sealed", row=row.id))
    return Journey(row.id, row.state, row.version, facts, row.language, row.expires_at)
