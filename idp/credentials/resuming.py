"""Going on with a session of two factors that lay unused too long: by the password alone, in the browser that still holds its
handle, until its twelve hours are over (R84, SP 800-63B-4 §2.2.3).

It stays as old as it was: no client that asks for a fresh sign-in, and no page of changes, takes it for one.
"""

from sqlalchemy import Connection

from idp import audit, clock, crypto, db
from idp.accounts.accounts import Account
from idp.audit import Event
from idp.credentials.sessions import HELD, IDLE, KNOWN, Session, Where, still
from idp.keyring import Keyring


def resume(conn: Connection, keyring: Keyring, account: Account, handle: str | None, *, where: Where) -> str | None:
    """Let the session behind `handle` go on, for an account whose password was right just now, and return its new handle.

    None where it may not: it is not this account's; it ended otherwise than by lying unused; it had one factor, or a passkey
    that made sure of its user, which no password stands in for. Of two tabs one goes on.
    """
    row = None if handle is None else db.find_by(conn, Session, Session.handle_digest, crypto.digest(handle))
    if handle is None or row is None or row.account_id != account.id or row.stays:
        return None
    shown = row.methods["shown"]
    methods = {entry["amr"] for entry in shown}
    if not methods & KNOWN or not methods & HELD or "user" in methods:
        return None
    now = clock.now()
    fresh = crypto.new_handle()
    agent = where.sealed_agent(keyring, row.id)
    goes_on = db.swap(
        conn,
        still(row.id, handle)
        .where(Session.idle_ends_at <= now, Session.expires_at > now)
        .values(
            handle_digest=crypto.digest(fresh),
            methods={
                "shown": [
                    *(entry for entry in shown if entry["amr"] not in KNOWN),
                    {"amr": "pwd", "at": clock.epoch(now)},
                ]
            },
            last_seen_at=now,
            idle_ends_at=now + IDLE[2],
            address=where.address,
            agent_sealed=agent,
        ),
    )
    if not goes_on:
        return None
    audit.record(
        conn,
        Event.SESSION_RESUMED,
        actor=account.id,
        subject=account.person_id,
        account=account.id,
        session=row.id,
    )
    return fresh
