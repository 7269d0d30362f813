"""Checking a username and password. A stranger learns nothing of an account here, not even that it exists.

What a right password opens is decided above, in `journeys/sign_in.py`: a session, or the wait for a second factor.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from idp import audit, limits, logs
from idp.accounts import accounts
from idp.accounts.accounts import Account, State
from idp.audit import ANONYMOUS, Event
from idp.credentials import budgets, devices, passwords, resuming, sessions
from idp.credentials.budgets import Budget
from idp.credentials.passwords import Busy, Hashed, Password
from idp.credentials.sessions import Where
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Services

T = TypeVar("T")

log = logs.get(__name__)

# No username is longer, so nothing longer is looked up; it is counted and checked like any unknown one.
_LONGEST_USERNAME = 256

EVERYBODY = "everybody"
"""Whose failures the global limit counts."""

_WHEN_ALL_ARE_GUESSING = timedelta(minutes=10)


@dataclass(frozen=True, repr=False)
class Browser:
    """What the browser brought: the session it held, the device it is known as, and what it calls itself."""

    session: str | None
    device: str | None
    address: str
    agent: str = ""

    @property
    def where(self) -> Where:
        """Where it is, for the list of sessions."""
        return Where(self.address, self.agent)

    def __repr__(self) -> str:
        """Without the handles (R77)."""
        return "Browser()"


@dataclass(frozen=True, repr=False)
class Opened:
    """It went well: the handles for the browser's cookies."""

    session: str
    device: str
    stays: bool
    """Whether the session outlives the browser, and its cookie with it."""

    def __repr__(self) -> str:
        """Without the handles (R77)."""
        return "Opened()"


@dataclass(frozen=True)
class Try:
    """One try at a password: whose account it is at (None: nobody's); whom it is counted by, which is the account (for a
    stranger the HMAC of the name), the network, and the browser if the account signed in with it before; and as what and by
    whom a refusal is told to the log.
    """

    account: Account | None
    who: str
    network: str
    device: str | None
    refusal: Event = Event.SIGN_IN_REFUSED
    actor: str = ANONYMOUS


@dataclass(frozen=True)
class NotActive:
    """The password was right, but the account cannot be used; its owner may hear why."""

    state: State


def check_password(
    services: Services,
    *,
    username: str,
    password: str,
    browser: Browser,
    accepted: Callable[[Connection, Account, Password], T],
) -> T | NotActive | Refused:
    """Check a username and password; where they are right, `accepted` says in the same write what comes of it.

    Unknown, locked and wrong give the same answer after the same work (R21, R23). The try is counted before it is
    judged, in a write of its own (R15); the expensive run is outside every transaction. Raises `Busy`, and then nothing was
    counted (R79).
    """
    # In a flood most are turned away: that must cost next to nothing, or everybody else waits for it (R173).
    passwords.SLOTS.check()
    keyring = services.keyring
    with services.db.read() as conn:
        account = _find(conn, username)
        who = _counted_by(keyring, account, username)
        # Asked for a stranger too, who has none: the same statements for everybody (R21).
        stored = passwords.find_password(conn, account.id if account else who)
        tried = Try(account, who, network_of(browser.address), devices.find_known(conn, browser.device, who))
    right = judge(services, tried, stored, password)
    if isinstance(right, Refused):
        return right
    if account is None or stored is None or not right:
        return services.db.write(lambda conn: fail(conn, tried))
    fresh = _rehashed(services, stored, password)
    return services.db.write(lambda conn: _succeed(conn, account.id, stored, fresh, tried=tried, accepted=accepted))


def judge(services: Services, tried: Try, stored: Password | None, password: str) -> bool | Refused:
    """Count one try at a password, and say whether it is right: one budget for every page that asks for it (R16), one
    expensive run. Whoever calls writes what comes of it: `fail`, or `clear` beside what it opens. Raises `Busy`.
    """
    if (refused := services.db.write(lambda conn: _reserve(conn, tried))) is not None:
        return refused
    try:
        return passwords.verify(services.keyring, stored, password, services.settings.password_hash)
    except Busy:
        services.db.write(lambda conn: _give_back(conn, tried))
        raise


def open_session(
    conn: Connection,
    keyring: Keyring,
    account: Account,
    *,
    methods: tuple[str, ...],
    remember: bool | None,
    browser: Browser,
    earlier: Mapping[str, datetime] | None = None,
) -> Opened:
    """Sign the account in, in this browser, and remember or forget it here as it asked; None leaves that as it is."""
    begun = sessions.open_session(
        conn,
        keyring,
        account,
        methods=methods,
        where=browser.where,
        stay=remember,
        old_handle=browser.session,
        earlier=earlier,
    )
    device = devices.note(conn, account.id, old_handle=browser.device, remember=remember)
    return Opened(begun.handle, device, begun.stays)


def resume_session(
    conn: Connection, keyring: Keyring, account: Account, *, remember: bool | None, browser: Browser
) -> Opened | None:
    """The session that lay unused in this browser goes on; None where there is none that may (R84)."""
    handle = resuming.resume(conn, keyring, account, browser.session, where=browser.where)
    if handle is None:
        return None
    return Opened(handle, devices.note(conn, account.id, old_handle=browser.device, remember=remember), stays=False)


def network_of(address: str) -> str:
    """What guesses from one place are counted by: an IPv4 address, or the /64 that one IPv6 subscriber holds (R19)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _find(conn: Connection, username: str) -> Account | None:
    # PostgreSQL takes no NUL in a text, and no username has one.
    if len(username) > _LONGEST_USERNAME or "\0" in username:
        return None
    return accounts.find_by_username(conn, username)


def _counted_by(keyring: Keyring, account: Account | None, username: str) -> str:
    """One counter for an account, however its name is written (R17); a stranger's name waits just the same."""
    unknown = keyring.mac("sign_in:username", accounts.username_key(username[:_LONGEST_USERNAME]))
    return account.id if account else unknown


def fail(conn: Connection, tried: Try) -> Refused:
    """Note a wrong password; the last of a hundred in a row makes it worth nothing (R13)."""
    if tried.device is None:
        _count_for_everybody(conn)
    if budgets.is_spent(conn, Budget.PASSWORD, tried.who):
        passwords.disable(conn, tried.account.id if tried.account else tried.who)
    _record_refusal(conn, tried, Reason.WRONG_CREDENTIALS)
    return Refused(Reason.WRONG_CREDENTIALS)


def clear(conn: Connection, tried: Try) -> None:
    """Forget the wrong ones before: this one was right (R18, R19)."""
    budgets.clear(conn, Budget.PASSWORD, tried.who, tried.device)
    _give_back_address(conn, tried)


def _reserve(conn: Connection, tried: Try) -> Refused | None:
    """Count the try. A known browser is not held up by what others do at its address or everywhere (R14, R19)."""
    refused = None
    if tried.device is None:
        if limits.is_spent(conn, Limit.SIGN_IN_GLOBAL, EVERYBODY):
            refused = Refused(Reason.TOO_MANY_TRIES, retry_after=_WHEN_ALL_ARE_GUESSING)
        else:
            refused = limits.reserve(conn, Limit.SIGN_IN_ADDRESS, tried.network)
    if refused is None and (refused := budgets.reserve(conn, Budget.PASSWORD, tried.who, tried.device)) is not None:
        # Nothing will be checked, so the address has guessed nothing.
        _give_back_address(conn, tried)
    if refused is not None:
        _record_refusal(conn, tried, refused.reason)
    return refused


def _give_back(conn: Connection, tried: Try) -> None:
    budgets.give_back(conn, Budget.PASSWORD, tried.who, tried.device)
    _give_back_address(conn, tried)


def _give_back_address(conn: Connection, tried: Try) -> None:
    if tried.device is None:
        limits.give_back(conn, Limit.SIGN_IN_ADDRESS, tried.network)


def _count_for_everybody(conn: Connection) -> None:
    """Only failures are counted, and asked for before by `is_spent`: a sign-in that goes well writes nothing here."""
    limits.reserve(conn, Limit.SIGN_IN_GLOBAL, EVERYBODY)
    if limits.is_spent(conn, Limit.SIGN_IN_GLOBAL, EVERYBODY):
        log.error("sign-ins fail everywhere: only browsers that are known get in for now")


def _rehashed(services: Services, stored: Password, password: str) -> Hashed | None:
    """The password in today's form if its own is older. When the house is busy, the next sign-in does it (R11)."""
    kind = services.settings.password_hash
    if not passwords.needs_rehash(services.keyring, stored, kind):
        return None
    try:
        return passwords.hash_password(services.keyring, password, kind)
    except Busy:
        return None


def _succeed(
    conn: Connection,
    account_id: str,
    checked: Password,
    fresh: Hashed | None,
    *,
    tried: Try,
    accepted: Callable[[Connection, Account, Password], T],
) -> T | NotActive | Refused:
    """Everything that a right password changes, in one write; what changed since it was read counts (R87)."""
    account = accounts.find_account(conn, account_id)
    stored = passwords.find_password(conn, account_id)
    if account is None or stored is None or stored.disabled_at or stored.changed_at != checked.changed_at:
        return fail(conn, tried)
    clear(conn, tried)
    if account.state != State.ACTIVE.value:
        _record_refusal(conn, tried, Reason.ACCOUNT_NOT_ACTIVE)
        return NotActive(State(account.state))
    if fresh is not None:
        passwords.replace_hash(conn, checked, fresh)
    return accepted(conn, account, stored)


def _record_refusal(conn: Connection, tried: Try, why: Reason) -> None:
    account = tried.account
    audit.record(
        conn,
        tried.refusal,
        actor=tried.actor,
        subject=account.person_id if account else None,
        account=account.id if account else None,
        why=why.value,
    )
