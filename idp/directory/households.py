"""Inventing one household: a sponsor of some kind, and who belongs to them. The same draw gives the same people."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from idp.directory import names
from idp.directory.drawing import Drawing
from idp.directory.matching import ADULT, age, years_later
from idp.directory.records import (
    Affiliation,
    Branch,
    Category,
    Eligibility,
    EndReason,
    Gender,
    Postal,
    Record,
    Relation,
    Relationship,
)

_C = Category
_SERVICES = "AAAAANNNFFFMMC"
_UNIFORMED = _SERVICES + "HO"


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

_WEIGHTS = list(accumulate(kind.weight for kind in KINDS))


class Household(Drawing):
    """One household while it is drawn up; `people` has the sponsor first."""

    def draw(self, kind: Kind | None = None, branch: Branch | None = None) -> list[Record]:
        """Everybody in it."""
        kind = kind or self.rng.choices(KINDS, cum_weights=_WEIGHTS)[0]
        branch = branch or Branch(self.pick(kind.branches))
        home = self.home()
        sponsor = self._sponsor(kind, branch, home)
        self.people.append(sponsor)
        if kind.category is not _C.BENEFICIARY:
            self._family(sponsor, kind, branch, home)
        if sponsor.deceased_on is None and self.chance(0.006):
            self.people.append(self._second_record(sponsor))
        return self.people

    def _sponsor(self, kind: Kind, branch: Branch, home: Postal) -> Record:
        born = self.born(kind.youngest, kind.oldest)
        gender = self.pick((Gender.MALE,) * 7 + (Gender.FEMALE,) * 4)
        years = age(born, self.today)
        deceased = self.lately() if kind.deceased else None
        begin = self.between(years_later(born, ADULT), years_later(born, min(ADULT + 8, max(ADULT, years - 1))))
        affiliations = [Affiliation(category=kind.category, branch=branch, begin=begin)]
        eligibility: list[Eligibility] = []
        if kind.separated:
            left = self.lately() if self.chance(0.08) else self.between(begin, self.today - timedelta(days=181))
            left = max(left, begin)
            affiliations = [
                Affiliation(
                    category=kind.category, branch=branch, begin=begin, end=left, end_reason=EndReason.SEPARATION
                )
            ]
            after = left + timedelta(days=180)
            if after > self.today:
                eligibility = [self.tricare("TAMP", left, after)]
        elif kind.category in {_C.RETIRED, _C.RESERVE_RETIREE} and years > 38:
            retired = self.between(years_later(begin, 20), years_later(begin, 21))
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
            plan = "For Life" if years >= 65 and kind.category is _C.RETIRED else self.pick(kind.plans)
            eligibility = [self.tricare(plan, begin, deceased and max(deceased, begin))]
        return self.person(
            born=born,
            gender=gender,
            family=self.pick(names.FAMILY),
            home=home,
            deceased=deceased,
            affiliations=tuple(affiliations),
            eligibility=tuple(eligibility),
        )

    def _family(self, sponsor: Record, kind: Kind, branch: Branch, home: Postal) -> None:
        years = age(sponsor.birth_date, self.today)
        plan = sponsor.eligibility[0].plan if sponsor.eligibility else None
        partner: Record | None = None
        if years >= 20 and self.chance(0.35 if years < 27 else 0.72):
            partner = self._spouse(sponsor, branch, plan, home)
            self.people.append(partner)
        if years >= 20 and self.chance(0.25 if partner is None else 0.7):
            for _ in range(self.pick((1, 1, 2, 2, 2, 3, 3, 4))):
                child = self._child(sponsor, partner, branch, plan, home)
                if child is not None:
                    self.people.append(child)
        if 30 <= years <= 62 and plan and self.chance(0.02):
            self.people.append(self._parent(sponsor, branch, home))
        if kind.category is _C.ACTIVE_DUTY and not kind.separated and self.chance(0.004):
            self.people.append(self._surrogate(sponsor))

    def _spouse(self, sponsor: Record, branch: Branch, plan: str | None, home: Postal) -> Record:
        years = age(sponsor.birth_date, self.today)
        born = self.born(max(ADULT + 1, years - 8), max(ADULT + 1, years + 6))
        youngest = max(years_later(born, ADULT), years_later(sponsor.birth_date, ADULT))
        wed = self.between(youngest, min(self.today, youngest + timedelta(days=6_000)))
        gone = sponsor.deceased_on and max(sponsor.deceased_on, wed)
        divorced = self.between(wed, self.today) if gone is None and self.chance(0.12) else None
        if divorced and self.chance(0.03):
            divorced = max(wed, self.today - timedelta(days=1))
        custody = False if divorced and self.chance(0.3) else True if self.chance(0.8) else None
        ended = gone or divorced
        relations = [
            Relation(sponsor=sponsor.person, relationship=Relationship.SPOUSE, begin=wed, end=ended, custody=custody)
        ]
        if ended is not None:
            after = Relationship.SURVIVING_SPOUSE if gone else Relationship.FORMER_SPOUSE
            relations.append(Relation(sponsor=sponsor.person, relationship=after, begin=ended, custody=custody))
        own = self.pick(names.FAMILY)
        drawn = self.rng.random()
        family = sponsor.family_name if drawn < 0.55 else own if drawn < 0.85 else f"{own}-{sponsor.family_name}"
        opposite = Gender.FEMALE if sponsor.gender is Gender.MALE else Gender.MALE
        same_address = sponsor.emails[0].address if sponsor.emails and self.chance(0.08) else None
        return self.person(
            born=born,
            gender=opposite if self.chance(0.95) else sponsor.gender or opposite,
            family=family,
            former=(own,) if family != own else (),
            home=home if divorced is None else self.home(),
            shared_email=same_address,
            relations=tuple(relations),
            affiliations=(Affiliation(category=_C.BENEFICIARY, branch=branch, begin=wed, end=divorced),),
            eligibility=(self.tricare(plan, wed, divorced),) if plan else (),
        )

    def _child(
        self, sponsor: Record, partner: Record | None, branch: Branch, plan: str | None, home: Postal
    ) -> Record | None:
        oldest = min(26, age(sponsor.birth_date, self.today) - 19)
        if oldest < 0:
            return None
        born = self.born(0, oldest)
        years = age(born, self.today)
        relationship = self.pick(
            (Relationship.CHILD,) * 16 + (Relationship.STEPCHILD,) * 3 + (Relationship.WARD, Relationship.FOSTER)
        )
        begin = born if relationship is Relationship.CHILD else self.between(born, self.today)
        end: date | None = years_later(born, 21)
        code = None
        if years >= ADULT and self.chance(0.5):
            end, code = years_later(born, 23), "student"
        elif years >= ADULT and self.chance(0.04):
            end, code = None, "incapacitated"
        elif years == 21 and self.chance(0.4):
            end = None  # the authority does not know yet whether they study: nothing has ended
        end = end and max(begin, end)
        eligibility = [self.tricare(plan, begin, end)] if plan else []
        if plan and end and end <= self.today and self.chance(0.3):
            eligibility.append(self.tricare("Young Adult", end, max(end, years_later(born, 26))))
        drawn = self.rng.random()
        family = partner.family_name if partner and drawn < 0.12 else sponsor.family_name
        parents_address = sponsor.emails[0].address if sponsor.emails and years < ADULT and self.chance(0.15) else None
        return self.person(
            born=born,
            gender=self.pick((Gender.FEMALE, Gender.MALE)),
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
        begin = self.today - timedelta(days=30 + self.below(2_970))
        by_marriage = self.chance(0.3)
        return self.person(
            born=self.born(years + 19, years + 38),
            gender=self.pick((Gender.FEMALE, Gender.FEMALE, Gender.MALE)),
            family=self.pick(names.FAMILY) if by_marriage else sponsor.family_name,
            home=home,
            relations=(
                Relation(
                    sponsor=sponsor.person,
                    relationship=Relationship.PARENT_IN_LAW if by_marriage else Relationship.PARENT,
                    begin=begin,
                ),
            ),
            affiliations=(Affiliation(category=_C.BENEFICIARY, branch=branch, begin=begin),),
            eligibility=(self.tricare("Plus", begin, None),),
        )

    def _surrogate(self, sponsor: Record) -> Record:
        begin = self.today - timedelta(days=10 + self.below(890))
        return self.person(
            born=self.born(25, 70),
            gender=self.pick((Gender.FEMALE, Gender.MALE)),
            family=self.pick(names.FAMILY),
            home=self.home(),
            relations=(Relation(sponsor=sponsor.person, relationship=Relationship.SURROGATE, begin=begin),),
        )

    def _second_record(self, sponsor: Record) -> Record:
        """The sponsor once more, from a time as a contractor or the like: known by another number, and by no SSN."""
        begin = self.between(years_later(sponsor.birth_date, ADULT), self.today)
        end = self.between(begin, self.today)
        times = Affiliation(
            category=self.pick((_C.CONTRACTOR, _C.NAF_EMPLOYEE, _C.CIVIL_SERVICE)),
            branch=Branch.DEFENSE,
            begin=begin,
            end=end,
            end_reason=EndReason.COMPLETED,
        )
        return Record(
            person=self.numbers.key(),
            edipi=self.numbers.edipi(),
            given_name=sponsor.given_name,
            middle_name=sponsor.middle_name,
            family_name=self.pick(names.FAMILY)
            if sponsor.gender is Gender.FEMALE and self.chance(0.4)
            else sponsor.family_name,
            birth_date=sponsor.birth_date,
            gender=sponsor.gender,
            postal=(self.home(),),
            affiliations=(times,),
        )
