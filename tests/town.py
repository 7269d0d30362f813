"""A few people in memory, to whom things happen by the directory's rules."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from idp import clock
from idp.directory import changes, rules
from idp.directory.changes import Change
from idp.directory.happenings import Happened, Outcome, Why
from idp.directory.records import Affiliation, Eligibility, Kept, Record, Relation, Relationship, facts_of, read_facts
from idp.directory.tables import NumberKind


class Town:
    """A `happenings.Circle` that knows everybody."""

    def __init__(self, today: date, everybody: Iterable[Record]) -> None:
        self.today = today
        self.people: dict[str, Kept] = {}
        self.numbers: set[tuple[NumberKind, str]] = set()
        for record in everybody:
            self._add(record)
        self.count = 0

    def find(self, key: str) -> Kept | None:
        return self.people.get(key)

    def dependants(self, key: str) -> list[Kept]:
        return [one for one in self.people.values() if any(tie.sponsor == key for tie in one.relations)]

    def is_taken(self, kind: NumberKind, number: str) -> bool:
        return (kind, number) in self.numbers

    def happens(self, kind: str, person: str, on: date | None = None, **columns: Any) -> Outcome:
        """Let it happen, read from a line as a file would have it, and tell what came of it."""
        self.count += 1
        line = {"id": f"c{self.count}", "kind": kind, "person": person, "on": on or self.today, **columns}
        return self.let(changes.parse(as_line(line)))

    def let(self, change: Change) -> Outcome:
        """Let this change happen."""
        outcome = rules.happen(change, self)
        if isinstance(outcome, Happened):
            if outcome.added is not None:
                self._add(outcome.added)
            for facts in outcome.changed:
                self.people[facts.person] = facts
                self.numbers.add((NumberKind.EDIPI, facts.edipi))
            if outcome.former is not None:
                del self.people[outcome.former]
        return outcome

    def must(self, kind: str, person: str, on: date | None = None, **columns: Any) -> list[str]:
        """Let it happen, and tell whose records changed."""
        outcome = self.happens(kind, person, on, **columns)
        assert isinstance(outcome, Happened), outcome
        return [facts.person for facts in outcome.changed]

    def refuses(self, kind: str, person: str, on: date | None = None, **columns: Any) -> Why:
        """Let it not happen, and tell why not."""
        before = dict(self.people)
        outcome = self.happens(kind, person, on, **columns)
        assert isinstance(outcome, Why), outcome
        assert self.people == before
        return outcome

    def _add(self, record: Record) -> None:
        facts = read_facts(facts_of(record))
        self.people[facts.person] = facts
        self.numbers |= {(NumberKind.EDIPI, edipi) for edipi in (record.edipi, *record.other_edipis)}
        if record.dbn is not None:
            self.numbers.add((NumberKind.DBN, record.dbn))


def somebody(number: int, **changed: Any) -> Record:
    """An ordinary grown-up whom nobody knows yet; numbers to 99."""
    facts: dict[str, Any] = {
        "person": f"new-{number}",
        "edipi": f"99000007{number:02d}",
        "ssn": f"9000007{number:02d}",
        "dbn": f"900000007{number:02d}",
        "given_name": "Ira",
        "family_name": "Testwood",
        "birth_date": date(1990, 1, 2),
    }
    return Record(**{**facts, **changed})


def plans(facts: Kept, on: date) -> list[str]:
    """What can be used on that day."""
    return [one.plan for one in facts.eligibility if _holds(one, on)]


def serves(facts: Kept, on: date) -> list[str]:
    """The categories that hold on that day."""
    return [one.category for one in facts.affiliations if _holds(one, on)]


def ties(facts: Kept, on: date) -> list[tuple[str, Relationship]]:
    """To whom somebody is bound on that day, and how."""
    return [(one.sponsor, one.relationship) for one in facts.relations if _holds(one, on)]


def newborn(number: int, *sponsors: str, born: date) -> Record:
    """A child of these."""
    bound = tuple(Relation(sponsor=key, relationship=Relationship.CHILD, begin=born) for key in sponsors)
    return somebody(number, birth_date=born, relations=bound)


def _holds(span: Affiliation | Eligibility | Relation, on: date) -> bool:
    return span.begin <= on and (span.end is None or span.end > on)


def as_line(columns: dict[str, Any]) -> bytes:
    """A line of a file of changes; dates and records may stand as they are in Python."""

    def plain(value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, Record) else value.isoformat()

    return json.dumps(columns, default=plain).encode("utf-8")


def a_change(id_: str, kind: str, person: str, on: date | None = None, **columns: Any) -> bytes:
    """A whole line, with its end; today if no day is given."""
    day = on or clock.now().date()
    return as_line({"id": id_, "kind": kind, "person": person, "on": day, **columns}) + b"\n"
