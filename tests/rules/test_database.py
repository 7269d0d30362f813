"""The one way to write: what returns is kept, what raises is not, and what is gathered into one commit stays apart."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from idp import audit, clock, db
from idp.audit import AuditEvent, Event
from idp.db import Database, Unavailable
from idp.limits import LimitCount
from idp.outcomes import Reason, Refused


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def _row(key: str) -> LimitCount:
    return LimitCount(key=key, count=1, window_ends_at=clock.now(), blocked_until=None)


def _keys(database: Database) -> set[str]:
    with database.read() as conn:
        return {row.key for row in db.list_rows(conn, LimitCount)}


def test_what_returns_is_kept_even_a_refusal(database: Database) -> None:
    def work(conn: Connection) -> Refused:
        db.add(conn, _row("counted"))
        return Refused(Reason.TOO_MANY_TRIES)

    assert database.write(work) == Refused(Reason.TOO_MANY_TRIES)
    assert _keys(database) == {"counted"}


def test_what_raises_is_rolled_back_and_reaches_the_caller(database: Database) -> None:
    def work(conn: Connection) -> None:
        db.add(conn, _row("half"))
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        database.write(work)
    assert _keys(database) == set()


def test_one_failing_piece_does_not_take_its_neighbours_with_it(database: Database) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        def work(conn: Connection) -> None:
            db.add(conn, _row(f"piece-{number}"))
            if number % 3 == 0:
                raise LookupError(number)

        try:
            database.write(work)
        except LookupError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 20
    assert _keys(database) == {f"piece-{number}" for number in range(60) if number % 3}


def test_a_taken_unique_value_is_told_and_not_raised(database: Database) -> None:
    assert database.write(lambda conn: db.add_unless_taken(conn, _row("once"))) is True
    assert database.write(lambda conn: db.add_unless_taken(conn, _row("once"))) is False


def test_a_conditional_update_is_won_by_exactly_one_of_many(database: Database) -> None:
    database.write(lambda conn: db.add(conn, _row("spend")))
    won: list[bool] = []

    def spend() -> None:
        statement = sa.update(LimitCount).where(LimitCount.key == "spend", LimitCount.count == 1).values(count=0)
        won.append(database.write(lambda conn: db.swap(conn, statement)))

    threads = [threading.Thread(target=spend) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 19 + [True]


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises((DBAPIError, Unavailable)), database.read() as conn:
        db.add(conn, _row("sneaked"))
    assert _keys(database) == set()


def test_moments_come_back_in_utc_whatever_zone_they_were_written_in(database: Database) -> None:
    east = datetime(2026, 3, 1, 2, 30, tzinfo=timezone(timedelta(hours=5)))
    database.write(lambda conn: db.add(conn, LimitCount(key="zone", count=1, window_ends_at=east, blocked_until=None)))
    with database.read() as conn:
        found = db.get(conn, LimitCount, LimitCount.key == "zone")
    assert found.window_ends_at == datetime(2026, 2, 28, 21, 30, tzinfo=UTC)
    assert found.window_ends_at.tzinfo is UTC


def test_the_request_goes_with_the_write_to_wherever_it_runs(database: Database) -> None:
    token = audit.request_id.set("request-of-this-thread")
    try:
        database.write(
            lambda conn: audit.record(
                conn, Event.KEYS_CREATED, actor="operator:test", subject=None, kid="k", alg="ES256"
            )
        )
    finally:
        audit.request_id.reset(token)
    with database.read() as conn:
        newest = db.list_rows(conn, AuditEvent, order_by=AuditEvent.seq.desc(), limit=1)
    assert newest[0].request_id == "request-of-this-thread"


def test_an_event_with_other_fields_than_declared_is_a_bug(database: Database) -> None:
    def work(conn: Connection) -> None:
        audit.record(conn, Event.KEYS_CREATED, actor="operator:test", subject=None, kid="k", password="oops")

    with pytest.raises(ValueError, match="fields differ"):
        database.write(work)


def test_a_database_that_is_not_there_is_an_outage_and_not_a_bug() -> None:
    gone = Database("sqlite:////nowhere/at/all.db")
    with pytest.raises(Unavailable):
        gone.write(lambda conn: db.add(conn, _row("lost")))
    with pytest.raises(Unavailable), gone.read():
        pass
    gone.close()
