"""One line of a directory file: a person as the authority tells of them, checked field by field.

The names of the fields are the columns that `docs/deers.md` explains. A fault names the field and the rule, never the value.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

LONGEST_LINE = 65_536
"""Bytes. A real record has one or two thousand; a line without an end must not fill the memory."""

_COLUMN = re.compile(r"[a-z_]{1,40}")


class Category(StrEnum):
    """Personnel categories, by the letters that the authority uses."""

    ACTIVE_DUTY = "A"
    PRESIDENTIAL_APPOINTEE = "B"
    CIVIL_SERVICE = "C"
    DISABLED_VETERAN = "D"
    CONTRACTOR = "E"
    FORMER_MEMBER = "F"
    MEDAL_OF_HONOR = "H"
    OTHER_AGENCY_EMPLOYEE = "I"
    ACADEMY_STUDENT = "J"
    NAF_EMPLOYEE = "K"
    LIGHTHOUSE_SERVICE = "L"
    NON_GOVERNMENT_AGENCY = "M"
    NATIONAL_GUARD = "N"
    OTHER_AGENCY_CONTRACTOR = "O"
    RESERVE_RETIREE = "Q"
    RETIRED = "R"
    FOREIGN_MILITARY = "T"
    FOREIGN_NATIONAL = "U"
    RESERVE = "V"
    BENEFICIARY = "W"
    CIVILIAN_RETIREE = "Y"


class Branch(StrEnum):
    """Branches of service, by the letters and digits that the authority uses; 1 to 6 are foreign services."""

    ARMY = "A"
    COAST_GUARD = "C"
    DEFENSE = "D"
    AIR_FORCE = "F"
    PUBLIC_HEALTH = "H"
    MARINES = "M"
    NAVY = "N"
    NOAA = "O"
    OTHER = "X"
    UNKNOWN = "Z"
    FOREIGN_1 = "1"
    FOREIGN_2 = "2"
    FOREIGN_3 = "3"
    FOREIGN_4 = "4"
    FOREIGN_5 = "5"
    FOREIGN_6 = "6"


class EndReason(StrEnum):
    """Why an affiliation ended."""

    COMPLETED = "C"
    DEATH = "D"
    INVALID_ENTRY = "F"
    SEPARATION = "S"
    NOT_APPLICABLE = "W"


class Relationship(StrEnum):
    """What a person is to their sponsor; a surrogate acts for a member and gets nothing by it."""

    SPOUSE = "spouse"
    CHILD = "child"
    STEPCHILD = "stepchild"
    WARD = "ward"
    FOSTER = "foster"
    PARENT = "parent"
    PARENT_IN_LAW = "parent_in_law"
    FORMER_SPOUSE = "former_spouse"
    SURVIVING_SPOUSE = "surviving_spouse"
    SURROGATE = "surrogate"


class Status(StrEnum):
    """Whether a program can be used on the day the file was made."""

    ACTIVE = "active"
    PENDING = "pending"
    ENDED = "ended"


class ChangedBy(StrEnum):
    """Who last touched an address: it proves nothing about a person when somebody else set it."""

    SELF = "self"
    SPONSOR = "sponsor"
    OFFICE = "office"


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Edipi = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{9}$")]  # no check digit: its rule is not public
Ssn = Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]
Dbn = Annotated[str, StringConstraints(pattern=r"^[0-9]{11}$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")
]
Words = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
EmailAddress = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+$"
    ),
]
Suffix = Annotated[str, StringConstraints(max_length=20, pattern=r"^[^\x00-\x1f\x7f]+$")]
SourceCode = Annotated[str, StringConstraints(max_length=40, pattern=r"^[\x20-\x7e]+$")]


class _Part(BaseModel):
    # Of a million people few share a word: to look for each among those that came before takes a fifth of the reading.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, cache_strings="keys")


class _Span(_Part):
    """Something with a first day and, once it is known, the first day on which it no longer holds."""

    begin: date
    end: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and self.end < self.begin:
            raise ValueError("end lies before begin")
        return self


class Email(_Part):
    """An e-mail address of record, and since when the authority has held it."""

    address: EmailAddress
    since: date
    changed_by: ChangedBy = ChangedBy.SELF


class Postal(_Part):
    """A postal address of record, in the words of OpenID Connect's address claim."""

    street_address: Words
    locality: Words
    region: Words | None = None
    postal_code: Words | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "US"
    since: date
    changed_by: ChangedBy = ChangedBy.SELF


class Relation(_Span):
    """A tie to a sponsor, who is named by their own `person` key and may come anywhere in the file."""

    sponsor: Key
    relationship: Relationship
    custody: bool | None = None
    """Of a child or the parent who is its sponsor's spouse: whether this spouse has custody. None: nothing is on file."""
    source_code: SourceCode | None = None


class Affiliation(_Span):
    """Belonging to a service, or drawing from one, for a time."""

    category: Category
    branch: Branch
    end_reason: EndReason | None = None
    source_code: SourceCode | None = None


class Eligibility(_Span):
    """A program that the person may use, for a time."""

    program: Words
    plan: Words
    status: Status
    source_code: SourceCode | None = None


class Facts(_Part):
    """What the directory keeps sealed of a person, as it stands in the file."""

    person: Key
    """The authority's own lasting key. It stays when numbers and names change."""
    edipi: Edipi
    other_edipis: tuple[Edipi, ...] = Field(default=(), max_length=10)
    given_name: Name
    middle_name: Name | None = None
    family_name: Name
    suffix: Suffix | None = None
    former_family_names: tuple[Name, ...] = Field(default=(), max_length=10)
    birth_date: date
    gender: Gender | None = None
    deceased_on: date | None = None
    conflict_since: date | None = None
    """Set while the authority itself is not sure that its numbers belong to one person."""
    emails: tuple[Email, ...] = Field(default=(), max_length=5)
    postal: tuple[Postal, ...] = Field(default=(), max_length=5)
    relations: tuple[Relation, ...] = Field(default=(), max_length=10)
    affiliations: tuple[Affiliation, ...] = Field(default=(), max_length=40)
    eligibility: tuple[Eligibility, ...] = Field(default=(), max_length=40)
    source_code: SourceCode | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.other_edipis and len({self.edipi, *self.other_edipis}) != 1 + len(self.other_edipis):
            raise ValueError("the same EDIPI stands twice")
        if self.deceased_on is not None and self.deceased_on < self.birth_date:
            raise ValueError("deceased_on lies before birth_date")
        for relation in self.relations:
            if relation.sponsor == self.person:
                raise ValueError("a person cannot be their own sponsor")
        return self


class Record(Facts):
    """A whole line: the facts, and the two numbers that only lead to a person and are not kept."""

    ssn: Ssn | None = None
    dbn: Dbn | None = None


class AtDeath(_Part):
    """What a death did to a record, part by part: as it was (None: it was not there), and as it became."""

    whose: Key
    relations: tuple[tuple[Relation | None, Relation], ...] = ()
    affiliations: tuple[tuple[Affiliation | None, Affiliation], ...] = ()
    eligibility: tuple[tuple[Eligibility | None, Eligibility], ...] = ()


class Kept(Facts):
    """The facts as they lie sealed: beside those of the file, what the correction of a death would put back."""

    at_death: tuple[AtDeath, ...] = ()


_KEPT = set(Kept.model_fields)
_validate: Callable[[bytes], Record] = Record.__pydantic_validator__.validate_json
"""`Record.model_validate_json` without what it looks at before: a fifth of the time."""


class BadLine(Exception):
    """A line that is no record; its text says which fields are wrong and why, without any value."""


def parse(line: bytes) -> Record:
    """The record of one line of JSON in UTF-8. Raises `BadLine`."""
    if len(line) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE} bytes")
    try:
        return _validate(line)
    except ValidationError as wrong:
        raise BadLine(told(wrong)) from None


def write(record: Record) -> str:
    """The record as one line of JSON, every column in its place, with the line's end."""
    return record.model_dump_json() + "\n"


def facts_of(record: Record | Kept) -> bytes:
    """The part of a record that is kept sealed, without what is empty: a million people fill a disk with nulls."""
    return record.__pydantic_serializer__.to_json(record, include=_KEPT, exclude_defaults=True)


def read_facts(plain: bytes) -> Kept:
    """What `facts_of` wrote."""
    return Kept.model_validate_json(plain)


Place = tuple[str | int, ...]


def told(wrong: ValidationError, *, tagged: bool = False, where: Callable[[Place], str] | None = None) -> str:
    """What is wrong with a line, without any value of it. `tagged`: every place begins with the kind of the line. `where` has the
    words for a place in the record.
    """
    return "; ".join(_faults(wrong, 1 if tagged else 0, where or _dotted))


_REASONS = {
    "extra_forbidden": "there is no such column",
    "union_tag_not_found": "kind: Field required",
    "union_tag_invalid": "kind: there is no such kind",
}


def _faults(wrong: ValidationError, tags: int, where: Callable[[Place], str]) -> Iterator[str]:
    for error in wrong.errors(include_url=False, include_input=False, include_context=False)[:5]:
        if error["type"] == "json_invalid":
            yield "not a JSON object"
            continue
        reason = _REASONS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
        place = error["loc"][tags:]
        yield f"{where(place)}: {reason}" if place else reason


def _dotted(place: Place) -> str:
    return ".".join(_shown(part) for part in place)


def _shown(part: str | int) -> str:
    """A column by its name; whatever else stands where a name should be could be a value that slipped."""
    return str(part) if isinstance(part, int) or _COLUMN.fullmatch(part) else "(unreadable name)"
