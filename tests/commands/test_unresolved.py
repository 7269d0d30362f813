"""What only somebody else can settle: an operator finds it, whoever asked hears the same as everybody."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from idp import clock, limits
from idp.cli.main import idp
from idp.directory import cast, load
from idp.journeys import match_tries
from idp.limits import Limit
from idp.ports import IdKind
from tests.registrants import CONFLICTED, DANA, STRANGER, WRONG_BIRTH_DATE, identify
from tests.relying_party import on_sqlite
from tests.world import World


def run(world: World, *words: str, typed: str | None = None) -> Result:
    """A command as an operator types it, on this world's database."""
    settings = world.settings
    environment = {
        "IDP_DEMO": "1",
        "IDP_ISSUER": settings.issuer,
        "IDP_KEYS": str(settings.keys),
        "IDP_SMTP_URL": settings.smtp_url,
        "DATABASE_URL": settings.database_url,
    }
    return CliRunner().invoke(idp, list(words), env=environment, input=typed)


def with_twin(world: World) -> None:
    """Somebody of Dana's name and birth date who has Dana's SSN too."""
    dana = next(one for one in cast.people(clock.now().date()) if one.person == cast.DANA)
    twin = dana.model_copy(update={"person": "twin", "edipi": "9900000501", "dbn": None, "emails": ()})
    load.load_people(world.services.db, world.services.keyring, [twin], actor="operator:test")


def test_claims_in_conflict_or_doubt_are_listed_until_they_are_matched(world: World) -> None:
    """Ambiguity and conflict have an owner; a wrong birth date is the applicant's own to correct (R63)."""
    assert "Claims that wait for somebody: 0." in run(world, "proofing", "unresolved").output
    identify(world.browser(address="203.0.113.7"), CONFLICTED)
    identify(world.browser(), WRONG_BIRTH_DATE)
    identify(world.browser(), STRANGER)
    with_twin(world)
    ambiguous = identify(world.browser(), DANA)
    listed = json.loads(run(world, "proofing", "unresolved", "--json").output)
    assert [one["why"] for one in listed] == ["conflict", "ambiguous"]
    assert listed[0]["address"] == "203.0.113.7"
    assert {one["subject"] for one in listed} == {None}
    said = run(world, "proofing", "unresolved").output
    assert "Claims that wait for somebody: 2." in said
    assert "DEERS office" in said
    assert "900000015" not in said
    ambiguous.open("/register/identity").submit(**{**DANA.fields, "id_kind": "dod_id", "id_number": "9900000015"})
    assert ambiguous.page.name == "registration/delivery"
    left = json.loads(run(world, "proofing", "unresolved", "--json").output)
    assert [one["why"] for one in left] == ["conflict"], "the other was matched by a number of their own"


def test_records_that_hold_people_up_are_listed_by_the_sources_own_key(world: World) -> None:
    before = json.loads(run(world, "deers", "unresolved", "--json").output)
    assert [(one["person"], one["why"]) for one in before] == [(cast.VAL, ["conflict"])]
    with_twin(world)
    after = json.loads(run(world, "deers", "unresolved", "--json").output)
    assert {(one["person"], *one["why"]) for one in after} == {
        (cast.VAL, "conflict"),
        (cast.DANA, "shared_ssn"),
        ("twin", "shared_ssn"),
    }
    said = run(world, "deers", "unresolved").output
    assert "Records in doubt: 3." in said
    assert "9900000015" not in said
    assert "••••••0015" in said


@on_sqlite
def test_the_service_center_lets_a_number_be_tried_again(world: World) -> None:
    """R64: ten in all, then manual. The number is asked for, and stands in no event (R77)."""
    keyring = world.services.keyring
    key = match_tries.number_key(keyring, IdKind.SSN, DANA.id_number)
    for _ in range(10):
        world.services.db.write(lambda conn: limits.reserve(conn, Limit.MATCH_PERSON_EVER, key))
    assert identify(world.browser(), DANA).page.error == "tries_used_up"
    words = ("proofing", "reset-tries", "--kind", "ssn", "--reason", "owner_checked")
    asked = run(world, *words, typed="900-00-0015\n")
    assert "10 tries of 10 were used. It could be tried again." in asked.output
    assert identify(world.browser(), DANA).page.error == "tries_used_up"
    done = run(world, *words, "--yes", "--json", typed="900-00-0015\n")
    assert json.loads(done.stdout) == {"id_kind": "ssn", "tries": 10, "done": True}
    assert "0015" not in done.output
    [event] = world.events("eligibility.tries_reset")
    assert event.fields == {"id_kind": "ssn", "tries": 10, "why": "owner_checked"}
    assert identify(world.browser(), replace(DANA)).page.name == "registration/delivery"


@on_sqlite
@pytest.mark.parametrize("typed", ["12345", "90000001x", "9900000015"])
def test_a_number_that_is_none_is_not_reset(world: World, typed: str) -> None:
    said = run(world, "proofing", "reset-tries", "--kind", "ssn", "--reason", "owner_checked", typed=f"{typed}\n")
    assert said.exit_code == 2
    assert typed not in said.output


@on_sqlite
def test_doctor_tells_that_a_brake_is_on(world: World) -> None:
    """R65: the alarm that a monitor reads."""
    for _ in range(Limit.MATCH_GLOBAL.value.most):
        world.services.db.write(lambda conn: limits.reserve(conn, Limit.MATCH_GLOBAL, match_tries.EVERYBODY))
    found = json.loads(run(world, "doctor", "--json").output)["limits"]
    assert not found["ok"]
    assert "nobody can be matched" in found["says"]
