"""Authorizations: what one sign-in gave one client, the root that its code and tokens hang from; and the code itself.

Revoking the root kills everything under it at once, since every look-up of a code or token goes through it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.accounts.levels import ACRS
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.keyring import Keyring
from idp.oidc import prompts, subjects
from idp.oidc.clients import Client
from idp.oidc.request import Asked

CODE_LIFE = timedelta(seconds=60)
TOMBSTONE = timedelta(days=91)
"""How long a spent code is remembered: longer than the longest refresh token lives (R111)."""


class Authorization(db.Row):
    """One sign-in's gift to one client. The subject person and the acting account differ as soon as somebody acts for another."""

    __tablename__ = "authorization"

    id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), index=True)
    subject_person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"), index=True)
    subject_id: Mapped[str] = mapped_column(sa.ForeignKey("subject.id"))
    acting_account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    session_id: Mapped[str] = mapped_column(index=True)
    sid: Mapped[str] = mapped_column(index=True)
    scopes: Mapped[list[str]]
    resources: Mapped[list[str]]
    """The resource servers that it may have tokens for, by identifier (RFC 8707 §2.1)."""
    claims: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """The claims asked for by name, `{"id_token": […], "userinfo": […]}`; NULL where none were (OIDC Core §5.5)."""
    nonce: Mapped[str | None]
    auth_time: Mapped[int]
    amr: Mapped[list[str]]
    aal: Mapped[int]
    level: Mapped[int]
    acr: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]

    def named_claims(self, member: str) -> tuple[str, ...]:
        """The claims asked for by name in `id_token` or in `userinfo`."""
        return tuple((self.claims or {}).get(member, ()))


class AuthorizationCode(db.Row):
    """A code. The spent row stays as a tombstone, so that a replay is seen for what it is."""

    __tablename__ = "authorization_code"

    digest: Mapped[str] = mapped_column(primary_key=True)
    authorization_id: Mapped[str] = mapped_column(sa.ForeignKey("authorization.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str]
    subject_person_id: Mapped[str]
    acting_account_id: Mapped[str]
    redirect_uri: Mapped[str]
    code_challenge: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


# Made once: to make a statement anew costs more than to run it.
_INSERT = sa.insert(cast("sa.Table", Authorization.__table__))
_INSERT_CODE = sa.insert(cast("sa.Table", AuthorizationCode.__table__))
_FIND_CODE = sa.select(AuthorizationCode.__table__).where(AuthorizationCode.digest == sa.bindparam("which"))
_GET = sa.select(Authorization.__table__).where(Authorization.id == sa.bindparam("which"))
_CLAIM_CODE = (
    sa.update(cast("sa.Table", AuthorizationCode.__table__))
    .where(AuthorizationCode.digest == sa.bindparam("which"), AuthorizationCode.consumed_at.is_(None))
    .values(consumed_at=sa.bindparam("consumed_at"))
)


@dataclass(frozen=True)
class Draft:
    """Rows that are ready to be written, made outside the write, and the code that they stand for."""

    code: str
    authorization: dict[str, Any]
    code_row: dict[str, Any]


def draft(keyring: Keyring, client: Client, asked: Asked, signed_in: SignedIn) -> Draft:
    """An authorization with its code: 256 random bits for one minute (R110)."""
    now = clock.now()
    code = crypto.new_handle()
    id_ = crypto.new_id()
    people = {"subject_person_id": signed_in.person_id, "acting_account_id": signed_in.account_id}
    return Draft(
        code=code,
        authorization={
            "id": id_,
            "client_id": client.id,
            **people,
            "subject_id": signed_in.subject_id,
            "session_id": signed_in.session_id,
            "sid": subjects.sid_for(keyring, client, signed_in.session_id),
            "scopes": list(asked.scopes),
            "resources": list(asked.resources),
            "claims": asked.claims_row,
            "nonce": asked.nonce,
            "auth_time": signed_in.auth_time,
            "amr": list(signed_in.amr),
            "aal": signed_in.aal,
            "level": int(signed_in.level),
            "acr": prompts.acr_to_tell(signed_in.acr, _above(client.min_acr, asked.acr_values)),
            "created_at": now,
            "revoked_at": None,
        },
        code_row={
            "digest": crypto.digest(code),
            "authorization_id": id_,
            "client_id": client.id,
            **people,
            "redirect_uri": asked.redirect_uri,
            "code_challenge": asked.code_challenge,
            "created_at": now,
            "expires_at": now + CODE_LIFE,
            "consumed_at": None,
        },
    )


def _above(min_acr: str | None, acr_values: tuple[str, ...]) -> tuple[str, ...]:
    """A client that asks for less than its own floor is told the truth, or its tokens would fall below that floor."""
    return tuple(value for value in acr_values if min_acr is None or (value in ACRS and prompts.meets(value, min_acr)))


def keep(conn: Connection, drafted: Draft) -> None:
    """Write the authorization and its code, and tell the log."""
    conn.execute(_INSERT, drafted.authorization)
    conn.execute(_INSERT_CODE, drafted.code_row)
    audit.record(
        conn,
        Event.CODE_GRANTED,
        actor=drafted.authorization["acting_account_id"],
        subject=drafted.authorization["subject_person_id"],
        client=drafted.authorization["client_id"],
        authorization=drafted.authorization["id"],
        scopes=drafted.authorization["scopes"],
    )


def find_code(conn: Connection, code: str) -> tuple[AuthorizationCode, Authorization] | None:
    """The code, spent or not, with what it stands for."""
    found = conn.execute(_FIND_CODE, {"which": crypto.digest(code)}).one_or_none()
    if found is None:
        return None
    return db.record_of(AuthorizationCode, found), get_authorization(conn, found.authorization_id)


def get_authorization(conn: Connection, authorization_id: str) -> Authorization:
    """The root that a code or token names."""
    return db.record_of(Authorization, conn.execute(_GET, {"which": authorization_id}).one())


def claim_code(conn: Connection, digest: str) -> bool:
    """Spend a code: true for exactly one of any number of callers (RFC 6749 §4.1.2, R111, R112)."""
    return conn.execute(_CLAIM_CODE, {"which": digest, "consumed_at": clock.now()}).rowcount == 1


def lower(conn: Connection, authorization_id: str, *, level: int, acr: str) -> None:
    """Note that the sign-in shows less than it did: what has fallen never rises again in this chain."""
    conn.execute(sa.update(Authorization).where(Authorization.id == authorization_id).values(level=level, acr=acr))


def revoke(conn: Connection, authorization: Authorization, *, actor: str, why: str) -> bool:
    """Kill everything that hangs from it; false when it was dead already."""
    revoked = db.swap(
        conn,
        sa.update(Authorization)
        .where(Authorization.id == authorization.id, Authorization.revoked_at.is_(None))
        .values(revoked_at=clock.now()),
    )
    if revoked:
        audit.record(
            conn,
            Event.AUTHORIZATION_REVOKED,
            actor=actor,
            subject=authorization.subject_person_id,
            client=authorization.client_id,
            authorization=authorization.id,
            why=why,
        )
    return revoked


def revoke_all(conn: Connection, *, account_id: str, client_id: str, actor: str, why: str) -> int:
    """Kill everything that this account's sign-ins gave this client; tell how much was alive."""
    alive = db.list_rows(
        conn,
        Authorization,
        Authorization.acting_account_id == account_id,
        Authorization.client_id == client_id,
        Authorization.revoked_at.is_(None),
    )
    return sum(revoke(conn, one, actor=actor, why=why) for one in alive)


def sweep(conn: Connection) -> int:
    """Delete authorizations past every token's life, their codes and tokens with them; tell how many."""
    return conn.execute(sa.delete(Authorization).where(Authorization.created_at <= clock.now() - TOMBSTONE)).rowcount
