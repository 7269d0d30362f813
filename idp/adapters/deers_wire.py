"""What goes over the wire between us and an eligibility authority, for both of its ends. `docs/deers-openapi.json` is made of it.

Everything is checked here in its shape and nowhere else. A fault names the field and the rule, never the value.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from idp import ports
from idp.directory.records import Branch, Category, Edipi, EmailAddress, Gender, Key, Name, Relationship, Status, Suffix
from idp.directory.records import Words as Text
from idp.ports import Claimed, EmailOfRecord, IdKind, Known, Matched, NoMatch, PostOfRecord

MATCH, LOOKUP, CHANGES, STATUS = "/v1/match", "/v1/people/lookup", "/v1/changes", "/v1/status"

REQUEST_ID = "Request-Id"
"""The header by which an answer is known to belong to its question: drawn at random for each, and sent back as it came."""
REQUEST_ID_PATTERN = r"[A-Za-z0-9_-]{16,64}"

BLOCK = 2048
"""Bytes. What tells of one person is as long as a multiple of it, so that its length on the wire tells next to nothing: every
answer to a claim, and every claim, is one block (R63).
"""

MOST_CHANGES = 1000
"""Entries of one piece of the feed."""

_DIGITS = {IdKind.SSN: 9, IdKind.DOD_ID: 10}

# As long as our forms take them and some more, and no narrower: a name that fits nobody is a "no", not a bad request.
Said = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{9,10}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,200}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
StatusWord = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$")]
Former = Annotated[tuple[Edipi, ...], Field(max_length=10)]


class Shape(BaseModel):
    """What both sides send. An answer may have fields beside these, which we do not read."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class Asked(Shape):
    """What is asked: a field that is not listed is a mistake."""

    model_config = ConfigDict(extra="forbid")


class MatchRequest(Asked):
    """What somebody says about themself."""

    given_name: Said
    family_name: Said
    birth_date: date
    id_kind: IdKind
    id_number: Number
    """Nine digits of an SSN or ten of a DoD ID number, without dashes."""

    @model_validator(mode="after")
    def _has_the_digits_of_its_kind(self) -> Self:
        if len(self.id_number) != _DIGITS[self.id_kind]:
            raise ValueError("id_number has not the digits of its id_kind")
        return self

    @classmethod
    def of(cls, claimed: Claimed) -> Self:
        """The claim as it is sent. Raises `ValidationError`."""
        return cls(
            given_name=claimed.given_name,
            family_name=claimed.family_name,
            birth_date=claimed.born,
            id_kind=claimed.id_kind,
            id_number=claimed.id_number,
        )

    @property
    def claimed(self) -> Claimed:
        """The claim in the port's words."""
        return Claimed(self.given_name, self.family_name, self.birth_date, self.id_kind, self.id_number)


class LookUpRequest(Asked):
    """Whom to tell of, by a DoD ID number, present or former."""

    edipi: Annotated[str, StringConstraints(pattern=r"^[0-9]{10}$")]


class ChangesRequest(Asked):
    """Which piece of the feed; it stands in the address, and tells of nobody."""

    after: Cursor | None = None
    """Where to go on: a cursor of an earlier answer. Left out: from the beginning."""
    limit: Annotated[int, Field(ge=1, le=MOST_CHANGES)] = MOST_CHANGES
    """How many entries at the most."""


class MatchedPerson(Shape):
    """Whom a claim fits."""

    person: Key
    """The authority's own lasting key."""
    edipi: Edipi
    """The DoD ID number in use."""
    other_edipis: Former = ()
    """Former and further ones of the same person."""
    email_of_record: EmailAddress | None
    """An address held for this person, and for nobody else, for 30 days; null where there is none."""


class MatchAnswer(Shape):
    """The one living adult whom the claim fits, or why there is none. Always of the same length on the wire."""

    people: Annotated[tuple[MatchedPerson, ...], Field(max_length=1)]
    why: NoMatch | None
    """For the audit log of who asks, and for nobody else; null where somebody was found."""

    @model_validator(mode="after")
    def _is_a_yes_or_a_no(self) -> Self:
        if bool(self.people) == (self.why is not None):
            raise ValueError("either somebody is named, or why there is nobody")
        return self

    @classmethod
    def of(cls, answer: Matched | NoMatch) -> Self:
        """The answer as it is sent."""
        if isinstance(answer, NoMatch):
            return cls(people=(), why=answer)
        found = MatchedPerson(
            person=answer.person_key,
            edipi=answer.edipi,
            other_edipis=answer.other_edipis,
            email_of_record=answer.email_of_record,
        )
        return cls(people=(found,), why=None)

    @property
    def answer(self) -> Matched | NoMatch:
        """The answer in the port's words."""
        if self.why is not None:
            return self.why
        found = self.people[0]
        return Matched(found.person, found.edipi, found.email_of_record, found.other_edipis)


class Affiliation(Shape):
    """Belonging to a service, or drawing from one, for a time."""

    category: Category
    branch: Branch
    begin: date
    end: date | None
    """The first day on which it no longer holds."""


class Eligibility(Shape):
    """A program that the person may use, for a time."""

    program: Text
    plan: Text
    status: Status
    begin: date
    end: date | None
    """The first day on which it no longer holds."""


class Sponsor(Shape):
    """Whom the person's eligibility comes from."""

    person: Key
    relationship: Relationship


class PostalAddress(Shape):
    """A postal address of record that counts."""

    street_address: Text
    locality: Text
    region: Text | None
    postal_code: Text | None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    shared: bool
    """Whether somebody else has it too."""


class Person(Shape):
    """One person as they are today."""

    person: Key
    """The authority's own lasting key."""
    edipi: Edipi
    """The DoD ID number in use."""
    other_edipis: Former
    """Former and further ones of the same person. The number that was asked with is among all of them."""
    given_name: Name
    middle_name: Name | None
    family_name: Name
    suffix: Suffix | None
    birth_date: date
    gender: Gender | None
    deceased: bool
    conflict: bool
    """Whether the authority is not sure that its numbers belong to one person."""
    status: StatusWord
    """The one primary word: SPONSOR, DEPENDENT, VETERAN, RETIREE, SURROGATE, OTHER or DECEASED."""
    affiliations: Annotated[tuple[Affiliation, ...], Field(max_length=40)]
    eligibility: Annotated[tuple[Eligibility, ...], Field(max_length=40)]
    sponsor: Sponsor | None
    emails: Annotated[tuple[EmailAddress, ...], Field(max_length=5)]
    """Those that count: held for 30 days, for this person alone, set by themself."""
    posts: Annotated[tuple[PostalAddress, ...], Field(max_length=5)]
    """Those that count, the newest first."""
    every_email: Annotated[tuple[EmailAddress, ...], Field(max_length=5)]
    """All that are on file: where notices go."""

    @classmethod
    def of(cls, known: Known) -> Self:
        """The person as they are sent."""
        return cls(
            person=known.person_key,
            edipi=known.edipi,
            other_edipis=known.other_edipis,
            given_name=known.given_name,
            middle_name=known.middle_name,
            family_name=known.family_name,
            suffix=known.suffix,
            birth_date=known.born,
            gender=None if known.gender is None else Gender(known.gender),
            deceased=known.deceased,
            conflict=known.conflict,
            status=known.status,
            affiliations=tuple(
                Affiliation(category=Category(one.category), branch=Branch(one.branch), begin=one.begin, end=one.end)
                for one in known.affiliations
            ),
            eligibility=tuple(
                Eligibility(program=one.program, plan=one.plan, status=Status(one.status), begin=one.begin, end=one.end)
                for one in known.eligibility
            ),
            sponsor=None
            if known.sponsor is None
            else Sponsor(person=known.sponsor.person_key, relationship=Relationship(known.sponsor.relationship)),
            emails=tuple(one.address for one in known.emails),
            posts=tuple(_post(one) for one in known.posts),
            every_email=known.every_email,
        )

    @property
    def known(self) -> Known:
        """The person in the port's words."""
        return Known(
            person_key=self.person,
            edipi=self.edipi,
            given_name=self.given_name,
            middle_name=self.middle_name,
            family_name=self.family_name,
            suffix=self.suffix,
            born=self.birth_date,
            gender=self.gender.value if self.gender else None,
            deceased=self.deceased,
            conflict=self.conflict,
            status=self.status,
            affiliations=tuple(
                ports.Affiliation(one.category.value, one.branch.value, one.begin, one.end) for one in self.affiliations
            ),
            eligibility=tuple(
                ports.Eligibility(one.program, one.plan, one.status.value, one.begin, one.end)
                for one in self.eligibility
            ),
            sponsor=None
            if self.sponsor is None
            else ports.Sponsor(self.sponsor.person, self.sponsor.relationship.value),
            emails=tuple(EmailOfRecord(address) for address in self.emails),
            posts=tuple(_of_record(one) for one in self.posts),
            every_email=self.every_email,
            other_edipis=self.other_edipis,
        )


class LookUpAnswer(Shape):
    """The person who has the number, or nobody."""

    people: Annotated[tuple[Person, ...], Field(max_length=1)]


class Change(Shape):
    """That something about a person changed. What is true of them now, a look-up tells."""

    person: Key
    edipi: Edipi
    """The present one."""
    kind: Word
    """One word for the record; nothing is decided by it."""
    former_person: Key | None
    """The key that this person had until now, where two records became one."""


class ChangesAnswer(Shape):
    """A piece of the feed, the oldest first. An entry that was read already may come again."""

    changes: Annotated[tuple[Change, ...], Field(max_length=MOST_CHANGES)]
    cursor: Cursor | None
    """Where to go on; what was asked with, if nothing came."""
    more: bool
    """Whether there is more behind this piece."""

    @classmethod
    def of(cls, piece: ports.Changes) -> Self:
        """The piece as it is sent."""
        return cls(
            changes=tuple(
                Change(person=one.person_key, edipi=one.edipi, kind=one.kind, former_person=one.former_key)
                for one in piece.changes
            ),
            cursor=piece.cursor,
            more=piece.more,
        )

    @property
    def piece(self) -> ports.Changes:
        """The piece in the port's words."""
        changes = (ports.Changed(one.person, one.edipi, one.kind, one.former_person) for one in self.changes)
        return ports.Changes(tuple(changes), self.cursor, self.more)


class StatusAnswer(Shape):
    """That the service answers, and of how many people it knows."""

    people: Annotated[int, Field(ge=0)]


class ErrorAnswer(Shape):
    """Why a request was not answered; never a value of it."""

    error: Word
    fields: tuple[str, ...] = ()
    """The fields that are wrong, where it is a field."""


def padded(body: bytes) -> bytes:
    """A JSON document filled up to whole blocks with spaces, which mean nothing there (RFC 8259 §2)."""
    return body + b" " * (-len(body) % BLOCK)


def faults(wrong: ValidationError) -> list[str]:
    """Which fields are wrong and by which rule. A name that is not ours could be a value that slipped, and is left out."""
    found = []
    for error in wrong.errors(include_url=False, include_input=False, include_context=False)[:5]:
        names = [] if error["type"] == "extra_forbidden" else [str(part) for part in error["loc"]]
        found.append(f"{'.'.join(names) or 'document'}: {error['type']}")
    return found


def _post(held: PostOfRecord) -> PostalAddress:
    post = held.post
    return PostalAddress(
        street_address=post.street_address,
        locality=post.locality,
        region=post.region,
        postal_code=post.postal_code,
        country=post.country,
        shared=held.shared,
    )


def _of_record(told: PostalAddress) -> PostOfRecord:
    post = ports.Post(told.street_address, told.locality, told.region, told.postal_code, told.country)
    return PostOfRecord(post, shared=told.shared)
