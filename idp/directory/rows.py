"""What one person's record becomes in the tables, before the person has an id there: digests, and facts to be sealed.

Nothing here touches a database, so it can be done in another process.
"""

from typing import NamedTuple

from idp.directory import people
from idp.directory.records import Record, facts_of
from idp.directory.tables import number_mac, person_mac
from idp.keyring import Keyring


class Rows(NamedTuple):
    """The rows of one person. Digests are keyed HMACs (R75); `facts` are still open."""

    line: int
    key_mac: str
    content_mac: str
    facts: bytes
    numbers: list[tuple[str, str, bool]]
    """mac, kind, whether it is in use"""
    addresses: list[tuple[str, str]]
    """mac, kind"""
    sponsors: list[str]
    """The HMACs of their keys, each once."""


def of(keyring: Keyring, record: Record, line: int) -> Rows:
    """The rows of a record that stands on this line."""
    facts = facts_of(record)
    return Rows(
        line=line,
        key_mac=person_mac(keyring, record.person),
        content_mac=content_mac(keyring, record, facts),
        facts=facts,
        numbers=[
            (number_mac(keyring, kind, number), kind.value, current) for kind, number, current in people.numbers(record)
        ],
        addresses=[(mac, kind.value) for mac, kind in people.address_macs(keyring, record).items()],
        sponsors=[
            person_mac(keyring, sponsor) for sponsor in dict.fromkeys(relation.sponsor for relation in record.relations)
        ],
    )


def content_mac(keyring: Keyring, record: Record, facts: bytes) -> str:
    """What tells whether a record says the same as the one before it, in whatever order, spacing or format it came."""
    return keyring.mac("deers:content", f"{facts.decode('utf-8')}\x1f{record.ssn or ''}\x1f{record.dbn or ''}")
