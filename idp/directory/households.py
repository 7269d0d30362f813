"""Inventing one household: a sponsor of some kind, and who belongs to them. The same draw gives the same people."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Protocol, TypeVar

from idp.directory import names
from idp.directory.matching import ADULT, age, years_later
from idp.directory.records import (
    Affiliation,
    Branch,
    Category,
    ChangedBy,
    Eligibility,
    Email,
    EndReason,
    Gender,
    Postal,
    Record,
    Relation,
    Relationship,
    Status,
)
from idp.directory.spelling import words

T = TypeVar("T")
_C = Category
_SERVICES = "AAAAANNNFFFMMC"
_UNIFORMED = _SERVICES + "HO"


class Numbers(Protocol):
    """Gives out numbers that nobody else has."""

    def edipi(self) -> str: ...
    def ssn(self) -> str: ...
    def key(self) -> str: ...


@dataclass(frozen=True)
class Kind:
    """A kind of sponsor: the letters of branches to draw from, its weight, its ages, and the plans that TRICARE has for it."""

    category: Category
    branches: str
    weight: int
    youngest: int
    oldest: int
    plans: tuple[str, ...] = ()
    separated: bool = False
    deceased: bool = False


KINDS = (
    Kind(_C.ACTIVE_DUTY, _UNIFORMED, 330, 18, 56, ("Prime", "Prime", "Prime", "Select")),
    Kind(_C.NATIONAL_GUARD, "AAAF", 110, 18, 58, ("Reserve Select", "Select")),
    Kind(_C.RESERVE, _SERVICES + "X", 90, 18, 58, ("Reserve Select",)),
    Kind(_C.RETIRED, _UNIFORMED, 210, 40, 94, ("Prime", "Select")),
    Kind(_C.RESERVE_RETIREE, _SERVICES, 35, 45, 59, ("Retired Reserve",)),
    Kind(_C.ACTIVE_DUTY, _UNIFORMED, 100, 22, 95, separated=True),
    Kind(_C.RETIRED, _SERVICES, 35, 50, 96, ("Prime", "Select"), deceased=True),
    Kind(_C.DISABLED_VETERAN, _SERVICES, 30, 22, 92),
    Kind(_C.BENEFICIARY, _SERVICES, 12, 45, 88, ("Select",)),  # former spouses under the 20/20/20 rule, own sponsors
    Kind(_C.FORMER_MEMBER, _SERVICES + "Z", 8, 40, 85),
    Kind(_C.ACADEMY_STUDENT, "ANFC", 8, 18, 24, ("Prime",)),
    Kind(_C.CIVIL_SERVICE, "D", 10, 21, 66),
    Kind(_C.CONTRACTOR, "D", 5, 21, 66),
    Kind(_C.FOREIGN_MILITARY, "123456", 4, 20, 55, ("Select",)),
    Kind(_C.FOREIGN_NATIONAL, "X", 2, 20, 60),
    Kind(_C.MEDAL_OF_HONOR, "AMN", 1, 30, 90, ("Prime",)),
    Kind(_C.PRESIDENTIAL_APPOINTEE, "D", 1, 40, 75),
    Kind(_C.OTHER_AGENCY_EMPLOYEE, "X", 2, 21, 66),
    Kind(_C.NAF_EMPLOYEE, "D", 3, 18, 66),
    Kind(_C.LIGHTHOUSE_SERVICE, "C", 1, 78, 98),
    Kind(_C.NON_GOVERNMENT_AGENCY, "X", 1, 21, 66),
    Kind(_C.OTHER_AGENCY_CONTRACTOR, "X", 2, 21, 66),
    Kind(_C.CIVILIAN_RETIREE, "D", 3, 55, 92),
)

COVER: tuple[tuple[Kind, Branch], ...] = tuple(
    (kind, Branch(letter))
    for kind in KINDS
    for letter in sorted(set(kind.branches if kind.weight > 300 else kind.branches[-6:]))
)
"""The first households, so that a small file has every category and branch too."""

_WEIGHTS = [kind.weight for kind in KINDS]


@dataclass(slots=True)
class Household:
    """One household while it is drawn up; `people` has the sponsor first."""

    rng: Random
    today: date
    numbers: Numbers
    family_number: str
    """The nine digits that open every member's DBN."""
    people: list[Record] = field(default_factory=list)

    def draw(self, kind: Kind | None = None, branch: Branch | None = None) -> list[Record]:
        """Everybody in it."""
        kind = kind or self.rng.choices(KINDS, _WEIGHTS)[0]
        branch = branch or Branch(self.rng.choice(kind.branches))
        home = self._home()
        sponsor = self._sponsor(kind, branch, home)
        self.people.append(sponsor)
        if kind.category is not _C.BENEFICIARY:
            self._family(sponsor, kind, branch, home)
        return self.people

    def _sponsor(self, kind: Kind, branch: Branch, home: Postal) -> Record:
        born = self._born(kind.youngest, kind.oldest)
        gender = self._pick((Gender.MALE,) * 7 + (Gender.FEMALE,) * 4)
        years = age(born, self.today)
        deceased = self._lately() if kind.deceased else None
        begin = self._between(years_later(born, ADULT), years_later(born, min(ADULT + 8, max(ADULT, years - 1))))
        affiliations = [Affiliation(category=kind.category, branch=branch, begin=begin)]
        eligibility: list[Eligibility] = []
        if kind.separated:
            left = self._lately() if self._chance(0.08) else self._between(begin, self.today - timedelta(days=181))
            left = max(left, begin)
            affiliations = [
                Affiliation(
                    category=kind.category, branch=branch, begin=begin, end=left, end_reason=EndReason.SEPARATION
                )
            ]
            after = left + timedelta(days=180)
            if after > self.today:
                eligibility = [self._tricare("TAMP", left, after)]
        elif kind.category in {_C.RETIRED, _C.RESERVE_RETIREE} and years > 38:
            retired = self._between(years_later(begin, 20), years_later(begin, 21))
            retired = min(retired, self.today)
            affiliations = [
                Affiliation(
                    category=_C.ACTIVE_DUTY if kind.category is _C.RETIRED else _C.RESERVE,
                    branch=branch,
                    begin=begin,
                    end=retired,
                    end_reason=EndReason.COMPLETED,
                ),
                Affiliation(
                    category=kind.category,
                    branch=branch,
                    begin=retired,
                    end=deceased and max(deceased, retired),
                    end_reason=EndReason.DEATH if deceased else None,
                ),
            ]
            begin = retired
        if kind.plans:
            plan = "For Life" if years >= 65 and kind.category is _C.RETIRED else self.rng.choice(kind.plans)
            eligibility = [self._tricare(plan, begin, deceased and max(deceased, begin))]
        return self._person(
            born=born,
            gender=gender,
            family=self._pick(names.FAMILY),
            home=home,
            deceased=deceased,
            affiliations=tuple(affiliations),
            eligibility=tuple(eligibility),
        )

    def _family(self, sponsor: Record, kind: Kind, branch: Branch, home: Postal) -> None:
        years = age(sponsor.birth_date, self.today)
        plan = sponsor.eligibility[0].plan if sponsor.eligibility else None
        partner: Record | None = None
        if years >= 20 and self._chance(0.35 if years < 27 else 0.72):
            partner = self._spouse(sponsor, branch, plan, home)
            self.people.append(partner)
        if years >= 20 and self._chance(0.25 if partner is None else 0.7):
            for _ in range(self._pick((1, 1, 2, 2, 2, 3, 3, 4))):
                child = self._child(sponsor, partner, branch, plan, home)
                if child is not None:
                    self.people.append(child)
        if 30 <= years <= 62 and plan and self._chance(0.02):
            self.people.append(self._parent(sponsor, branch, home))
        if kind.category is _C.ACTIVE_DUTY and not kind.separated and self._chance(0.004):
            self.people.append(self._surrogate(sponsor))

    def _spouse(self, sponsor: Record, branch: Branch, plan: str | None, home: Postal) -> Record:
        years = age(sponsor.birth_date, self.today)
        born = self._born(max(ADULT + 1, years - 8), max(ADULT + 1, years + 6))
        youngest = max(years_later(born, ADULT), years_later(sponsor.birth_date, ADULT))
        wed = self._between(youngest, min(self.today, youngest + timedelta(days=6_000)))
        gone = sponsor.deceased_on and max(sponsor.deceased_on, wed)
        divorced = self._between(wed, self.today) if gone is None and self._chance(0.12) else None
        if divorced and self._chance(0.03):
            divorced = max(wed, self.today - timedelta(days=1))
        custody = True if self._chance(0.8) else None
        ended = gone or divorced
        relations = [
            Relation(sponsor=sponsor.person, relationship=Relationship.SPOUSE, begin=wed, end=ended, custody=custody)
        ]
        if ended is not None:
            after = Relationship.SURVIVING_SPOUSE if gone else Relationship.FORMER_SPOUSE
            relations.append(Relation(sponsor=sponsor.person, relationship=after, begin=ended))
        own = self._pick(names.FAMILY)
        drawn = self.rng.random()
        family = sponsor.family_name if drawn < 0.55 else own if drawn < 0.85 else f"{own}-{sponsor.family_name}"
        opposite = Gender.FEMALE if sponsor.gender is Gender.MALE else Gender.MALE
        same_address = sponsor.emails[0].address if sponsor.emails and self._chance(0.08) else None
        return self._person(
            born=born,
            gender=opposite if self._chance(0.95) else sponsor.gender or opposite,
            family=family,
            former=(own,) if family != own else (),
            home=home if divorced is None else self._home(),
            shared_email=same_address,
            relations=tuple(relations),
            affiliations=(Affiliation(category=_C.BENEFICIARY, branch=branch, begin=wed, end=divorced),),
            eligibility=(self._tricare(plan, wed, divorced),) if plan else (),
        )

    def _child(
        self, sponsor: Record, partner: Record | None, branch: Branch, plan: str | None, home: Postal
    ) -> Record | None:
        oldest = min(26, age(sponsor.birth_date, self.today) - 19)
        if oldest < 0:
            return None
        born = self._born(0, oldest)
        years = age(born, self.today)
        relationship = self._pick(
            (Relationship.CHILD,) * 16 + (Relationship.STEPCHILD,) * 3 + (Relationship.WARD, Relationship.FOSTER)
        )
        begin = born if relationship is Relationship.CHILD else self._between(born, self.today)
        end: date | None = years_later(born, 21)
        code = None
        if years >= ADULT and self._chance(0.5):
            end, code = years_later(born, 23), "student"
        elif years >= ADULT and self._chance(0.04):
            end, code = None, "incapacitated"
        end = end and max(begin, end)
        eligibility = [self._tricare(plan, begin, end)] if plan else []
        if plan and end and end <= self.today and self._chance(0.3):
            eligibility.append(self._tricare("Young Adult", end, max(end, years_later(born, 26))))
        drawn = self.rng.random()
        family = partner.family_name if partner and drawn < 0.12 else sponsor.family_name
        parents_address = sponsor.emails[0].address if sponsor.emails and years < ADULT and self._chance(0.15) else None
        return self._person(
            born=born,
            gender=self._pick((Gender.FEMALE, Gender.MALE)),
            family=family,
            home=home,
            shared_email=parents_address,
            relations=(
                Relation(sponsor=sponsor.person, relationship=relationship, begin=begin, end=end, source_code=code),
            ),
            affiliations=(Affiliation(category=_C.BENEFICIARY, branch=branch, begin=begin, end=end),),
            eligibility=tuple(eligibility),
        )

    def _parent(self, sponsor: Record, branch: Branch, home: Postal) -> Record:
        years = age(sponsor.birth_date, self.today)
        begin = self.today - timedelta(days=self.rng.randrange(30, 3_000))
        by_marriage = self._chance(0.3)
        return self._person(
            born=self._born(years + 19, years + 38),
            gender=self._pick((Gender.FEMALE, Gender.FEMALE, Gender.MALE)),
            family=self._pick(names.FAMILY) if by_marriage else sponsor.family_name,
            home=home,
            relations=(
                Relation(
                    sponsor=sponsor.person,
                    relationship=Relationship.PARENT_IN_LAW if by_marriage else Relationship.PARENT,
                    begin=begin,
                ),
            ),
            affiliations=(Affiliation(category=_C.BENEFICIARY, branch=branch, begin=begin),),
            eligibility=(self._tricare("Plus", begin, None),),
        )

    def _surrogate(self, sponsor: Record) -> Record:
        begin = self.today - timedelta(days=self.rng.randrange(10, 900))
        return self._person(
            born=self._born(25, 70),
            gender=self._pick((Gender.FEMALE, Gender.MALE)),
            family=self._pick(names.FAMILY),
            home=self._home(),
            relations=(Relation(sponsor=sponsor.person, relationship=Relationship.SURROGATE, begin=begin),),
        )

    def _person(
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
        years = age(born, self.today)
        key, edipi = self.numbers.key(), self.numbers.edipi()
        given = self._given(gender)
        two_numbers = years >= ADULT and self._chance(0.01)
        has_ssn = self._chance(0.98 if years >= 1 else 0.6)
        return Record(
            person=key,
            edipi=edipi,
            other_edipis=(self.numbers.edipi(),) if two_numbers else (),
            ssn=self.numbers.ssn() if has_ssn else None,
            dbn=f"{self.family_number}{len(self.people):02d}" if eligibility else None,
            given_name=given,
            middle_name=self._middle(gender),
            family_name=family,
            suffix=self._pick(names.SUFFIXES) if gender is Gender.MALE and self._chance(0.05) else None,
            former_family_names=former,
            birth_date=born,
            gender=gender,
            deceased_on=deceased,
            conflict_since=self._days_ago(1, 400) if two_numbers and self._chance(0.2) else None,
            emails=self._emails(key, given, family, years, shared_email, dependant=bool(relations)),
            postal=(home,),
            relations=relations,
            affiliations=affiliations,
            eligibility=eligibility,
        )

    def _emails(
        self, key: str, given: str, family: str, years: int, shared: str | None, *, dependant: bool
    ) -> tuple[Email, ...]:
        has_own = self._chance(0.93 if years >= ADULT else 0.3 if years >= 13 else 0.0)
        own = f"{''.join(words(given))}.{''.join(words(family))}.{key.rpartition('-')[2]}@{self._pick(names.MAIL_DOMAINS)}"
        address = shared or (own.encode("ascii", "ignore").decode("ascii") if has_own else None)
        since = self._days_ago(0, 29) if self._chance(0.04) else self._days_ago(31, 4_000)
        drawn = self.rng.random()
        by = ChangedBy.OFFICE if drawn < 0.08 else ChangedBy.SPONSOR if dependant and drawn < 0.16 else ChangedBy.SELF
        return () if address is None else (Email(address=address, since=since, changed_by=by),)

    def _given(self, gender: Gender) -> str:
        own = names.FEMALE if gender is Gender.FEMALE else names.MALE
        return self._pick(names.EITHER) if self._chance(0.08) else self._pick(own)

    def _middle(self, gender: Gender) -> str | None:
        name, drawn = self._given(gender), self.rng.random()
        return name if drawn < 0.7 else name[0] if drawn < 0.85 else None

    def _home(self) -> Postal:
        locality, region = self._pick(names.PLACES)
        return Postal(
            street_address=f"{self.rng.randrange(1, 9_900)} {self._pick(names.STREETS)}",
            locality=locality,
            region=region,
            postal_code=f"{self.rng.randrange(1, 400):05d}",  # no ZIP code begins with 000 to 003
            since=self._days_ago(0, 29) if self._chance(0.03) else self._days_ago(31, 5_000),
        )

    def _tricare(self, plan: str, begin: date, end: date | None) -> Eligibility:
        over = end is not None and end <= self.today
        return Eligibility(
            program="TRICARE", plan=plan, status=Status.ENDED if over else Status.ACTIVE, begin=begin, end=end
        )

    def _born(self, youngest: int, oldest: int) -> date:
        """A birth date that makes somebody between these ages today."""
        return self._between(
            years_later(self.today, -oldest - 1) + timedelta(days=1), years_later(self.today, -youngest)
        )

    def _lately(self) -> date:
        """A day in the last 160, and now and then yesterday."""
        return self.today - timedelta(days=1) if self._chance(0.05) else self._days_ago(2, 160)

    def _days_ago(self, fewest: int, most: int) -> date:
        return self.today - timedelta(days=self.rng.randint(fewest, most))

    def _between(self, first: date, last: date) -> date:
        return first + timedelta(days=self.rng.randint(0, max(0, (last - first).days)))

    def _chance(self, of: float) -> bool:
        return self.rng.random() < of

    def _pick(self, among: tuple[T, ...]) -> T:
        return self.rng.choice(among)
