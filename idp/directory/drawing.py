"""Drawing one person: a name, an age, addresses, numbers. What they are to others is not decided here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Protocol, TypeVar

from idp.directory import names
from idp.directory.matching import ADULT, age, years_later
from idp.directory.records import (
    Affiliation,
    ChangedBy,
    Eligibility,
    Email,
    Gender,
    Postal,
    Record,
    Relation,
    Status,
)
from idp.directory.spelling import words

T = TypeVar("T")


class Numbers(Protocol):
    """Gives out numbers that nobody else has."""

    def edipi(self) -> str: ...
    def ssn(self) -> str: ...
    def key(self) -> str: ...


@dataclass(slots=True)
class Drawing:
    """One draw for some people who belong together. The same draw gives the same people."""

    rng: Random
    today: date
    numbers: Numbers
    family_number: str
    """The nine digits that open every member's DBN."""
    people: list[Record] = field(default_factory=list)

    def person(
        self,
        *,
        born: date,
        gender: Gender,
        family: str,
        home: Postal,
        former: tuple[str, ...] = (),
        deceased: date | None = None,
        shared_email: str | None = None,
        relations: tuple[Relation, ...] = (),
        affiliations: tuple[Affiliation, ...] = (),
        eligibility: tuple[Eligibility, ...] = (),
    ) -> Record:
        """Somebody. A DBN comes with eligibility, and counts on from those who are there."""
        years = age(born, self.today)
        key, edipi = self.numbers.key(), self.numbers.edipi()
        given = self._given(gender)
        two_numbers = years >= ADULT and self.chance(0.01)
        has_ssn = self.chance(0.98 if years >= 1 else 0.6)
        return Record(
            person=key,
            edipi=edipi,
            other_edipis=(self.numbers.edipi(),) if two_numbers else (),
            ssn=self.numbers.ssn() if has_ssn else None,
            dbn=f"{self.family_number}{len(self.people):02d}" if eligibility else None,
            given_name=given,
            middle_name=self._middle(gender),
            family_name=family,
            suffix=self.pick(names.SUFFIXES) if gender is Gender.MALE and self.chance(0.05) else None,
            former_family_names=former,
            birth_date=born,
            gender=gender,
            deceased_on=deceased,
            conflict_since=self.days_ago(1, 400) if two_numbers and self.chance(0.2) else None,
            emails=self._emails(key, given, family, years, shared_email, dependant=bool(relations)),
            postal=(home,),
            relations=relations,
            affiliations=affiliations,
            eligibility=eligibility,
        )

    def _emails(
        self, key: str, given: str, family: str, years: int, shared: str | None, *, dependant: bool
    ) -> tuple[Email, ...]:
        has_own = self.chance(0.93 if years >= ADULT else 0.3 if years >= 13 else 0.0)
        domain = self.pick(names.MAIL_DOMAINS)
        own = f"{_bare(given)}.{_bare(family)}.{key.rpartition('-')[2]}@{domain}" if has_own else None
        address = shared or own
        since = self.days_ago(0, 29) if self.chance(0.04) else self.days_ago(31, 4_000)
        drawn = self.rng.random()
        by = ChangedBy.OFFICE if drawn < 0.08 else ChangedBy.SPONSOR if dependant and drawn < 0.16 else ChangedBy.SELF
        return () if address is None else (Email(address=address, since=since, changed_by=by),)

    def _given(self, gender: Gender) -> str:
        own = names.FEMALE if gender is Gender.FEMALE else names.MALE
        return self.pick(names.EITHER) if self.chance(0.08) else self.pick(own)

    def _middle(self, gender: Gender) -> str | None:
        name, drawn = self._given(gender), self.rng.random()
        return name if drawn < 0.7 else name[0] if drawn < 0.85 else None

    def home(self) -> Postal:
        """Somewhere that is not."""
        locality, region = self.pick(names.PLACES)
        return Postal(
            street_address=f"{1 + self.below(9_899)} {self.pick(names.STREETS)}",
            locality=locality,
            region=region,
            postal_code=f"{1 + self.below(399):05d}",  # no ZIP code begins with 000 to 003
            since=self.days_ago(0, 29) if self.chance(0.03) else self.days_ago(31, 5_000),
        )

    def tricare(self, plan: str, begin: date, end: date | None) -> Eligibility:
        """A plan, as a file made today tells of it."""
        over = end is not None and end <= self.today
        return Eligibility(
            program="TRICARE", plan=plan, status=Status.ENDED if over else Status.ACTIVE, begin=begin, end=end
        )

    def born(self, youngest: int, oldest: int) -> date:
        """A birth date that makes somebody between these ages today."""
        return self.between(
            years_later(self.today, -oldest - 1) + timedelta(days=1), years_later(self.today, -youngest)
        )

    def lately(self) -> date:
        """A day in the last 160, and now and then yesterday."""
        return self.today - timedelta(days=1) if self.chance(0.05) else self.days_ago(2, 160)

    def days_ago(self, fewest: int, most: int) -> date:
        """A day that lies that long back."""
        return self.today - timedelta(days=fewest + self.below(most - fewest + 1))

    def between(self, first: date, last: date) -> date:
        """A day from the first to the last; the first, if they stand in the wrong order."""
        return first + timedelta(days=self.below(max(0, (last - first).days) + 1))

    def chance(self, of: float) -> bool:
        """Yes in so many of one case."""
        return self.rng.random() < of

    def pick(self, among: Sequence[T]) -> T:
        """One of these."""
        return among[self.below(len(among))]

    def below(self, limit: int) -> int:
        """A number from 0 on. `Random.randrange` draws it more evenly, and takes four times as long."""
        return int(self.rng.random() * limit)


@lru_cache(maxsize=4_096)
def _bare(name: str) -> str:
    return "".join(words(name)).encode("ascii", "ignore").decode("ascii")
