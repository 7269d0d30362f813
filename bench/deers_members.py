"""Accounts for people of a directory file, for the benchmark of the sync: `python -m bench.deers_members FILE CHANGES MOST`.

They are made by the product's own functions, a hundred in a write. Whoever a change of the file tells of comes first: the sync then
has accounts to follow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from idp import config
from idp.accounts import accounts, people
from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from idp.ports import Services
from idp.services import create_services

AT_ONCE = 100


def main(file: Path, changes: Path, most: int) -> None:
    """Make them, and print how many."""
    services = create_services(config.load())
    with changes.open(encoding="utf-8") as lines:
        changed = {json.loads(line).get("person") for line in lines}
    wanted = list(islice(_edipis(file, changed), most))
    for first in range(0, len(wanted), AT_ONCE):
        services.db.write(partial(_join_all, services, wanted[first : first + AT_ONCE]))
    services.db.close()
    print(len(wanted))


def _edipis(file: Path, keys: set[str | None]) -> Iterator[tuple[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            if one["person"] in keys:
                yield one["person"], one["edipi"]


def _join_all(services: Services, wanted: Sequence[tuple[str, str]], conn: Connection) -> None:
    for key, edipi in wanted:
        person = people.ensure_person(conn, services.keyring, person_key=key, edipi=edipi)
        account = accounts.create(
            conn,
            person_id=person.id,
            subject_id=people.renew_subject(conn, person.id).id,
            username=f"bench.{key.lower()}",
            level=Level.BASIC,
            wanted_level=Level.BASIC,
            proven=False,
            policy="ds_logon",
            language="en",
        )
        assert isinstance(account, Account), account


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
