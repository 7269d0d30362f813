"""Codes to an address of record: they prove that whoever has the account gets what DEERS sends to the person.

An account has one live code for each channel; a new one kills the old. It is kept as a keyed HMAC, its tries are counted
before they are compared, and one conditional UPDATE spends it (R68). It hangs from the account and not from a journey,
since a letter takes days.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db, limits
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Refused
from idp.proofing.policy import Method

EMAIL_LASTS = timedelta(minutes=30)
POST_LASTS = timedelta(days=21)
POST_LASTS_ABROAD = timedelta(days=30)
SHARED_WAITS = timedelta(hours=72)
"""How long a letter to an address that others share waits for the owner's objection, after every other channel was told."""

_LONGEST_TYPED = 200


class Channel(StrEnum):
    """How a code travels; the values are what forms and events say."""

    EMAIL = "email"
    POST = "post"

    @property
    def method(self) -> Method:
        """What it proves that such a code came back."""
        return Method.CODE_EMAIL_OF_RECORD if self is Channel.EMAIL else Method.CODE_POST_OF_RECORD


class AddressCode(db.Row):
    """One code. `works_from` lies later than `created_at` where others share the address."""

    __tablename__ = "address_code"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    channel: Mapped[str]
    mac: Mapped[str] = mapped_column(unique=True)
    address_mac: Mapped[str]
    """Which address it went to: its code is worth nothing once that address counts no longer (R68)."""
    created_at: Mapped[datetime]
    works_from: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    consumed_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


def issue(
    conn: Connection,
    keyring: Keyring,
    code: str,
    *,
    account_id: str,
    channel: Channel,
    address_mac: str,
    lasts: timedelta,
    wait: timedelta,
) -> AddressCode:
    """Make this freshly drawn code the account's for its channel; the former one is dead."""
    revoke(conn, account_id, channel)
    now = clock.now()
    row = AddressCode(
        id=crypto.new_id(),
        account_id=account_id,
        channel=channel.value,
        mac=_mac(keyring, code),
        address_mac=address_mac,
        created_at=now,
        works_from=now + wait,
        expires_at=now + lasts,
        consumed_at=None,
        revoked_at=None,
    )
    db.add(conn, row)
    return row


def revoke(conn: Connection, account_id: str, channel: Channel | None = None) -> None:
    """Kill the account's live code of this channel, or of both."""
    of_channel = () if channel is None else (AddressCode.channel == channel.value,)
    conn.execute(
        sa.update(AddressCode)
        .where(
            AddressCode.account_id == account_id,
            AddressCode.consumed_at.is_(None),
            AddressCode.revoked_at.is_(None),
            *of_channel,
        )
        .values(revoked_at=clock.now())
    )


def list_live(conn: Connection, account_id: str) -> list[AddressCode]:
    """The account's live codes, the newest first; one for each channel at the most."""
    return db.list_rows(
        conn, AddressCode, AddressCode.account_id == account_id, *_live(), order_by=AddressCode.created_at.desc()
    )


def reserve_try(conn: Connection, codes: list[AddressCode]) -> list[AddressCode]:
    """Count one try at each of these codes, in a write before the comparison, and give those that had one left. After the
    fifth a code is dead, even for whoever then types it right.
    """
    tried: list[tuple[AddressCode, Refused | None]] = [
        (code, limits.reserve(conn, Limit.ADDRESS_CODE, code.id)) for code in codes
    ]
    return [code for code, refused in tried if refused is None]


def fits(keyring: Keyring, code: AddressCode, typed: str) -> bool:
    """Whether this is the code, compared in a time that tells nothing of it."""
    return crypto.same(code.mac, _mac(keyring, typed))


def claim(conn: Connection, code: AddressCode) -> bool:
    """Spend the code; of any number of tries at once one gets True."""
    return db.swap(
        conn, sa.update(AddressCode).where(AddressCode.id == code.id, *_live()).values(consumed_at=clock.now())
    )


def sweep(conn: Connection) -> int:
    """Delete codes a day after they stopped working; tell how many."""
    return conn.execute(
        sa.delete(AddressCode).where(AddressCode.expires_at <= clock.now() - timedelta(days=1))
    ).rowcount


def _live() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        AddressCode.consumed_at.is_(None),
        AddressCode.revoked_at.is_(None),
        AddressCode.expires_at > clock.now(),
    )


def _mac(keyring: Keyring, typed: str) -> str:
    return keyring.mac("address_code", crypto.normalize_code(typed[:_LONGEST_TYPED]))
