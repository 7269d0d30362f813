"""What people's records become in the tables: digests, and facts to be sealed.

Nothing here touches a database, so it can be done in another process.
"""

from dataclasses import dataclass, field

from idp.directory import people
from idp.directory.records import Record, facts_of
from idp.directory.tables import (
    EMAIL,
    PERSON,
    POST,
    AddressKind,
    NumberKind,
    email_text,
    number_purpose,
    post_text,
    sharer,
)
from idp.keyring import Keyring

_EMAIL, _POST = AddressKind.EMAIL.value, AddressKind.POST.value


@dataclass(slots=True)
class Rows:
    """The rows of many people, table by table: person by person they would take eight times as long to another process.

    Digests are keyed HMACs (R75).
    """

    people: list[tuple[int, int, bytes, bytes, bytes]] = field(default_factory=list)
    """Id, line, the HMACs of their key and of the whole record, and the facts, still open."""
    numbers: list[tuple[int, bytes, str, bool, int]] = field(default_factory=list)
    """Person, HMAC, kind, whether it is in use, and the person again if it is an SSN."""
    addresses: list[tuple[int, bytes, str]] = field(default_factory=list)
    """Person, HMAC, kind."""
    sponsors: list[tuple[int, bytes]] = field(default_factory=list)
    """Person, and the HMAC of a sponsor's key, each once."""


class Digester:
    """Makes rows of records, thousands of them: so what it needs of the keyring is made ready once."""

    def __init__(self, keyring: Keyring) -> None:
        self._person = keyring.short_macs(PERSON)
        self._content = keyring.short_macs("deers:content")
        self._numbers = {kind: (keyring.short_macs(number_purpose(kind)), kind.value) for kind in NumberKind}
        self._email = keyring.short_macs(EMAIL)
        self._post = keyring.short_macs(POST)

    def add(self, rows: Rows, record: Record, *, line: int, id_: int) -> None:
        """Append those of one record."""
        facts = facts_of(record)
        # Whether a record says the same as the one before it, in whatever order, spacing or format it came.
        content = self._content(b"%b\x1f%b\x1f%b" % (facts, _bytes(record.ssn), _bytes(record.dbn)))
        rows.people.append((id_, line, self._person(_bytes(record.person)), content, facts))
        for kind, number, current in people.numbers(record):
            mac_of, kind_ = self._numbers[kind]
            rows.numbers.append((id_, mac_of(_bytes(number)), kind_, current, sharer(kind_, id_)))
        addresses = {self._email(email_text(email.address)): _EMAIL for email in record.emails}
        for post in record.postal:
            addresses[self._post(post_text(*people.lines_of(post)))] = _POST
        rows.addresses.extend([(id_, mac, kind_) for mac, kind_ in addresses.items()])
        for sponsor in {relation.sponsor for relation in record.relations}:
            rows.sponsors.append((id_, self._person(_bytes(sponsor))))


def _bytes(text: str | None) -> bytes:
    return b"" if text is None else text.encode("utf-8")
