"""Journeys: they move on declared roads only, and of several who move one at the same moment one wins (R57)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from idp import clock, keyring
from idp.db import Database, Row, list_rows
from idp.journeys import engine, registration
from idp.journeys.engine import Journey, JourneyRow, Machine, Reservation, UndeclaredRoad
from idp.keyring import Keyring, SealBroken


class At(StrEnum):
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"


MACHINE = Machine(
    kind="example",
    start=At.FIRST,
    lifetime=timedelta(minutes=10),
    moves={
        At.FIRST: frozenset({At.SECOND}),
        At.SECOND: frozenset({At.FIRST, At.SECOND, At.THIRD}),
        At.THIRD: frozenset({At.SECOND}),
    },
    last=At.THIRD,
    opening=frozenset({"wish"}),
    writes={At.FIRST: frozenset({"one"}), At.SECOND: frozenset({"two"})},
)


class House:
    """A database and keys, with the engine's functions on them."""

    def __init__(self, database: Database, keys: Keyring) -> None:
        self.db = database
        self.keys = keys

    def start(self, wish: str = "w") -> tuple[Journey, str]:
        return self.db.write(lambda conn: engine.start(conn, self.keys, MACHINE, language="en", facts={"wish": wish}))

    def move(self, journey: Journey, there: At, **facts: object) -> Journey | None:
        return self.db.write(lambda conn: engine.move(conn, self.keys, MACHINE, journey, there, **facts))

    def find(self, handle: str, machine: Machine = MACHINE) -> Journey | None:
        with self.db.read() as conn:
            return engine.find(conn, self.keys, machine, handle)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    keyring.make(tmp_path / "keys")
    database = Database(f"sqlite:///{tmp_path / 'machine.db'}")
    tables = [Row.metadata.tables[model.__tablename__] for model in (JourneyRow, Reservation)]
    Row.metadata.create_all(database.engine, tables=tables)
    yield House(database, keyring.load(tmp_path / "keys"))
    database.close()


def moved(journey: Journey | None) -> Journey:
    assert journey is not None
    return journey


def test_a_journey_is_found_by_its_handle_alone_and_the_handle_is_not_stored(house: House) -> None:
    journey, handle = house.start()
    assert moved(house.find(handle)).id == journey.id
    assert house.find(journey.id) is None
    with house.db.read() as conn:
        assert all(handle not in str(vars(row)) for row in list_rows(conn, JourneyRow))


def test_a_handle_of_another_kind_of_journey_opens_nothing(house: House) -> None:
    _, handle = house.start()
    assert house.find(handle, registration.MACHINE) is None


def test_an_undeclared_road_is_refused_as_a_bug(house: House) -> None:
    journey, handle = house.start()
    with pytest.raises(UndeclaredRoad):
        house.move(journey, At.THIRD)
    assert moved(house.find(handle)).state == At.FIRST


def test_facts_that_no_earlier_step_declares_are_refused_as_a_bug(house: House) -> None:
    journey, _ = house.start()
    with pytest.raises(UndeclaredRoad):
        house.move(journey, At.SECOND, two=2)
    with pytest.raises(UndeclaredRoad):
        house.db.write(lambda conn: engine.start(conn, house.keys, MACHINE, language="en", facts={"one": 1}))


def test_going_back_drops_the_facts_of_later_steps(house: House) -> None:
    journey, handle = house.start()
    journey = moved(house.move(journey, At.SECOND, one=1))
    journey = moved(house.move(journey, At.THIRD, two=2))
    assert journey.facts == {"wish": "w", "one": 1, "two": 2}
    journey = moved(house.move(journey, At.SECOND))
    assert moved(house.find(handle)).facts == {"wish": "w", "one": 1}
    journey = moved(house.move(journey, At.FIRST))
    assert moved(house.find(handle)).facts == {"wish": "w"}


def test_of_two_moves_from_the_same_picture_the_second_loses(house: House) -> None:
    journey, handle = house.start()
    assert house.move(journey, At.SECOND, one="mine") is not None
    assert house.move(journey, At.SECOND, one="theirs") is None
    assert moved(house.find(handle)).facts["one"] == "mine"


def test_a_road_to_the_same_state_is_a_move_like_any_other(house: House) -> None:
    journey, _ = house.start()
    second = moved(house.move(journey, At.SECOND, one=1))
    assert house.move(second, At.SECOND, one=2) is not None
    assert house.move(second, At.THIRD, two=2) is None, "the picture is of before the move"


def test_of_twenty_movers_at_once_one_wins(house: House) -> None:
    journey, _ = house.start()
    with ThreadPoolExecutor(20) as pool:
        winners = list(pool.map(lambda number: house.move(journey, At.SECOND, one=number), range(20)))
    assert sum(winner is not None for winner in winners) == 1


def test_an_ended_journey_has_no_facts_and_opens_nothing(house: House) -> None:
    journey, handle = house.start()
    assert house.db.write(lambda conn: engine.end(conn, journey, "done"))
    assert not house.db.write(lambda conn: engine.end(conn, journey, "again"))
    assert house.find(handle) is None
    with house.db.read() as conn:
        (row,) = list_rows(conn, JourneyRow)
        assert row.sealed is None
        assert engine.find_outcome(conn, MACHINE, handle) == "done"


def test_a_journey_ends_when_its_time_is_over_and_a_move_gives_it_all_its_time_again(house: House) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        journey, handle = house.start()
        traveller.shift(timedelta(minutes=9))
        journey = moved(house.move(journey, At.SECOND, one=1))
        traveller.shift(timedelta(minutes=9))
        assert house.find(handle) is not None
        traveller.shift(timedelta(minutes=1))
        assert house.find(handle) is None
        assert house.move(journey, At.THIRD, two=2) is None


def test_the_sweep_closes_and_deletes_what_is_over_and_nothing_else(house: House) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        old, _ = house.start()
        house.db.write(lambda conn: engine.reserve(conn, old, "person"))
        traveller.shift(timedelta(minutes=11))
        _, young_handle = house.start()
        assert house.db.write(lambda conn: engine.close_expired(conn, MACHINE)) == [old.id]
        with house.db.read() as conn:
            assert [row.sealed for row in list_rows(conn, JourneyRow, JourneyRow.id == old.id)] == [None]
        assert house.db.write(engine.sweep) == 0, "an ended journey stays for an hour, for a second click"
        traveller.shift(timedelta(minutes=5))
        assert house.find(young_handle) is not None
        traveller.shift(timedelta(minutes=61))
        assert house.db.write(engine.sweep) == 2
        with house.db.read() as conn:
            assert list_rows(conn, Reservation) == []


def test_a_new_handle_makes_the_old_one_worthless(house: House) -> None:
    """R81."""
    journey, old = house.start()
    new = house.db.write(lambda conn: engine.renew_handle(conn, journey))
    assert house.find(old) is None
    assert moved(house.find(new)).id == journey.id


def test_facts_moved_to_another_journeys_row_do_not_open(house: House) -> None:
    """R74."""
    one, _ = house.start("mine")
    two, handle = house.start("theirs")

    def swap_facts(conn: Connection) -> None:
        (row,) = list_rows(conn, JourneyRow, JourneyRow.id == one.id)
        conn.execute(sa.update(JourneyRow).where(JourneyRow.id == two.id).values(sealed=row.sealed))

    house.db.write(swap_facts)
    with pytest.raises(SealBroken):
        house.find(handle)


def test_the_newest_journey_has_the_reservation_and_only_its_holder_can_use_it_up(house: House) -> None:
    """R71."""
    old, _ = house.start()
    new, _ = house.start()
    house.db.write(lambda conn: engine.reserve(conn, old, "person"))
    house.db.write(lambda conn: engine.reserve(conn, new, "person"))
    with house.db.read() as conn:
        assert not engine.holds(conn, old, "person")
        assert engine.holds(conn, new, "person")
    assert not house.db.write(lambda conn: engine.claim_reservation(conn, old, "person"))
    assert house.db.write(lambda conn: engine.claim_reservation(conn, new, "person"))
    assert not house.db.write(lambda conn: engine.claim_reservation(conn, new, "person"))


def test_a_journey_reserves_one_thing_and_lets_go_of_it_at_its_end(house: House) -> None:
    journey, _ = house.start()
    house.db.write(lambda conn: engine.reserve(conn, journey, "first"))
    house.db.write(lambda conn: engine.reserve(conn, journey, "second"))
    with house.db.read() as conn:
        assert not engine.holds(conn, journey, "first")
        assert engine.holds(conn, journey, "second")
    house.db.write(lambda conn: engine.end(conn, journey, "left"))
    with house.db.read() as conn:
        assert list_rows(conn, Reservation) == []


@settings(max_examples=200)
@given(st.lists(st.sampled_from(list(registration.At)), max_size=12))
def test_no_walk_through_a_registration_skips_a_step_or_keeps_a_later_steps_facts(walk: list[registration.At]) -> None:
    """R57: whatever order pages are asked for in, an account is reached only through every step before it."""
    machine = registration.MACHINE
    order = list(machine.moves)
    here: StrEnum = machine.start
    seen = {here}
    for there in walk:
        if not is_road(machine, here, there):
            continue
        here = there
        seen.add(here)
        assert set(order[: order.index(here)]) <= seen
        assert machine.facts_at(here).isdisjoint(
            {fact for later in order[order.index(here) :] for fact in machine.writes.get(later, ())}
        )


def test_the_diagram_shows_every_road_and_what_each_step_writes() -> None:
    diagram = registration.MACHINE.diagram()
    assert diagram.startswith("stateDiagram-v2\n    [*] --> identify\n")
    for here, roads in registration.MACHINE.moves.items():
        for there in roads:
            assert f"    {here} --> {there}\n" in diagram
    assert "    account --> [*]\n" in diagram
    assert "note right of delivery: writes code, delivery, email\n" in diagram


def is_road(machine: Machine, here: StrEnum, there: StrEnum) -> bool:
    try:
        machine.check_move(here, there)
    except UndeclaredRoad:
        return False
    return True
