"""Whom a claim could be mistaken for: among invented people, each is held against themself and against others.

The number and the birth date are exact, so a claim can only meet another person whose number the claimant has and who was born on
the same day; what is left to the names is looked at here. `alike` tells independently of the matcher whether two people share a
name at all.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random

from idp.directory import matching
from idp.directory.records import Facts, Record
from idp.ports import Claimed, IdKind, Matched

SAMPLED = 0.01
"""Of the pairs born on one day who share no name, how many the matcher is asked about all the same."""


@dataclass
class Likeness:
    """What was found. `strayed` and `strange` must stay 0."""

    people: int = 0
    lost: int = 0
    """Claims with everything right that did not fit the person's own record."""
    strayed: int = 0
    """Claims with the number of somebody else that opened that one's record, though the two are not born on one day."""
    same_day: int = 0
    """Pairs of people who were born on the same day."""
    twins: int = 0
    """Those among them whose names fit each other: with the other's number, each would be taken for the other."""
    doubles: int = 0
    """Of the twins, those who are two records of one person, as authorities have them until they are merged: every name the same to
    the letter, and the SSN on one of them alone.
    """
    strange: int = 0
    """Pairs whose names fit though they have no first or no last name in common."""
    asked: int = 0
    """How many pairs the matcher was asked about."""


@dataclass(slots=True)
class Named:
    """One person of a day."""

    facts: Facts
    has_ssn: bool = True
    first: frozenset[str] = field(init=False)
    last: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.first = _said(self.facts.given_name, self.facts.middle_name or "")
        self.last = _said(self.facts.family_name, *self.facts.former_family_names)


def alike(one: Named, other: Named) -> bool:
    """Whether two people share a first and a last name, in whichever field these stand."""
    straight = not one.first.isdisjoint(other.first) and not one.last.isdisjoint(other.last)
    crossed = not one.first.isdisjoint(other.last) and not one.last.isdisjoint(other.first)
    return straight or crossed


def claim(of: Facts, number: str = "000000000") -> Claimed:
    """What this person says of themself, with a number."""
    return Claimed(of.given_name, of.family_name, of.birth_date, IdKind.SSN, number)


def hold_against_themselves(people: Iterable[Record], today: date, found: Likeness) -> Iterator[Record]:
    """Each against their own record and, with the number of whoever came before, against that one's; then handed on."""
    before: Record | None = None
    for one in people:
        found.people += 1
        said = claim(one)
        verdict = matching.compare(said, one)
        if not (verdict.names and verdict.birth_date):
            found.lost += 1
        if before is not None and before.birth_date != one.birth_date:
            found.strayed += isinstance(matching.judge(said, [before], (), today), Matched)
        before = one
        yield one


def hold_against_each_other(born_on_one_day: Sequence[Named], draw: Random, found: Likeness) -> None:
    """Every pair that shares a name, and some of those that do not."""
    for one, other in combinations(born_on_one_day, 2):
        found.same_day += 1
        share = alike(one, other)
        if share or draw.random() < SAMPLED:
            found.asked += 1
            fits = _fit(one, other) or _fit(other, one)
            found.twins += fits
            found.doubles += fits and _is_double(one, other)
            found.strange += fits and not share


def spread(people: Iterable[Record], folder: Path) -> list[Path]:
    """Sort a million people into one file a year of birth: all of them together would not fit into memory."""
    files = {}
    for one in people:
        year = one.birth_date.year
        if year not in files:
            files[year] = (folder / f"born-{year}.jsonl").open("w", encoding="utf-8")
        names = (one.given_name, one.middle_name, one.family_name, one.former_family_names)
        files[year].write(json.dumps((*names, one.birth_date.isoformat(), one.ssn is not None)) + "\n")
    for file in files.values():
        file.close()
    return [Path(file.name) for file in files.values()]


def days(file: Path) -> list[list[Named]]:
    """The people of one year's file by the day on which they were born."""
    found: dict[str, list[Named]] = defaultdict(list)
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            given, middle, family, former, born, has_ssn = json.loads(line)
            facts = Facts(
                person="somebody",
                edipi="9900000001",
                given_name=given,
                middle_name=middle,
                family_name=family,
                former_family_names=tuple(former),
                birth_date=date.fromisoformat(born),
            )
            found[born].append(Named(facts, has_ssn))
    return list(found.values())


def look(
    people: Iterable[Record], folder: Path, *, today: date, progress: Callable[[str], None] = lambda _said: None
) -> Likeness:
    """All of it, for any number of people; `folder` takes the files of years."""
    found, draw = Likeness(), Random(1)
    files = spread(hold_against_themselves(people, today, found), folder)
    progress(f"{found.people:,} people held against themselves; {found.lost} lost, {found.strayed} strayed")
    for number, file in enumerate(files, start=1):
        for born_on_one_day in days(file):
            hold_against_each_other(born_on_one_day, draw, found)
        file.unlink()
        if number % 20 == 0:
            progress(f"{number}/{len(files)} years of birth; {found.same_day:,} pairs, {found.twins} alike")
    return found


def _is_double(one: Named, other: Named) -> bool:
    these, those = ((of.facts.given_name, of.facts.middle_name, of.facts.family_name) for of in (one, other))
    return these == those and one.has_ssn != other.has_ssn


def _fit(one: Named, other: Named) -> bool:
    return matching.compare(claim(one.facts), other.facts).names


def _said(*names: str) -> frozenset[str]:
    """A name's words and the whole of it, in bare letters; of another making than the matcher's own reading."""
    found: set[str] = set()
    for name in names:
        apart = unicodedata.normalize("NFKD", name.lower())
        bare = "".join(letter for letter in apart if letter.isalpha() or letter in " -")
        parts = bare.replace("-", " ").split()
        found |= {*parts, "".join(parts)}
    return frozenset(found)
