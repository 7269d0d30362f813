"""What follows from a change: facts in; changed facts, or why nothing happens, out. No clock and no database.

Here are the ways of all rules, and the rules about one record; `service` has those about serving, `families` those about
marriage and children, `deaths` death and its correction.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from idp.directory.changes import AddressChange, ConflictResolved, EdipiChange, IdentityConflict, NameChange
from idp.directory.records import Kept, Record
from idp.directory.tables import NumberKind

MOST_NAMES = 10
"""Former family names in one record at the most; the oldest go first."""

_MOST = {"other_edipis": 10, "relations": 10, "affiliations": 40, "eligibility": 40}


class Why(StrEnum):
    """Why nothing happens. The values are kept with the change's id; `idp.cli.deers_apply` has the words for people."""

    APPLIED_BEFORE = "applied_before"
    ALREADY_SO = "already_so"
    UNREADABLE = "unreadable"
    IN_THE_FUTURE = "in_the_future"
    NO_SUCH_PERSON = "no_such_person"
    NO_SUCH_SPOUSE = "no_such_spouse"
    NO_SUCH_SPONSOR = "no_such_sponsor"
    NO_SUCH_STEPCHILD = "no_such_stepchild"
    NO_SUCH_FORMER = "no_such_former"
    KEY_TAKEN = "key_taken"
    NUMBER_TAKEN = "number_taken"
    TOO_MUCH = "too_much"
    NO_SERVICE = "no_service"
    DEAD = "dead"
    NOT_DEAD = "not_dead"
    DEAD_SINCE_ANOTHER_DAY = "dead_since_another_day"
    BEFORE_BIRTH = "before_birth"
    MARRIED = "married"
    NOT_MARRIED = "not_married"
    NO_CHILD = "no_child"
    NOT_OLD_ENOUGH = "not_old_enough"
    INCAPACITATED = "incapacitated"
    RELATED = "related"
    ONE_IS_DEAD = "one_is_dead"


IGNORED = frozenset({Why.APPLIED_BEFORE, Why.ALREADY_SO})
"""What needs nobody's eye; every other reason is a refusal."""


@dataclass(frozen=True, slots=True, repr=False)
class Happened:
    """The records that are different now, whose life it is first; who is new; and the key of a record that is no more."""

    changed: tuple[Kept, ...]
    added: Record | None = None
    former: str | None = None


Outcome = Happened | Why


class Circle(Protocol):
    """The people whom a change may touch, as they are now."""

    @property
    def today(self) -> date: ...

    def find(self, key: str) -> Kept | None:
        """The person with this key, if there is one."""

    def dependants(self, key: str) -> list[Kept]:
        """Everybody who has, or had, a tie to this sponsor."""

    def is_taken(self, kind: NumberKind, number: str) -> bool:
        """Whether the number leads to anybody."""


def changed(circle: Circle, *facts: Kept) -> Outcome:
    """Those of these records that are not as they were; none at all, and it was so already."""
    different = tuple(one for one in facts if one != circle.find(one.person))
    return Happened(different) if different else Why.ALREADY_SO


def fits(outcome: Happened) -> bool:
    """Whether every record is still one that a file could hold."""
    return all(len(getattr(one, part)) <= most for one in outcome.changed for part, most in _MOST.items())


def newcomer_refused(circle: Circle, record: Record) -> Why | None:
    """Why somebody cannot be added: EDIPI and DBN lead to one person; an SSN may be on file for two."""
    numbers = [(NumberKind.EDIPI, edipi) for edipi in (record.edipi, *record.other_edipis)]
    if record.dbn is not None:
        numbers.append((NumberKind.DBN, record.dbn))
    return Why.NUMBER_TAKEN if any(circle.is_taken(kind, number) for kind, number in numbers) else None


def renamed(facts: Kept, family_name: str) -> Kept:
    """With this family name; the one until now becomes a former one."""
    if family_name == facts.family_name:
        return facts
    return with_former_names(facts.model_copy(update={"family_name": family_name}), [facts.family_name])


def with_former_names(facts: Kept, names: Iterable[str]) -> Kept:
    """With these former family names too, each once, and never the present one."""
    all_names = dict.fromkeys((*facts.former_family_names, *names))
    all_names.pop(facts.family_name, None)
    return facts.model_copy(update={"former_family_names": tuple(all_names)[-MOST_NAMES:]})


def address(change: AddressChange, facts: Kept, circle: Circle) -> Outcome:
    """The addresses of record are these."""
    told = {"emails": change.emails, "postal": change.postal}
    return changed(circle, facts.model_copy(update={part: held for part, held in told.items() if held is not None}))


def name(change: NameChange, facts: Kept, circle: Circle) -> Outcome:
    """The name is this one."""
    others = {"given_name": change.given_name, "middle_name": change.middle_name, "suffix": change.suffix}
    return changed(circle, renamed(facts, change.family_name).model_copy(update=others))


def edipi(change: EdipiChange, facts: Kept, circle: Circle) -> Outcome:
    """The number in use is this one; the one until now still leads to the person."""
    new, old = change.edipi, facts.edipi
    if new == old:
        return Why.ALREADY_SO
    if new not in facts.other_edipis and circle.is_taken(NumberKind.EDIPI, new):
        return Why.NUMBER_TAKEN
    others = (*(one for one in facts.other_edipis if one != new), old)
    return changed(circle, facts.model_copy(update={"edipi": new, "other_edipis": others}))


def identity_conflict(change: IdentityConflict, facts: Kept, circle: Circle) -> Outcome:
    """A conflict is open from that day, if none was before."""
    return changed(circle, facts.model_copy(update={"conflict_since": facts.conflict_since or change.on}))


def conflict_resolved(_change: ConflictResolved, facts: Kept, circle: Circle) -> Outcome:
    """No conflict is open."""
    return changed(circle, facts.model_copy(update={"conflict_since": None}))


Rule = Callable[..., Outcome]
"""A change, the record of its person, and the circle: `rules.happen` picks one by the kind."""
