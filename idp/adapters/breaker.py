"""A circuit breaker: while a neighbour is down, nobody waits for it, and it is not asked by everybody the moment it comes back.

No library does this for threads: pybreaker 1.4 holds its lock during the call, so that one slow answer stops all others, and
the others let everybody through at the end of the pause.
"""

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

from idp import clock


class BreakerOpen(Exception):
    """The neighbour was down a moment ago; it is not asked now."""


class Breaker:
    """Opens after so many outages in a row, for a while. Then one caller at a time tries, until one gets an answer."""

    def __init__(self, *, outages: int, pause: timedelta) -> None:
        self._most = outages
        self._pause = pause
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._opened_at: datetime | None = None
        self._tried = False

    @contextlib.contextmanager
    def passing(self, outage: type[Exception]) -> Iterator[None]:
        """Make a call inside. `outage` raised by it counts; anything else says that the neighbour answers. Raises
        `BreakerOpen`, and then the call is not made.
        """
        is_try = self._let_in()
        try:
            yield
        except outage:
            self._note_outage(is_try=is_try)
            raise
        except BaseException:
            self._note_answer(is_try=is_try)
            raise
        self._note_answer(is_try=is_try)

    def _let_in(self) -> bool:
        """Whether this call is the one that tries whether the neighbour is back."""
        with self._lock:
            if self._opened_at is None:
                return False
            # A clock that was set back must not keep it open for longer than it was meant to be.
            paused = timedelta(0) <= clock.now() - self._opened_at < self._pause
            if paused or self._tried:
                raise BreakerOpen
            self._tried = True
            return True

    def _note_outage(self, *, is_try: bool) -> None:
        with self._lock:
            self._in_a_row += 1
            if is_try:
                self._tried = False
            # Calls that were under way when it opened, and end badly only now, do not make the pause longer.
            if is_try or (self._opened_at is None and self._in_a_row >= self._most):
                self._opened_at = clock.now()

    def _note_answer(self, *, is_try: bool) -> None:
        with self._lock:
            self._in_a_row = 0
            self._opened_at = None
            if is_try:
                self._tried = False
