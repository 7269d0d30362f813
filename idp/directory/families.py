"""What follows from marriage, divorce, birth and the ages at which a child is no longer a dependant (10 U.S.C. 1072)."""

from datetime import date

from idp.directory.changes import AgeOut, Birth, Divorce, Marriage
from idp.directory.happenings import Circle, Happened, Outcome, Why, changed, newcomer_refused, renamed
from idp.directory.matching import age
from idp.directory.records import (
    Affiliation,
    Branch,
    Category,
    EndReason,
    Kept,
    Relation,
    Relationship,
    facts_of,
    read_facts,
)
from idp.directory.spans import (
    CHILDREN,
    OWN_SPONSOR,
    YOUNG_ADULT,
    close_affiliations,
    close_eligibility,
    close_ties,
    holds,
    in_own_right,
    is_beneficiary,
    is_open,
    is_tricare,
    lasts,
    through_others,
    tricare,
)

OF_AGE, STUDENT_OF_AGE = 21, 23
"""Years at which a child ceases to be a dependant, and a full-time student."""

STUDENT, INCAPACITATED = "student", "incapacitated"
"""The source codes of a child's relation that change when it ends."""


def marriage(change: Marriage, sponsor: Kept, circle: Circle) -> Outcome:
    """The spouse depends on the sponsor from that day, with the sponsor's plan; what rested on being unmarried ends for both."""
    on = change.on
    known = circle.find(change.spouse_key)
    if change.new_spouse is None:
        if known is None:
            return Why.NO_SUCH_SPOUSE
        spouse = known
    elif known is not None:
        return Why.ALREADY_SO if _has_tie(known, sponsor.person, Relationship.SPOUSE, on, on) else Why.KEY_TAKEN
    elif refused := newcomer_refused(circle, change.new_spouse):
        return refused
    else:
        spouse = read_facts(facts_of(change.new_spouse))
    if _has_tie(spouse, sponsor.person, Relationship.SPOUSE, on, on):
        return Why.ALREADY_SO
    if sponsor.deceased_on is not None or spouse.deceased_on is not None:
        return Why.DEAD
    if on < max(sponsor.birth_date, spouse.birth_date):
        return Why.BEFORE_BIRTH
    if _spouses(sponsor, circle, on) - {spouse.person} or _spouses(spouse, circle, on) - {sponsor.person}:
        return Why.MARRIED
    sponsor, spouse = _no_longer_single(sponsor, circle, on), _no_longer_single(spouse, circle, on)
    if change.family_name is not None:
        spouse = renamed(spouse, change.family_name)
    spouse = _dependent(spouse, sponsor, change, circle.today)
    if change.new_spouse is None:
        return changed(circle, spouse, sponsor)
    others = changed(circle, sponsor)
    return Happened((spouse, *(others.changed if isinstance(others, Happened) else ())), added=change.new_spouse)


def divorce(change: Divorce, sponsor: Kept, circle: Circle) -> Outcome:
    """The marriage ends, and with it at 00:01 that day what the spouse and the spouse's children had by it."""
    on = change.on
    spouse = circle.find(change.spouse)
    if spouse is None:
        return Why.NO_SUCH_SPOUSE
    both = ((spouse, sponsor), (sponsor, spouse))
    if not any(_has_tie(one, other.person, Relationship.SPOUSE, on, circle.today) for one, other in both):
        parted = any(
            tie.sponsor == other.person and tie.relationship is Relationship.FORMER_SPOUSE and tie.begin == on
            for one, other in both
            for tie in one.relations
        )
        return Why.ALREADY_SO if parted else Why.NOT_MARRIED
    children = []
    for key in change.stepchildren:
        child = circle.find(key)
        if child is None or not _has_tie(child, sponsor.person, Relationship.STEPCHILD, on, on):
            return Why.NO_SUCH_STEPCHILD
        child = close_ties(
            child, on, lambda tie: tie.relationship is Relationship.STEPCHILD and tie.sponsor == sponsor.person
        )
        children.append(_without_benefits(child, circle, on))
    parted_spouse = _parted(spouse, sponsor.person, circle, change)
    parted_sponsor = _parted(sponsor, spouse.person, circle, change)
    return changed(circle, parted_spouse, parted_sponsor, *children)


def birth(change: Birth, _sponsor: Kept, circle: Circle) -> Outcome:
    """The child is there, related to whom the record says."""
    child = change.child
    known = circle.find(child.person)
    if known is not None:
        same = known.edipi == child.edipi and known.birth_date == child.birth_date
        return Why.ALREADY_SO if same else Why.KEY_TAKEN
    if any(circle.find(tie.sponsor) is None for tie in child.relations):
        return Why.NO_SUCH_SPONSOR
    return newcomer_refused(circle, child) or Happened((read_facts(facts_of(child)),), added=child)


def age_out(change: AgeOut, child: Kept, circle: Circle) -> Outcome:
    """A child's relation, affiliation and eligibility end, at 21, or at 23 for a student; never for who is incapacitated."""
    on = change.on
    ties = [tie for tie in child.relations if tie.relationship in CHILDREN and tie.begin <= on]
    if not ties:
        return Why.NO_CHILD
    if any(tie.source_code == INCAPACITATED and lasts(tie, on) for tie in ties):
        return Why.INCAPACITATED
    limit = STUDENT_OF_AGE if any(tie.source_code == STUDENT for tie in ties) else OF_AGE
    if age(child.birth_date, on) < limit:
        return Why.NOT_OLD_ENOUGH
    child = close_ties(child, on, lambda tie: tie.relationship in CHILDREN)
    return changed(circle, _without_benefits(child, circle, on))


def _dependent(spouse: Kept, sponsor: Kept, change: Marriage, today: date) -> Kept:
    on = change.on
    tie = Relation(sponsor=sponsor.person, relationship=Relationship.SPOUSE, begin=on, custody=change.custody)
    lasting = [one for one in sponsor.affiliations if lasts(one, on) and not is_beneficiary(one)]
    branch = lasting[0].branch if lasting else Branch.OTHER
    parts: dict[str, object] = {"relations": (*spouse.relations, tie)}
    if not any(is_beneficiary(one) and lasts(one, on) for one in spouse.affiliations):
        begun = Affiliation(category=Category.BENEFICIARY, branch=branch, begin=on)
        parts["affiliations"] = (*spouse.affiliations, begun)
    plan = next((one for one in sponsor.eligibility if is_tricare(one) and holds(one, on)), None)
    if plan is not None and not any(is_tricare(one) and lasts(one, on) for one in spouse.eligibility):
        parts["eligibility"] = (*spouse.eligibility, tricare(plan.plan, on, plan.end, today))
    return spouse.model_copy(update=parts)


def _no_longer_single(facts: Kept, circle: Circle, on: date) -> Kept:
    """A widow's or widower's place, a child's, and that of one's own sponsor under the 20/20/20 rule end on marrying."""

    def ends(tie: Relation) -> bool:
        return tie.relationship in CHILDREN or tie.relationship is Relationship.SURVIVING_SPOUSE

    def own(one: Affiliation) -> bool:
        return one.source_code == OWN_SPONSOR

    if not any(ends(tie) and lasts(tie, on) for tie in facts.relations) and not any(
        own(one) and lasts(one, on) for one in facts.affiliations
    ):
        return facts
    facts = close_affiliations(close_ties(facts, on, ends), on, EndReason.COMPLETED, own)
    return _without_benefits(facts, circle, on)


def _parted(facts: Kept, other: str, circle: Circle, change: Divorce) -> Kept:
    on, is_spouse = change.on, facts.person == change.spouse
    if not _has_tie(facts, other, Relationship.SPOUSE, on, circle.today):
        return facts
    facts = close_ties(facts, on, lambda tie: tie.relationship is Relationship.SPOUSE and tie.sponsor == other)
    custody = change.custody if is_spouse else None
    after = Relation(sponsor=other, relationship=Relationship.FORMER_SPOUSE, begin=on, custody=custody)
    facts = facts.model_copy(update={"relations": (*facts.relations, after)})
    if not (is_spouse and change.own_sponsor):
        return _without_benefits(facts, circle, on)
    branch = next((one.branch for one in facts.affiliations if is_beneficiary(one) and lasts(one, on)), Branch.OTHER)
    facts = close_affiliations(facts, on, EndReason.COMPLETED, is_beneficiary)
    own = Affiliation(category=Category.BENEFICIARY, branch=branch, begin=on, source_code=OWN_SPONSOR)
    return facts.model_copy(update={"affiliations": (*facts.affiliations, own)})


def _without_benefits(facts: Kept, circle: Circle, on: date) -> Kept:
    """Being a beneficiary and every program end, but for what another sponsor, own service or an own purchase gives."""
    through = through_others(facts, on, circle.find)
    if not through:
        facts = close_affiliations(
            facts, on, EndReason.COMPLETED, lambda one: is_beneficiary(one) and one.source_code != OWN_SPONSOR
        )
    if through or in_own_right(facts, on):
        return facts
    return close_eligibility(facts, on, lambda one: one.plan != YOUNG_ADULT)


def _spouses(facts: Kept, circle: Circle, on: date) -> set[str]:
    """Whom somebody is married to, whichever of the two depends on the other."""
    theirs = {tie.sponsor for tie in facts.relations if tie.relationship is Relationship.SPOUSE and lasts(tie, on)}
    return theirs | {
        one.person
        for one in circle.dependants(facts.person)
        for tie in one.relations
        if tie.sponsor == facts.person and tie.relationship is Relationship.SPOUSE and lasts(tie, on)
    }


def _has_tie(facts: Kept, sponsor: str, relationship: Relationship, on: date, today: date) -> bool:
    return any(
        tie.sponsor == sponsor and tie.relationship is relationship and is_open(tie, on, today)
        for tie in facts.relations
    )
