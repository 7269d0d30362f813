"""Changes in any order, by hypothesis: whatever happens to whom, the directory hangs together, a file that comes again does
nothing, and a death that was none leaves nothing behind.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.directory import apply, cast, changes, feed
from idp.directory.apply import Report
from idp.directory.changes import Change
from idp.directory.records import BadLine, Category, Kept, Record, Relation, Relationship
from idp.ports import Services
from tests import databases
from tests.directory import check, held
from tests.town import Town, as_line
from tests.world import World

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TODAY = START.date()
CAST = [part.key for part in cast.PARTS]
NEW = [f"new-{number}" for number in range(3)]

keys_of = st.sampled_from([*CAST, *NEW])
days = st.sampled_from([TODAY - timedelta(days=back) for back in (0, 1, 2, 30, 400)])


def newcomer(number: int, *sponsors: str, born: date = date(1990, 1, 2)) -> Record:
    """One of three who may come."""
    ties = tuple(Relation(sponsor=key, relationship=Relationship.CHILD, begin=born) for key in sponsors)
    return Record(
        person=f"new-{number}",
        edipi=f"990000070{number}",
        ssn=f"90000070{number}",
        dbn=f"9000000070{number}",
        given_name="Ira",
        family_name="Testwood",
        birth_date=born,
        relations=ties,
    )


_numbers = st.integers(0, len(NEW) - 1)
_mail = st.builds(lambda number: {"address": f"mail{number}@new.example", "since": "2026-01-01"}, st.integers(0, 3))
columns = st.one_of(
    st.fixed_dictionaries({"kind": st.just("separation"), "tamp": st.booleans()}),
    st.fixed_dictionaries(
        {"kind": st.just("retirement"), "category": st.sampled_from("RQ"), "plan": st.sampled_from([None, "Select"])}
    ),
    st.fixed_dictionaries({"kind": st.just("marriage"), "spouse": keys_of}),
    st.fixed_dictionaries(
        {"kind": st.just("marriage"), "new_spouse": _numbers.map(newcomer), "family_name": st.just("Newly")}
    ),
    st.fixed_dictionaries({"kind": st.just("divorce"), "spouse": keys_of, "own_sponsor": st.booleans()}),
    st.fixed_dictionaries({"kind": st.just("birth"), "child": _numbers}),
    st.fixed_dictionaries({"kind": st.just("address"), "emails": st.lists(_mail, max_size=2)}),
    st.fixed_dictionaries({"kind": st.just("address"), "postal": st.just([])}),
    st.fixed_dictionaries(
        {"kind": st.just("name"), "given_name": st.just("Ira"), "family_name": st.sampled_from(["One", "Two"])}
    ),
    st.fixed_dictionaries({"kind": st.just("edipi"), "edipi": st.integers(0, 5).map("990000015{}".format)}),
    st.fixed_dictionaries({"kind": st.just("merge"), "former": keys_of}),
    *(
        st.fixed_dictionaries({"kind": st.just(kind)})
        for kind in ("death", "death_corrected", "age_out", "identity_conflict", "conflict_resolved")
    ),
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of a file of changes about the named people and three who may come; not each can be applied, or even read."""
    line: dict[str, Any] = {
        "id": f"c{draw(st.integers(0, 10_000))}",
        "person": draw(keys_of),
        "on": draw(days),
        **draw(columns),
    }
    if line["kind"] == "birth":
        number = line["child"] if line["person"] != NEW[line["child"]] else (line["child"] + 1) % len(NEW)
        line["child"] = newcomer(number, line["person"], born=line["on"])
    return as_line(line) + b"\n"


@contextmanager
def directory(url: str, keys_folder: Path) -> Iterator[tuple[Services, Path]]:
    """The services over this database, at a fixed time, and a folder for files."""
    with time_machine.travel(START, tick=False), tempfile.TemporaryDirectory(prefix="guidon-changes-") as name:
        world = World(url, keys_folder, Path(name))
        try:
            yield world.services, Path(name)
        finally:
            world.close()


def applied(services: Services, folder: Path, given_lines: list[bytes]) -> Report:
    path = folder / "changes.jsonl"
    path.write_bytes(b"".join(given_lines))
    return apply.apply_file(services, path, actor="operator:test")


def check_all(
    services: Services, folder: Path, file: list[bytes], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(apply, "_AT_ONCE", at_once)
    town = Town(TODAY, cast.people(TODAY))
    town.people = dict(check(services.db, services.keyring))
    first = applied(services, folder, file)
    facts = check(services.db, services.keyring)
    for change in _once(file):
        town.let(change)
    assert facts == town.people, "batches make no difference"
    before, entries = held(services.db, services.keyring), _entries(services)
    again = applied(services, folder, file)
    assert again.total("applied") == 0
    assert again.total("refused") == first.total("refused")
    assert held(services.db, services.keyring) == before
    assert _entries(services) == entries
    for one in facts.values():
        _is_sound(one, facts)


def _once(file: list[bytes]) -> Iterator[Change]:
    """What can be read of a file, each id once."""
    met: set[str] = set()
    for line in file:
        with suppress(BadLine):
            change = changes.parse(line)
            if change.id not in met:
                met.add(change.id)
                yield change


def _entries(services: Services) -> int:
    with services.db.read() as conn:
        return len(feed.read(conn, services.keyring, None, most=10_000).changes)


def _is_sound(one: Kept, facts: dict[str, Kept]) -> None:
    """What holds of everybody whatever happened."""
    for part in (*one.affiliations, *one.eligibility, *one.relations):
        assert part.end is None or part.end >= part.begin
    wed = [tie for tie in one.relations if tie.relationship is Relationship.SPOUSE and tie.end is None]
    assert len({tie.sponsor for tie in wed}) <= 1
    assert all(facts[tie.sponsor].deceased_on is None for tie in wed)
    if one.deceased_on is not None:
        ended = (*one.affiliations, *one.eligibility)
        assert all(part.end is not None and part.end <= max(one.deceased_on, part.begin) for part in ended)
    assert one.family_name not in one.former_family_names
    assert one.edipi not in one.other_edipis
    assert sum(1 for each in one.affiliations if each.category is Category.BENEFICIARY and each.end is None) <= 2


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@settings(_SETTINGS, max_examples=25)
@given(file=st.lists(lines(), max_size=25), at_once=st.integers(1, 9))
def test_whatever_happens_the_directory_hangs_together(
    sqlite_template: Path, keys_folder: Path, file: list[bytes], at_once: int
) -> None:
    """On SQLite, many times; each file a second time does nothing."""
    folder = databases.fast_folder()
    shutil.copy(sqlite_template, folder / "guidon.db")
    try:
        with (
            directory(f"sqlite:///{folder / 'guidon.db'}", keys_folder) as (services, files),
            pytest.MonkeyPatch.context() as patch,
        ):
            check_all(services, files, file, patch, at_once)
    finally:
        shutil.rmtree(folder)


@pytest.mark.postgresql
@settings(_SETTINGS, max_examples=6)
@given(file=st.lists(lines(), max_size=25), at_once=st.integers(1, 9))
def test_the_same_on_postgresql(
    postgresql_pool: databases.Pool, keys_folder: Path, file: list[bytes], at_once: int
) -> None:
    url = postgresql_pool.take()
    try:
        with directory(url, keys_folder) as (services, files), pytest.MonkeyPatch.context() as patch:
            check_all(services, files, file, patch, at_once)
    finally:
        postgresql_pool.give_back(url)


@settings(_SETTINGS, max_examples=100)
@given(file=st.lists(lines(), max_size=25), whom=keys_of, day=days)
def test_a_death_that_was_none_leaves_nothing_behind(file: list[bytes], whom: str, day: date) -> None:
    """After any history: death and correction give exactly what was before, of everybody."""
    town = Town(TODAY, cast.people(TODAY))
    for change in _once(file):
        town.let(change)
    before = dict(town.people)
    town.happens("death", whom, day)
    if town.people != before:
        assert town.must("death_corrected", whom)
        assert town.people == before
