"""Access and refresh tokens: rows under an authorization, found by the digest of a handle.

For our own endpoints the handle is the token. A token for a resource server is signed (`access_jwts`), and its `jti` is the handle.
The audience keeps the two apart.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.credentials.sessions import ABSOLUTE
from idp.keyring import Keyring
from idp.oidc.authorizations import Authorization, get_authorization
from idp.oidc.scopes import Scope

ACCESS_LIFE = timedelta(minutes=10)
OFFLINE_IDLE = timedelta(days=30)
OFFLINE_ABSOLUTE = timedelta(days=90)
RETRY_WITHIN = timedelta(seconds=30)
"""How long a lost answer to a rotation may be asked for again, while nobody used the child (R139)."""


class AccessToken(db.Row):
    """What opens our own endpoints for ten minutes, or a resource server for five."""

    __tablename__ = "access_token"

    digest: Mapped[str] = mapped_column(primary_key=True)
    authorization_id: Mapped[str] = mapped_column(sa.ForeignKey("authorization.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str]
    subject_person_id: Mapped[str]
    acting_account_id: Mapped[str]
    scopes: Mapped[list[str]]
    audience: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RefreshToken(db.Row):
    """One link of a chain. A public client's token is spent by its use and leaves a child; a confidential client's stays."""

    __tablename__ = "refresh_token"

    digest: Mapped[str] = mapped_column(primary_key=True)
    authorization_id: Mapped[str] = mapped_column(sa.ForeignKey("authorization.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str]
    subject_person_id: Mapped[str]
    acting_account_id: Mapped[str]
    parent_digest: Mapped[str | None] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    consumed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


# Made once: to make a statement anew costs more than to run it.
_INSERT_ACCESS = sa.insert(cast("sa.Table", AccessToken.__table__))
_INSERT_REFRESH = sa.insert(cast("sa.Table", RefreshToken.__table__))
_FIND_ACCESS = sa.select(AccessToken.__table__).where(
    AccessToken.digest == sa.bindparam("which"), AccessToken.expires_at > sa.bindparam("now")
)
_FIND_REFRESH = sa.select(RefreshToken.__table__).where(RefreshToken.digest == sa.bindparam("which"))
_USE = (
    sa.update(cast("sa.Table", RefreshToken.__table__))
    .where(
        RefreshToken.digest == sa.bindparam("which"),
        RefreshToken.consumed_at.is_(None),
        RefreshToken.expires_at > sa.bindparam("now"),
    )
    .values(used_at=sa.bindparam("now"), expires_at=sa.bindparam("until"))
)


@dataclass(frozen=True)
class Minted:
    """A handle for the client and the row that will stand for it."""

    handle: str
    row: dict[str, object]


def mint_access(
    authorization: Authorization,
    scopes: tuple[str, ...],
    *,
    audience: str,
    handle: str | None = None,
    life: timedelta = ACCESS_LIFE,
) -> Minted:
    """An access token that is not yet written. Without a `handle` it gets one of its own."""
    now = clock.now()
    handle = handle or crypto.new_handle()
    row = {
        "digest": crypto.digest(handle),
        **_hangs_from(authorization),
        "scopes": list(scopes),
        "audience": audience,
        "created_at": now,
        "expires_at": now + life,
    }
    return Minted(handle, row)


def mint_refresh(authorization: Authorization) -> Minted:
    """The first refresh token of a chain, not yet written."""
    return _refresh(authorization, crypto.new_handle(), parent_digest=None)


def mint_child(keyring: Keyring, authorization: Authorization, parent: str) -> Minted:
    """The one child that a spent refresh token has: derived from it, so that a retry finds the same one and never a second."""
    # Keyed: whoever holds the parent cannot reckon the child without us.
    handle = keyring.mac("refresh-child", parent)
    return _refresh(authorization, handle, parent_digest=crypto.digest(parent))


def keep_access(conn: Connection, minted: Minted) -> None:
    conn.execute(_INSERT_ACCESS, minted.row)


def keep_refresh(conn: Connection, minted: Minted) -> None:
    conn.execute(_INSERT_REFRESH, minted.row)


def find_access(conn: Connection, handle: str) -> tuple[AccessToken, Authorization] | None:
    """A token that has not run out, under an authorization that was not revoked."""
    found = conn.execute(_FIND_ACCESS, {"which": crypto.digest(handle), "now": clock.now()}).one_or_none()
    if found is None:
        return None
    root = get_authorization(conn, found.authorization_id)
    return None if root.revoked_at is not None else (db.record_of(AccessToken, found), root)


def drop_access(conn: Connection, token: AccessToken) -> bool:
    """Forget one access token; false when it was gone already."""
    return db.swap(conn, sa.delete(AccessToken).where(AccessToken.digest == token.digest))


def find_refresh(conn: Connection, handle: str) -> tuple[RefreshToken, Authorization] | None:
    """A refresh token, spent or not, with its root, revoked or not."""
    found = conn.execute(_FIND_REFRESH, {"which": crypto.digest(handle)}).one_or_none()
    if found is None:
        return None
    return db.record_of(RefreshToken, found), get_authorization(conn, found.authorization_id)


def use_refresh(conn: Connection, token: RefreshToken, authorization: Authorization) -> bool:
    """Note the use of a token that stays, which lengthens its idle time; false when it has been spent or has run out."""
    now = clock.now()
    values = {"which": token.digest, "now": now, "until": expiry(authorization, now)}
    return conn.execute(_USE, values).rowcount == 1


def claim_refresh(conn: Connection, token: RefreshToken) -> bool:
    """Spend a token that rotates: true for exactly one caller (R138)."""
    now = clock.now()
    return db.swap(
        conn,
        sa.update(RefreshToken)
        .where(RefreshToken.digest == token.digest, RefreshToken.consumed_at.is_(None))
        .values(used_at=now, consumed_at=now),
    )


def may_retry(conn: Connection, token: RefreshToken, child: Minted) -> bool:
    """Whether a spent token is shown again because its answer was lost: soon after, and before anybody used the child."""
    spent_at = conn.execute(sa.select(RefreshToken.consumed_at).where(RefreshToken.digest == token.digest)).scalar_one()
    if spent_at is None or clock.now() - spent_at > RETRY_WITHIN:
        return False
    unused = sa.select(RefreshToken.digest).where(
        RefreshToken.digest == child.row["digest"], RefreshToken.consumed_at.is_(None)
    )
    return conn.execute(unused).scalar_one_or_none() is not None


def expiry(authorization: Authorization, now: datetime) -> datetime:
    """When a refresh token used now runs out: with the longest session, or after 30 idle days and 90 in all."""
    if Scope.OFFLINE_ACCESS not in authorization.scopes:
        return authorization.created_at + ABSOLUTE
    return min(now + OFFLINE_IDLE, authorization.created_at + OFFLINE_ABSOLUTE)


def _refresh(authorization: Authorization, handle: str, *, parent_digest: str | None) -> Minted:
    now = clock.now()
    row = {
        "digest": crypto.digest(handle),
        **_hangs_from(authorization),
        "parent_digest": parent_digest,
        "scopes": list(authorization.scopes),
        "created_at": now,
        "used_at": None,
        "consumed_at": None,
        "expires_at": expiry(authorization, now),
    }
    return Minted(handle, row)


def _hangs_from(authorization: Authorization) -> dict[str, object]:
    return {
        "authorization_id": authorization.id,
        "client_id": authorization.client_id,
        "subject_person_id": authorization.subject_person_id,
        "acting_account_id": authorization.acting_account_id,
    }


def sweep(conn: Connection) -> int:
    """Delete access tokens that ran out; the rest goes with its authorization. Tell how many."""
    return conn.execute(sa.delete(AccessToken).where(AccessToken.expires_at <= clock.now())).rowcount
