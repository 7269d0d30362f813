"""What a person allowed a client: one row per person, account and client, which grows with what they allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.audit import Event
from idp.credentials.sessions import Session, SignedIn
from idp.oidc import authorizations, claims, parked, redirect_uris
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Client
from idp.oidc.request import Asked
from idp.oidc.resources import ResourceServer
from idp.oidc.scopes import Scope
from idp.oidc.tokens import RefreshToken


class Consent(db.Row):
    """What one account allowed one client, about one person: scopes, single claims beside them, and resource servers."""

    __tablename__ = "consent"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"))
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"))
    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), index=True)
    scopes: Mapped[list[str]]
    claims: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True))
    resources: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True))
    given_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("account_id", "person_id", "client_id"),)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a consent must cover: scopes, the claims asked for by name that none of these scopes carries, and the resource servers
    that the client gets tokens for.
    """

    scopes: tuple[str, ...]
    claims: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A client that an account shares with, as its owner sees it in the list."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    """What was allowed; empty where nobody was asked, since the client belongs to this house."""
    claims: tuple[str, ...]
    servers: tuple[str, ...]
    """The resource servers that it may use for them, by name."""
    given_at: datetime | None
    last_used_at: datetime | None


def is_needed(client: Client, asked: Asked) -> bool:
    """Whether the person is asked at all: not for a first-party client, unless its access outlives the session, or nobody can tell
    that it is this client.
    """
    return not client.first_party or Scope.OFFLINE_ACCESS in asked.scopes or not may_be_remembered(client, asked)


def may_be_remembered(client: Client, asked: Asked) -> bool:
    """Whether a consent from before counts for this request. A client without a secret is known by where its answer goes, and only
    if that is its own; else another app could take its name and get what was allowed to it, unseen (RFC 8252 §8.6, R118).
    """
    return not client.is_public or redirect_uris.is_claimed(asked.redirect_uri)


def wanted(asked: Asked, *, issuer: str) -> Wanted:
    """What a request needs allowed."""
    return _wanted(asked.scopes, asked.named_claims, asked.resources, issuer)


def wanted_again(authorization: Authorization, *, issuer: str) -> Wanted:
    """What tokens that are issued later still rest on."""
    named = (*authorization.named_claims("id_token"), *authorization.named_claims("userinfo"))
    return _wanted(tuple(authorization.scopes), named, authorization.resources, issuer)


def _wanted(scopes: tuple[str, ...], named: Sequence[str], asked_for: Sequence[str], issuer: str) -> Wanted:
    # Our own endpoints may be named as a resource, too, and are no addition to what the scopes open there.
    servers = tuple(dict.fromkeys(identifier for identifier in asked_for if identifier != issuer))
    return Wanted(scopes, claims.beside(scopes, named), servers)


def remembers(conn: Connection, *, account_id: str, person_id: str, client_id: str, wanted: Wanted) -> bool:
    """Whether everything that is asked was allowed before, a claim by its own name or by its scope."""
    held = _find(conn, account_id, person_id, client_id)
    if held is None or not set(wanted.scopes) <= set(held.scopes):
        return False
    if not set(wanted.resources) <= set(held.resources or ()):
        return False
    return set(claims.beside(tuple(held.scopes), wanted.claims)) <= set(held.claims or ())


def give(conn: Connection, signed_in: SignedIn, *, client_id: str, wanted: Wanted) -> None:
    """Remember that this was allowed, beside whatever was before."""
    now = clock.now()
    held = _find(conn, signed_in.account_id, signed_in.person_id, client_id)
    together = {
        "scopes": list(dict.fromkeys([*(held.scopes if held else ()), *wanted.scopes])),
        "claims": list(dict.fromkeys([*((held.claims or ()) if held else ()), *wanted.claims])) or None,
        "resources": list(dict.fromkeys([*((held.resources or ()) if held else ()), *wanted.resources])) or None,
        "changed_at": now,
    }
    conn.execute(
        db.upsert(conn, Consent)
        .values(
            id=crypto.new_id(),
            account_id=signed_in.account_id,
            person_id=signed_in.person_id,
            client_id=client_id,
            given_at=now,
            **together,
        )
        .on_conflict_do_update(index_elements=["account_id", "person_id", "client_id"], set_=together)
    )
    audit.record(
        conn,
        Event.CONSENT_GIVEN,
        actor=signed_in.account_id,
        subject=signed_in.person_id,
        client=client_id,
        scopes=list(wanted.scopes),
        claims=list(wanted.claims),
        resources=list(wanted.resources),
    )


def deny(conn: Connection, signed_in: SignedIn, *, client_id: str, scopes: tuple[str, ...]) -> None:
    """Record a refusal. Nothing is remembered, so that the person may think again."""
    audit.record(
        conn,
        Event.CONSENT_DENIED,
        actor=signed_in.account_id,
        subject=signed_in.person_id,
        client=client_id,
        scopes=list(scopes),
    )


def withdraw(conn: Connection, signed_in: SignedIn, client_id: str) -> bool:
    """Take back everything that this account allowed this client, also in requests that still wait, and kill what it got: every
    refresh and access token from this moment on (R120). False when there was nothing.
    """
    deleted = db.swap(
        conn,
        sa.delete(Consent).where(
            Consent.account_id == signed_in.account_id,
            Consent.person_id == signed_in.person_id,
            Consent.client_id == client_id,
        ),
    )
    parked.forget_consent(conn, account_id=signed_in.account_id, client_id=client_id)
    ended = authorizations.revoke_all(
        conn,
        account_id=signed_in.account_id,
        client_id=client_id,
        actor=signed_in.account_id,
        why="consent_withdrawn",
    )
    if not deleted and not ended:
        return False
    audit.record(
        conn,
        Event.CONSENT_WITHDRAWN,
        actor=signed_in.account_id,
        subject=signed_in.person_id,
        client=client_id,
        authorizations=ended,
    )
    return True


def list_sites(conn: Connection, account_id: str) -> list[Site]:
    """Every client that this account shares with: those it allowed something, and those with a live sign-in, by name."""
    held = {one.client_id: one for one in db.list_rows(conn, Consent, Consent.account_id == account_id)}
    used = {
        client_id: max(signed_in_at, refreshed_at or signed_in_at)
        for client_id, signed_in_at, refreshed_at in conn.execute(
            sa.select(Authorization.client_id, sa.func.max(Authorization.created_at), sa.func.max(RefreshToken.used_at))
            .outerjoin(RefreshToken, RefreshToken.authorization_id == Authorization.id)
            .where(Authorization.acting_account_id == account_id)
            .group_by(Authorization.client_id)
        )
    }
    signed_in = set(
        conn.execute(
            sa.select(Authorization.client_id)
            .distinct()
            .join(Session, Session.id == Authorization.session_id)
            .where(
                Authorization.acting_account_id == account_id,
                Authorization.revoked_at.is_(None),
                Session.ended_at.is_(None),
                Session.expires_at > clock.now(),
                Session.idle_ends_at > clock.now(),
            )
        ).scalars()
    )
    named = db.list_rows(conn, Client, Client.id.in_([*held.keys(), *signed_in]), order_by=Client.name)
    identifiers = {identifier for one in held.values() for identifier in one.resources or ()}
    servers = db.list_rows(conn, ResourceServer, ResourceServer.identifier.in_(identifiers)) if identifiers else []
    names = {server.identifier: server.name for server in servers}
    return [_site(client, held.get(client.id), used.get(client.id), names) for client in named]


def _site(client: Client, held: Consent | None, last_used_at: datetime | None, names: Mapping[str, str]) -> Site:
    return Site(
        client_id=client.id,
        name=client.name,
        # The level goes to many clients beside what was asked, and so is part of what was allowed.
        scopes=claims.effective_scopes(tuple(held.scopes), assurance_claims=client.assurance_claims) if held else (),
        claims=tuple(held.claims or ()) if held else (),
        servers=tuple(names[one] for one in (held.resources or ()) if one in names) if held else (),
        given_at=held.given_at if held else None,
        last_used_at=last_used_at,
    )


def _find(conn: Connection, account_id: str, person_id: str, client_id: str) -> Consent | None:
    return db.find(
        conn,
        Consent,
        Consent.account_id == account_id,
        Consent.person_id == person_id,
        Consent.client_id == client_id,
    )
