"""What people's records become in the tables: digests, and facts to be sealed.

Nothing here touches a database, so it can be done in another process.
"""

from dataclasses import dataclass, field

from idp.directory import people
from idp.directory.records import Record, facts_of
from idp.directory.tables import number_mac, person_mac, sharer
from idp.keyring import Keyring


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

    def add(self, keyring: Keyring, record: Record, *, line: int, id_: int) -> None:
        """Append those of one record."""
        facts = facts_of(record)
        key_mac, content_mac = person_mac(keyring, record.person), _content_mac(keyring, record, facts)
        self.people.append((id_, line, key_mac, content_mac, facts))
        for kind, number, current in people.numbers(record):
            mac = number_mac(keyring, kind, number)
            self.numbers.append((id_, mac, kind.value, current, sharer(kind, id_)))
        for mac, address in people.address_macs(keyring, record).items():
            self.addresses.append((id_, mac, address.value))
        for sponsor in {relation.sponsor for relation in record.relations}:
            self.sponsors.append((id_, person_mac(keyring, sponsor)))


def _content_mac(keyring: Keyring, record: Record, facts: bytes) -> bytes:
    """What tells whether a record says the same as the one before it, in whatever order, spacing or format it came."""
    return keyring.short_mac("deers:content", b"%b\x1f%b\x1f%b" % (facts, _bytes(record.ssn), _bytes(record.dbn)))


def _bytes(number: str | None) -> bytes:
    return b"" if number is None else number.encode("utf-8")
