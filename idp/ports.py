"""The outside, as the house sees it: what it asks of each neighbour, in its own words. `adapters/` has who answers."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from idp.config import Settings
from idp.db import Database
from idp.keyring import Keyring


class PortDown(Exception):
    """A neighbour did not answer, or not in a way that can be trusted. The person is not charged for it (R79)."""


class NoSuchCursor(PortDown):
    """The feed of changes was asked for with a cursor that it never gave out."""


class IdKind(StrEnum):
    """Which number a person gave."""

    SSN = "ssn"
    DOD_ID = "dod_id"


@dataclass(frozen=True, repr=False)
class Claimed:
    """What somebody says about themself. Its `repr` tells nothing, since it ends in tracebacks and logs (R77)."""

    given_name: str
    family_name: str
    born: date
    id_kind: IdKind
    id_number: str
    """Nine digits of an SSN or ten of a DoD ID number, without dashes."""

    def __repr__(self) -> str:
        """Only the kind of number."""
        return f"Claimed({self.id_kind})"


class NoMatch(StrEnum):
    """Why a claim opens nothing. For the audit log alone: whoever asked hears the same in every case (R63)."""

    NO_SUCH_NUMBER = "no_such_number"
    NAME_DIFFERS = "name_differs"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    AMBIGUOUS = "ambiguous"
    CONFLICT = "conflict"
    DECEASED = "deceased"
    TOO_YOUNG = "too_young"


@dataclass(frozen=True, repr=False)
class Matched:
    """The one person whom a claim fits."""

    person_key: str
    """The authority's own lasting key for the person: it stays when an EDIPI changes."""
    edipi: str
    email_of_record: str | None = None
    """An e-mail address that the authority has held for this person, and for nobody else, for 30 days; None where there is none."""
    other_edipis: tuple[str, ...] = ()
    """Former and further EDIPIs of the same person."""

    def __repr__(self) -> str:
        """Without saying who."""
        return "Matched()"


@dataclass(frozen=True, repr=False)
class Post:
    """A postal address of record, in the words of OpenID Connect's address claim (OIDC Core §5.1.1)."""

    street_address: str
    locality: str
    region: str | None
    postal_code: str | None
    country: str

    def __repr__(self) -> str:
        """Only the country."""
        return f"Post({self.country})"


@dataclass(frozen=True, repr=False)
class EmailOfRecord:
    """An e-mail address that the authority has held for 30 days, for this person alone, as they set it themself."""

    address: str

    def __repr__(self) -> str:
        """Without the address."""
        return "EmailOfRecord()"


@dataclass(frozen=True, repr=False)
class PostOfRecord:
    """A postal address that the authority has held for 30 days, as the person set it themself. `shared`: somebody else
    has it too, so a code that goes there needs a notice to every other channel, and 72 hours.
    """

    post: Post
    shared: bool

    def __repr__(self) -> str:
        """Without the address."""
        return f"PostOfRecord(shared={self.shared})"


@dataclass(frozen=True, slots=True)
class Affiliation:
    """Belonging to a service, or drawing from one, for a time; category and branch by the authority's letters."""

    category: str
    branch: str
    begin: date
    end: date | None


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A program that the person may use, for a time. `status` is `active`, `pending` or `ended`."""

    program: str
    plan: str
    status: str
    begin: date
    end: date | None


@dataclass(frozen=True, slots=True, repr=False)
class Sponsor:
    """Whom a person's eligibility comes from, and what they are to them (`spouse`, `child`, …)."""

    person_key: str
    relationship: str

    def __repr__(self) -> str:
        """Without saying who."""
        return f"Sponsor({self.relationship})"


@dataclass(frozen=True, repr=False)
class Known:
    """One person as the authority tells of them today."""

    person_key: str
    edipi: str
    """The present one."""
    given_name: str
    middle_name: str | None
    family_name: str
    suffix: str | None
    born: date
    gender: str | None
    """`female`, `male` or `other`; None where nothing is on file."""
    deceased: bool
    conflict: bool
    """Whether the authority itself is not sure that its numbers belong to one person."""
    status: str
    """The one primary word: `SPONSOR`, `DEPENDENT`, `VETERAN`, `RETIREE`, `SURROGATE`, `OTHER` or `DECEASED`."""
    affiliations: tuple[Affiliation, ...]
    eligibility: tuple[Eligibility, ...]
    sponsor: Sponsor | None
    emails: tuple[EmailOfRecord, ...]
    """Those that count, in the order of the record."""
    posts: tuple[PostOfRecord, ...]
    """Those that count, the newest first."""
    every_email: tuple[str, ...]
    """All that are on file, also those that do not count: where notices go, and nothing else."""
    other_edipis: tuple[str, ...] = ()
    """Former and further EDIPIs of the same person, which lead to them too."""

    def __repr__(self) -> str:
        """Without saying who (R77)."""
        return "Known()"


@dataclass(frozen=True, slots=True, repr=False)
class Changed:
    """That something about a person changed at the authority. What is true of them now, `Directory.find` tells."""

    person_key: str
    """The authority's own lasting key, as it is now."""
    edipi: str
    """The present one."""
    kind: str
    """One word for the record, such as `death` or `address`; nothing is decided by it."""
    former_key: str | None = None
    """The key that this person had until now, where the authority made one record of two."""

    def __repr__(self) -> str:
        """Without saying who."""
        return f"Changed({self.kind})"


@dataclass(frozen=True, slots=True, repr=False)
class Changes:
    """A piece of the authority's feed, the oldest first. One that was read already may come again."""

    changes: tuple[Changed, ...]
    cursor: str | None
    """Where to go on; what was asked with, if nothing came."""
    more: bool
    """Whether there is more behind this piece."""

    def __repr__(self) -> str:
        """Only how many."""
        return f"Changes({len(self.changes)})"


@dataclass(frozen=True, repr=False)
class Applicant:
    """Whom a KBV vendor is asked about. It lives as long as the call (R76)."""

    given_name: str
    family_name: str
    born: date
    ssn: str

    def __repr__(self) -> str:
        """Without saying who."""
        return "Applicant()"


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One question and its options, in the order to be shown. Which is right only the vendor knows (R67)."""

    text: str
    options: tuple[str, ...]

    def __repr__(self) -> str:
        """Only how many options: the question itself tells of somebody's life."""
        return f"Question({len(self.options)} options)"


@dataclass(frozen=True, repr=False)
class Quiz:
    """What a vendor drew once for one applicant. `reference` names it to the vendor, and opens it to nobody else."""

    reference: str
    questions: tuple[Question, ...]

    def __repr__(self) -> str:
        """Only how many."""
        return f"Quiz({len(self.questions)} questions)"


class Kbv(Protocol):
    """The vendor of questions that only the right person should be able to answer."""

    def draw(self, applicant: Applicant) -> Quiz | None:
        """Questions about this person, or None where the vendor knows too little of them. Raises `PortDown`."""
        ...

    def judge(self, applicant: Applicant, reference: str, chosen: tuple[int, ...]) -> bool:
        """Whether every answer was right; `chosen` is an option's place for each question. Never which was wrong (R66).
        Raises `PortDown`.
        """
        ...


class Directory(Protocol):
    """DEERS, the eligibility authority."""

    def find(self, edipi: str) -> Known | None:
        """What is known today of the person with this EDIPI, be it a present or a former one. Raises `PortDown`."""
        ...

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        """The one living adult whom the claim fits, or why there is none; the same work either way. Raises
        `PortDown`.
        """
        ...

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        """What changed since the cursor `after`, from the beginning for None; `most` at the most. Raises `PortDown`."""
        ...

    def count(self) -> int:
        """How many people it knows, for `idp doctor`. Raises `PortDown`."""
        ...


@dataclass(frozen=True)
class Mail:
    """One message, ready to be sent: plain text and, beside it, the same as HTML."""

    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, repr=False)
class Letter:
    """One letter, ready to be printed and posted: whom it goes to, and the page as PDF."""

    name: str
    post: Post
    pdf: bytes

    def __repr__(self) -> str:
        """Without saying to whom."""
        return "Letter()"


class LetterCarrier(Protocol):
    """Whoever prints and posts our letters."""

    def send(self, letter: Letter, *, reference: str) -> None:
        """Hand it over once; the same `reference` again is the same letter. Raises `PortDown` when it was not taken for
        sure.
        """
        ...


class Fetcher(Protocol):
    """Whoever reads documents that a registered client publishes: the only way in which its addresses are ever called."""

    def fetch_json(self, url: str) -> Any:
        """The JSON at this address. Raises `PortDown`, also for an address that may not be called (R151)."""
        ...


class BreachedPasswords(Protocol):
    """Whoever knows passwords that were stolen elsewhere."""

    def holds(self, password: str) -> bool:
        """Whether this is one of them. Raises `PortDown`: a password that cannot be looked up is not taken."""
        ...

    def check(self) -> None:
        """Make sure that it can be asked. Raises `PortDown`."""
        ...


class Mailer(Protocol):
    """Whoever takes our mail."""

    def send(self, mail: Mail) -> None:
        """Hand it over. Raises `PortDown` when it was not taken for sure."""
        ...

    def check(self) -> None:
        """Say hello and leave. Raises `PortDown`."""
        ...


@dataclass(frozen=True)
class Services:
    """Everything a page, a command or the worker works with, wired once at the start."""

    settings: Settings
    db: Database
    keyring: Keyring
    directory: Directory
    mailer: Mailer
    fetcher: Fetcher
    kbv: Kbv | None
    """None where no vendor is connected: nobody is then offered questions."""
    breached: BreachedPasswords | None
    """None where no list was imported: a new password is then compared with the built-in ones only."""
    letters: LetterCarrier | None
    """None where nobody prints letters: nobody is then offered a code by post."""
