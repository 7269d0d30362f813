"""The circuit breaker: it opens on outages alone, lets one caller at a time try, and closes on an answer (R79)."""

import threading
from datetime import timedelta

import pytest
import time_machine

from idp import clock
from idp.adapters.breaker import Breaker, BreakerOpen

PAUSE = timedelta(seconds=10)
OVER = PAUSE + timedelta(seconds=1)


class Outage(Exception):
    """It did not answer."""


class Refusal(Exception):
    """It answered, and said no."""


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(outages=3, pause=PAUSE)


def call(breaker: Breaker, fault: type[Exception] | None = None) -> None:
    with breaker.passing(Outage):
        if fault is not None:
            raise fault


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Outage):
            call(breaker, Outage)


def test_outages_in_a_row_open_it_and_an_answer_between_them_does_not_let_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    call(breaker)
    fail(breaker, 2)
    with pytest.raises(Refusal):
        call(breaker, Refusal)
    fail(breaker, 3)
    with pytest.raises(BreakerOpen):
        call(breaker)


def test_after_the_pause_one_answer_closes_it_and_one_outage_opens_it_again(breaker: Breaker) -> None:
    fail(breaker, 3)
    with time_machine.travel(clock.now() + PAUSE - timedelta(seconds=1), tick=False), pytest.raises(BreakerOpen):
        call(breaker)
    with time_machine.travel(clock.now() + OVER, tick=False):
        fail(breaker, 1)
        with pytest.raises(BreakerOpen):
            call(breaker)
    with time_machine.travel(clock.now() + 3 * OVER, tick=False):
        call(breaker)
        fail(breaker, 2)
        call(breaker)


def test_while_one_tries_the_others_do_not_wait(breaker: Breaker) -> None:
    """However long the try takes: they are refused at once, and come through when it has its answer."""
    fail(breaker, 3)
    with time_machine.travel(clock.now() + OVER):
        with breaker.passing(Outage):
            for _ in range(3):
                with pytest.raises(BreakerOpen):
                    call(breaker)
        call(breaker)


def test_of_many_at_once_exactly_one_tries(breaker: Breaker) -> None:
    """The one that tries stays inside until all the others were refused."""
    fail(breaker, 3)
    crowd, refused = threading.Barrier(20), threading.Semaphore(0)
    inside = []

    def come() -> None:
        crowd.wait()
        try:
            with breaker.passing(Outage):
                inside.append([refused.acquire(timeout=10) for _ in range(19)])
        except BreakerOpen:
            refused.release()

    with time_machine.travel(clock.now() + OVER):
        threads = [threading.Thread(target=come) for _ in range(20)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert inside == [[True] * 19]


def test_who_began_before_it_opened_does_not_make_the_pause_longer(breaker: Breaker) -> None:
    begun = clock.now()
    with time_machine.travel(begun, tick=False) as traveller:

        def late() -> None:
            with breaker.passing(Outage):
                fail(breaker, 3)
                traveller.move_to(begun + PAUSE - timedelta(seconds=1))
                raise Outage

        with pytest.raises(Outage):
            late()
        traveller.move_to(begun + PAUSE)
        call(breaker)


def test_a_clock_that_goes_back_does_not_keep_it_open(breaker: Breaker) -> None:
    fail(breaker, 3)
    with time_machine.travel(clock.now() - timedelta(days=1), tick=False):
        call(breaker)


def test_a_try_that_is_broken_off_lets_the_next_one_try(breaker: Breaker) -> None:
    fail(breaker, 3)
    with time_machine.travel(clock.now() + OVER, tick=False):
        with pytest.raises(KeyboardInterrupt), breaker.passing(Outage):
            raise KeyboardInterrupt
        call(breaker)
