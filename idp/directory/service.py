"""What follows when somebody leaves the service or retires from it (domain: "When eligibility ends")."""

from datetime import timedelta

from idp.directory.changes import Retirement, Separation
from idp.directory.happenings import Circle, Outcome, Why, changed
from idp.directory.records import Affiliation, EndReason, Kept
from idp.directory.spans import (
    SERVICE,
    close_affiliations,
    close_eligibility,
    holds,
    in_own_right,
    is_open,
    is_tricare,
    lasts,
    through_others,
    tricare,
)

TAMP_FOR = timedelta(days=180)
"""The transitional plan of those who qualify."""


def separation(change: Separation, facts: Kept, circle: Circle) -> Outcome:
    """Open service ends, and with it TRICARE for the member and the family, but for who has it by another way too."""
    on = change.on
    serving = [one for one in facts.affiliations if one.category in SERVICE and is_open(one, on, circle.today)]
    if not serving:
        gone = (one.end == on and one.end_reason is EndReason.SEPARATION for one in facts.affiliations)
        return Why.ALREADY_SO if any(gone) else Why.NO_SERVICE
    member = close_affiliations(facts, on, EndReason.SEPARATION, lambda one: one in serving)
    if not in_own_right(member, on) and not through_others(member, on, circle.find):
        member = _without_tricare(change, member, circle)
    family = []
    for one in circle.dependants(facts.person) if not in_own_right(member, on) else ():
        bound = any(tie.sponsor == facts.person and lasts(tie, on) for tie in one.relations)
        apart = not in_own_right(one, on) and not through_others(one, on, circle.find, apart_from=[facts.person])
        if bound and apart:
            family.append(_without_tricare(change, one, circle))
    return changed(circle, member, *family)


def retirement(change: Retirement, facts: Kept, circle: Circle) -> Outcome:
    """Service ends as completed and the retired time begins that day; eligibility goes on, under another plan if one is told."""
    on = change.on
    serving = [one for one in facts.affiliations if one.category in SERVICE and is_open(one, on, circle.today)]
    if not serving:
        retired = (one.category is change.category and one.begin == on for one in facts.affiliations)
        return Why.ALREADY_SO if any(retired) else Why.NO_SERVICE
    facts = close_affiliations(facts, on, EndReason.COMPLETED, lambda one: one in serving)
    begun = Affiliation(category=change.category, branch=serving[0].branch, begin=on)
    facts = facts.model_copy(update={"affiliations": (*facts.affiliations, begun)})
    if change.plan is not None and not any(
        is_tricare(one) and one.plan == change.plan and holds(one, on) for one in facts.eligibility
    ):
        facts = close_eligibility(facts, on, is_tricare)
        plan = tricare(change.plan, on, None, circle.today)
        facts = facts.model_copy(update={"eligibility": (*facts.eligibility, plan)})
    return changed(circle, facts)


def _without_tricare(change: Separation, facts: Kept, circle: Circle) -> Kept:
    had = any(is_tricare(one) and holds(one, change.on) for one in facts.eligibility)
    facts = close_eligibility(facts, change.on, is_tricare)
    if had and change.tamp:
        after = tricare("TAMP", change.on, change.on + TAMP_FOR, circle.today)
        facts = facts.model_copy(update={"eligibility": (*facts.eligibility, after)})
    return facts
