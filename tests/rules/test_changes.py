"""The file of changes: its shapes, how a bad line is told, and that the documentation names every kind and column."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from idp.cli.deers_apply import REASONS
from idp.directory import cast, changes, rules
from idp.directory.cast import ADA, DANA, JO, KIT, LEE, MAX, ROBIN
from idp.directory.changes import SHAPES
from idp.directory.happenings import Why
from idp.directory.records import (
    Affiliation,
    BadLine,
    Branch,
    Category,
    facts_of,
    parse,
    write,
)
from tests.town import Town, as_line, newborn, somebody

TODAY = date(2026, 5, 4)
YESTERDAY = TODAY - timedelta(days=1)
FAMILY = [DANA, ROBIN, KIT, LEE, JO]


@pytest.fixture
def town() -> Town:
    return Town(TODAY, cast.people(TODAY))


# the file


def test_a_day_in_the_future_is_refused(town: Town) -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert town.refuses("death", DANA, tomorrow) is Why.IN_THE_FUTURE
    assert town.refuses("separation", "nobody", tomorrow) is Why.IN_THE_FUTURE


def test_a_record_never_holds_more_than_a_file_could_bring_back(town: Town) -> None:
    many = tuple(
        Affiliation(category=Category.CONTRACTOR, branch=Branch.DEFENSE, begin=date(2000, 1, number % 28 + 1))
        for number in range(40)
    )
    town.people[ADA] = town.people[ADA].model_copy(update={"affiliations": many})
    assert town.refuses("marriage", MAX, spouse=ADA) is Why.TOO_MUCH


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, "kind: Field required"),
        ({"kind": "secret"}, "kind: there is no such kind"),
        ({"kind": "death", "id": None}, "id: Input should be a valid string"),
        ({"kind": "death", "id": "x" * 65}, "id: String should match"),
        ({"kind": "death", "on": "2026-02-30"}, "on: Input should be a valid date"),
        ({"kind": "death", "secret": 1}, "secret: there is no such column"),
        ({"kind": "death", "Dana Q": 1}, "(unreadable name): there is no such column"),
        ({"kind": "separation", "tamp": "secret"}, "tamp: Input should be a valid boolean"),
        ({"kind": "retirement", "category": "A"}, "category: Input should be"),
        ({"kind": "retirement"}, "category: Field required"),
        ({"kind": "marriage"}, "either spouse or new_spouse must be there"),
        ({"kind": "marriage", "spouse": "secret", "new_spouse": somebody(1)}, "either spouse or new_spouse"),
        ({"kind": "marriage", "spouse": "them"}, "a person cannot marry themself"),
        (
            {"kind": "marriage", "new_spouse": newborn(1, DANA, born=YESTERDAY)},
            "new_spouse.relations: they begin with the marriage",
        ),
        ({"kind": "birth", "child": somebody(1)}, "child.relations: none of them is to this person"),
        (
            {"kind": "birth", "on": "2020-01-01", "child": newborn(1, "them", born=YESTERDAY)},
            "child.birth_date lies behind the day",
        ),
        ({"kind": "birth", "child": {"edipi": "secret"}}, "child.edipi: String should match"),
        ({"kind": "address"}, "emails or postal must be there"),
        ({"kind": "address", "emails": [{"address": "secret", "since": "2020-01-01"}]}, "emails.0.address: String"),
        ({"kind": "edipi", "edipi": "0secret"}, "edipi: String should match"),
        ({"kind": "merge", "former": "them"}, "person and former are the same"),
    ],
)
def test_a_bad_line_is_told_by_field_and_rule_alone(columns: dict[str, Any], told: str) -> None:
    """R77: the report goes to terminals and tickets, so it holds nothing of the line but names of columns."""
    line = as_line({"id": "one", "on": TODAY, "person": "them", **columns})
    with pytest.raises(BadLine) as refused:
        changes.parse(line)
    assert told in str(refused.value)
    assert not any(value in str(refused.value).replace("secret: there", "") for value in ("secret", "Dana", "Ira"))


def test_a_line_that_is_no_change_is_told() -> None:
    for line, told in ((b"x" * 70_000, "longer than"), (b"[1]", "should be an object"), (b"kind,on", "not a JSON")):
        with pytest.raises(BadLine, match=told):
            changes.parse(line)


def test_every_kind_has_its_rule_and_every_reason_its_words() -> None:
    assert set(SHAPES) == set(rules._RULES)
    for kind, shape in SHAPES.items():
        assert get_args(shape.model_fields["kind"].annotation) == (kind,)
    assert set(REASONS) == set(Why)
    assert not any(character.isdigit() for words in REASONS.values() for character in words)


def test_a_change_is_read_back_as_it_was() -> None:
    for columns in (
        {"kind": "birth", "child": newborn(1, "them", born=YESTERDAY)},
        {"kind": "divorce", "spouse": "x", "stepchildren": ["a", "b"]},
        {"kind": "address", "emails": []},
    ):
        change = changes.parse(as_line({"id": "one", "on": TODAY, "person": "them", **columns}))
        assert changes.parse(changes.write(change).encode()) == change


def test_what_a_death_notes_is_no_column_of_the_file(town: Town) -> None:
    town.must("death", DANA)
    assert b"at_death" in facts_of(town.people[DANA])
    line = json.loads(write(cast.people(TODAY)[0]))
    with pytest.raises(BadLine, match="at_death: there is no such column"):
        parse(json.dumps({**line, "at_death": []}).encode())


def test_the_documentation_names_every_kind_and_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deers.md").read_text("utf-8")
    part = text.partition("## The file of changes\n")[2].partition("\n## ")[0]
    for kind, shape in SHAPES.items():
        line = next((row for row in part.splitlines() if row.startswith(f"| `{kind}` |")), None)
        assert line is not None, kind
        missing = [name for name in set(shape.model_fields) - {"id", "on", "person", "kind"} if f"`{name}`" not in line]
        assert missing == [], kind
    assert all(f"`{name}`" in part for name in ("id", "on", "person", "kind"))
