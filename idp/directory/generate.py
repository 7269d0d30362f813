"""An invented directory, drawn by a seed: the same seed, size and day give the same file, byte for byte.

People come one household at a time, and each household is drawn by itself: a file of ten million is written without being held,
and a longer file of the same seed begins with the shorter one's people.
"""

import math
import os
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from random import Random

from idp.directory import cast
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
        return f"99{self._edipis(self._next('edipi')) + _KEPT_FREE:08d}"

    def ssn(self) -> str:
        """The next SSN, in the 900s, which are never issued."""
        drawn = self._ssns(self._next("ssn")) + _KEPT_FREE
        rest, serial = divmod(drawn, _SSN_SERIALS)
        area, group = divmod(rest, _SSN_GROUPS)
        return f"{900 + area}{group:02d}{serial + 1:04d}"

    def key(self) -> str:
        """The next person's key."""
        return f"g{self._stem}-{self._next('key'):x}"

    def _next(self, of: str) -> int:
        self._given_out[of] += 1
        return self._given_out[of] - 1


def people(count: int, seed: int, today: date) -> Iterator[Record]:
    """The cast, then `count` invented people in households."""
    return chain(cast.people(today), islice(_households(seed, today), count))


def write_file(
    path: Path, *, count: int, seed: int, today: date, progress: Callable[[int], None] = lambda _done: None
) -> int:
    """Write a directory file and return how many people it holds. What lay at `path` stays until the new file is whole."""
    unfinished = path.with_name(path.name + ".part")
    written = 0
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for written, record in enumerate(people(count, seed, today), start=1):
                file.write(write(record))
                progress(written)
        os.replace(unfinished, path)  # noqa: PTH105 - says that it replaces
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _households(seed: int, today: date) -> Iterator[Record]:
    numbers = InventedNumbers(seed)
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
        yield from household.draw(kind, branch)
        number += 1
