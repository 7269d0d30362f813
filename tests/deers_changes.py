"""What happens to people at DEERS while a test watches, and the sync that brings it here."""

import json
from collections import Counter
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts
from idp.accounts.accounts import Account
from idp.directory import apply, cast, feed, load, people
from idp.directory.records import Email, Record
from idp.directory.tables import DeersPerson, person_mac
from idp.journeys import sync
from idp.journeys.following import Followed
from tests.members import Member
from tests.world import World

ACTOR = "worker"


class Deers:
    """The directory's side of a test: each record as it was loaded last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.records = {record.person: record for record in cast.people(clock.now().date())}

    def change(self, key: str, **what: Any) -> Record:
        """Load the record of somebody with some columns changed, which leaves an entry of the feed."""
        return self.load(self.records[key].model_copy(update=what))

    def load(self, *records: Record) -> Record:
        """Load these; return the last one."""
        load.load_people(self._world.services.db, self._world.services.keyring, records, actor="operator:test")
        self.records |= {record.person: record for record in records}
        return records[-1]

    def died(self, key: str, on: date | None = None) -> None:
        """A report of a death."""
        self.change(key, deceased_on=on or clock.now().date())

    def merge(self, gone: str, into: str) -> None:
        """Make one record of two, as `idp deers apply` does: the other's numbers lead to the one that stays."""
        services = self._world.services
        left, stays = self.records.pop(gone), self.records[into]
        change = {"id": f"{gone}-into-{into}", "kind": "merge", "on": clock.now().date().isoformat()}
        file = self._world.mail_folder / "merge.jsonl"
        file.write_text(json.dumps({**change, "person": into, "former": gone}), "utf-8")
        report = apply.apply_file(services, file, actor="operator:test")
        assert report.total("applied") == 1, report
        numbers = (*stays.other_edipis, left.edipi, *left.other_edipis)
        self.records[into] = stays.model_copy(update={"other_edipis": numbers})

    def tell(self, key: str, former: str | None = None) -> None:
        """An entry of the feed about somebody, whether or not anything changed."""
        services = self._world.services

        def note(conn: Connection) -> None:
            people.lock_for_changes(conn)
            mac = person_mac(services.keyring, key)
            id_ = conn.execute(sa.select(DeersPerson.id).where(DeersPerson.key_mac == mac)).scalar_one()
            feed.note(conn, services.keyring, [feed.Entry(id_, "merge" if former else "name", former_key=former)])

        services.db.write(note)


def follow(world: World) -> Counter[str]:
    """Let the sync run to the end of the feed, as the worker does within seconds; tell what followed."""
    followed = Counter[Followed]()
    while True:
        done = sync.step(world.services, actor=ACTOR)
        followed.update(done.followed)
        if not done.more:
            return Counter({what.value: count for what, count in followed.items()})


def account_of(world: World, member: Member) -> Account:
    """The account as it is now."""
    with world.services.db.read() as conn:
        return accounts.get_account(conn, member.account_id)


def adult(key: str, number: int, **what: Any) -> Record:
    """Somebody who is nothing but a person, with an EDIPI and an SSN made of `number`."""
    long_ago = clock.now().date() - timedelta(days=5_000)
    return Record(
        **{
            "person": key,
            "edipi": f"99{number:08}",
            "ssn": f"9{number:08}",
            "given_name": "Terry",
            "family_name": f"Sample{number}",
            "birth_date": date(1980, 1, 1),
            "emails": (Email(address=f"terry{number}@example.org", since=long_ago),),
            **what,
        }
    )
