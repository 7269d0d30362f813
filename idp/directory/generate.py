"""An invented directory, drawn by a seed: the same seed, size and day give the same file, byte for byte.

People come one household at a time, and each household is drawn by itself: a file of ten million is written without being held,
and a longer file of the same seed begins with the shorter one's people.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import TextIO

from idp.directory import cast
from idp.directory.days import Day
from idp.directory.households import COVER, Household
from idp.directory.records import Record, write

MOST = 10_000_000
"""People in one file; there are numbers for ten times as many."""

# Numbers below this are the cast's and whoever is added to it by hand.
_KEPT_FREE = 1_000
# The second group of an SSN from 00 to 49: with 9 in front, 50 and up are taxpayer numbers, which real people have.
_SSN_GROUPS, _SSN_SERIALS = 50, 9_999
_SSNS = 100 * _SSN_GROUPS * _SSN_SERIALS
_EDIPIS = 100_000_000
_FAMILIES = 10_000_000


class Shuffle:
    """Walks through 0 … size-1 once, in an order that a seed decides, without keeping what it has met."""

    def __init__(self, size: int, seed: str) -> None:
        rng = Random(seed)
        self._size = size
        self._start = rng.randrange(size)
        step = rng.randrange(size // 3, size)
        while math.gcd(step, size) != 1:
            step += 1
        self._step = step

    def __call__(self, index: int) -> int:
        """The number in place `index`."""
        return (self._start + index * self._step) % self._size


class InventedNumbers:
    """Numbers of one seed's people, none given out twice and none of the cast's."""

    def __init__(self, seed: int) -> None:
        # A key must not tell one seed's person from another's place in the file, but two seeds must not share keys.
        self._stem = sha256(f"guidon directory {seed}".encode()).hexdigest()[:8]
        self._edipis = Shuffle(_EDIPIS - _KEPT_FREE, f"{seed} edipi")
        self._ssns = Shuffle(_SSNS - _KEPT_FREE, f"{seed} ssn")
        self._given_out = {"edipi": 0, "ssn": 0, "key": 0}

    def edipi(self) -> str:
        """The next EDIPI, in the 99… block."""
        return self.edipi_at(self._next("edipi"))

    def ssn(self) -> str:
        """The next SSN, in the 900s, which are never issued."""
        return self.ssn_at(self._next("ssn"))

    def key(self) -> str:
        """The next person's key."""
        return self.key_at(f"{self._next('key'):x}")

    def edipi_at(self, place: int) -> str:
        """The one in this place of their order; negative places count from the far end, which no file reaches."""
        return f"99{self._edipis(place) + _KEPT_FREE:08d}"

    def ssn_at(self, place: int) -> str:
        """The same."""
        rest, serial = divmod(self._ssns(place) + _KEPT_FREE, _SSN_SERIALS)
        area, group = divmod(rest, _SSN_GROUPS)
        return f"{900 + area}{group:02d}{serial + 1:04d}"

    def key_at(self, place: str) -> str:
        """The key with this ending."""
        return f"g{self._stem}-{place}"

    def _next(self, of: str) -> int:
        self._given_out[of] += 1
        return self._given_out[of] - 1


class Spare:
    """Numbers for one who is not in the file: counted from the far end, a key, an SSN and two EDIPIs for every household."""

    def __init__(self, numbers: InventedNumbers, household: int) -> None:
        self._numbers, self._household = numbers, household
        self._edipis = iter((-2 - 2 * household, -1 - 2 * household))

    def edipi(self) -> str:
        """One of the EDIPIs."""
        return self._numbers.edipi_at(next(self._edipis))

    def ssn(self) -> str:
        """The SSN."""
        return self._numbers.ssn_at(-1 - self._household)

    def key(self) -> str:
        """The key."""
        return self._numbers.key_at(f"n{self._household:x}")


def people(count: int, seed: int, today: date) -> Iterator[Record]:
    """The cast, then `count` invented people in households."""
    invented = (one for household in households(InventedNumbers(seed), seed, today) for one in household.people)
    return chain(cast.people(today), islice(invented, count))


def write_file(
    path: Path,
    *,
    count: int,
    seed: int,
    today: date,
    day: Day | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> int:
    """Write a directory file and return how many people it holds. `day` is offered every household. What lay at `path` stays until
    the new file is whole.
    """
    named = cast.people(today)
    numbers = InventedNumbers(seed)
    written = 0
    with replacing(path) as file:
        file.writelines(map(write, named))
        for number, household in enumerate(households(numbers, seed, today)):
            some = household.people[: count - written]
            file.writelines(map(write, some))
            written += len(some)
            if day is not None:
                spare = Spare(numbers, number)
                whole = len(some) == len(household.people)
                day.offer(number, some, household.family_number, spare, whole=whole)
            progress(written)
            if written == count:
                break
    return len(named) + written


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of what lies at `path` when it is whole, and leaves nothing if it does not become so."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(unfinished, path)  # noqa: PTH105 - says that it replaces
    finally:
        unfinished.unlink(missing_ok=True)


def households(numbers: InventedNumbers, seed: int, today: date) -> Iterator[Household]:
    """One after the other, without end."""
    families = Shuffle(_FAMILIES - _KEPT_FREE, f"{seed} family")
    number = 0
    while True:
        # `Random` takes a text by its SHA-512, so that this draw is the same on every machine and Python.
        household = Household(
            rng=Random(f"{seed}/{number}"),
            today=today,
            numbers=numbers,
            family_number=f"99{families(number) + _KEPT_FREE:07d}",
        )
        kind, branch = COVER[number] if number < len(COVER) else (None, None)
        household.draw(kind, branch)
        yield household
        number += 1
