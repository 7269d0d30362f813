"""What people's records become in the tables: digests, and facts to be sealed.

Nothing here touches a database, so it can be done in another process.
"""

from dataclasses import dataclass, field

from idp.directory import people
from idp.directory.records import Record, facts_of
from idp.directory.tables import number_mac, person_mac
from idp.keyring import Keyring


@dataclass(slots=True)
class Rows:
    """The rows of many people, table by table: person by person they would take eight times as long to another process.

    Digests are keyed HMACs (R75).
    """

    people: list[tuple[int, int, str, str, bytes]] = field(default_factory=list)
    """Id, line, the HMACs of their key and of the whole record, and the facts, still open."""
    numbers: list[tuple[str, int, str, bool]] = field(default_factory=list)
    """HMAC, person, kind, whether it is in use."""
    addresses: list[tuple[str, int, str]] = field(default_factory=list)
    """HMAC, person, kind."""
    sponsors: list[tuple[int, str]] = field(default_factory=list)
    """Person, and the HMAC of a sponsor's key, each once."""

    def add(self, keyring: Keyring, record: Record, *, line: int, id_: int) -> None:
        """Append those of one record."""
        facts = facts_of(record)
        key_mac, content_mac = person_mac(keyring, record.person), _content_mac(keyring, record, facts)
        self.people.append((id_, line, key_mac, content_mac, facts))
        for kind, number, current in people.numbers(record):
            self.numbers.append((number_mac(keyring, kind, number), id_, kind.value, current))
        for mac, address in people.address_macs(keyring, record).items():
            self.addresses.append((mac, id_, address.value))
        for sponsor in {relation.sponsor for relation in record.relations}:
            self.sponsors.append((id_, person_mac(keyring, sponsor)))


def _content_mac(keyring: Keyring, record: Record, facts: bytes) -> str:
    """What tells whether a record says the same as the one before it, in whatever order, spacing or format it came."""
    return keyring.mac("deers:content", f"{facts.decode('utf-8')}\x1f{record.ssn or ''}\x1f{record.dbn or ''}")
