"""What the embedded directory keeps. Who a person is lies sealed in one column; numbers and addresses are only keyed HMACs.

Affiliations and eligibility are sealed too: a child's begins on the day of birth. SSN and DBN are not kept at all, only their
HMACs (R75, R76).
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from idp import db
from idp.keyring import Keyring


class NumberKind(StrEnum):
    """The numbers a person can be found by."""

    SSN = "ssn"
    EDIPI = "edipi"
    DBN = "dbn"


class AddressKind(StrEnum):
    EMAIL = "email"
    POST = "post"


def sharer(kind: str, person_id: int) -> int:
    """What stands in the column `DeersIdentifier.sharer`."""
    return person_id if kind == NumberKind.SSN else 0


def _sharer(context: Any) -> int:
    values = context.get_current_parameters()
    return sharer(values["kind"], values["person_id"])


class DeersPerson(db.Row):
    """One person. The id is a serial number given at import: rows beside it then lie side by side, which a million people need."""

    __tablename__ = "deers_person"

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    key_mac: Mapped[bytes]
    facts_sealed: Mapped[bytes]
    content_mac: Mapped[bytes]
    """Keyed HMAC of the whole record, by which a repeated import knows what has not changed."""
    changed_at: Mapped[datetime]

    __table_args__ = (sa.Index("uq_deers_person_key_mac", "key_mac", unique=True),)


class DeersIdentifier(db.Row):
    """A number that leads to a person. An EDIPI or DBN leads to one; an SSN may be on file for two, which is then a conflict."""

    __tablename__ = "deers_identifier"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("deers_person.id"), primary_key=True)
    mac: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[str]
    current: Mapped[bool]
    sharer: Mapped[int] = mapped_column(default=_sharer)
    """The person again where somebody else may have the number too, else 0: so one index finds the person and lets a number that
    leads to one stand once.
    """

    __table_args__ = (
        sa.CheckConstraint("sharer = CASE WHEN kind = 'ssn' THEN person_id ELSE 0 END", name="sharer"),
        sa.Index("uq_deers_identifier_one_person", "mac", "sharer", unique=True),
        {"sqlite_with_rowid": False},
    )


class DeersAddress(db.Row):
    """That a person has an address of record, so that one which others share can be told; the address itself is sealed."""

    __tablename__ = "deers_address"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("deers_person.id"), primary_key=True)
    mac: Mapped[bytes] = mapped_column(primary_key=True, index=True)
    kind: Mapped[str]

    __table_args__ = ({"sqlite_with_rowid": False},)


class DeersRelation(db.Row):
    """That a person depends on a sponsor, so that a sponsor's dependants are found. What they are to each other is sealed."""

    __tablename__ = "deers_relation"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("deers_person.id"), primary_key=True)
    sponsor_id: Mapped[int] = mapped_column(sa.ForeignKey("deers_person.id"), primary_key=True, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class DeersChange(db.Row):
    """One entry of the directory's feed: that something about a person changed. What it is, is asked of the person's record.

    Whoever writes here holds the lock of `people.lock_for_changes`, so `seq` grows in the order of the commits, and a reader who
    goes on behind the last one that it saw misses none.
    """

    __tablename__ = "deers_change"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    person_id: Mapped[int]
    kind: Mapped[str]
    change_mac: Mapped[bytes | None] = mapped_column(unique=True)
    """Keyed HMAC of the id that a file of changes gave it, so that the same change is applied once; NULL for an import."""
    former_key_sealed: Mapped[bytes | None]
    """The key that the authority had for this person until now, where two records became one."""
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        sa.Index(
            "ix_deers_change_merges",
            "person_id",
            sqlite_where=sa.text("former_key_sealed IS NOT NULL"),
            postgresql_where=sa.text("former_key_sealed IS NOT NULL"),
        ),
    )


PARTS: tuple[type[db.Row], ...] = (DeersIdentifier, DeersAddress, DeersRelation)
"""The tables that hang from a person, and are written anew when the person's record has changed."""


PERSON, EMAIL, POST = "deers:person", "deers:email", "deers:post"
"""What their HMACs are for: each has a key of its own."""


def number_purpose(kind: NumberKind) -> str:
    """The same for numbers (R75): a key for each kind, so that an SSN and an EDIPI with the same digits never meet."""
    return f"deers:{kind}"


def person_mac(keyring: Keyring, key: str) -> bytes:
    """What a person is found by through the authority's key."""
    return keyring.short_mac(PERSON, key.encode("utf-8"))


def number_mac(keyring: Keyring, kind: NumberKind, number: str) -> bytes:
    """What a person is found by through a number."""
    return keyring.short_mac(number_purpose(kind), number.encode("utf-8"))


def email_mac(keyring: Keyring, email: str) -> bytes:
    """What tells that two people share an address."""
    return keyring.short_mac(EMAIL, email_text(email))


def email_text(email: str) -> bytes:
    """What two addresses have in common that are one: the whole text without case."""
    return email.strip().casefold().encode("utf-8")


def post_mac(keyring: Keyring, *lines: str | None) -> bytes:
    """What tells that two people share a postal address."""
    return keyring.short_mac(POST, post_text(*lines))


_OTHER = re.compile(r"(?:[^\w\x1f]|_)+")
"""All but letters, digits, and what parts the lines."""

_OTHER_ASCII = bytes(code for code in range(128) if _OTHER.fullmatch(chr(code)))


def post_text(*lines: str | None) -> bytes:
    """What two postal addresses have in common that are one: letters and digits alone, without case."""
    text = "\x1f".join([line or "" for line in lines])
    if text.isascii():  # the same in a tenth of the time
        return text.encode("ascii").lower().translate(None, _OTHER_ASCII)
    return _OTHER.sub("", text.casefold()).encode("utf-8")
