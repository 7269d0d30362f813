"""What the port `Directory` promises, on both databases, of everybody who keeps it. Another one joins by a line in `ADAPTERS`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from idp import clock, keyring, ports
from idp.adapters.deers import EmbeddedDirectory
from idp.db import Database
from idp.directory import cast, load
from idp.directory.records import ChangedBy, Email, Postal, Record
from idp.directory.tables import DeersPerson
from idp.keyring import Keyring
from idp.ports import Claimed, Directory, EmailOfRecord, IdKind, Matched, NoMatch, Post, PostOfRecord, Sponsor
from tests.deers_site import DeersSite, asked

Adapter = Callable[[Database, Keyring, Path], AbstractContextManager[Directory]]


@contextmanager
def embedded(database: Database, keys: Keyring, _certificates: Path) -> Iterator[Directory]:
    yield EmbeddedDirectory(database, keys)


@contextmanager
def over_http(database: Database, keys: Keyring, certificates: Path) -> Iterator[Directory]:
    """The same one, served over real TLS."""
    site = DeersSite(EmbeddedDirectory(database, keys), certificates)
    try:
        with asked(site) as remote:
            yield remote
    finally:
        site.close()


ADAPTERS: dict[str, Adapter] = {"embedded": embedded, "over_http": over_http}
"""How each adapter is made to answer from the embedded directory's tables in this database."""


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture
def directory(adapter: Adapter, database: Database, keys: Keyring, deers_certificates: Path) -> Iterator[Directory]:
    with adapter(database, keys, deers_certificates) as made:
        yield made


@pytest.fixture
def unreadable(adapter: Adapter, database_url: str, keys: Keyring, deers_certificates: Path) -> Iterator[Directory]:
    """One whose database is not there."""
    elsewhere = sa.make_url(database_url).set(database="/nowhere/at-all.db" if "sqlite" in database_url else "nowhere")
    opened = Database(elsewhere.render_as_string(hide_password=False))
    with adapter(opened, keys, deers_certificates) as made:
        yield made
    opened.close()


def record(key: str) -> Record:
    """Somebody of the cast, as of today."""
    return next(one for one in cast.people(clock.now().date()) if one.person == key)


def claim(of: Record, **changed: Any) -> Claimed:
    """What this person would type, with something changed."""
    said: dict[str, Any] = {
        "given_name": of.given_name,
        "family_name": of.family_name,
        "born": of.birth_date,
        "id_kind": IdKind.SSN,
        "id_number": of.ssn or "",
    }
    return Claimed(**{**said, **changed})


def other(of: Record, number: int, **changed: Any) -> Record:
    """Another person with this one's details, and what is different."""
    fresh = {"person": f"other-{number}", "edipi": f"99000005{number:02}", "dbn": None, "emails": (), "relations": ()}
    return of.model_copy(update={**fresh, **changed})


@pytest.fixture
def put(database: Database, keys: Keyring) -> Callable[..., None]:
    """Put records into the directory."""

    def load_these(*records: Record) -> None:
        load.load_people(database, keys, records, actor="operator:test")

    return load_these


# match


def test_a_claim_that_fits_one_living_adult_is_matched_by_either_number(directory: Directory) -> None:
    dana = record(cast.DANA)
    expected = Matched(cast.DANA, "9900000015", email_of_record="dana.example@example.com")
    assert directory.match(claim(dana)) == expected
    assert directory.match(claim(dana, id_kind=IdKind.DOD_ID, id_number=dana.edipi)) == expected
    max_ = record(cast.MAX)
    assert directory.match(claim(max_)) == Matched(cast.MAX, max_.edipi), "without an e-mail on file"


def test_every_other_claim_has_its_reason(directory: Directory, put: Callable[..., None]) -> None:
    dana = record(cast.DANA)
    put(other(dana, 1, ssn="900000502"), other(dana, 2, ssn="900000502"))
    said = {
        NoMatch.NO_SUCH_NUMBER: claim(dana, id_number=cast.NOT_IN_DEERS),
        NoMatch.NAME_DIFFERS: claim(dana, family_name="Sample"),
        NoMatch.BIRTH_DATE_DIFFERS: claim(dana, born=date(1984, 10, 2)),
        NoMatch.AMBIGUOUS: claim(dana, id_number="900000502"),
        NoMatch.CONFLICT: claim(record(cast.VAL)),
        NoMatch.DECEASED: claim(record(cast.SOL)),
        NoMatch.TOO_YOUNG: claim(record(cast.KIT)),
    }
    assert set(said) == set(NoMatch)
    for why, claimed in said.items():
        assert directory.match(claimed) is why


# find


def test_a_person_is_found_and_matched_by_the_present_and_by_a_former_edipi(
    directory: Directory, put: Callable[..., None]
) -> None:
    dana = record(cast.DANA)
    before = directory.find(dana.edipi)
    put(dana.model_copy(update={"edipi": "9900000500", "other_edipis": (dana.edipi,)}))
    present, former = directory.find("9900000500"), directory.find(dana.edipi)
    assert before is not None
    assert present is not None
    assert present == former
    assert (present.person_key, present.edipi, present.other_edipis) == (cast.DANA, "9900000500", (dana.edipi,))
    by_former = directory.match(claim(dana, id_kind=IdKind.DOD_ID, id_number=dana.edipi))
    assert isinstance(by_former, Matched)
    assert (by_former.person_key, by_former.edipi, by_former.other_edipis) == (cast.DANA, "9900000500", (dana.edipi,))
    assert before.person_key == present.person_key
    assert directory.find("9900000999") is None


def test_what_is_told_of_a_person_is_what_is_on_file_today(directory: Directory) -> None:
    robin = record(cast.ROBIN)
    found = directory.find(robin.edipi)
    assert found is not None
    assert (found.person_key, found.given_name, found.family_name) == (cast.ROBIN, "Robin", "Example")
    assert (found.middle_name, found.suffix, found.born) == (robin.middle_name, robin.suffix, robin.birth_date)
    assert (found.gender, found.deceased, found.conflict, found.status) == ("male", False, False, "DEPENDENT")
    assert found.sponsor == Sponsor(cast.DANA, "spouse")
    assert [one.category for one in found.affiliations] == ["W"]
    assert found.affiliations[0] == ports.Affiliation("W", "A", robin.affiliations[0].begin, None)
    assert found.eligibility[0] == ports.Eligibility("TRICARE", "Prime", "active", robin.eligibility[0].begin, None)
    late = directory.find(record(cast.SOL).edipi)
    double = directory.find("9900000104")
    assert late is not None
    assert double is not None
    assert (late.deceased, late.status, double.conflict) == (True, "DECEASED", True)


def test_addresses_count_when_they_are_settled_and_tell_who_shares_them(
    directory: Directory, put: Callable[..., None]
) -> None:
    dana, today = record(cast.DANA), clock.now().date()

    def email(address: str, days: int = 30, by: ChangedBy = ChangedBy.SELF) -> Email:
        return Email(address=address, since=today - timedelta(days=days), changed_by=by)

    def post(street: str, days: int, by: ChangedBy = ChangedBy.SELF) -> Postal:
        held = today - timedelta(days=days)
        return Postal(
            street_address=street, locality="Sample", region="TX", postal_code="00100", since=held, changed_by=by
        )

    emails = (email("own@example.com"), email("shared@example.com"), email("new@example.com", 29),
              email("office@example.com", by=ChangedBy.OFFICE))  # fmt: skip
    posts = (
        post("1 Old Way", 400),
        post("2 New Way", 29),
        post("3 Shared Way", 31),
        post("4 Way", 99, ChangedBy.SPONSOR),
    )
    put(
        dana.model_copy(update={"emails": emails, "postal": posts}),
        other(dana, 1, ssn=None, emails=(email("Shared@Example.com"),), postal=(post("3 shared way", 1),)),
    )
    found = directory.find(dana.edipi)
    assert found is not None
    assert found.emails == (EmailOfRecord("own@example.com"),)
    assert found.every_email == tuple(one.address for one in emails)
    assert found.posts == (
        PostOfRecord(Post("3 Shared Way", "Sample", "TX", "00100", "US"), shared=True),
        PostOfRecord(Post("1 Old Way", "Sample", "TX", "00100", "US"), shared=False),
    )
    matched = directory.match(claim(dana))
    assert isinstance(matched, Matched)
    assert matched.email_of_record == "own@example.com"


# list_changes


def test_changes_are_read_in_pieces_and_again_from_any_cursor(directory: Directory, put: Callable[..., None]) -> None:
    """At least once: whoever was killed goes on from the last cursor that they kept."""
    start = directory.list_changes(None, most=1_000)
    assert not start.more
    changed = [record(key) for key in (cast.DANA, cast.ROBIN, cast.MAX)]
    for one in changed:
        put(one.model_copy(update={"source_code": "changed"}))
    first = directory.list_changes(start.cursor, most=2)
    assert [one.person_key for one in first.changes] == [cast.DANA, cast.ROBIN]
    assert [one.edipi for one in first.changes] == [one.edipi for one in changed[:2]]
    assert first.more
    second = directory.list_changes(first.cursor, most=2)
    assert [one.person_key for one in second.changes] == [cast.MAX]
    assert not second.more
    nothing = directory.list_changes(second.cursor, most=2)
    assert (nothing.changes, nothing.cursor, nothing.more) == ((), second.cursor, False)
    assert directory.list_changes(start.cursor, most=2) == first
    whole = directory.list_changes(start.cursor, most=3)
    assert (whole.changes, whole.cursor, whole.more) == (first.changes + second.changes, second.cursor, False)
    assert directory.list_changes(None, most=1_000).changes == start.changes + whole.changes


def test_what_did_not_change_leaves_no_entry(directory: Directory, put: Callable[..., None]) -> None:
    put(record(cast.DANA).model_copy(update={"source_code": "changed"}))
    before = directory.list_changes(None, most=1_000)
    put(record(cast.DANA).model_copy(update={"source_code": "changed"}))
    assert directory.list_changes(before.cursor, most=10).changes == ()


@pytest.mark.parametrize("cursor", ["nonsense", "-1", "1.5", "9" * 40, "\u0661", "1; DROP TABLE deers_change"])
def test_a_cursor_that_was_never_given_out_is_a_fault_of_the_port(directory: Directory, cursor: str) -> None:
    """It must not be taken for the beginning, nor for the end: changes would be lost without a word."""
    with pytest.raises(ports.PortDown):
        directory.list_changes(cursor, most=10)


# count


def test_everybody_is_counted_once(directory: Directory, put: Callable[..., None]) -> None:
    before = directory.count()
    assert before == len(list(cast.people(clock.now().date())))
    put(other(record(cast.DANA), 1, ssn=None), record(cast.DANA))
    assert directory.count() == before + 1


# When it cannot be asked (R79)


def asked_everything(directory: Directory) -> list[Callable[[], object]]:
    dana = record(cast.DANA)
    return [
        lambda: directory.match(claim(dana)),
        lambda: directory.find(dana.edipi),
        lambda: directory.list_changes(None, most=10),
    ]


def test_a_directory_that_cannot_be_read_is_down_and_not_empty(unreadable: Directory) -> None:
    for ask in (*asked_everything(unreadable), unreadable.count):
        with pytest.raises(ports.PortDown):
            ask()


def test_a_record_that_does_not_open_is_no_answer(
    directory: Directory, put: Callable[..., None], database: Database
) -> None:
    """R74: two rows' sealed columns are swapped."""
    put(record(cast.DANA).model_copy(update={"source_code": "changed"}))
    with database.engine.begin() as conn:
        held = conn.execute(sa.select(DeersPerson.id, DeersPerson.facts_sealed).order_by(DeersPerson.id)).all()
        for here, there in zip(held, [*held[1:], held[0]], strict=True):
            conn.execute(
                sa.update(DeersPerson).where(DeersPerson.id == here.id).values(facts_sealed=there.facts_sealed)
            )
    for ask in asked_everything(directory):
        with pytest.raises(ports.PortDown):
            ask()
