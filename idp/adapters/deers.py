"""DEERS from the embedded directory: the port `Directory` over tables of our own database. It only reads."""

from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from idp import clock
from idp.db import Database, Unavailable
from idp.directory import addresses, feed, known, matching, people
from idp.directory.records import (
    Affiliation,
    Branch,
    Category,
    Eligibility,
    Email,
    Facts,
    Gender,
    Postal,
    Record,
    Relation,
    Relationship,
    Status,
    facts_of,
)
from idp.directory.tables import NumberKind, email_mac
from idp.keyring import Keyring, SealBroken
from idp.ports import Changes, Claimed, IdKind, Known, Matched, NoMatch, NoSuchCursor, PortDown

_KINDS = {IdKind.SSN: NumberKind.SSN, IdKind.DOD_ID: NumberKind.EDIPI}

# Nobody. Held closed and opened for each claim whose number leads to fewer people than are looked at, so that an unknown number
# costs the same opening, reading and comparing as a known one (R63). Its shape is that of an ordinary record.
_NOBODY = Record(
    person="nobody",
    edipi="9999999999",
    given_name="Nobody",
    middle_name="Whatever",
    family_name="Of-That Name",
    birth_date=date(1900, 1, 1),
    gender=Gender.OTHER,
    deceased_on=date(1900, 1, 2),
    emails=(Email(address="nobody.at.all@example.invalid", since=date(1900, 1, 1)),),
    postal=(
        Postal(
            street_address="1 Nowhere Street",
            locality="Nowhere",
            region="ZZ",
            postal_code="00000",
            since=date(1900, 1, 1),
        ),
    ),
    relations=(Relation(sponsor="nobody-else", relationship=Relationship.SPOUSE, begin=date(1900, 1, 1)),),
    affiliations=(Affiliation(category=Category.BENEFICIARY, branch=Branch.UNKNOWN, begin=date(1900, 1, 1)),),
    eligibility=(Eligibility(program="TRICARE", plan="None", status=Status.ENDED, begin=date(1900, 1, 1)),),
)
_NOBODY_ID = 0


class EmbeddedDirectory:
    """The eligibility authority in our own tables."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._nobody = people.Sealed(_NOBODY_ID, people.seal(keyring, _NOBODY_ID, facts_of(_NOBODY)))

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        """Two queries, and `LOOKED_AT` records opened and compared, whatever the answer. Raises `PortDown`."""
        today = clock.now().date()
        try:
            with self._database.read() as conn:
                held = people.list_by_number(
                    conn, self._keyring, _KINDS[claimed.id_kind], claimed.id_number, most=matching.LOOKED_AT
                )
                opened: list[Facts] = [people.unseal(self._keyring, sealed) for sealed in self._filled_up(held)]
                emails = self._emails_of_record(conn, opened, today)
        except Unavailable as outage:
            raise PortDown("the directory's database cannot be read") from outage
        except SealBroken as broken:
            raise PortDown("a record of the directory cannot be opened") from broken
        answer = matching.judge(claimed, opened[: len(held)], opened[len(held) :], today)
        return replace(answer, email_of_record=emails[answer.person_key]) if isinstance(answer, Matched) else answer

    def find(self, edipi: str) -> Known | None:
        """Two queries, by index. Raises `PortDown`."""
        try:
            with self._database.read() as conn:
                facts = people.find_facts(conn, self._keyring, edipi)
                if facts is None:
                    return None
                unshared = people.list_unshared(conn, known.macs(self._keyring, facts))
        except Unavailable as outage:
            raise PortDown("the directory's database cannot be read") from outage
        except SealBroken as broken:
            raise PortDown("a record of the directory cannot be opened") from broken
        return known.known(self._keyring, facts, unshared=unshared, today=clock.now().date())

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        """One query, by index. Raises `PortDown`; `NoSuchCursor` for a cursor that this directory never gave out."""
        try:
            with self._database.read() as conn:
                return feed.read(conn, self._keyring, after, most=most)
        except Unavailable as outage:
            raise PortDown("the directory's database cannot be read") from outage
        except SealBroken as broken:
            raise PortDown("a record of the directory cannot be opened") from broken
        except ValueError as wrong:
            raise NoSuchCursor("the cursor is not one of this directory's") from wrong

    def count(self) -> int:
        """How many people it knows. Raises `PortDown`."""
        try:
            with self._database.read() as conn:
                return people.count(conn)
        except Unavailable as outage:
            raise PortDown("the directory's database cannot be read") from outage

    def _filled_up(self, held: list[people.Sealed]) -> list[people.Sealed]:
        return [*held, *[self._nobody] * (matching.LOOKED_AT - len(held))]

    def _emails_of_record(self, conn: Connection, opened: list[Facts], today: date) -> dict[str, str | None]:
        """For each person the e-mail address that counts. As many HMACs as any records could need, however few these do."""
        settled = {facts.person: addresses.settled_emails(facts, today) for facts in opened}
        wanted = [email for emails in settled.values() for email in emails]
        padding = [_NOBODY.emails[0].address] * (matching.LOOKED_AT * addresses.MOST_EMAILS - len(wanted))
        macs = [email_mac(self._keyring, email) for email in (*wanted, *padding)]
        unshared = people.list_unshared(conn, macs)
        alone = {email for email, mac in zip(wanted, macs, strict=False) if mac in unshared}
        return {person: next((email for email in emails if email in alone), None) for person, emails in settled.items()}
