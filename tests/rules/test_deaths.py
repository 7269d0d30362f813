"""What follows from a death, and that its correction leaves nothing of it, told by the named people."""

from datetime import date, timedelta

import pytest

from idp.directory import cast, generate
from idp.directory.cast import CAM, DANA, GIL, JO, KIT, LEE, MAX, ROBIN, SOL
from idp.directory.happenings import Why
from idp.directory.records import (
    EndReason,
    Relation,
    Relationship,
    Status,
)
from tests.town import Town, plans, serves, somebody, ties

TODAY = date(2026, 5, 4)
YESTERDAY = TODAY - timedelta(days=1)
FAMILY = [DANA, ROBIN, KIT, LEE, JO]


@pytest.fixture
def town() -> Town:
    return Town(TODAY, cast.people(TODAY))


# death and its correction


def test_when_dana_dies_robin_is_a_surviving_spouse(town: Town) -> None:
    assert town.must("death", DANA, YESTERDAY) == [DANA, ROBIN]
    dana, robin = town.people[DANA], town.people[ROBIN]
    assert dana.deceased_on == YESTERDAY
    assert (dana.affiliations[0].end, dana.affiliations[0].end_reason) == (YESTERDAY, EndReason.DEATH)
    assert plans(dana, TODAY) == []
    assert ties(robin, TODAY) == [(DANA, Relationship.SURVIVING_SPOUSE)]
    assert robin.relations[-1].custody is True
    assert (serves(robin, TODAY), plans(robin, TODAY)) == (["W"], ["Prime"])
    assert plans(town.people[KIT], TODAY) == ["Prime"]
    assert town.refuses("death", DANA, YESTERDAY) is Why.ALREADY_SO
    assert town.refuses("death", DANA, TODAY) is Why.DEAD_SINCE_ANOTHER_DAY
    assert town.refuses("death", KIT, date(2000, 1, 1)) is Why.BEFORE_BIRTH


@pytest.mark.parametrize("key", [part.key for part in cast.PARTS if part.key != SOL])
def test_a_death_that_was_none_is_undone_exactly(town: Town, key: str) -> None:
    before = dict(town.people)
    town.must("death", key, YESTERDAY)
    assert town.people != before
    town.must("death_corrected", key)
    assert town.people == before
    assert town.refuses("death_corrected", key) is Why.NOT_DEAD


def test_what_happened_meanwhile_stays_when_a_death_is_corrected(town: Town) -> None:
    robin, dana = town.people[ROBIN], town.people[DANA]
    town.must("death", DANA)
    town.must("name", ROBIN, given_name="Robin", family_name="Sampleton")
    town.must("edipi", DANA, edipi="9900000777")
    town.must("death_corrected", DANA)
    assert town.people[ROBIN].family_name == "Sampleton"
    assert town.people[ROBIN].relations == robin.relations
    assert town.people[DANA] == dana.model_copy(update={"edipi": "9900000777", "other_edipis": (dana.edipi,)})


def test_a_widow_who_married_meanwhile_stays_married(town: Town) -> None:
    town.must("death", DANA)
    assert town.must("marriage", MAX, spouse=ROBIN) == [ROBIN]
    robin = town.people[ROBIN]
    assert ties(robin, TODAY) == [(MAX, Relationship.SPOUSE)]
    assert plans(robin, TODAY) == ["For Life"]
    town.must("death_corrected", DANA)
    assert ties(town.people[ROBIN], TODAY) == [(MAX, Relationship.SPOUSE)]
    assert plans(town.people[DANA], TODAY) == ["Prime"]


def test_a_death_that_a_file_of_people_told_of_can_be_corrected(town: Town) -> None:
    """Sol: nothing was noted, so what ended with the death goes on."""
    assert town.must("death_corrected", SOL) == [SOL]
    sol = town.people[SOL]
    assert sol.deceased_on is None
    assert (serves(sol, TODAY), plans(sol, TODAY)) == (["R"], ["For Life"])
    assert sol.eligibility[0].status is Status.ACTIVE


def test_a_surviving_spouse_whom_a_file_told_of_is_the_spouse_again() -> None:
    invented = list(generate.people(3_000, 3, TODAY))
    town = Town(TODAY, invented)
    widowed = next(
        one for one in invented for tie in one.relations if tie.relationship is Relationship.SURVIVING_SPOUSE
    )
    sponsor = widowed.relations[-1].sponsor
    town.must("death_corrected", sponsor)
    assert ties(town.people[widowed.person], TODAY) == [(sponsor, Relationship.SPOUSE)]
    assert plans(town.people[sponsor], TODAY) != []


def test_cam_no_longer_acts_for_gil_who_died(town: Town) -> None:
    assert town.must("death", GIL) == [GIL, CAM]
    assert ties(town.people[CAM], TODAY) == []


def test_a_death_is_undone_under_the_key_that_the_merge_left(town: Town) -> None:
    town.must("death", DANA)
    town._add(somebody(1, deceased_on=TODAY))
    town.must("merge", "new-1", former=DANA)
    town.must("death_corrected", "new-1")
    one, robin = town.people["new-1"], town.people[ROBIN]
    assert (one.deceased_on, serves(one, TODAY), plans(one, TODAY)) == (None, ["A"], ["Prime"])
    assert robin.relations == (
        Relation(sponsor="new-1", relationship=Relationship.SPOUSE, begin=date(2009, 5, 16), custody=True),
    )
    assert one.at_death == robin.at_death == ()
