"""People who have registered already, for stories that begin later than that."""

import itertools
from dataclasses import dataclass

from sqlalchemy import Connection

from idp.accounts import accounts, addresses, people
from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.credentials import passwords
from idp.ports import Services

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


def join(
    services: Services,
    username: str = "maria.rivera",
    *,
    password: str = PASSWORD,
    level: Level = Level.BASIC,
    wanted_level: Level = Level.BASIC,
    email: str | None = "maria@example.org",
) -> Member:
    """An account as a finished registration leaves it, for a new person."""
    number = next(_numbers)
    hashed = passwords.hash_password(services.keyring, password)

    def made(conn: Connection) -> Account:
        person = people.ensure_person(
            conn, services.keyring, person_key=f"member-{number}", edipi=f"{9_000_000_000 + number}"
        )
        subject = people.renew_subject(conn, person.id)
        account = accounts.create(
            conn,
            person_id=person.id,
            subject_id=subject.id,
            username=username,
            level=level,
            wanted_level=wanted_level,
            proven=False,
            policy="ds_logon",
            language="en",
        )
        assert isinstance(account, Account), account
        passwords.set_password(conn, account.id, hashed)
        if email is not None:
            addresses.add(conn, services.keyring, account_id=account.id, email=email)
        return account

    account = services.db.write(made)
    return Member(account.id, account.person_id, account.subject_id, username, password)
