"""What goes over the wire when the directory is asked by HTTP: as many calls and bytes for every answer. The port's contract is in
`test_directory_contract`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from idp import clock, keyring
from idp.adapters.deers import EmbeddedDirectory
from idp.adapters.deers_http import HttpDirectory
from idp.adapters.deers_wire import BLOCK, LOOKUP, MATCH
from idp.db import Database
from idp.directory import cast, load
from idp.directory.records import Email, Record
from idp.keyring import Keyring
from idp.ports import Claimed, IdKind, Matched, NoMatch
from tests.deers_site import DeersSite, asked

EDIPI = {"id_kind": IdKind.DOD_ID}


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def embedded(database: Database, keys: Keyring) -> EmbeddedDirectory:
    return EmbeddedDirectory(database, keys)


@pytest.fixture
def site(embedded: EmbeddedDirectory, deers_certificates: Path) -> Iterator[DeersSite]:
    running = DeersSite(embedded, deers_certificates)
    yield running
    running.close()


@pytest.fixture
def remote(site: DeersSite) -> Iterator[HttpDirectory]:
    with asked(site) as made:
        yield made


def record(key: str) -> Record:
    """Somebody of the cast, as of today."""
    return next(one for one in cast.people(clock.now().date()) if one.person == key)


def claim(key: str, *, id_kind: IdKind = IdKind.SSN, id_number: str | None = None) -> Claimed:
    """What this person would type."""
    of = record(key)
    number = of.ssn or "" if id_kind is IdKind.SSN else of.edipi
    return Claimed(of.given_name, of.family_name, of.birth_date, id_kind, id_number or number)


NOS: dict[NoMatch, Claimed] = {
    NoMatch.NO_SUCH_NUMBER: claim(cast.DANA, id_number=cast.NOT_IN_DEERS),
    NoMatch.NAME_DIFFERS: replace(claim(cast.DANA), given_name="Nemo"),
    NoMatch.BIRTH_DATE_DIFFERS: replace(claim(cast.DANA), born=date(1984, 10, 2)),
    NoMatch.DECEASED: claim(cast.SOL),
    NoMatch.TOO_YOUNG: claim(cast.KIT),
    NoMatch.CONFLICT: claim(cast.VAL),
    NoMatch.AMBIGUOUS: replace(claim(cast.DANA), given_name="Twin", id_number="900000502"),
}


@pytest.fixture
def twins(database: Database, keys: Keyring) -> None:
    """Two people of one name, birth date and SSN."""
    one = record(cast.DANA).model_copy(
        update={"person": "twin-1", "edipi": "9900000501", "dbn": None, "ssn": "900000502", "given_name": "Twin"}
    )
    other = one.model_copy(update={"person": "twin-2", "edipi": "9900000502"})
    load.load_people(database, keys, [one, other], actor="operator:test")


def test_nothing_of_anybody_is_lost_on_the_way(remote: HttpDirectory, embedded: EmbeddedDirectory) -> None:
    for one in cast.people(clock.now().date()):
        assert remote.find(one.edipi) == embedded.find(one.edipi) is not None


@pytest.mark.usefixtures("twins")
def test_every_answer_to_a_claim_costs_one_call_of_one_length(remote: HttpDirectory, site: DeersSite) -> None:
    """R63, R78: whoever counts what goes over the wire, or measures it, learns nothing; and no number is in an address."""
    said = [claim(cast.DANA), claim(cast.DANA, **EDIPI), claim(cast.MAX), *NOS.values()]
    for claimed in said:
        remote.match(claimed)
    assert site.seen == [(MATCH, BLOCK, BLOCK)] * len(said)
    site.seen.clear()
    remote.find("9900000163")
    remote.find("9900000015")
    assert site.seen == [(LOOKUP, BLOCK, BLOCK)] * 2


def test_the_longest_claim_and_the_longest_answer_are_one_block(
    database: Database, keys: Keyring, remote: HttpDirectory, site: DeersSite
) -> None:
    """R63: what fits nobody else's length would tell who it is."""
    long = record(cast.DANA).model_copy(
        update={
            "person": "k" * 64,
            "edipi": "9900000601",
            "other_edipis": tuple(f"99000006{number}" for number in range(10, 20)),
            "ssn": "900000601",
            "dbn": None,
            "given_name": "é" * 80,
            "family_name": "\N{CJK UNIFIED IDEOGRAPH-20000}" * 80,
            "emails": (Email(address="ü" * 64 + "@" + "ü" * 180 + ".example", since=date(2020, 1, 1)),),
        }
    )
    load.load_people(database, keys, [long], actor="operator:test")
    found = remote.match(Claimed(long.given_name, long.family_name, long.birth_date, IdKind.SSN, "900000601"))
    assert isinstance(found, Matched)
    assert found.email_of_record is not None
    assert site.seen == [(MATCH, BLOCK, BLOCK)]
