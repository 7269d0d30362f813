"""People with accounts, for the benchmark of signing in: `python -m bench.members`, under the server's own settings.

They are made by the product's own functions, a hundred in a write, and share one password and one argon2 string: to
register a thousand of them by the pages would take longer than to measure.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from idp import config
from idp.accounts import accounts, people
from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.credentials import passwords, totp
from idp.credentials.passwords import Hashed
from idp.ports import Services
from idp.services import create_services

PASSWORD = "four grey owls on a wire"
AT_ONCE = 100


@dataclass(frozen=True)
class Wanted:
    """Somebody who is to have an account; with `app`, a second factor too."""

    number: int
    app: bool


def main(plain: int, with_app: int) -> None:
    """Make them, and print what the load and the bare argon2 need to know."""
    services = create_services(config.load())
    hashed = passwords.hash_password(services.keyring, PASSWORD, services.settings.password_hash)
    wanted = [Wanted(number, app=number >= plain) for number in range(plain + with_app)]
    made: list[dict[str, str]] = []
    for first in range(0, len(wanted), AT_ONCE):
        made += services.db.write(partial(_join_all, services, hashed, wanted[first : first + AT_ONCE]))
    _, peppered = services.keyring.peppered(PASSWORD)
    services.db.close()
    print(
        json.dumps(
            {
                "password": PASSWORD,
                "plain": made[:plain],
                "with_app": made[plain:],
                # These keys and this database are thrown away after the benchmark.
                "encoded": hashed.encoded,
                "peppered": peppered.hex(),
            }
        )
    )


def _join_all(services: Services, hashed: Hashed, wanted: Sequence[Wanted], conn: Connection) -> list[dict[str, str]]:
    return [_join(conn, services, one, hashed) for one in wanted]


def _join(conn: Connection, services: Services, wanted: Wanted, hashed: Hashed) -> dict[str, str]:
    person = people.ensure_person(
        conn, services.keyring, person_key=f"bench-{wanted.number}", edipi=f"{9_000_000_000 + wanted.number}"
    )
    username = f"bench.member-{wanted.number}"
    account = accounts.create(
        conn,
        person_id=person.id,
        subject_id=people.renew_subject(conn, person.id).id,
        username=username,
        level=Level.BASIC,
        wanted_level=Level.BASIC,
        proven=False,
        policy="ds_logon",
        language="en",
    )
    assert isinstance(account, Account), account
    passwords.set_password(conn, account.id, hashed)
    if not wanted.app:
        return {"username": username}
    secret = totp.new_secret()
    totp.keep(conn, services.keyring, account.id, secret=secret, step=0, old=None)
    return {"username": username, "totp_secret": secret}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
