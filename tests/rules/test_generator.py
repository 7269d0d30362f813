"""The invented directory: the same for the same seed, believable, and without a number that could be anybody's."""

import json
from collections import Counter
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import pytest

from idp.directory import cast, generate
from idp.directory.generate import Shuffle
from idp.directory.matching import age
from idp.directory.records import (
    Affiliation,
    BadLine,
    Branch,
    Category,
    Eligibility,
    Email,
    Postal,
    Record,
    Relation,
    Relationship,
    Status,
    parse,
    write,
)

TODAY = date(2026, 5, 4)
COUNT = 6_000


@pytest.fixture(scope="module")
def people() -> list[Record]:
    """The cast and six thousand others."""
    return list(generate.people(COUNT, 7, TODAY))


@pytest.fixture(scope="module")
def by_key(people: list[Record]) -> dict[str, Record]:
    return {one.person: one for one in people}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        assert generate.write_file(tmp_path / name, count=300, seed=seed, today=TODAY) == 300 + len(cast.PARTS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "three").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "three", "two"], "no unfinished file is left"


def test_a_longer_file_begins_with_the_shorter_one() -> None:
    shorter, longer = (list(generate.people(count, 3, TODAY)) for count in (50, 200))
    assert longer[: len(shorter)] == shorter


def test_people_come_one_at_a_time() -> None:
    """Ten million are not held in memory: the first are there at once."""
    assert len(list(islice(generate.people(generate.MOST, 1, TODAY), 100))) == 100


@pytest.mark.parametrize("count", [1, 2, 99])
def test_exactly_as_many_are_invented_as_were_asked_for(count: int) -> None:
    assert len(list(generate.people(count, 1, TODAY))) == count + len(cast.PARTS)


def test_every_line_is_read_back_as_it_was(people: list[Record]) -> None:
    assert [parse(write(one).encode()) for one in people[:500]] == people[:500]


def test_no_number_is_given_out_twice_or_could_be_real(people: list[Record]) -> None:
    edipis = [edipi for one in people for edipi in (one.edipi, *one.other_edipis)]
    ssns = [one.ssn for one in people if one.ssn is not None]
    dbns = [one.dbn for one in people if one.dbn is not None]
    for numbers in (edipis, ssns, dbns, [one.person for one in people]):
        assert len(set(numbers)) == len(numbers)
    assert all(edipi.startswith("99") for edipi in edipis)
    # 9xx is never issued; with 50 and up in the middle it would be a taxpayer number.
    assert all(ssn[0] == "9" and int(ssn[3:5]) < 50 for ssn in ssns)
    assert cast.NOT_IN_DEERS not in ssns
    addresses = [email.address for one in people for email in one.emails]
    assert all(
        address.rpartition("@")[2].split(".")[-2:][0] in {"example", "mail", "post", "family"} for address in addresses
    )


@pytest.mark.parametrize("size", [1, 2, 7, 1_000, 4_999])
def test_a_shuffle_meets_everything_once(size: int) -> None:
    shuffle = Shuffle(size, "seed")
    assert sorted(shuffle(index) for index in range(size)) == list(range(size))


def test_a_small_file_has_every_category_and_branch(people: list[Record]) -> None:
    few = people[:400]
    assert {each.category for one in few for each in one.affiliations} == set(Category)
    assert {each.branch for one in few for each in one.affiliations} == set(Branch)


def test_every_sponsor_is_there_and_comes_first(people: list[Record]) -> None:
    met: set[str] = set()
    for one in people:
        missing = {relation.sponsor for relation in one.relations} - met
        assert not missing or one.person == cast.ALEX, "of two who are each other's sponsor one must be first"
        met.add(one.person)


def test_families_are_believable(people: list[Record], by_key: dict[str, Record]) -> None:
    for one in people:
        for relation in one.relations:
            sponsor = by_key[relation.sponsor]
            if relation.relationship is Relationship.CHILD:
                assert age(sponsor.birth_date, one.birth_date) >= 18
                assert relation.begin == one.birth_date
            if relation.relationship is Relationship.PARENT:
                assert age(one.birth_date, sponsor.birth_date) >= 18
            if relation.relationship is Relationship.SPOUSE:
                assert age(one.birth_date, relation.begin) >= 18
                assert age(sponsor.birth_date, relation.begin) >= 18
        assert one.birth_date <= TODAY
        assert one.deceased_on is None or one.deceased_on <= TODAY


def test_what_is_over_is_called_ended(people: list[Record]) -> None:
    for each in (each for one in people for each in one.eligibility):
        assert each.status is (Status.ENDED if each.end and each.end <= TODAY else Status.ACTIVE)


def test_every_kind_of_case_occurs(people: list[Record]) -> None:
    relationships = Counter(relation.relationship for one in people for relation in one.relations)
    assert set(relationships) == set(Relationship)
    codes = {relation.source_code for one in people for relation in one.relations}
    assert {"student", "incapacitated"} <= codes
    plans = {each.plan for one in people for each in one.eligibility}
    assert {"Prime", "Select", "Reserve Select", "Retired Reserve", "Young Adult", "For Life", "TAMP", "Plus"} <= plans
    shared = Counter(email.address for one in people for email in one.emails)
    assert max(shared.values()) > 1
    assert sum(1 for one in people if not one.emails and age(one.birth_date, TODAY) >= 18) > 50
    assert any(one.other_edipis and one.conflict_since is None for one in people)
    assert any(one.other_edipis and one.conflict_since for one in people[len(cast.PARTS) :])
    assert any(one.deceased_on for one in people[len(cast.PARTS) :])
    assert any(one.suffix for one in people)
    assert any(one.ssn is None for one in people)
    assert {age(one.birth_date, TODAY) for one in people} > set(range(90))


@pytest.mark.parametrize("today", [TODAY, date(2028, 2, 29), date(2027, 3, 1), date(2027, 12, 31)])
def test_the_cast_is_as_the_stories_need_it(today: date) -> None:
    everyone = {one.person: one for one in cast.people(today)}
    assert set(everyone) == {part.key for part in cast.PARTS}
    for day in (today, today + timedelta(days=300)):
        ages = {key: age(everyone[key].birth_date, day) for key in (cast.KIT, cast.LEE, cast.JO)}
        assert ages == {cast.KIT: 9, cast.LEE: 15, cast.JO: 20}
    jo = everyone[cast.JO].eligibility[0]
    assert jo.end is not None
    assert age(everyone[cast.JO].birth_date, jo.end) == 23
    assert everyone[cast.MAX].emails == ()
    assert everyone[cast.SOL].deceased_on is not None
    assert everyone[cast.VAL].other_edipis == ("9900000112",)
    assert everyone[cast.VAL].conflict_since is not None
    assert everyone[cast.PAT].eligibility[0].end == today - timedelta(days=1)
    assert everyone[cast.PAT].eligibility[0].status is Status.ENDED
    assert [each.category for each in everyone[cast.SAM].affiliations] == [Category.ACTIVE_DUTY, Category.BENEFICIARY]
    assert everyone[cast.SAM].relations[0].sponsor == cast.ALEX
    assert everyone[cast.VIC].eligibility == ()
    assert everyone[cast.ADA].relations == ()
    assert (everyone[cast.CAM].affiliations, everyone[cast.CAM].eligibility) == ((), ())
    assert everyone[cast.CAM].relations[0].relationship is Relationship.SURROGATE


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "not a JSON object"),
        (b"person,edipi,ssn", "not a JSON object"),
        (b"[1]", "Input should be an object"),
        (b'{"person": "\xff"}', "not a JSON object"),
        (b"{}", "person: Field required"),
        (b'{"nickname": "secret"}', "nickname: there is no such column"),
        (b'{"Dana Q Example": 1}', "(unreadable name): there is no such column"),
        (b'{"edipi": "0900000015"}', "edipi: String should match"),
        (b'{"edipi": 9900000015}', "edipi: Input should be a valid string"),
        (b'{"ssn": "900-00-0015"}', "ssn: String should match"),
        (b'{"birth_date": "1984-02-30"}', "birth_date: Input should be a valid date"),
        (b'{"birth_date": 19840210}', "birth_date: Input should be a valid date"),
        (b'{"affiliations": [{"category": "?"}]}', "affiliations.0.category: Input should be"),
    ],
)
def test_a_bad_line_is_told_by_field_and_rule_alone(line: bytes, told: str) -> None:
    """R77: the report goes to terminals and tickets, so it holds nothing of the line but names of columns."""
    with pytest.raises(BadLine) as refused:
        parse(line if b"{" not in line or told.startswith(("person", "not")) else _over_dana(line))
    assert told in str(refused.value)
    assert not any(value in str(refused.value) for value in ("secret", "Dana", "900-00", "9900000015", "1984"))


def _over_dana(line: bytes) -> bytes:
    dana = write(cast.people(TODAY)[0]).encode().rstrip()
    return dana[:-1] + b"," + line.lstrip(b"{")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"other_edipis": ["9900000015"]}, "the same EDIPI stands twice"),
        ({"deceased_on": "1950-01-01"}, "deceased_on lies before birth_date"),
        (
            {"affiliations": [{"category": "A", "branch": "A", "begin": "2020-01-02", "end": "2020-01-01"}]},
            "end lies before begin",
        ),
        (
            {"relations": [{"sponsor": "cast-dana", "relationship": "spouse", "begin": "2020-01-01"}]},
            "a person cannot be their own sponsor",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(changed: dict[str, object], told: str) -> None:
    dana = json.loads(write(cast.people(TODAY)[0]))
    with pytest.raises(BadLine, match=told):
        parse(json.dumps({**dana, **changed}).encode())


def test_the_documentation_names_every_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deers.md").read_text("utf-8")
    parts = (Record, Email, Postal, Relation, Affiliation, Eligibility)
    missing = [name for part in parts for name in part.model_fields if f"`{name}`" not in text]
    assert missing == []
    assert [one.edipi for one in cast.people(TODAY) if one.edipi not in text] == []
    example = text.partition("```json\n")[2].partition("```")[0].replace("\n", "").encode()
    assert parse(example).given_name == "Robin"
