"""What a person allowed a client: one row per person, account and client, which grows with what they allow."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.oidc.clients import Client
from idp.oidc.scopes import Scope


class Consent(db.Row):
    """The scopes that one account allowed one client, about one person."""

    __tablename__ = "consent"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"))
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"))
    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), index=True)
    scopes: Mapped[list[str]]
    given_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("account_id", "person_id", "client_id"),)


def is_needed(client: Client, scopes: tuple[str, ...]) -> bool:
    """Whether the person is asked at all: not for a first-party client, unless its access outlives the session."""
    return not client.first_party or Scope.OFFLINE_ACCESS in scopes


def remembers(conn: Connection, *, account_id: str, person_id: str, client_id: str, scopes: tuple[str, ...]) -> bool:
    """Whether everything that is asked was allowed before."""
    held = conn.execute(
        sa.select(Consent.scopes).where(
            Consent.account_id == account_id, Consent.person_id == person_id, Consent.client_id == client_id
        )
    ).scalar_one_or_none()
    return held is not None and set(scopes) <= set(held)


def give(conn: Connection, signed_in: SignedIn, *, client_id: str, scopes: tuple[str, ...]) -> None:
    """Remember that these scopes were allowed, beside whatever was before."""
    now = clock.now()
    held = db.find(
        conn,
        Consent,
        Consent.account_id == signed_in.account_id,
        Consent.person_id == signed_in.person_id,
        Consent.client_id == client_id,
    )
    together = list(dict.fromkeys([*(held.scopes if held else ()), *scopes]))
    conn.execute(
        db.upsert(conn, Consent)
        .values(
            id=crypto.new_id(),
            account_id=signed_in.account_id,
            person_id=signed_in.person_id,
            client_id=client_id,
            scopes=together,
            given_at=now,
            changed_at=now,
        )
        .on_conflict_do_update(
            index_elements=["account_id", "person_id", "client_id"], set_={"scopes": together, "changed_at": now}
        )
    )
    audit.record(
        conn,
        Event.CONSENT_GIVEN,
        actor=signed_in.account_id,
        subject=signed_in.person_id,
        client=client_id,
        scopes=list(scopes),
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
