"""What follows from each kind of change, told by the named people (domain: "When eligibility ends")."""

from datetime import date, timedelta

import pytest

from idp.directory import cast
from idp.directory.cast import ADA, ALEX, DANA, JO, KIT, LEE, MAX, NOEL, PAT, ROBIN, SAM, SOL, VAL, VIC
from idp.directory.happenings import Why
from idp.directory.matching import years_later
from idp.directory.records import (
    Branch,
    Category,
    EndReason,
    Relation,
    Relationship,
    Status,
    facts_of,
)
from tests.town import Town, newborn, plans, serves, somebody, ties

TODAY = date(2026, 5, 4)
YESTERDAY = TODAY - timedelta(days=1)
FAMILY = [DANA, ROBIN, KIT, LEE, JO]


@pytest.fixture
def town() -> Town:
    return Town(TODAY, cast.people(TODAY))


# separation and retirement


def test_when_dana_leaves_the_army_the_family_loses_tricare(town: Town) -> None:
    assert town.must("separation", DANA, YESTERDAY) == FAMILY
    dana = town.people[DANA]
    assert (dana.affiliations[0].end, dana.affiliations[0].end_reason) == (YESTERDAY, EndReason.SEPARATION)
    for key in FAMILY:
        one = town.people[key]
        assert plans(one, TODAY) == []
        assert (one.eligibility[0].end, one.eligibility[0].status) == (YESTERDAY, Status.ENDED)
        assert plans(one, YESTERDAY - timedelta(days=1)) == ["Prime"]
    assert ties(town.people[KIT], TODAY) == [(DANA, Relationship.CHILD)], "a child stays a child"
    assert town.refuses("separation", DANA, YESTERDAY) is Why.ALREADY_SO
    assert town.refuses("separation", DANA) is Why.NO_SERVICE


def test_who_qualifies_has_tamp_for_180_days(town: Town) -> None:
    town.must("separation", DANA, tamp=True)
    for key in FAMILY:
        assert plans(town.people[key], TODAY) == ["TAMP"]
        assert plans(town.people[key], TODAY + timedelta(days=179)) == ["TAMP"]
        assert plans(town.people[key], TODAY + timedelta(days=180)) == []
    town = Town(TODAY, cast.people(TODAY))
    town.must("separation", DANA, TODAY - timedelta(days=180), tamp=True)
    assert town.people[DANA].eligibility[-1].status is Status.ENDED, "its days are over already"


def test_sam_who_is_also_a_spouse_keeps_what_alex_gives(town: Town) -> None:
    assert town.must("separation", SAM) == [SAM]
    assert serves(town.people[SAM], TODAY) == ["W"]
    assert plans(town.people[SAM], TODAY) == ["Prime"]
    assert plans(town.people[ALEX], TODAY) == ["Prime"], "who serves too"
    assert set(town.must("separation", ALEX)) == {ALEX, SAM}, "nobody is left whom it could come from"
    assert plans(town.people[SAM], TODAY) == plans(town.people[ALEX], TODAY) == []


def test_who_has_no_open_service_cannot_leave_it(town: Town) -> None:
    for key in (VIC, MAX, ROBIN, ADA, SOL):
        assert town.refuses("separation", key) is Why.NO_SERVICE
        assert town.refuses("retirement", key, category="R") is Why.NO_SERVICE
    assert town.refuses("separation", DANA, date(2004, 8, 1)) is Why.NO_SERVICE, "it began the day after"


def test_when_dana_retires_the_family_goes_on(town: Town) -> None:
    assert town.must("retirement", DANA, category="R", plan="Select") == [DANA]
    dana = town.people[DANA]
    assert [(one.category, one.branch, one.begin, one.end, one.end_reason) for one in dana.affiliations] == [
        (Category.ACTIVE_DUTY, Branch.ARMY, date(2004, 8, 2), TODAY, EndReason.COMPLETED),
        (Category.RETIRED, Branch.ARMY, TODAY, None, None),
    ]
    assert plans(dana, TODAY) == ["Select"]
    assert all(plans(town.people[key], TODAY) == ["Prime"] for key in FAMILY[1:])
    assert town.refuses("retirement", DANA, category="R") is Why.ALREADY_SO
    assert town.must("retirement", SAM, category="Q") == [SAM]
    assert plans(town.people[SAM], TODAY) == ["Prime"]


# marriage, divorce, birth, age


def test_max_marries_somebody_new(town: Town) -> None:
    new = somebody(1)
    assert town.must("marriage", MAX, YESTERDAY, new_spouse=new, custody=True, family_name="O'Neil") == ["new-1"]
    spouse = town.people["new-1"]
    assert (spouse.family_name, spouse.former_family_names) == ("O'Neil", ("Testwood",))
    assert spouse.relations == (Relation(sponsor=MAX, relationship=Relationship.SPOUSE, begin=YESTERDAY, custody=True),)
    assert serves(spouse, TODAY) == ["W"]
    assert spouse.affiliations[0].branch is Branch.NAVY
    assert plans(spouse, TODAY) == ["For Life"]
    assert town.refuses("marriage", MAX, new_spouse=new) is Why.ALREADY_SO
    assert town.refuses("marriage", MAX, new_spouse=somebody(2)) is Why.MARRIED
    assert town.refuses("marriage", ROBIN, spouse="new-1") is Why.MARRIED


def test_max_marries_ada_who_was_her_own_sponsor(town: Town) -> None:
    """20/20/20 lasts until a former spouse marries again."""
    assert town.must("marriage", MAX, spouse=ADA) == [ADA]
    ada = town.people[ADA]
    assert [one.end for one in ada.affiliations] == [TODAY, None]
    assert plans(ada, TODAY) == ["For Life"]
    assert ada.family_name == "Former"


def test_who_cannot_marry(town: Town) -> None:
    assert town.refuses("marriage", SOL, spouse=ADA) is Why.DEAD
    assert town.refuses("marriage", ADA, spouse=SOL) is Why.DEAD
    assert town.refuses("marriage", MAX, spouse=ROBIN) is Why.MARRIED
    assert town.refuses("marriage", MAX, spouse=DANA) is Why.MARRIED, "whoever of the two is the sponsor"
    assert town.refuses("marriage", MAX, spouse="nobody") is Why.NO_SUCH_SPOUSE
    assert town.refuses("marriage", "nobody", spouse=MAX) is Why.NO_SUCH_PERSON
    assert town.refuses("marriage", MAX, new_spouse=somebody(1, person=VIC)) is Why.KEY_TAKEN
    assert town.refuses("marriage", MAX, new_spouse=somebody(1, edipi="9900000015")) is Why.NUMBER_TAKEN
    assert town.refuses("marriage", MAX, new_spouse=somebody(1, dbn="90000001500")) is Why.NUMBER_TAKEN
    assert town.refuses("marriage", MAX, date(1957, 1, 1), spouse=ADA) is Why.BEFORE_BIRTH
    assert town.refuses("marriage", DANA, spouse=ROBIN) is Why.ALREADY_SO
    town.must("marriage", ROBIN, spouse=DANA)
    assert ties(town.people[DANA], TODAY) == [(ROBIN, Relationship.SPOUSE)], "two who serve are each other's sponsors"


def test_when_dana_and_robin_part_robin_ends_that_day(town: Town) -> None:
    """Eligibility ends at 00:01 on the day of the divorce."""
    assert town.must("divorce", DANA, spouse=ROBIN) == [ROBIN]
    robin = town.people[ROBIN]
    assert ties(robin, TODAY) == [(DANA, Relationship.FORMER_SPOUSE)]
    assert (serves(robin, TODAY), plans(robin, TODAY)) == ([], [])
    assert plans(robin, YESTERDAY) == ["Prime"]
    assert plans(town.people[KIT], TODAY) == ["Prime"], "a child is a child of both"
    assert town.refuses("divorce", DANA, spouse=ROBIN) is Why.ALREADY_SO
    assert town.refuses("divorce", DANA, YESTERDAY, spouse=ROBIN) is Why.NOT_MARRIED
    assert town.refuses("divorce", NOEL, spouse=PAT) is Why.NOT_MARRIED
    assert town.refuses("divorce", MAX, spouse=ADA) is Why.NOT_MARRIED
    assert town.refuses("divorce", DANA, spouse="nobody") is Why.NO_SUCH_SPOUSE


def test_a_former_spouse_under_the_20_20_20_rule_keeps_eligibility(town: Town) -> None:
    town.must("divorce", DANA, spouse=ROBIN, own_sponsor=True)
    robin = town.people[ROBIN]
    assert ties(robin, TODAY) == [(DANA, Relationship.FORMER_SPOUSE)]
    assert plans(robin, TODAY) == ["Prime"]
    assert robin.affiliations[-1].source_code == "20/20/20"
    town.must("separation", DANA)
    assert plans(town.people[ROBIN], TODAY) == ["Prime"], "it no longer comes from Dana"


def test_two_who_serve_part_and_keep_their_own(town: Town) -> None:
    assert set(town.must("divorce", SAM, spouse=ALEX)) == {SAM, ALEX}
    for key in (SAM, ALEX):
        assert serves(town.people[key], TODAY) == ["A"]
        assert plans(town.people[key], TODAY) == ["Prime"]


def test_stepchildren_that_the_divorce_names_lose_theirs(town: Town) -> None:
    step = Relation(sponsor=DANA, relationship=Relationship.STEPCHILD, begin=date(2020, 1, 1))
    town.people[LEE] = town.people[LEE].model_copy(update={"relations": (step,)})
    assert town.refuses("divorce", DANA, spouse=ROBIN, stepchildren=[KIT]) is Why.NO_SUCH_STEPCHILD
    assert town.must("divorce", DANA, spouse=ROBIN, stepchildren=[LEE]) == [ROBIN, LEE]
    assert (ties(town.people[LEE], TODAY), plans(town.people[LEE], TODAY)) == ([], [])


def test_a_stepchild_who_came_of_age_since_loses_it_from_the_day_of_the_divorce(town: Town) -> None:
    step = Relation(sponsor=DANA, relationship=Relationship.STEPCHILD, begin=date(2020, 1, 1), end=TODAY)
    town.people[LEE] = town.people[LEE].model_copy(update={"relations": (step,)})
    town.must("divorce", DANA, YESTERDAY, spouse=ROBIN, stepchildren=[LEE])
    assert town.people[LEE].relations[0].end == YESTERDAY


def test_a_child_is_born_to_sam_and_alex(town: Town) -> None:
    child = newborn(1, SAM, ALEX, born=YESTERDAY)
    assert town.must("birth", SAM, child=child) == ["new-1"]
    assert facts_of(town.people["new-1"]) == facts_of(child)
    assert town.refuses("birth", SAM, child=child) is Why.ALREADY_SO
    assert (
        town.refuses("birth", SAM, child=newborn(2, SAM, born=YESTERDAY).model_copy(update={"person": "new-1"}))
        is Why.KEY_TAKEN
    )
    assert (
        town.refuses("birth", SAM, child=newborn(2, SAM, born=YESTERDAY).model_copy(update={"edipi": "9900000112"}))
        is Why.NUMBER_TAKEN
    )
    assert town.refuses("birth", SAM, child=newborn(2, SAM, "nobody", born=YESTERDAY)) is Why.NO_SUCH_SPONSOR


def test_jo_ages_out_at_23_and_no_sooner(town: Town) -> None:
    jo = town.people[JO]
    birthday = years_later(jo.birth_date, 23)
    assert town.refuses("age_out", JO) is Why.NOT_OLD_ENOUGH
    town.today = birthday
    assert town.refuses("age_out", JO, birthday - timedelta(days=1)) is Why.NOT_OLD_ENOUGH
    assert town.must("age_out", JO, birthday) == [JO]
    jo = town.people[JO]
    assert jo.eligibility[0].status is Status.ENDED
    assert (ties(jo, birthday), serves(jo, birthday), plans(jo, birthday)) == ([], [], [])
    assert town.refuses("age_out", JO, birthday) is Why.ALREADY_SO


def test_lee_ages_out_at_21_even_where_no_end_was_on_file(town: Town) -> None:
    lee = town.people[LEE]
    parts = {
        part: tuple(one.model_copy(update={"end": None}) for one in getattr(lee, part))
        for part in ("relations", "affiliations", "eligibility")
    }
    town.people[LEE] = lee.model_copy(update=parts)
    town.today = birthday = years_later(lee.birth_date, 21)
    town.must("age_out", LEE, birthday)
    lee = town.people[LEE]
    assert {lee.relations[0].end, lee.affiliations[0].end, lee.eligibility[0].end} == {birthday}


def test_who_never_ages_out(town: Town) -> None:
    jo = town.people[JO]
    tie = jo.relations[0].model_copy(update={"source_code": "incapacitated", "end": None})
    town.people[JO] = jo.model_copy(update={"relations": (tie,)})
    town.today = years_later(jo.birth_date, 30)
    assert town.refuses("age_out", JO) is Why.INCAPACITATED
    assert town.refuses("age_out", DANA) is Why.NO_CHILD
    assert town.refuses("age_out", ROBIN) is Why.NO_CHILD


def test_a_bought_young_adult_plan_outlives_the_age(town: Town) -> None:
    jo = town.people[JO]
    town.today = birthday = years_later(jo.birth_date, 23)
    bought = jo.eligibility[0].model_copy(update={"plan": "Young Adult", "begin": birthday, "end": None})
    town.people[JO] = jo.model_copy(update={"eligibility": (*jo.eligibility, bought)})
    town.must("age_out", JO)
    assert plans(town.people[JO], birthday) == ["Young Adult"]


# addresses, names, numbers


def test_robin_has_a_new_address(town: Town) -> None:
    new = {"address": "robin@new.example", "since": YESTERDAY.isoformat(), "changed_by": "sponsor"}
    assert town.must("address", ROBIN, emails=[new]) == [ROBIN]
    robin = town.people[ROBIN]
    assert [(one.address, one.since, one.changed_by.value) for one in robin.emails] == [
        ("robin@new.example", YESTERDAY, "sponsor")
    ]
    assert len(robin.postal) == 1, "of which nothing was told"
    assert town.refuses("address", ROBIN, emails=[new]) is Why.ALREADY_SO
    town.must("address", ROBIN, emails=[], postal=[])
    assert (town.people[ROBIN].emails, town.people[ROBIN].postal) == ((), ())


def test_robin_takes_the_old_name_back(town: Town) -> None:
    town.must("name", ROBIN, given_name="Robin", family_name="Sampleton", middle_name="J")
    robin = town.people[ROBIN]
    assert (robin.family_name, robin.middle_name) == ("Sampleton", "J")
    assert robin.former_family_names == ("Example",), "the present name is no former one"
    assert town.refuses("name", ROBIN, given_name="Robin", family_name="Sampleton", middle_name="J") is Why.ALREADY_SO
    for number in range(12):
        town.must("name", ROBIN, given_name="Robin", family_name=f"Name {number}")
    assert town.people[ROBIN].former_family_names == tuple(f"Name {number}" for number in range(1, 11))


def test_vic_has_a_new_number_and_the_old_one_leads_to_him(town: Town) -> None:
    town.must("edipi", VIC, edipi="9900000777")
    assert (town.people[VIC].edipi, town.people[VIC].other_edipis) == ("9900000777", ("9900000147",))
    town.must("edipi", VIC, edipi="9900000147")
    assert (town.people[VIC].edipi, town.people[VIC].other_edipis) == ("9900000147", ("9900000777",))
    assert town.refuses("edipi", VIC, edipi="9900000147") is Why.ALREADY_SO
    assert town.refuses("edipi", VIC, edipi="9900000112") is Why.NUMBER_TAKEN
    for number in range(9):
        town.must("edipi", VIC, edipi=f"990000078{number}")
    assert town.refuses("edipi", VIC, edipi="9900000790") is Why.TOO_MUCH


def test_vals_conflict_is_resolved_and_opened_again(town: Town) -> None:
    assert town.refuses("identity_conflict", VAL) is Why.ALREADY_SO
    assert town.people[VAL].conflict_since == TODAY - timedelta(days=40)
    town.must("conflict_resolved", VAL)
    assert town.people[VAL].conflict_since is None
    assert town.refuses("conflict_resolved", VAL) is Why.ALREADY_SO
    town.must("identity_conflict", VAL, YESTERDAY)
    assert town.people[VAL].conflict_since == YESTERDAY


def test_two_records_of_one_person_become_one(town: Town) -> None:
    """Noel's second record takes the first one up: Pat, who named the first, now names the second."""
    second = somebody(1, given_name="Noel", family_name="Maiden", other_edipis=("9900000750",))
    town._add(second)
    assert town.must("merge", "new-1", former=NOEL) == ["new-1", PAT]
    one, pat = town.people["new-1"], town.people[PAT]
    assert NOEL not in town.people
    assert (one.edipi, one.other_edipis) == (second.edipi, ("9900000750", "9900000198"))
    assert one.former_family_names == ("Former",)
    assert (serves(one, TODAY), plans(one, TODAY)) == (["A"], ["Prime"])
    assert [email.address for email in one.emails] == ["noel.former@example.com"]
    assert {tie.sponsor for tie in pat.relations} == {"new-1"}
    assert town.refuses("merge", "new-1", former=NOEL) is Why.NO_SUCH_FORMER
    assert town.refuses("merge", "new-1", former=PAT) is Why.RELATED
    assert town.refuses("merge", PAT, former="new-1") is Why.RELATED
    assert town.refuses("merge", "new-1", former=SOL) is Why.ONE_IS_DEAD
