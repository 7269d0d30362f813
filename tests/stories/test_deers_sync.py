"""Following DEERS's feed with real processes: killed in the middle, several at once, and while DEERS does not answer."""

import contextlib
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from idp import clock, worker
from idp.accounts.accounts import Account
from idp.accounts.people import Person
from idp.audit import AuditEvent
from idp.config import Settings
from idp.db import list_rows
from idp.directory import cast
from idp.journeys import sync
from idp.ports import Changes, PortDown
from idp.services import create_services
from tests import idp_command
from tests.deers_changes import Deers, account_of, adult, follow
from tests.idp_command import environment_of, read_json, run_idp
from tests.members import join
from tests.oracle import statements
from tests.races import Ready, prepared, together
from tests.relying_party import on_sqlite
from tests.rules.test_following import Told
from tests.world import World

_PATIENCE = 90


class Crowd:
    """Many people with accounts, to whom something happens: a death, a conflict, another EDIPI, or a wrong report."""

    def __init__(self, world: World, size: int) -> None:
        self.world, self.deers = world, Deers(world)
        self.records = [adult(f"crowd-{number}", 10_000 + number) for number in range(size)]
        self.deers.load(*self.records)
        self.members = [
            join(world.services, f"crowd.{number}", edipi=record.edipi, email=None)
            for number, record in enumerate(self.records)
        ]
        follow(world)
        today = clock.now().date()
        fates: tuple[dict[str, Any], ...] = (
            {"deceased_on": today},
            {"conflict_since": today},
            {"edipi": "", "other_edipis": ()},
            {"family_name": "Other"},
        )
        changed = []
        for number, record in enumerate(self.records):
            fate = dict(fates[number % len(fates)])
            if "edipi" in fate:
                fate = {"edipi": f"99{50_000 + number:08}", "other_edipis": (record.edipi,)}
            changed.append(record.model_copy(update=fate))
        self.deers.load(*changed)
        self.expected = Counter(
            {"held": sum(number % 4 < 2 for number in range(size)), "renumbered": len(range(2, size, 4))}
        )

    def events(self) -> Counter[tuple[str, str]]:
        """How often each thing happened to each person."""
        names = {"account.held", "account.freed", "person.renumbered", "person.rekeyed", "person.merged"}
        return Counter((event.event, str(event.subject)) for event in self.world.events() if event.event in names)

    def done(self) -> int:
        """How far they have come."""
        names = ("account.held", "person.renumbered")
        counted = sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.event.in_(names))
        with self.world.services.db.read() as conn:
            return conn.execute(counted).scalar_one()

    def check(self) -> None:
        """Everybody is as one undisturbed run makes them, and nothing was done twice."""
        with self.world.services.db.read() as conn:
            states = {row.id: (row.state, row.state_before) for row in list_rows(conn, Account)}
            edipis = {row.id: row.edipi_mac for row in list_rows(conn, Person)}
        for number, member in enumerate(self.members):
            fate = number % 4
            held = {0: ("deceased", "active"), 1: ("identity_conflict", "active")}.get(fate, ("active", None))
            assert states[member.account_id] == held
            edipi = f"99{50_000 + number:08}" if fate == 2 else self.records[number].edipi
            assert edipis[member.person_id] == self.world.services.keyring.mac("person:edipi", edipi)
        told = self.events()
        assert set(told.values()) == {1}
        assert Counter(name for name, _ in told) == {
            "account.held": self.expected["held"],
            "person.renumbered": self.expected["renumbered"],
        }


@contextlib.contextmanager
def running(world: World, *words: str) -> Iterator[Any]:
    """An `idp` command as a process of its own, which may be killed."""
    with tempfile.TemporaryDirectory(prefix="guidon-killed-") as name:
        folder = Path(name)
        (folder / "in").write_text("", "utf-8")
        process = prepared().Process(target=idp_command._be_idp, args=(folder, words, environment_of(world)))
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()


def wait_for(what: Any) -> None:
    """Until it is so; a machine with much to do may take its time."""
    until = time.monotonic() + _PATIENCE
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


def test_killed_at_any_moment_the_sync_comes_to_the_same(world: World) -> None:
    """Kill -9 in the middle of a page, several times: the page is read again, and nothing of it is done twice."""
    crowd = Crowd(world, 160)
    for killed_after in (1, 30, 80):
        with running(world, "deers", "sync") as process:
            wait_for(lambda least=killed_after: crowd.done() >= least or not process.is_alive())
            assert process.is_alive(), "it was done before it could be killed"
    assert crowd.done() < sum(crowd.expected.values())
    done = read_json(run_idp(environment_of(world), "deers", "sync", "--json"))
    assert done["read"] == 160
    crowd.check()
    assert read_json(run_idp(environment_of(world), "deers", "sync", "--json"))["read"] == 0


def _follow(ready: Ready, settings: Settings) -> tuple[int, dict[str, int]]:
    services = create_services(settings)
    ready()
    read, followed = 0, Counter[str]()
    more = True
    while more:
        done = sync.step(services, actor="worker")
        read, more = read + done.read, done.more
        followed.update({what.value: count for what, count in done.followed.items()})
    services.db.close()
    return read, dict(followed)


@pytest.mark.races
def test_two_syncs_at_once_do_everything_once(world: World) -> None:
    """Each looks at everybody, or at whom the other has left; what follows, follows once."""
    crowd = Crowd(world, 120)
    told = together(_follow, [(world.settings,)] * 2)
    assert sum((Counter(followed) for _, followed in told), Counter[str]()) == crowd.expected
    crowd.check()
    assert follow(world) == {}


@on_sqlite
def test_a_page_about_people_whom_nobody_knows_here_costs_one_query(world: World) -> None:
    """However long it is: a million people change, and a few of them have an account."""
    deers = Deers(world)
    counted = []
    for size in (3, 250):
        strangers = [adult(f"stranger-{size}-{number}", size * 1_000 + number) for number in range(size)]
        deers.load(*strangers)
        deers.load(*(one.model_copy(update={"family_name": "Changed"}) for one in strangers))
        with statements(world) as told:
            done = sync.step(world.services, actor="worker")
        assert (done.read, dict(done.followed), done.more) == (size, {}, False)
        ours = [one for one in told if "FROM person" in one or "journey_reservation" in one]
        assert len(ours) == 1
        counted.append(len(told))
    assert counted[0] == counted[1]


def test_a_feed_of_many_pages_is_followed_to_its_end(world: World) -> None:
    deers = Deers(world)
    member = join(world.services, edipi="9900000015")
    strangers = [adult(f"stranger-{number}", 10_000 + number) for number in range(620)]
    deers.load(*strangers)
    deers.load(*(one.model_copy(update={"family_name": "Changed"}) for one in strangers))
    deers.died(cast.DANA)
    told = run_idp(environment_of(world), "deers", "sync")
    assert told.returncode == 0, told.stderr
    assert "Changes read: 621." in told.stdout
    assert "1 accounts held" in told.stdout
    assert account_of(world, member).state == "deceased"
    (event,) = world.events("account.held")
    assert event.actor.startswith("operator:")


def test_doctor_says_what_waits(world: World) -> None:
    deers = Deers(world)

    def says() -> str:
        return str(json.loads(run_idp(environment_of(world), "doctor", "--json").stdout)["deers"]["says"])

    assert says().endswith("every change is followed")
    deers.died(cast.DANA)
    assert says().endswith("; 1 changes wait for the worker")
    follow(world)
    assert says().endswith("every change is followed")


def test_the_worker_follows_by_itself(world: World) -> None:
    """Within seconds, beside its other work."""
    member = join(world.services, edipi="9900000015")
    with running(world, "worker"):
        Deers(world).died(cast.DANA)
        wait_for(lambda: account_of(world, member).state == "deceased")


class Pauses(threading.Event):
    """Notes how long somebody would wait, and does not wait; after some it is time to stop."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.noted: list[float] = []
        self.most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.noted.append(timeout or 0)
        if len(self.noted) >= self.most:
            self.set()
        return self.is_set()


class Flaky(Told):
    """An authority that does not answer for a while."""

    def __init__(self, fails: int) -> None:
        super().__init__()
        self.fails = fails

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        if self.fails:
            self.fails -= 1
            raise PortDown("no answer")
        return super().list_changes(after, most=most)


@on_sqlite
def test_while_deers_does_not_answer_the_worker_waits_longer_and_keeps_its_place(world: World) -> None:
    """R79."""
    services = replace(world.services, directory=Flaky(9))
    pauses = Pauses(most=11)
    worker.follow_deers(services, pauses)
    assert pauses.noted == [6, 12, 24, 48, 96, 192, 300, 300, 300, 3, 3]


@on_sqlite
def test_a_place_that_this_directory_never_gave_out_is_an_outage_and_not_a_beginning(world: World) -> None:
    """Another directory was connected, or an older backup is in use: nothing is skipped or followed by guess."""
    world.services.db.write(lambda conn: sync._move(conn, was=None, becomes="of another directory"))
    with pytest.raises(PortDown):
        sync.step(world.services, actor="worker")
