"""What follows from a death, and from learning that it was none: the correction puts back exactly what the death took."""

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from idp.directory.changes import Death, DeathCorrected
from idp.directory.happenings import Circle, Outcome, Why, changed
from idp.directory.records import (
    Affiliation,
    AtDeath,
    Eligibility,
    EndReason,
    Kept,
    Relation,
    Relationship,
    Status,
)
from idp.directory.spans import close_affiliations, close_eligibility, close_ties, closed, is_open, lasts

S = TypeVar("S", Affiliation, Eligibility, Relation)
_SPOUSE, _SURVIVING = Relationship.SPOUSE, Relationship.SURVIVING_SPOUSE


def death(change: Death, facts: Kept, circle: Circle) -> Outcome:
    """Everything of the person ends that day; the spouse is a surviving one from then on and keeps what they have."""
    on = change.on
    if facts.deceased_on is not None:
        return Why.ALREADY_SO if facts.deceased_on == on else Why.DEAD_SINCE_ANOTHER_DAY
    if on < facts.birth_date:
        return Why.BEFORE_BIRTH
    dead = facts.model_copy(update={"deceased_on": on})
    dead = close_affiliations(dead, on, EndReason.DEATH)
    dead = close_eligibility(dead, on)
    dead = close_ties(dead, on, lambda _tie: True)
    left = [(one, _left_behind(change, one, circle.today)) for one in circle.dependants(facts.person)]
    return changed(circle, *(_noted(before, after, facts.person) for before, after in ((facts, dead), *left)))


def death_corrected(_change: DeathCorrected, facts: Kept, circle: Circle) -> Outcome:
    """As it was before the death: by what was noted then, or, for a death that a file of people told of, by the same rule."""
    key, died = facts.person, facts.deceased_on
    if died is None:
        return Why.NOT_DEAD
    alive = (_restored(facts, key) or _revived(facts, died)).model_copy(update={"deceased_on": None})
    family = [_restored(one, key) or _wed_again(one, key, died) for one in circle.dependants(key)]
    return changed(circle, *(_forgotten(one, key) for one in (alive, *family)))


def _left_behind(change: Death, one: Kept, today: date) -> Kept:
    """Who had a tie to the person. A marriage becomes a widow's or widower's; whoever acted for them no longer does."""
    ties: list[Relation] = []
    begun: list[Relation] = []
    for tie in one.relations:
        if tie.sponsor == change.person and tie.relationship is _SPOUSE and is_open(tie, change.on, today):
            ties.append(closed(tie, change.on))
            begun.append(tie.model_copy(update={"relationship": _SURVIVING, "begin": change.on, "end": None}))
        elif tie.sponsor == change.person and tie.relationship is Relationship.SURROGATE and lasts(tie, change.on):
            ties.append(closed(tie, change.on))
        else:
            ties.append(tie)
    return one.model_copy(update={"relations": (*ties, *begun)})


def _noted(before: Kept, after: Kept, whose: str) -> Kept:
    """With what the death did to this record."""
    did = AtDeath(
        whose=whose,
        relations=_swaps(before.relations, after.relations),
        affiliations=_swaps(before.affiliations, after.affiliations),
        eligibility=_swaps(before.eligibility, after.eligibility),
    )
    return after if after == before else after.model_copy(update={"at_death": (*after.at_death, did)})


def _swaps(before: tuple[S, ...], after: tuple[S, ...]) -> tuple[tuple[S | None, S], ...]:
    swaps: list[tuple[S | None, S]] = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    swaps += [(None, new) for new in after[len(before) :]]
    return tuple(swaps)


def _restored(facts: Kept, whose: str) -> Kept | None:
    """By what was noted; None if nothing was, or if what the death left there has changed since."""
    did = next((one for one in facts.at_death if one.whose == whose), None)
    if did is None:
        return None
    relations = _put_back(facts.relations, did.relations)
    affiliations = _put_back(facts.affiliations, did.affiliations)
    eligibility = _put_back(facts.eligibility, did.eligibility)
    if relations is None or affiliations is None or eligibility is None:
        return None
    return facts.model_copy(update={"relations": relations, "affiliations": affiliations, "eligibility": eligibility})


def _put_back(now: tuple[S, ...], swaps: Iterable[tuple[S | None, S]]) -> tuple[S, ...] | None:
    parts = list(now)
    for before, after in reversed(tuple(swaps)):
        # The last one that looks so: what was over before the death may look the same, and stands further up.
        found = next((index for index in reversed(range(len(parts))) if parts[index] == after), None)
        if found is None:
            return None
        parts[found : found + 1] = [] if before is None else [before]
    return tuple(parts)


def _revived(facts: Kept, died: date) -> Kept:
    """What ended by a death of which nothing was noted goes on."""
    affiliations = tuple(
        one.model_copy(update={"end": None, "end_reason": None}) if one.end_reason is EndReason.DEATH else one
        for one in facts.affiliations
    )
    eligibility = tuple(
        one.model_copy(update={"end": None, "status": Status.ACTIVE}) if _ended_by(one, died) else one
        for one in facts.eligibility
    )
    return facts.model_copy(update={"affiliations": affiliations, "eligibility": eligibility})


def _wed_again(one: Kept, dead: str, died: date) -> Kept:
    """The same for the surviving spouse, who is the spouse again; not if they have married since."""
    ties = list(one.relations)
    for surviving in one.relations:
        if surviving.sponsor == dead and surviving.relationship is _SURVIVING and surviving.end is None:
            for index, tie in enumerate(ties):
                if tie.sponsor == dead and tie.relationship is _SPOUSE and _ended_by(tie, died):
                    ties[index] = tie.model_copy(update={"end": None})
            ties.remove(surviving)
    return one.model_copy(update={"relations": tuple(ties)})


def _ended_by(span: Eligibility | Relation, died: date) -> bool:
    return span.end == max(span.begin, died)


def _forgotten(facts: Kept, whose: str) -> Kept:
    return facts.model_copy(update={"at_death": tuple(one for one in facts.at_death if one.whose != whose)})
