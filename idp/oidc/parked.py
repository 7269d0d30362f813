"""Authorization requests that wait while a person is on our pages: rows, bound to one browser, gone after an hour."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.keyring import Keyring
from idp.oidc.prompts import Progress
from idp.oidc.request import Asked

LIFE = timedelta(minutes=60)


class ParkedRequest(db.Row):
    """One waiting request. What it asks is sealed, since a `login_hint` may say who somebody is."""

    __tablename__ = "parked_request"

    handle_digest: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), index=True)
    browser_digest: Mapped[str]
    session_digest: Mapped[str | None]
    asked_sealed: Mapped[bytes]
    selected_account_id: Mapped[str | None]
    consented_account_id: Mapped[str | None]
    declined_account_id: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    done_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Parked:
    """A waiting request, opened in the browser that it is bound to."""

    handle_digest: str
    asked: Asked
    session_digest: str | None
    selected_account: str | None
    consented_account: str | None
    declined_account: str | None
    created_at: datetime

    def progress(self, session_digest: str | None) -> Progress:
        """What has happened to it, for a browser whose session cookie has this digest now."""
        return Progress(
            parked_at=self.created_at,
            signed_in_since=session_digest is not None and session_digest != self.session_digest,
            selected_account=self.selected_account,
            consented_account=self.consented_account,
            declined_account=self.declined_account,
        )


def park(
    conn: Connection, keyring: Keyring, asked: Asked, *, handle: str, browser: str, session_digest: str | None
) -> None:
    """Keep a checked request under the handle that travels through our pages, for the browser that holds `browser`."""
    digest = crypto.digest(handle)
    now = clock.now()
    sealed = keyring.seal(
        json.dumps(asked.to_row()).encode("ascii"), table="parked_request", column="asked_sealed", row=digest
    )
    db.add(
        conn,
        ParkedRequest(
            handle_digest=digest,
            client_id=asked.client_id,
            browser_digest=crypto.digest(browser),
            session_digest=session_digest,
            asked_sealed=sealed,
            selected_account_id=None,
            consented_account_id=None,
            declined_account_id=None,
            created_at=now,
            expires_at=now + LIFE,
            done_at=None,
        ),
    )


def find_parked(conn: Connection, keyring: Keyring, handle: str, *, browser: str | None) -> Parked | None:
    """The request that waits under this handle; None if it is answered, over an hour old, or another browser's."""
    if browser is None:
        return None
    row = db.find(
        conn,
        ParkedRequest,
        ParkedRequest.handle_digest == crypto.digest(handle),
        ParkedRequest.browser_digest == crypto.digest(browser),
        ParkedRequest.done_at.is_(None),
        ParkedRequest.expires_at > clock.now(),
    )
    if row is None:
        return None
    plain = keyring.unseal(row.asked_sealed, table="parked_request", column="asked_sealed", row=row.handle_digest)
    return Parked(
        handle_digest=row.handle_digest,
        asked=Asked.from_row(json.loads(plain)),
        session_digest=row.session_digest,
        selected_account=row.selected_account_id,
        consented_account=row.consented_account_id,
        declined_account=row.declined_account_id,
        created_at=row.created_at,
    )


def select_account(conn: Connection, parked: Parked, account_id: str) -> bool:
    """Note that the person chose to go on as this account."""
    return db.swap(conn, _still_waiting(parked).values(selected_account_id=account_id))


def note_consent(conn: Connection, parked: Parked, account_id: str) -> bool:
    """Note that this account allowed the request as it stands here, and nothing else (R118)."""
    return db.swap(conn, _still_waiting(parked).values(consented_account_id=account_id))


def note_decline(conn: Connection, parked: Parked, account_id: str) -> bool:
    """Note that this account goes no higher for this request."""
    return db.swap(conn, _still_waiting(parked).values(declined_account_id=account_id))


def forget_consent(conn: Connection, *, account_id: str, client_id: str) -> None:
    """Take back what this account allowed in requests that still wait: a consent that was withdrawn answers none of them (R120)."""
    conn.execute(
        sa.update(ParkedRequest)
        .where(
            ParkedRequest.client_id == client_id,
            ParkedRequest.consented_account_id == account_id,
            ParkedRequest.done_at.is_(None),
        )
        .values(consented_account_id=None)
    )


def claim_done(conn: Connection, parked: Parked) -> bool:
    """Answer the request: once, however many pages ask for it at the same time."""
    return db.swap(conn, _still_waiting(parked).values(done_at=clock.now()))


def _still_waiting(parked: Parked) -> sa.Update:
    return sa.update(ParkedRequest).where(
        ParkedRequest.handle_digest == parked.handle_digest, ParkedRequest.done_at.is_(None)
    )


def sweep(conn: Connection) -> int:
    """Delete requests that nobody can go on with; tell how many."""
    return conn.execute(sa.delete(ParkedRequest).where(ParkedRequest.expires_at <= clock.now())).rowcount
