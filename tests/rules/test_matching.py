"""Matching: names with tolerance, numbers and birth dates without, and the same work for every answer."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from idp import clock, keyring
from idp.adapters.deers import EmbeddedDirectory
from idp.db import Database
from idp.directory import cast, load
from idp.directory.matching import age, years_later
from idp.directory.records import ChangedBy, Email, Record
from idp.directory.tables import post_mac
from idp.keyring import Keyring
from idp.ports import Claimed, IdKind, Matched, NoMatch


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def directory(database: Database, keys: Keyring) -> EmbeddedDirectory:
    return EmbeddedDirectory(database, keys)


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


# Ages


@given(st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(0, 80))
def test_a_birthday_is_the_first_day_of_the_new_age(born: date, years: int) -> None:
    birthday = years_later(born, years)
    assert age(born, birthday) == years
    assert age(born, birthday - timedelta(days=1)) == years - 1


# The answers


def test_an_ssn_is_no_dod_id_number(directory: EmbeddedDirectory) -> None:
    dana = record(cast.DANA)
    assert directory.match(claim(dana, id_kind=IdKind.DOD_ID)) is NoMatch.NO_SUCH_NUMBER
    assert directory.match(claim(dana, id_number=dana.edipi)) is NoMatch.NO_SUCH_NUMBER


def test_a_former_surname_still_matches(directory: EmbeddedDirectory) -> None:
    assert isinstance(directory.match(claim(record(cast.ROBIN), family_name="Sampleton")), Matched)


def test_each_no_has_its_reason(directory: EmbeddedDirectory) -> None:
    cases: list[tuple[str, dict[str, Any], NoMatch]] = [
        (cast.DANA, {"id_number": cast.NOT_IN_DEERS}, NoMatch.NO_SUCH_NUMBER),
        (cast.DANA, {"family_name": "Sample"}, NoMatch.NAME_DIFFERS),
        (cast.DANA, {"given_name": "Robin"}, NoMatch.NAME_DIFFERS),
        (cast.DANA, {"born": date(1984, 10, 2)}, NoMatch.BIRTH_DATE_DIFFERS),
        (cast.DANA, {"born": date(1984, 2, 11)}, NoMatch.BIRTH_DATE_DIFFERS),
        (cast.SOL, {}, NoMatch.DECEASED),
        (cast.KIT, {}, NoMatch.TOO_YOUNG),
        (cast.LEE, {}, NoMatch.TOO_YOUNG),
        (cast.VAL, {}, NoMatch.CONFLICT),
        (cast.VAL, {"id_kind": IdKind.DOD_ID, "id_number": "9900000112"}, NoMatch.CONFLICT),
    ]
    for key, changed, why in cases:
        assert directory.match(claim(record(key), **changed)) is why, (key, changed)


def test_an_account_is_open_from_the_eighteenth_birthday(directory: EmbeddedDirectory) -> None:
    lee = record(cast.LEE)
    birthday = years_later(lee.birth_date, 18)
    with time_machine.travel(birthday - timedelta(days=1), tick=False):
        assert directory.match(claim(lee)) is NoMatch.TOO_YOUNG
    with time_machine.travel(birthday, tick=False):
        assert isinstance(directory.match(claim(lee)), Matched)


def test_one_ssn_for_two_people_is_told_apart_by_the_rest_or_refused(
    database: Database, keys: Keyring, directory: EmbeddedDirectory
) -> None:
    dana = record(cast.DANA)
    twin = dana.model_copy(update={"person": "twin", "edipi": "9900000501", "dbn": None, "given_name": "Dora"})
    load.load_people(database, keys, [twin], actor="operator:test")
    assert isinstance(directory.match(claim(dana)), Matched)
    assert isinstance(directory.match(claim(twin)), Matched)
    same = twin.model_copy(update={"given_name": "Dana"})
    load.load_people(database, keys, [same], actor="operator:test")
    assert directory.match(claim(dana)) is NoMatch.AMBIGUOUS
    third = twin.model_copy(update={"person": "third", "edipi": "9900000502", "given_name": "Dina"})
    load.load_people(database, keys, [twin, third], actor="operator:test")
    assert directory.match(claim(dana)) is NoMatch.AMBIGUOUS


@given(st.text(st.characters(max_codepoint=127)), st.text(st.characters(max_codepoint=127)))
def test_how_a_postal_address_is_written_does_not_part_those_who_share_it(street: str, town: str) -> None:
    """Only letters and digits count, and where a line ends; with a sign outside ASCII, which goes another way, as without."""
    keyring_ = Keyring(*[(("kid", bytes(32)),)] * 3)
    mac = post_mac(keyring_, street, town, None)
    assert post_mac(keyring_, f" ·{street.upper()}", f"{town.swapcase()}-", "") == mac
    assert post_mac(keyring_, f"{street}x", town) != post_mac(keyring_, street, f"x{town}")


def test_an_email_counts_only_if_it_is_settled_and_nobody_elses(
    database: Database, keys: Keyring, directory: EmbeddedDirectory
) -> None:
    dana, robin = record(cast.DANA), record(cast.ROBIN)
    today = clock.now().date()

    def with_emails(of: Record, *emails: Email) -> str | None:
        load.load_people(database, keys, [of.model_copy(update={"emails": emails})], actor="operator:test")
        found = directory.match(claim(of))
        assert isinstance(found, Matched)
        return found.email_of_record

    def email(address: str, *, days: int = 30, by: ChangedBy = ChangedBy.SELF) -> Email:
        return Email(address=address, since=today - timedelta(days=days), changed_by=by)

    assert with_emails(dana) is None
    assert with_emails(dana, email("a@example.com", days=29)) is None
    assert with_emails(dana, email("a@example.com")) == "a@example.com"
    assert with_emails(dana, email("a@example.com", by=ChangedBy.OFFICE)) is None
    assert with_emails(dana, email("a@example.com", days=3), email("b@example.com")) == "b@example.com"
    assert with_emails(robin, email("B@Example.com")) is None, "it is Dana's too"
    assert with_emails(dana, email("b@example.com"), email("c@example.com")) == "c@example.com"


# The same work for every answer (R63)

_COUNTED = {"compare", "unseal", "read_facts", "short_mac", "list_by_number", "list_unshared"}


def work_of(act: Callable[[], object]) -> tuple[Counter[str], list[str]]:
    """How often the costly functions ran, and the statements that went to the database."""
    counted: Counter[str] = Counter()
    statements: list[str] = []

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name in _COUNTED and "/idp/" in frame.f_code.co_filename:
            counted[frame.f_code.co_name] += 1

    def statement(_conn: object, _cursor: object, text: str, parameters: Any, *_rest: object) -> None:
        statements.append(f"{text} with {len(parameters)} values")

    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(None)
        sa.event.remove(sa.Engine, "before_cursor_execute", statement)
    return counted, statements


def test_every_answer_takes_the_same_work(database: Database, keys: Keyring, directory: EmbeddedDirectory) -> None:
    """R63, R71: as many statements of the same text, HMACs, records opened and compared for every no, and for yes."""
    dana = record(cast.DANA)
    twin = dana.model_copy(update={"person": "twin", "edipi": "9900000501", "dbn": None, "ssn": "900000502"})
    other = twin.model_copy(update={"person": "other", "edipi": "9900000502"})
    third = [
        other.model_copy(update={"person": f"of-three-{number}", "edipi": f"990000051{number}", "ssn": "900000510"})
        for number in range(4)
    ]
    emails = tuple(Email(address=f"many{number}@example.com", since=date(2020, 1, 1)) for number in range(5))
    many = dana.model_copy(
        update={
            "person": "many",
            "edipi": "9900000520",
            "dbn": None,
            "ssn": "900000520",
            "emails": emails,
            "former_family_names": tuple(f"Former{letter}" for letter in "abcdefghij"),
        }
    )
    load.load_people(database, keys, [twin, other, *third, many], actor="operator:test")
    claims: list[tuple[NoMatch | None, Claimed]] = [
        (NoMatch.NO_SUCH_NUMBER, claim(dana, id_number=cast.NOT_IN_DEERS)),
        (NoMatch.NO_SUCH_NUMBER, claim(dana, id_kind=IdKind.DOD_ID, id_number="9900000999")),
        (NoMatch.NAME_DIFFERS, claim(dana, given_name="X", family_name="Y")),
        (NoMatch.NAME_DIFFERS, claim(dana, given_name="-", family_name="-")),
        (NoMatch.NAME_DIFFERS, claim(dana, family_name="A-B-C-D-E")),
        (NoMatch.BIRTH_DATE_DIFFERS, claim(dana, born=date(1999, 9, 9))),
        (NoMatch.DECEASED, claim(record(cast.SOL))),
        (NoMatch.TOO_YOUNG, claim(record(cast.KIT))),
        (NoMatch.CONFLICT, claim(record(cast.VAL))),
        (NoMatch.AMBIGUOUS, claim(twin)),
        (NoMatch.AMBIGUOUS, claim(third[0])),
        (None, claim(dana, id_kind=IdKind.DOD_ID, id_number=dana.edipi)),
        (None, claim(record(cast.MAX))),
        (None, claim(many)),
    ]
    assert {why for why, _ in claims} == {*NoMatch, None}
    expected = work_of(lambda: directory.match(claim(dana)))
    counted, statements = expected
    assert set(counted) == _COUNTED, "each was seen at work"
    assert len([text for text in statements if text.startswith("SELECT")]) == 2
    for why, said in claims:
        answers: list[object] = []
        assert work_of(partial(_keep, answers, directory, said)) == expected, why
        assert [answer if isinstance(answer, NoMatch) else None for answer in answers] == [why]


def _keep(answers: list[object], directory: EmbeddedDirectory, said: Claimed) -> None:
    answers.append(directory.match(said))
