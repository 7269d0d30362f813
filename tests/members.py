"""People who have registered already, for stories that begin later than that."""

import functools
import itertools
from dataclasses import dataclass

import pyotp
from sqlalchemy import Connection

from idp import clock, db
from idp.accounts import accounts, addresses, people
from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.config import PasswordHash, PolicyName
from idp.credentials import passwords
from idp.credentials.passwords import Hashed
from idp.credentials.totp import Totp
from idp.keyring import Keyring
from idp.ports import Services
from idp.proofing import evidence
from idp.proofing.policy import Method

PASSWORD = "blue kettle over Tuesday"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Member:
    """Somebody with an account."""

    account_id: str
    person_id: str
    subject_id: str
    username: str
    password: str
    totp_secret: str | None = None
    """What their app holds; None for those who have no second factor."""


def join(
    services: Services,
    username: str = "maria.rivera",
    *,
    password: str = PASSWORD,
    level: Level = Level.BASIC,
    wanted_level: Level = Level.BASIC,
    email: str | None = "maria@example.org",
    totp: bool = False,
    edipi: str | None = None,
) -> Member:
    """An account as a finished registration leaves it, for a new person: the one of `edipi` where DEERS should know them.

    `totp` gives a second factor that was confirmed some time ago. Premium comes with the evidence that carries it.
    """
    number = next(_numbers)
    secret = pyotp.random_base32() if totp else None
    hashed = _hash(services.keyring, password, services.settings.password_hash)
    known = services.directory.find(edipi) if edipi is not None else None
    person_key = known.person_key if known is not None else f"member-{number}"

    def made(conn: Connection) -> Account:
        person = people.ensure_person(
            conn, services.keyring, person_key=person_key, edipi=edipi or f"{9_000_000_000 + number}"
        )
        subject = people.renew_subject(conn, person.id)
        account = accounts.create(
            conn,
            person_id=person.id,
            subject_id=subject.id,
            username=username,
            level=level,
            wanted_level=wanted_level,
            proven=level is Level.PREMIUM,
            policy="ds_logon",
            language="en",
        )
        assert isinstance(account, Account), account
        passwords.set_password(conn, account.id, hashed)
        if email is not None:
            addresses.add(conn, services.keyring, account_id=account.id, email=email)
        if level is Level.PREMIUM:
            for method in (Method.DEERS_MATCH, Method.CODE_POST_OF_RECORD):
                evidence.add(conn, account, method, policy=PolicyName.DS_LOGON, at=clock.now())
        if secret is not None:
            db.add(conn, _app(services, account.id, secret))
        return account

    account = services.db.write(made)
    return Member(account.id, account.person_id, account.subject_id, username, password, secret)


@functools.cache
def _hash(keyring: Keyring, password: str, kind: PasswordHash) -> Hashed:
    """A hash is made to be slow, and most members have the one password: theirs is made once for each pepper."""
    return passwords.hash_password(keyring, password, kind)


def _app(services: Services, account_id: str, secret: str) -> Totp:
    sealed = services.keyring.seal(secret.encode("ascii"), table="totp", column="secret_sealed", row=account_id)
    now = clock.now()
    return Totp(
        account_id=account_id, secret_sealed=sealed, last_step=0, created_at=now, confirmed_at=now, disabled_at=None
    )
