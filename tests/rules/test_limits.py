"""Limits: counted before anything is compared, the same for everybody who asks at once, and never forgotten by a restart."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from idp import limits
from idp.db import Database
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from tests.races import Ready, together

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def _try(database: Database, limit: Limit, who: str = "somebody") -> Refused | None:
    return database.write(lambda conn: limits.reserve(conn, limit, who))


def test_tries_beyond_the_limit_are_refused_until_the_window_ends(database: Database) -> None:
    """R64: five guesses at one person in a day."""
    with time_machine.travel(_START, tick=False) as time:
        assert [_try(database, Limit.MATCH_PERSON) for _ in range(5)] == [None] * 5
        refused = _try(database, Limit.MATCH_PERSON)
        assert refused == Refused(Reason.TOO_MANY_TRIES, retry_after=timedelta(hours=24))
        time.shift(timedelta(hours=23, minutes=59))
        assert _try(database, Limit.MATCH_PERSON) is not None
        time.shift(timedelta(minutes=1))
        assert _try(database, Limit.MATCH_PERSON) is None


def test_refused_tries_do_not_prolong_the_wait(database: Database) -> None:
    with time_machine.travel(_START, tick=False) as time:
        for _ in range(9):
            _try(database, Limit.MATCH_PERSON)
        time.shift(timedelta(hours=24))
        assert _try(database, Limit.MATCH_PERSON) is None


def test_waits_grow_after_the_free_tries(database: Database) -> None:
    """R14: 1 s, doubling to 15 minutes."""
    with time_machine.travel(_START, tick=False) as time:
        for _ in range(5):
            assert _try(database, Limit.PASSWORD_WAIT) is None
        waits = []
        for _ in range(12):
            refused = _try(database, Limit.PASSWORD_WAIT)
            assert refused is not None
            assert refused.retry_after is not None
            waits.append(refused.retry_after.total_seconds())
            time.shift(refused.retry_after)
            assert _try(database, Limit.PASSWORD_WAIT) is None
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_success_clears_and_a_fault_of_ours_gives_back(database: Database) -> None:
    """R18, R79."""
    for _ in range(5):
        _try(database, Limit.MATCH_PERSON)
    database.write(lambda conn: limits.give_back(conn, Limit.MATCH_PERSON, "somebody"))
    assert _try(database, Limit.MATCH_PERSON) is None
    assert _try(database, Limit.MATCH_PERSON) is not None
    database.write(lambda conn: limits.clear(conn, (Limit.MATCH_PERSON, "somebody")))
    assert _try(database, Limit.MATCH_PERSON) is None


def test_keys_and_limits_do_not_mix(database: Database) -> None:
    for _ in range(6):
        _try(database, Limit.MATCH_PERSON, "one")
    assert _try(database, Limit.MATCH_PERSON, "other") is None
    assert _try(database, Limit.MATCH_ADDRESS, "one") is None


def test_counts_survive_a_restart(database_url: str) -> None:
    """R20."""
    first = Database(database_url)
    for _ in range(5):
        _try(first, Limit.MATCH_PERSON)
    first.close()
    second = Database(database_url)
    assert _try(second, Limit.MATCH_PERSON) is not None
    second.close()


def _race(ready: Ready, url: str) -> int:
    database = Database(url)
    ready()
    allowed = sum(_try(database, Limit.MATCH_PERSON, "raced") is None for _ in range(4))
    database.close()
    return allowed


@pytest.mark.races
def test_processes_at_once_share_the_same_five_tries(database_url: str) -> None:
    """R15: eight processes, 32 tries, five of them counted as allowed."""
    assert sum(together(_race, [(database_url,)] * 8)) == 5
