"""Inventing a believable day of changes for the people of an invented file, drawn by the same seed.

Households are offered one after the other while the file is written, and of each kind of change only the best drawn are kept: a
file of ten million costs no more memory than its changes. In one household one thing happens, beside new addresses, so that the
changes fit the file in any order.
"""

from collections.abc import Callable, Sequence
from datetime import date
from heapq import heappush, heappushpop
from random import Random

from idp.directory import fates
from idp.directory.changes import write
from idp.directory.drawing import Drawing, Numbers
from idp.directory.fates import Fate, Scene
from idp.directory.records import Record

PEOPLE_FOR_ONE = 5
"""There is at most one change for so many people."""

_SHARES = {
    "birth": 0.13,
    "separation": 0.10,
    "marriage": 0.08,
    "retirement": 0.05,
    "divorce": 0.05,
    "death": 0.05,
    "age_out": 0.03,
    "name": 0.03,
    "edipi": 0.015,
    "conflict_resolved": 0.01,
    "identity_conflict": 0.005,
    "death_corrected": 0.004,
    "merge": 0.004,
}
"""Of all changes; new addresses are the rest."""
_OF_EACH_FROM = 2 * len(_SHARES)
"""From so many changes on every kind comes at least once, if the people are there."""

_FATES: dict[str, Callable[[Scene], Fate | None]] = {
    "birth": fates.birth,
    "separation": fates.separation,
    "marriage": fates.marriage,
    "retirement": fates.retirement,
    "divorce": fates.divorce,
    "death": fates.death,
    "age_out": fates.age_out,
    "name": fates.name,
    "edipi": fates.edipi,
    "conflict_resolved": fates.conflict_resolved,
    "identity_conflict": fates.identity_conflict,
    "death_corrected": fates.death_corrected,
    "merge": fates.merge,
}
_RARE = ("merge", "death_corrected", "conflict_resolved", "age_out")
"""What so few households allow that it is tried first."""
_COMMON = tuple(kind for kind in _SHARES if kind not in _RARE)
_WEIGHTS = [_SHARES[kind] for kind in _COMMON]


class Best:
    """The best drawn of one kind, so many at the most: the lowest draws win."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[float, str]] = []

    def offer(self, drawn: float, happens: Fate) -> None:
        """Keep the change, and drop the worst for it; it is only drawn up if it is kept."""
        if len(self._kept) < self._most:
            heappush(self._kept, (-drawn, write(happens())))
        elif self._most and -drawn > self._kept[0][0]:
            heappushpop(self._kept, (-drawn, write(happens())))

    def lines(self) -> list[tuple[float, str]]:
        """Each with its draw, the best first."""
        return sorted((-drawn, line) for drawn, line in self._kept)


class Day:
    """One day's changes, while households are offered."""

    def __init__(self, count: int, *, seed: int, today: date) -> None:
        """`count` changes in all. For the same file, seed and day they are the same."""
        self._count, self._seed, self._today = count, seed, today
        least = 1 if count >= _OF_EACH_FROM else 0
        self._best = {kind: Best(max(least, round(share * count))) for kind, share in _SHARES.items()}
        self._addresses = Best(count)
        self._single: Record | None = None

    def offer(
        self, number: int, people: Sequence[Record], family_number: str, numbers: Numbers, *, whole: bool
    ) -> None:
        """A household of the file, `whole` if everybody is in it. `numbers` are for one who is not: one of each kind."""
        draw = Drawing(Random(f"{self._seed}/{number}/{self._today}"), self._today, numbers, family_number, [*people])
        id_ = f"{numbers.key()}:{self._today:%Y%m%d}"
        drawn, drawn_for_address = draw.rng.random(), draw.rng.random()
        if whole:
            self._offer_one(Scene(draw, id_, self._single), drawn)
        moved = fates.address(Scene(draw, f"{id_}:a"))
        if moved is not None:
            self._addresses.offer(drawn_for_address, moved)

    def lines(self) -> list[str]:
        """The file of changes, in the order of the day."""
        happened = [line for best in self._best.values() for line in best.lines()]
        happened += self._addresses.lines()[: self._count - len(happened)]
        return [line for _, line in sorted(happened)]

    def _offer_one(self, scene: Scene, drawn: float) -> None:
        for kind in (*_RARE, scene.draw.rng.choices(_COMMON, _WEIGHTS)[0]):
            happens = _FATES[kind](scene)
            if happens is None:
                continue
            if kind == "marriage" and self._single is None and scene.draw.chance(0.2):
                self._single = scene.sponsor  # waits for somebody of a later household
                return
            if kind == "marriage":
                self._single = None
            self._best[kind].offer(drawn, happens)
            return
