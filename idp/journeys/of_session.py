"""Journeys that belong to a session rather than to a browser's handle: the same in each of its tabs."""

from typing import Any

from sqlalchemy import Connection

from idp.accounts import accounts
from idp.credentials.sessions import SignedIn
from idp.journeys import engine
from idp.journeys.engine import Journey, Machine
from idp.ports import Services


def find(conn: Connection, services: Services, machine: Machine, me: SignedIn) -> Journey | None:
    """This session's live journey of the kind."""
    return engine.find_holder(conn, services.keyring, machine, _place(services, machine, me))


def start(conn: Connection, services: Services, machine: Machine, me: SignedIn, **facts: Any) -> None:
    """Begin one in place of any of its kind. No browser holds its handle: the session finds it."""
    before = find(conn, services, machine, me)
    if before is not None:
        engine.end(conn, before, "replaced")
    account = accounts.get_account(conn, me.account_id)
    journey, _ = engine.start(
        conn,
        services.keyring,
        machine,
        language=account.language,
        facts={"account_id": me.account_id, **facts},
    )
    engine.reserve(conn, journey, _place(services, machine, me))


def _place(services: Services, machine: Machine, me: SignedIn) -> str:
    """What a journey of this kind holds for the session alone."""
    return services.keyring.mac(machine.kind, f"{me.account_id}\x1f{me.session_id}")
