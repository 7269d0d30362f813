"""A form that came after its sign-in had ended: what was typed is kept for its owner, who signs in and sends it again.

The browser holds a handle, the fields lie sealed in the row, and nobody but the account of the ended session ever gets them
back (WCAG 2.2.5). No form with a number, a password or a code is kept: the route map names those that are.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from idp.accounts import accounts
from idp.credentials import session_use
from idp.credentials.sessions import SignedIn
from idp.journeys import engine
from idp.journeys.engine import Journey, Machine
from idp.ports import Services

LASTS = timedelta(minutes=30)


class At(StrEnum):
    """Where it stands: it waits."""

    KEPT = "kept"


MACHINE = Machine(
    kind="kept_form",
    start=At.KEPT,
    lifetime=LASTS,
    moves={At.KEPT: frozenset()},
    last=At.KEPT,
    opening=frozenset({"account_id", "page", "fields"}),
)


def keep(services: Services, session: str, *, page: str, fields: Mapping[str, str]) -> str | None:
    """Keep what was typed into a page by the owner of this session, which is over; return the handle for the browser.

    None where nobody's session ever had this handle. One form is kept for a session, the newest.
    """
    keyring = services.keyring

    def write(conn: Connection) -> str | None:
        owner = session_use.find_owner(conn, session)
        if owner is None:
            return None
        place = keyring.mac(MACHINE.kind, owner.id)
        before = engine.find_holder(conn, keyring, MACHINE, place)
        if before is not None:
            engine.end(conn, before, "replaced")
        journey, handle = engine.start(
            conn,
            keyring,
            MACHINE,
            language=accounts.get_account(conn, owner.account_id).language,
            facts={"account_id": owner.account_id, "page": page, "fields": dict(fields)},
        )
        engine.reserve(conn, journey, place)
        return handle

    return services.db.write(write)


def find(services: Services, me: SignedIn, handle: str, *, page: str) -> Mapping[str, str] | None:
    """What this person typed into this page before; None where it is not theirs, or its time is over."""
    with services.db.read() as conn:
        journey = _find_own(conn, services, me, handle)
    if journey is None or journey.facts["page"] != page:
        return None
    fields: Mapping[str, str] = journey.facts["fields"]
    return fields


def forget(services: Services, me: SignedIn, handle: str) -> None:
    """It was sent again, or is not wanted: nothing of it is kept."""

    def write(conn: Connection) -> None:
        journey = _find_own(conn, services, me, handle)
        if journey is not None:
            engine.end(conn, journey, "sent_again")

    services.db.write(write)


def _find_own(conn: Connection, services: Services, me: SignedIn, handle: str) -> Journey | None:
    journey = engine.find(conn, services.keyring, MACHINE, handle)
    return journey if journey is not None and journey.facts["account_id"] == me.account_id else None
