"""`idp deers`: make an invented directory, load one, look at a person in it."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from idp import clock
from idp.cli.common import (
    NOT_FOUND,
    echo_json,
    fail,
    json_option,
    pass_services,
    progress_bar,
    require_embedded,
)
from idp.cli.lazy import LazyGroup
from idp.directory import generate as generator
from idp.directory import people
from idp.directory.days import PEOPLE_FOR_ONE, Day
from idp.directory.people import Family, Whole
from idp.directory.records import Email, Facts, Postal
from idp.directory.tables import NumberKind
from idp.ports import Services


@click.group(
    cls=LazyGroup,
    found_in={
        "apply": "deers_apply:apply_",
        "import": "deers_import:import_",
        "serve": "deers_serve:serve",
        "sync": "deers_sync:sync",
        "unresolved": "deers_doubts:unresolved",
    },
)
def deers() -> None:
    """The embedded directory of people and their eligibility."""


@deers.command()
@click.option(
    "--people",
    "count",
    type=click.IntRange(1, generator.MOST),
    default=1_000,
    show_default=True,
    help="How many, beside the named cast.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same people."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day on which ages hold; today if not given.")
@click.option("--changes", type=click.IntRange(1), help="Also invent a day of so many changes for these people.")
@click.option("--changes-out", type=click.Path(dir_okay=False, path_type=Path), help="The file for the changes.")
@json_option
def generate(
    *,
    count: int,
    seed: int,
    out: Path,
    as_of: datetime | None,
    changes: int | None,
    changes_out: Path | None,
    as_json: bool,
) -> None:
    """Invent people in households, always with the named cast, as a directory file; and a day of changes for them."""
    today = as_of.date() if as_of else clock.now().date()
    day = _day(changes, changes_out, count=count, seed=seed, today=today)
    try:
        with progress_bar("Inventing people", count) as progress:
            written = generator.write_file(out, count=count, seed=seed, today=today, day=day, progress=progress)
        if day is not None and changes_out is not None:
            with generator.replacing(changes_out) as file:
                file.writelines(day.lines())
    except OSError as failed:
        fail(f"{failed.filename or out} cannot be written: {failed.strerror}")
    named = written - count
    if as_json:
        echo_json(
            {
                "file": str(out),
                "people": written,
                "invented": count,
                "named": named,
                "seed": seed,
                "as_of": today.isoformat(),
                "changes_file": changes_out and str(changes_out),
                "changes": changes or 0,
            }
        )
    else:
        click.echo(
            f"{out} holds {written} people: {named} named ones and {count} invented by seed {seed}, as of {today}."
        )
        if changes:
            click.echo(f"{changes_out} holds {changes} changes of that day.")


def _day(changes: int | None, out: Path | None, *, count: int, seed: int, today: date) -> Day | None:
    if (changes is None) != (out is None):
        raise click.UsageError("--changes and --changes-out go together.")
    if changes is None:
        return None
    if changes * PEOPLE_FOR_ONE > count:
        raise click.BadParameter(f"one change for every {PEOPLE_FOR_ONE} people at the most", param_hint="--changes")
    return Day(changes, seed=seed, today=today)


@deers.command()
@click.argument("edipi")
@json_option
@pass_services
def show(services: Services, edipi: str, *, as_json: bool) -> None:
    """Show the person with this DoD ID number, with every number and address masked."""
    bare = edipi.replace("-", "").replace(" ", "")
    if not (bare.isascii() and bare.isdigit() and len(bare) == 10):
        raise click.BadParameter("a DoD ID number has ten digits", param_hint="EDIPI")
    require_embedded(services)
    with services.db.read() as conn:
        whole = people.find(conn, services.keyring, bare)
    if whole is None:
        fail("The directory knows nobody with this number.", code=NOT_FOUND)
    shown = _shown(whole)
    if as_json:
        echo_json(shown)
    else:
        for name, value in shown.items():
            _tell(name, value)


def _shown(whole: Whole) -> dict[str, Any]:
    facts = whole.facts
    return {
        "edipi": _masked(facts.edipi),
        "other_edipis": [_masked(edipi) for edipi in facts.other_edipis],
        "ssn_on_file": any(number.kind == NumberKind.SSN.value for number in whole.numbers),
        "dbn_on_file": any(number.kind == NumberKind.DBN.value for number in whole.numbers),
        "name": _name(facts),
        "former_family_names": list(facts.former_family_names),
        "birth_date": facts.birth_date.isoformat(),
        "gender": facts.gender,
        "deceased_on": facts.deceased_on and facts.deceased_on.isoformat(),
        "conflict_since": facts.conflict_since and facts.conflict_since.isoformat(),
        "emails": [_email(email, whole) for email in facts.emails],
        "postal": [_post(post, whole) for post in facts.postal],
        "sponsors": [_relation(family) for family in whole.sponsors],
        "dependants": [_relation(family) for family in whole.dependants],
        "affiliations": [
            {
                "category": each.category,
                "branch": each.branch,
                "begin": each.begin.isoformat(),
                "end": each.end and each.end.isoformat(),
                "end_reason": each.end_reason,
                "source_code": each.source_code,
            }
            for each in facts.affiliations
        ],
        "eligibility": [
            {
                "program": each.program,
                "plan": each.plan,
                "status": each.status,
                "begin": each.begin.isoformat(),
                "end": each.end and each.end.isoformat(),
                "source_code": each.source_code,
            }
            for each in facts.eligibility
        ],
        "source_code": facts.source_code,
        "changed_at": whole.row.changed_at.isoformat(),
    }


def _email(email: Email, whole: Whole) -> dict[str, Any]:
    local, _, domain = email.address.rpartition("@")
    return {
        "address": f"{local[:1]}…@{domain}",
        "since": email.since.isoformat(),
        "changed_by": email.changed_by.value,
        "shared_with": whole.shared_emails[email.address],
    }


def _post(post: Postal, whole: Whole) -> dict[str, Any]:
    return {
        "locality": post.locality,
        "region": post.region,
        "country": post.country,
        "since": post.since.isoformat(),
        "changed_by": post.changed_by.value,
        "shared_with": whole.shared_postal[post],
    }


def _relation(family: Family) -> dict[str, Any]:
    relation = family.relation
    return {
        "edipi": _masked(family.facts.edipi),
        "name": _name(family.facts),
        "relationship": relation.relationship,
        "begin": relation.begin.isoformat(),
        "end": relation.end and relation.end.isoformat(),
        "custody": relation.custody,
    }


def _name(facts: Facts) -> str:
    return " ".join(part for part in (facts.given_name, facts.middle_name, facts.family_name, facts.suffix) if part)


def _masked(number: str) -> str:
    return "•" * (len(number) - 4) + number[-4:]


def _tell(name: str, value: object) -> None:
    label = name.replace("_", " ")
    if isinstance(value, list):
        for each in value:
            told = (
                ", ".join(f"{key} {_word(word)}" for key, word in each.items() if word is not None)
                if isinstance(each, dict)
                else each
            )
            click.echo(f"{label}: {told}")
    elif value is not None:
        click.echo(f"{label}: {_word(value)}")


def _word(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
