"""Signing in: a password, and where the account has a second factor, that too, before anybody is signed in.

Between the two a browser holds a journey of ten minutes and no session, so it is a stranger to every page but one (R82).
What the client waits for is not the journey's to know: it travels by the form, as before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from idp import audit, clock
from idp.accounts import accounts
from idp.accounts.accounts import Account, State
from idp.audit import Event
from idp.credentials import ceremonies, passkey_options, passwords, second_factor, sessions
from idp.credentials import sign_in as by_password
from idp.credentials.passwords import Password
from idp.credentials.second_factor import Factor, Owner, Shown
from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import Browser, NotActive, Opened
from idp.journeys import engine
from idp.journeys.engine import Journey, Machine
from idp.outcomes import Reason, Refused
from idp.ports import Services

SIGNED_IN = "signed_in"


class At(StrEnum):
    """Where a sign-in can stand between two pages."""

    SECOND_FACTOR = "second_factor"


MACHINE = Machine(
    kind="sign_in",
    start=At.SECOND_FACTOR,
    lifetime=timedelta(minutes=10),
    moves={At.SECOND_FACTOR: frozenset()},
    last=At.SECOND_FACTOR,
    opening=frozenset({"account_id", "shown_at", "remember", "password_changed_at"}),
)


@dataclass(frozen=True, repr=False)
class HalfMade:
    """The password was right and a second factor is awaited: the journey's handle for the browser's cookie."""

    handle: str

    def __repr__(self) -> str:
        """Without the handle (R77)."""
        return "HalfMade()"


@dataclass(frozen=True)
class HalfSigned:
    """A sign-in that waits: its journey's id, the account, and what second factors that has."""

    journey_id: str
    account: Account
    factors: frozenset[Factor]


def holder_of_half_made(journey_id: str) -> str:
    """What a challenge for the second step of a sign-in is given to."""
    return f"sign_in:{journey_id}"


def holder_of_session(me: SignedIn) -> str:
    """What a challenge for a step in a live session is given to."""
    return f"session:{me.session_id}"


def sign_in(
    services: Services,
    *,
    username: str,
    password: str,
    remember: bool | None,
    browser: Browser,
    half_made: str | None = None,
    may_resume: bool = False,
) -> Opened | HalfMade | NotActive | Refused:
    """Check a username and password, and open the session, or wait for the second factor of an account that has one.

    `half_made` is the sign-in that this browser had begun before: it ends with the next one. `may_resume` lets a session that
    lay unused in this browser go on without the second factor, where nobody waits for a fresh one (R84). Raises `Busy`.
    """

    def accepted(conn: Connection, account: Account, stored: Password) -> Opened | HalfMade:
        end_half_made(conn, services, half_made)
        if not second_factor.has_any(conn, account.id):
            return by_password.open_session(
                conn, services.keyring, account, methods=("pwd",), remember=remember, browser=browser
            )
        resumed = (
            by_password.resume_session(conn, services.keyring, account, remember=remember, browser=browser)
            if may_resume
            else None
        )
        if resumed is not None:
            return resumed
        facts = {
            "account_id": account.id,
            "shown_at": clock.now().isoformat(),
            "remember": remember,
            "password_changed_at": stored.changed_at.isoformat(),
        }
        _, handle = engine.start(conn, services.keyring, MACHINE, language=account.language, facts=facts)
        audit.record(conn, Event.SIGN_IN_HALF_MADE, actor=account.id, subject=account.person_id, account=account.id)
        return HalfMade(handle)

    return by_password.check_password(
        services, username=username, password=password, browser=browser, accepted=accepted
    )


def find_half_made(services: Services, handle: str | None) -> HalfSigned | None:
    """Whose sign-in waits for its second factor in this browser, and which factors they have; None when it ran out, or when
    the account or its password is not any more what it was when the password was shown.
    """
    if handle is None:
        return None
    with services.db.read() as conn:
        journey = engine.find(conn, services.keyring, MACHINE, handle)
        account = None if journey is None else _still_good(conn, journey)
        if journey is None or account is None:
            return None
        return HalfSigned(journey.id, account, second_factor.list_held(conn, account.id))


def complete(services: Services, handle: str, *, factor: Factor, typed: str, browser: Browser) -> Opened | Refused:
    """Show the second factor and be signed in, in one write (R81, R82).

    `ALREADY_DONE` for a click that came twice; `JOURNEY_GONE` when the password has to be shown again.
    """
    with services.db.read() as conn:
        journey = engine.find(conn, services.keyring, MACHINE, handle)
        account = None if journey is None else _still_good(conn, journey)
        done = journey is None and engine.find_outcome(conn, MACHINE, handle) == SIGNED_IN
    if journey is None or account is None:
        return Refused(Reason.ALREADY_DONE if done else Reason.JOURNEY_GONE)
    owner = Owner(account.id, account.person_id)
    shown = second_factor.check(
        services, owner, factor, typed, device=browser.device, holder=holder_of_half_made(journey.id)
    )
    if isinstance(shown, Refused):
        return shown
    try:
        return services.db.write(lambda conn: _open(conn, services, journey, handle, shown, browser))
    except _Undone:
        return Refused(Reason.ALREADY_DONE)


def give_up(services: Services, handle: str) -> None:
    """Forget a half-made sign-in: the person starts over."""
    services.db.write(lambda conn: _end(conn, services, handle, "given_up"))


def options(services: Services, half: HalfSigned) -> dict[str, Any]:
    """What a browser asks its authenticators for in the second step of this sign-in."""
    site, holder = ceremonies.site_of(services.settings), holder_of_half_made(half.journey_id)
    return services.db.write(
        lambda conn: passkey_options.to_second_step(conn, site, holder, half.account.id, verified=False)
    )


def list_factors(services: Services, me: SignedIn) -> frozenset[Factor]:
    """Which second factors whoever is signed in has."""
    with services.db.read() as conn:
        return second_factor.list_held(conn, me.account_id)


def options_in_session(services: Services, me: SignedIn) -> dict[str, Any]:
    """The same in a live session: one that has two factors already only rises by a passkey that makes sure of its user."""
    site, holder = ceremonies.site_of(services.settings), holder_of_session(me)
    return services.db.write(
        lambda conn: passkey_options.to_second_step(conn, site, holder, me.account_id, verified=me.aal > 1)
    )


def step_up(
    services: Services, me: SignedIn, handle: str, *, factor: Factor, typed: str, device: str | None
) -> str | Refused:
    """Show a second factor in a live session, which then is worth two under a new handle (R81).

    `ALREADY_DONE` when the session was raised or ended meanwhile, in another tab.
    """
    owner = Owner(me.account_id, me.person_id)
    shown = second_factor.check(services, owner, factor, typed, device=device, holder=holder_of_session(me))
    if isinstance(shown, Refused):
        return shown

    def rise(conn: Connection) -> str | Refused:
        if (refused := second_factor.claim(conn, services.keyring, owner, shown)) is not None:
            return refused
        raised = sessions.raise_session(conn, me, handle, methods=shown.methods)
        if raised is None:
            raise _Undone
        return raised

    try:
        return services.db.write(rise)
    except _Undone:
        return Refused(Reason.ALREADY_DONE)


class _Undone(Exception):
    """Another tab was quicker: the code that was spent for nothing is whole again, and nobody is told that it was used."""


def _open(
    conn: Connection, services: Services, journey: Journey, handle: str, shown: Shown, browser: Browser
) -> Opened | Refused:
    account = _still_good(conn, journey)
    if account is None:
        engine.end(conn, journey, "outdated")
        return Refused(Reason.JOURNEY_GONE)
    refused = second_factor.claim(conn, services.keyring, Owner(account.id, account.person_id), shown)
    if refused is not None:
        done = engine.find_outcome(conn, MACHINE, handle) == SIGNED_IN
        return Refused(Reason.ALREADY_DONE) if done else refused
    if not engine.end(conn, journey, SIGNED_IN):
        raise _Undone
    return by_password.open_session(
        conn,
        services.keyring,
        account,
        methods=("pwd", *shown.methods),
        remember=journey.facts["remember"],
        browser=browser,
        earlier={"pwd": datetime.fromisoformat(journey.facts["shown_at"])},
    )


def _still_good(conn: Connection, journey: Journey) -> Account | None:
    """The account, if it may still be signed in to by the password that was shown (R87)."""
    account = accounts.find_account(conn, journey.facts["account_id"])
    password = passwords.find_password(conn, journey.facts["account_id"])
    if account is None or account.state != State.ACTIVE.value or password is None or password.disabled_at is not None:
        return None
    return account if password.changed_at.isoformat() == journey.facts["password_changed_at"] else None


def end_half_made(conn: Connection, services: Services, handle: str | None) -> None:
    """The sign-in that this browser had begun before ends: it signed in otherwise."""
    _end(conn, services, handle, "replaced")


def _end(conn: Connection, services: Services, handle: str | None, outcome: str) -> None:
    journey = None if handle is None else engine.find(conn, services.keyring, MACHINE, handle)
    if journey is not None:
        engine.end(conn, journey, outcome)
