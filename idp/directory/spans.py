"""Times that begin and end: what holds on a day, how a thing is ended, and what gives somebody eligibility."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeVar

from idp.directory.records import (
    Affiliation,
    Category,
    Eligibility,
    EndReason,
    Kept,
    Relation,
    Relationship,
    Status,
)

S = TypeVar("S", Affiliation, Eligibility, Relation)

TRICARE = "TRICARE"
YOUNG_ADULT = "Young Adult"
"""A plan that is bought when a child's own eligibility has ended."""
OWN_SPONSOR = "20/20/20"
"""The source code of a former spouse who became their own sponsor."""

SERVICE = frozenset(
    {
        Category.ACTIVE_DUTY,
        Category.ACADEMY_STUDENT,
        Category.NATIONAL_GUARD,
        Category.RESERVE,
        Category.FOREIGN_MILITARY,
    }
)
"""What one separates or retires from."""

CHILDREN = frozenset({Relationship.CHILD, Relationship.STEPCHILD, Relationship.WARD, Relationship.FOSTER})
_DEPENDENT = frozenset(Relationship) - {Relationship.FORMER_SPOUSE, Relationship.SURROGATE}
_IN_OWN_RIGHT = SERVICE | {Category.RETIRED, Category.RESERVE_RETIREE, Category.MEDAL_OF_HONOR}


def lasts(span: S, on: date) -> bool:
    """Whether it is not over on that day; it may not have begun."""
    return span.end is None or span.end > on


def holds(span: S, on: date) -> bool:
    """Whether it has begun and is not over."""
    return span.begin <= on and lasts(span, on)


def is_open(span: S, on: date, today: date) -> bool:
    """Whether it held on that day and nothing has ended it since."""
    return holds(span, on) and lasts(span, today)


def closed(span: S, on: date, **more: object) -> S:
    """Over from that day; what would have begun later never does."""
    return span.model_copy(update={"end": max(span.begin, on), **more})


def close_affiliations(
    facts: Kept, on: date, reason: EndReason, which: Callable[[Affiliation], bool] = lambda _one: True
) -> Kept:
    """End those affiliations that last and are meant."""
    ended = (closed(one, on, end_reason=reason) if lasts(one, on) and which(one) else one for one in facts.affiliations)
    return facts.model_copy(update={"affiliations": tuple(ended)})


def close_eligibility(facts: Kept, on: date, which: Callable[[Eligibility], bool] = lambda _one: True) -> Kept:
    """End what lasts and is meant, and say of what is over that it is."""
    ended = []
    for one in facts.eligibility:
        if which(one) and lasts(one, on):
            ended.append(closed(one, on, status=Status.ENDED))
        elif which(one) and one.status is not Status.ENDED:
            ended.append(one.model_copy(update={"status": Status.ENDED}))
        else:
            ended.append(one)
    return facts.model_copy(update={"eligibility": tuple(ended)})


def close_ties(facts: Kept, on: date, which: Callable[[Relation], bool]) -> Kept:
    """End those relations that last and are meant."""
    ended = (closed(tie, on) if lasts(tie, on) and which(tie) else tie for tie in facts.relations)
    return facts.model_copy(update={"relations": tuple(ended)})


def is_beneficiary(one: Affiliation) -> bool:
    """Whether it tells of benefits through a sponsor."""
    return one.category is Category.BENEFICIARY


def is_tricare(one: Eligibility) -> bool:
    """Whether it is of this program."""
    return one.program == TRICARE


def tricare(plan: str, begin: date, end: date | None, today: date) -> Eligibility:
    """A plan of TRICARE as a file made today would tell of it."""
    over = end is not None and end <= today
    return Eligibility(program=TRICARE, plan=plan, status=Status.ENDED if over else Status.ACTIVE, begin=begin, end=end)


def in_own_right(facts: Kept, on: date) -> bool:
    """Whether somebody serves, draws retired pay, or is their own sponsor on that day."""
    return any(
        lasts(one, on) and (one.category in _IN_OWN_RIGHT or one.source_code == OWN_SPONSOR)
        for one in facts.affiliations
    )


def through_others(
    facts: Kept, on: date, find: Callable[[str], Kept | None], *, apart_from: Iterable[str] = ()
) -> bool:
    """Whether a tie to some other sponsor, who has eligibility in their own right or died with it, gives it to them."""
    left_out = set(apart_from)
    for tie in facts.relations:
        if tie.relationship in _DEPENDENT and tie.sponsor not in left_out and lasts(tie, on):
            sponsor = find(tie.sponsor)
            if sponsor is not None and (sponsor.deceased_on is not None or in_own_right(sponsor, on)):
                return True
    return False
