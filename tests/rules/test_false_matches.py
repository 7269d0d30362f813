"""Among twenty thousand invented people everybody is met by their own claim, and nobody by another's. The same is done for a
million by `python3 dev.py bench --deers`.
"""

from collections import defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from bench import likeness
from bench.likeness import Named, alike, claim
from idp.directory import generate
from idp.directory.matching import LOOKED_AT, age, compare, judge
from idp.directory.records import Record
from idp.ports import Matched, NoMatch

TODAY = date(2026, 5, 4)
PEOPLE = 20_000


@pytest.fixture(scope="module")
def everybody() -> list[Record]:
    return list(generate.people(PEOPLE, seed=7, today=TODAY))


@pytest.fixture(scope="module")
def by_number(everybody: list[Record]) -> dict[str, list[Record]]:
    """Whom each number leads to, as the directory's tables have it."""
    found: dict[str, list[Record]] = defaultdict(list)
    for one in everybody:
        for number in filter(None, (one.ssn, one.edipi, *one.other_edipis)):
            found[number].append(one)
    return found


def expected(of: Record) -> Matched | NoMatch:
    """What a person's own claim must meet."""
    if of.conflict_since is not None:
        return NoMatch.CONFLICT
    if of.deceased_on is not None:
        return NoMatch.DECEASED
    return (
        NoMatch.TOO_YOUNG
        if age(of.birth_date, TODAY) < 18
        else Matched(of.person, of.edipi, other_edipis=of.other_edipis)
    )


def test_everybody_meets_themself_and_nobody_else(everybody: list[Record], by_number: dict[str, list[Record]]) -> None:
    assert all(len(held) < LOOKED_AT for held in by_number.values())
    for one in everybody:
        number = one.ssn or one.edipi
        assert judge(claim(one, number), by_number[number], (), TODAY) == expected(one), one.person


def test_with_anothers_number_nobody_is_met_but_by_who_shares_name_and_birth_date(everybody: list[Record]) -> None:
    """Neighbours in the file are families: the same surname, and often the same house."""
    for one, other in pairwise(everybody):
        met = judge(claim(one), [other], (), TODAY)
        if isinstance(met, Matched):
            assert one.birth_date == other.birth_date
            assert alike(Named(one), Named(other))


def test_names_fit_only_where_a_first_and_a_last_name_are_shared(everybody: list[Record]) -> None:
    """As if all were born on one day: the birth date would hide what the names let through."""
    draw = Random(7)
    fitting = 0
    for one in everybody[:8_000]:
        other = draw.choice(everybody)
        fits = compare(claim(one), other).names
        fitting += fits
        assert not fits or alike(Named(one), Named(other)), (one.person, other.person)
    assert fitting < 20, "two people drawn at random seldom share a name"


def test_pairs_that_share_a_name_are_all_looked_at(tmp_path: Path) -> None:
    """The bench's own count, on few people: nobody is lost, nobody strays, and no pair is strange."""
    found = likeness.look(generate.people(3_000, seed=9, today=TODAY), tmp_path, today=TODAY)
    assert found.people == 3_000 + sum(1 for _ in generate.people(0, seed=9, today=TODAY))
    assert (found.lost, found.strayed, found.strange) == (0, 0, 0)
    assert 0 < found.asked <= found.same_day
    assert list(tmp_path.iterdir()) == []
    twin = next(generate.people(1, seed=9, today=TODAY))
    likeness.hold_against_each_other([Named(twin), Named(twin)], Random(1), found)
    assert found.twins >= 1, "two of one name and day are counted"
