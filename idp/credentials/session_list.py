"""The list of an account's sessions, for its owner and for operators: since when, from where, and with what; and ending one.

A session that was made before the list could say where it is used says so.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import clock, db
from idp.credentials.sessions import Session, SignedIn, end_session
from idp.keyring import Keyring

_NAMES = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "HeadlessChrome": "Chrome",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
}
"""What people call a browser or a system, where the library calls it otherwise."""

_APPLE = {"iPhone", "iPad"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a browser is, as far as it tells: "Chrome", "Android". Each is empty where nobody knows."""

    browser: str
    system: str


@dataclass(frozen=True)
class Listed:
    """One live session."""

    session_id: str
    authenticated_at: datetime
    last_seen_at: datetime
    address: str | None
    stays: bool
    kind: Kind


def are_live(account_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """What holds of every session of an account that has not ended by itself or by anybody."""
    now = clock.now()
    return (
        Session.account_id == account_id,
        Session.ended_at.is_(None),
        Session.expires_at > now,
        Session.idle_ends_at > now,
    )


def list_live(conn: Connection, keyring: Keyring, account_id: str) -> list[Listed]:
    """Every live session of an account, the last used first."""
    statement = (
        sa.select(
            Session.id,
            Session.authenticated_at,
            Session.last_seen_at,
            Session.address,
            Session.stays,
            Session.agent_sealed,
        )
        .where(*are_live(account_id))
        .order_by(Session.last_seen_at.desc(), Session.id)
    )
    return [Listed(*row[:5], kind=kind_of(_open(keyring, row.id, row.agent_sealed))) for row in conn.execute(statement)]


def end_own(conn: Connection, asking: SignedIn, session_id: str) -> bool:
    """End one of the asking person's sessions; anybody else's is not found."""
    own = db.find(conn, Session, Session.id == session_id, Session.account_id == asking.account_id)
    return own is not None and end_session(conn, own.id, actor=asking.account_id, why="ended_by_owner")


def kind_of(agent: str) -> Kind:
    """What a browser that calls itself so is. Anybody may call theirs anything: it helps to recognize, it proves nothing."""
    # Its tables take a third of a second to read, and no page but a few needs them.
    import ua_parser  # noqa: PLC0415

    found = ua_parser.parse(agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    device = found.device.family if found.device else ""
    return Kind(_NAMES.get(browser, browser), device if device in _APPLE else _NAMES.get(system, system))


def _open(keyring: Keyring, session_id: str, sealed: bytes | None) -> str:
    if sealed is None:
        return ""
    return keyring.unseal(sealed, table="session", column="agent_sealed", row=session_id).decode("utf-8")
