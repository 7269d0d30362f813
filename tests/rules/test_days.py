"""An invented day of changes: believable, the same for the same seed, and valid for the invented people without exception."""

import json
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from idp.directory import cast, changes, generate
from idp.directory.changes import SHAPES, Birth, Change, EdipiChange, Marriage
from idp.directory.days import Day
from idp.directory.happenings import Happened
from idp.directory.matching import age
from idp.directory.records import Record, Relationship
from tests.town import Town

TODAY = date(2026, 5, 4)


def invented(folder: Path, count: int, many: int, seed: int, today: date = TODAY) -> tuple[list[Record], list[Change]]:
    """The people of a file, and a day for them."""
    day = Day(many, seed=seed, today=today)
    generate.write_file(folder / "people.jsonl", count=count, seed=seed, today=today, day=day)
    return list(generate.people(count, seed, today)), [changes.parse(line.encode()) for line in day.lines()]


@pytest.mark.parametrize(
    ("count", "many", "seed", "today"),
    [
        (3_000, 600, 7, TODAY),
        (2_000, 400, 8, date(2028, 2, 29)),
        (1_000, 50, 1, date(2027, 3, 1)),
        (99, 19, 2, TODAY),
        (5, 1, 3, TODAY),
        (37, 7, 4, TODAY),
    ],
)
def test_every_change_can_be_applied(tmp_path: Path, count: int, many: int, seed: int, today: date) -> None:
    people, day = invented(tmp_path, count, many, seed, today)
    town = Town(today, people)
    assert len(day) == many
    assert len({change.id for change in day}) == many
    outcomes = [(change.kind, town.let(change)) for change in day]
    assert [outcome for outcome in outcomes if not isinstance(outcome[1], Happened)] == []
    named = {part.key for part in cast.PARTS}
    assert not named & {change.person for change in day}, "their stories stay what they are"


def test_a_large_day_has_every_kind_in_believable_proportions(tmp_path: Path) -> None:
    _, day = invented(tmp_path, 6_000, 1_200, 7)
    kinds = Counter(change.kind for change in day)
    assert set(kinds) == set(SHAPES)
    assert kinds["address"] > 0.4 * len(day)
    assert kinds["birth"] > kinds["death"] > kinds["death_corrected"]
    assert kinds["marriage"] > kinds["divorce"] > kinds["merge"]
    weddings = [change for change in day if isinstance(change, Marriage)]
    assert 0.05 < sum(1 for each in weddings if each.spouse is not None) / len(weddings) < 0.6
    assert all(change.on <= TODAY for change in day)
    assert 0.4 < sum(1 for change in day if change.on == TODAY) / len(day) < 0.9, "some is reported late"


def test_a_small_day_has_rare_things_too(tmp_path: Path) -> None:
    _, day = invented(tmp_path, 2_000, 60, 5)
    assert {change.kind for change in day} >= {"death_corrected", "merge", "identity_conflict", "edipi", "marriage"}


def test_whoever_is_new_has_numbers_of_nobody(tmp_path: Path) -> None:
    people, day = invented(tmp_path, 3_000, 600, 9)
    new = [change.child for change in day if isinstance(change, Birth)]
    new += [change.new_spouse for change in day if isinstance(change, Marriage) and change.new_spouse]
    assert len(new) > 50
    edipis = [edipi for one in (*people, *new) for edipi in (one.edipi, *one.other_edipis)]
    edipis += [change.edipi for change in day if isinstance(change, EdipiChange)]
    ssns = [one.ssn for one in (*people, *new) if one.ssn]
    dbns = [one.dbn for one in (*people, *new) if one.dbn]
    for numbers in (edipis, ssns, dbns, [one.person for one in (*people, *new)]):
        assert len(set(numbers)) == len(numbers)
    assert all(edipi.startswith("99") for edipi in edipis)
    assert all(ssn[0] == "9" and int(ssn[3:5]) < 50 for ssn in ssns)


def test_the_same_seed_gives_the_same_day(tmp_path: Path) -> None:
    def lines(seed: int, many: int) -> list[str]:
        day = Day(many, seed=seed, today=TODAY)
        generate.write_file(tmp_path / "people.jsonl", count=1_000, seed=seed, today=TODAY, day=day)
        return day.lines()

    assert lines(3, 100) == lines(3, 100)
    assert lines(3, 100) != lines(4, 100)


def test_the_people_are_the_same_with_a_day_and_without(tmp_path: Path) -> None:
    """A file that was written without one can have one later."""
    generate.write_file(tmp_path / "without", count=500, seed=3, today=TODAY)
    generate.write_file(tmp_path / "with", count=500, seed=3, today=TODAY, day=Day(100, seed=3, today=TODAY))
    assert (tmp_path / "with").read_bytes() == (tmp_path / "without").read_bytes()


def test_a_larger_file_takes_no_more_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        day = Day(20, seed=1, today=TODAY)
        tracemalloc.start()
        generate.write_file(tmp_path / "people.jsonl", count=count, seed=1, today=TODAY, day=day)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # what is loaded once
    assert peak(4_000) < peak(1_000) + 300_000


def test_there_is_what_a_day_needs(tmp_path: Path) -> None:
    """Beside what the generator's own tests look for: deaths of yesterday, a parent without custody, second records, late ages."""
    people = list(generate.people(4_000, 7, TODAY))[len(cast.PARTS) :]
    assert any(one.deceased_on and (TODAY - one.deceased_on).days == 1 for one in people)
    ties = [tie for one in people for tie in one.relations]
    assert {tie.custody for tie in ties if tie.relationship is Relationship.FORMER_SPOUSE} == {True, False, None}
    late = [
        one
        for one in people
        for tie in one.relations
        if tie.relationship is Relationship.CHILD and tie.end is None and tie.source_code is None
    ]
    assert late
    assert all(age(one.birth_date, TODAY) == 21 for one in late)
    twice = Counter((one.given_name, one.middle_name, one.birth_date) for one in people)
    pairs = [who for who, times in twice.items() if times == 2]
    assert len(pairs) > 2


def test_the_lines_are_json_without_what_is_empty(tmp_path: Path) -> None:
    day = Day(100, seed=3, today=TODAY)
    generate.write_file(tmp_path / "people.jsonl", count=1_000, seed=3, today=TODAY, day=day)
    for line in day.lines():
        assert line.endswith("}\n")
        assert None not in json.loads(line).values()
