"""The outside, as the house sees it: what it asks of each neighbour, in its own words. `adapters/` has who answers."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from idp.config import Settings
from idp.db import Database
from idp.keyring import Keyring


class PortDown(Exception):
    """A neighbour did not answer, or not in a way that can be trusted. The person is not charged for it (R79)."""


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

    def __repr__(self) -> str:
        """Without saying who."""
        return "Matched()"


class Directory(Protocol):
    """DEERS, the eligibility authority."""

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        """The one living adult whom the claim fits, or why there is none; the same work either way. Raises
        `PortDown`.
        """
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
