"""What follows when two records turn out to be one person's: the surviving record takes up all that the other one held."""

from collections.abc import Callable
from typing import TypeVar

from idp.directory.changes import Merge
from idp.directory.happenings import Circle, Happened, Outcome, Why, with_former_names
from idp.directory.records import Kept, Postal, Relation

T = TypeVar("T")
_MOST_ADDRESSES = 5


def merge(change: Merge, survivor: Kept, circle: Circle) -> Outcome:
    """Numbers, names, ties, times and addresses come together under one key; who depended on the other record follows."""
    former = circle.find(change.former)
    if former is None:
        return Why.NO_SUCH_FORMER
    if (survivor.deceased_on is None) != (former.deceased_on is None):
        return Why.ONE_IS_DEAD
    if _depends(survivor, former.person) or _depends(former, survivor.person):
        return Why.RELATED
    family = [
        _with_sponsor(one, former.person, survivor.person)
        for one in circle.dependants(former.person)
        if one.person not in {survivor.person, former.person}
    ]
    gone = _with_sponsor(former, former.person, survivor.person)
    edipis = dict.fromkeys((*survivor.other_edipis, gone.edipi, *gone.other_edipis))
    one = survivor.model_copy(
        update={
            "other_edipis": tuple(edipis),
            "emails": _both(survivor.emails, gone.emails, lambda email: email.address.casefold())[:_MOST_ADDRESSES],
            "postal": _both(survivor.postal, gone.postal, _place)[:_MOST_ADDRESSES],
            "relations": _both(survivor.relations, gone.relations, lambda tie: tie),
            "affiliations": _both(survivor.affiliations, gone.affiliations, lambda one: one),
            "eligibility": _both(survivor.eligibility, gone.eligibility, lambda one: one),
            "at_death": (*survivor.at_death, *gone.at_death),
        }
    )
    one = with_former_names(one, (*gone.former_family_names, gone.family_name))
    return Happened((one, *family), former=former.person)


def _both(one: tuple[T, ...], other: tuple[T, ...], same: Callable[[T], object]) -> tuple[T, ...]:
    held = {same(part) for part in one}
    return (*one, *(part for part in other if same(part) not in held))


def _place(post: Postal) -> object:
    return post.model_copy(update={"since": None, "changed_by": None})


def _depends(one: Kept, sponsor: str) -> bool:
    return any(tie.sponsor == sponsor for tie in one.relations)


def _with_sponsor(facts: Kept, old: str, new: str) -> Kept:
    """With the new key wherever the old one stood."""

    def tied(tie: Relation) -> Relation:
        return tie.model_copy(update={"sponsor": new}) if tie.sponsor == old else tie

    noted = tuple(
        did.model_copy(
            update={
                "whose": new if did.whose == old else did.whose,
                "relations": tuple((before and tied(before), tied(after)) for before, after in did.relations),
            }
        )
        for did in facts.at_death
    )
    ties = tuple(dict.fromkeys(tied(tie) for tie in facts.relations))
    return facts.model_copy(update={"relations": ties, "at_death": noted})
