"""Which rule a change falls under: `happenings` explains their ways."""

from idp.directory import deaths, families, happenings, merging, service
from idp.directory.changes import Change
from idp.directory.happenings import Circle, Happened, Outcome, Rule, Why, fits

_RULES: dict[str, Rule] = {
    "separation": service.separation,
    "retirement": service.retirement,
    "marriage": families.marriage,
    "divorce": families.divorce,
    "birth": families.birth,
    "death": deaths.death,
    "death_corrected": deaths.death_corrected,
    "age_out": families.age_out,
    "address": happenings.address,
    "name": happenings.name,
    "edipi": happenings.edipi,
    "merge": merging.merge,
    "identity_conflict": happenings.identity_conflict,
    "conflict_resolved": happenings.conflict_resolved,
}


def happen(change: Change, circle: Circle) -> Outcome:
    """What follows from this change for these people. Nothing is changed here: the circle takes it up."""
    if change.on > circle.today:
        return Why.IN_THE_FUTURE
    facts = circle.find(change.person)
    if facts is None:
        return Why.NO_SUCH_PERSON
    outcome = _RULES[change.kind](change, facts, circle)
    return Why.TOO_MUCH if isinstance(outcome, Happened) and not fits(outcome) else outcome
