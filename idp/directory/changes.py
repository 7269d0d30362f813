"""One line of a file of changes: what happened to somebody, checked field by field.

The names of the fields are the columns that `docs/deers.md` explains. What follows from a change is not decided here, but in
`happenings`.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from idp.directory.records import (
    LONGEST_LINE,
    BadLine,
    Category,
    Edipi,
    Email,
    Key,
    Name,
    Postal,
    Record,
    Suffix,
    Words,
    told,
)

ChangeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    id: ChangeId
    """The authority's own, given to one change alone: by it a change that comes again is known."""
    on: date
    """The day on which it takes effect."""
    person: Key


class Separation(_Change):
    """A member leaves the service. `tamp`: 180 days of TRICARE go on."""

    kind: Literal["separation"]
    tamp: bool = False


class Retirement(_Change):
    """A member retires."""

    kind: Literal["retirement"]
    category: Literal[Category.RETIRED, Category.RESERVE_RETIREE]
    plan: Words | None = None


class Marriage(_Change):
    """A sponsor marries somebody: `spouse`, who is known, or `new_spouse`, who is not."""

    kind: Literal["marriage"]
    spouse: Key | None = None
    new_spouse: Record | None = None
    custody: bool | None = None
    family_name: Name | None = None
    """The spouse's new one."""

    @model_validator(mode="after")
    def _one_spouse(self) -> Self:
        if (self.spouse is None) == (self.new_spouse is None):
            raise ValueError("either spouse or new_spouse must be there")
        if self.spouse_key == self.person:
            raise ValueError("a person cannot marry themself")
        if self.new_spouse is not None and self.new_spouse.relations:
            raise ValueError("new_spouse.relations: they begin with the marriage")
        return self

    @property
    def spouse_key(self) -> str:
        """Of whichever of the two is there."""
        return self.new_spouse.person if self.new_spouse is not None else self.spouse or ""


class Divorce(_Change):
    """A sponsor and a spouse part. `own_sponsor`: the spouse keeps eligibility under the 20/20/20 rule."""

    kind: Literal["divorce"]
    spouse: Key
    own_sponsor: bool = False
    stepchildren: tuple[Key, ...] = Field(default=(), max_length=20)
    """Those of the spouse, who were the sponsor's by the marriage alone."""
    custody: bool | None = None
    """Whether the former spouse has custody of the sponsor's children."""


class Birth(_Change):
    """A child comes to a sponsor."""

    kind: Literal["birth"]
    child: Record

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not any(tie.sponsor == self.person for tie in self.child.relations):
            raise ValueError("child.relations: none of them is to this person")
        if self.child.birth_date > self.on:
            raise ValueError("child.birth_date lies behind the day of the change")
        return self


class Death(_Change):
    """Somebody died on that day."""

    kind: Literal["death"]


class DeathCorrected(_Change):
    """Somebody was reported dead, and is not."""

    kind: Literal["death_corrected"]


class AgeOut(_Change):
    """A child is no longer a dependant by age."""

    kind: Literal["age_out"]


class AddressChange(_Change):
    """The addresses of record that hold from now on: all e-mail addresses, all postal ones, or both."""

    kind: Literal["address"]
    emails: tuple[Email, ...] | None = Field(default=None, max_length=5)
    postal: tuple[Postal, ...] | None = Field(default=None, max_length=5)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.emails is None and self.postal is None:
            raise ValueError("emails or postal must be there")
        return self


class NameChange(_Change):
    """The whole name that holds from now on."""

    kind: Literal["name"]
    given_name: Name
    middle_name: Name | None = None
    family_name: Name
    suffix: Suffix | None = None


class EdipiChange(_Change):
    """A new DoD ID number; the one until now still leads to the person."""

    kind: Literal["edipi"]
    edipi: Edipi


class Merge(_Change):
    """Two records were one person's: `person` stays, `former` goes."""

    kind: Literal["merge"]
    former: Key

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.former == self.person:
            raise ValueError("person and former are the same")
        return self


class IdentityConflict(_Change):
    """The authority is no longer sure that its numbers belong to one person."""

    kind: Literal["identity_conflict"]


class ConflictResolved(_Change):
    """It is sure again."""

    kind: Literal["conflict_resolved"]


Change = (
    Separation
    | Retirement
    | Marriage
    | Divorce
    | Birth
    | Death
    | DeathCorrected
    | AgeOut
    | AddressChange
    | NameChange
    | EdipiChange
    | Merge
    | IdentityConflict
    | ConflictResolved
)

SHAPES: dict[str, type[_Change]] = {
    "separation": Separation,
    "retirement": Retirement,
    "marriage": Marriage,
    "divorce": Divorce,
    "birth": Birth,
    "death": Death,
    "death_corrected": DeathCorrected,
    "age_out": AgeOut,
    "address": AddressChange,
    "name": NameChange,
    "edipi": EdipiChange,
    "merge": Merge,
    "identity_conflict": IdentityConflict,
    "conflict_resolved": ConflictResolved,
}
"""Every kind, in the order in which reports name them."""

_LINE: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])


def parse(line: bytes) -> Change:
    """The change of one line of JSON in UTF-8. Raises `BadLine`."""
    if len(line) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE} bytes")
    try:
        return _LINE.validate_json(line)
    except ValidationError as wrong:
        raise BadLine(told(wrong, tagged=True)) from None


def write(change: Change) -> str:
    """The change as one line of JSON, without what is empty, with the line's end."""
    return change.model_dump_json(exclude_defaults=True) + "\n"
