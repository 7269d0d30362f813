"""What may happen to an invented household: for each kind of change whether it can, and if so, how it is drawn."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from idp.directory import changes, names
from idp.directory.changes import Change
from idp.directory.drawing import Drawing
from idp.directory.families import INCAPACITATED, OF_AGE, STUDENT
from idp.directory.matching import ADULT, age, years_later
from idp.directory.records import (
    Affiliation,
    Category,
    ChangedBy,
    Email,
    Gender,
    Record,
    Relation,
    Relationship,
)
from idp.directory.spans import CHILDREN, SERVICE, is_tricare, lasts

_CAREER = {Category.ACTIVE_DUTY, Category.NATIONAL_GUARD, Category.RESERVE}
_TWENTY_YEARS = timedelta(days=7_306)
_LATE = 20  # days at the most from what happened to its report


@dataclass(frozen=True, slots=True)
class Scene:
    """A household on the day. `draw` is the day's own: it knows who is there, and has numbers for one more."""

    draw: Drawing
    id: str
    """Of the change, if one happens."""
    single: Record | None = None
    """Somebody of an earlier household, unmarried, whom nothing else happens to."""

    @property
    def sponsor(self) -> Record:
        """Whom the household hangs from."""
        return self.draw.people[0]

    def day(self, *since: date) -> date:
        """Today in most cases, else some days back, but not before these."""
        back = self.draw.days_ago(0, _LATE) if self.draw.chance(0.4) else self.draw.today
        return max((back, *since))

    def change(self, kind: str, person: Record, on: date, **columns: Any) -> Change:
        """The change itself."""
        shape: Any = changes.SHAPES[kind]
        made: Change = shape(id=self.id, kind=kind, person=person.person, on=on, **columns)
        return made


Fate = Callable[[], Change]


def separation(scene: Scene) -> Fate | None:
    """A member in their first years, mostly."""
    served = _open_service(scene, SERVICE)
    if served is None or (served.begin < scene.draw.today - _TWENTY_YEARS and scene.draw.chance(0.8)):
        return None
    begin = served.begin
    return lambda: scene.change("separation", scene.sponsor, scene.day(begin), tamp=scene.draw.chance(0.4))


def retirement(scene: Scene) -> Fate | None:
    """After twenty years."""
    served = _open_service(scene, _CAREER)
    if served is None or served.begin > scene.draw.today - _TWENTY_YEARS:
        return None
    begin, active = served.begin, served.category is Category.ACTIVE_DUTY

    def happens() -> Change:
        category = Category.RETIRED if active else Category.RESERVE_RETIREE
        plan = "Retired Reserve" if not active else "Select" if scene.draw.chance(0.3) else None
        return scene.change("retirement", scene.sponsor, scene.day(begin), category=category, plan=plan)

    return happens


def marriage(scene: Scene) -> Fate | None:
    """A single sponsor marries somebody new, or somebody whom another household knows."""
    if not is_single(scene):
        return None
    draw, sponsor, single = scene.draw, scene.sponsor, scene.single

    def happens() -> Change:
        if single is not None:
            family = sponsor.family_name if draw.chance(0.4) else None
            return scene.change("marriage", sponsor, draw.today, spouse=single.person, family_name=family)
        years = age(sponsor.birth_date, draw.today)
        born = draw.born(max(ADULT + 1, years - 8), max(ADULT + 1, years + 6))
        opposite = Gender.FEMALE if sponsor.gender is Gender.MALE else Gender.MALE
        gender = opposite if draw.chance(0.95) else sponsor.gender or opposite
        new = draw.person(born=born, gender=gender, family=draw.pick(names.FAMILY), home=sponsor.postal[0])
        family = sponsor.family_name if draw.chance(0.5) else None
        custody = True if draw.chance(0.2) else None
        parted = [tie.end for one in draw.people for tie in one.relations if _was_bound(tie) and tie.end]
        on = scene.day(*parted)
        return scene.change("marriage", sponsor, on, new_spouse=new, family_name=family, custody=custody)

    return happens


def divorce(scene: Scene) -> Fate | None:
    """With the stepchildren, if any; after twenty years under the 20/20/20 rule."""
    draw, sponsor = scene.draw, scene.sponsor
    found = [(one, tie) for one in draw.people for tie in one.relations if _binds(tie) and one.deceased_on is None]
    if not found or sponsor.deceased_on is not None:
        return None
    spouse, marriage = found[0]

    def happens() -> Change:
        steps = [(one, _step(one, draw.today)) for one in draw.people]
        named = [(one.person, tie.begin) for one, tie in steps if tie is not None]
        return scene.change(
            "divorce",
            sponsor,
            scene.day(marriage.begin, *(begin for _, begin in named)),
            spouse=spouse.person,
            own_sponsor=marriage.begin < draw.today - _TWENTY_YEARS and draw.chance(0.5),
            stepchildren=tuple(key for key, _ in named),
            custody=draw.chance(0.6) if draw.chance(0.5) else None,
        )

    return happens


def birth(scene: Scene) -> Fate | None:
    """A sponsor between 19 and 45 has a child, whose number of the family is the next one."""
    draw, sponsor = scene.draw, scene.sponsor
    if sponsor.deceased_on is not None or not 19 <= age(sponsor.birth_date, draw.today) <= 45:
        return None

    def happens() -> Change:
        on = scene.day()
        until = years_later(on, OF_AGE)
        branch = sponsor.affiliations[0].branch
        plan = next((one.plan for one in sponsor.eligibility if is_tricare(one) and one.end is None), None)
        child = draw.person(
            born=on,
            gender=draw.pick((Gender.FEMALE, Gender.MALE)),
            family=sponsor.family_name,
            home=sponsor.postal[0].model_copy(update={"since": on, "changed_by": ChangedBy.SPONSOR}),
            relations=(Relation(sponsor=sponsor.person, relationship=Relationship.CHILD, begin=on, end=until),),
            affiliations=(Affiliation(category=Category.BENEFICIARY, branch=branch, begin=on, end=until),),
            eligibility=(draw.tricare(plan, on, until),) if plan else (),
        )
        return scene.change("birth", sponsor, on, child=child)

    return happens


def death(scene: Scene) -> Fate | None:
    """The oldest of the household, if old; now and then anybody."""
    alive = _alive(scene)
    if not alive:
        return None
    oldest = min(alive, key=lambda one: one.birth_date)
    if age(oldest.birth_date, scene.draw.today) < 65:
        if not scene.draw.chance(0.05):
            return None
        oldest = scene.draw.pick(alive)
    return lambda: scene.change("death", oldest, scene.day(oldest.birth_date))


def death_corrected(scene: Scene) -> Fate | None:
    """Of somebody whom the file calls dead."""
    dead = [one for one in scene.draw.people if one.deceased_on is not None]
    return (lambda: scene.change("death_corrected", dead[0], scene.draw.today)) if dead else None


def age_out(scene: Scene) -> Fate | None:
    """A child of 21 or more, with nothing ended yet."""
    draw = scene.draw
    for one in _alive(scene):
        for tie in one.relations:
            open_ = tie.relationship in CHILDREN and tie.end is None
            told = tie.source_code in {STUDENT, INCAPACITATED}
            if open_ and not told and age(one.birth_date, draw.today) >= OF_AGE:
                of_age = max(years_later(one.birth_date, OF_AGE), tie.begin)
                child = one
                return lambda: scene.change("age_out", child, scene.day(of_age))
    return None


def name(scene: Scene) -> Fate | None:
    """A grown-up takes another family name."""
    grown = _grown(scene)
    if not grown:
        return None

    def happens() -> Change:
        one = scene.draw.pick(grown)
        others = [family for family in names.FAMILY if family != one.family_name]
        columns = {"given_name": one.given_name, "middle_name": one.middle_name, "suffix": one.suffix}
        return scene.change("name", one, scene.day(), family_name=scene.draw.pick(others), **columns)

    return happens


def edipi(scene: Scene) -> Fate | None:
    """A grown-up has another number."""
    grown = _grown(scene)
    return (lambda: scene.change("edipi", grown[-1], scene.day(), edipi=scene.draw.numbers.edipi())) if grown else None


def merge(scene: Scene) -> Fate | None:
    """The sponsor's second record goes."""
    second = second_record(scene)
    return (
        (lambda: scene.change("merge", scene.sponsor, scene.draw.today, former=second.person))
        if second is not None
        else None
    )


def identity_conflict(scene: Scene) -> Fate | None:
    """Of somebody who has none."""
    sure = [one for one in _grown(scene) if one.conflict_since is None]
    return (lambda: scene.change("identity_conflict", sure[0], scene.draw.today)) if sure else None


def conflict_resolved(scene: Scene) -> Fate | None:
    """Of somebody who has one."""
    unsure = [one for one in scene.draw.people if one.conflict_since is not None]
    return (lambda: scene.change("conflict_resolved", unsure[0], scene.draw.today)) if unsure else None


def address(scene: Scene) -> Fate | None:
    """Somebody moves, has a new e-mail address, or none any more."""
    draw, second = scene.draw, second_record(scene)
    movers = [one for one in _alive(scene) if one is not second]
    if not movers:
        return None

    def happens() -> Change:
        one, on = draw.pick(movers), scene.day()
        by = draw.pick((ChangedBy.SELF,) * 8 + (ChangedBy.OFFICE,))
        if age(one.birth_date, draw.today) < ADULT:
            by = ChangedBy.SPONSOR
        drawn = draw.rng.random()
        if drawn < 0.05 and one.emails:
            return scene.change("address", one, on, emails=())
        parts: dict[str, Any] = {}
        if drawn < 0.6:
            parts["postal"] = (draw.home().model_copy(update={"since": on, "changed_by": by}),)
        if drawn > 0.5:
            # The id of the change stands in no other address.
            local = f"{one.person.rpartition('-')[2]}.{self_named(scene.id)}"
            parts["emails"] = (Email(address=f"{local}@{draw.pick(names.MAIL_DOMAINS)}", since=on, changed_by=by),)
        return scene.change("address", one, on, **parts)

    return happens


def is_single(scene: Scene) -> bool:
    """Whether the sponsor could marry."""
    draw, sponsor = scene.draw, scene.sponsor
    married = any(_binds(tie) for one in draw.people for tie in one.relations)
    return sponsor.deceased_on is None and not married and age(sponsor.birth_date, draw.today) >= 20


def second_record(scene: Scene) -> Record | None:
    """The one that says the same of the sponsor under another key."""
    one = scene.sponsor
    for other in scene.draw.people[1:]:
        if (other.given_name, other.birth_date) == (one.given_name, one.birth_date) and not other.relations:
            return other
    return None


def self_named(id_: str) -> str:
    """The last part of a change's id, as a part of an address."""
    return id_.rpartition("-")[2].replace(":", ".")


def _open_service(scene: Scene, among: Collection[Category]) -> Affiliation | None:
    if scene.sponsor.deceased_on is not None:
        return None
    return next((one for one in scene.sponsor.affiliations if one.category in among and one.end is None), None)


def _binds(tie: Relation) -> bool:
    return _was_bound(tie) and tie.end is None


def _was_bound(tie: Relation) -> bool:
    return tie.relationship is Relationship.SPOUSE


def _step(one: Record, today: date) -> Relation | None:
    """Being a stepchild, still."""
    steps = (tie for tie in one.relations if tie.relationship is Relationship.STEPCHILD and lasts(tie, today))
    return next(steps, None)


def _alive(scene: Scene) -> list[Record]:
    return [one for one in scene.draw.people if one.deceased_on is None]


def _grown(scene: Scene) -> list[Record]:
    second = second_record(scene)
    return [one for one in _alive(scene) if one is not second and age(one.birth_date, scene.draw.today) >= ADULT]
