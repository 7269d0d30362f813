"""`idp deers apply`: tell the directory what happened to its people."""

from pathlib import Path
from typing import Any

import click

from idp.cli.common import (
    REFUSED,
    echo_json,
    fail,
    json_option,
    operator,
    pass_services,
    progress_bar,
    require_embedded,
)
from idp.directory import apply
from idp.directory.apply import Decided, Report
from idp.directory.changes import SHAPES
from idp.directory.happenings import Why
from idp.keyring import SealBroken
from idp.ports import Services

OUTCOMES = ("applied", "ignored", "refused")

REASONS = {
    Why.APPLIED_BEFORE: "applied before",
    Why.ALREADY_SO: "it is already so",
    Why.UNREADABLE: "the line cannot be read",
    Why.IN_THE_FUTURE: "its day lies in the future; apply it then",
    Why.NO_SUCH_PERSON: "nobody has this person's key",
    Why.NO_SUCH_SPOUSE: "nobody has the spouse's key",
    Why.NO_SUCH_SPONSOR: "nobody has the key of a sponsor of the child",
    Why.NO_SUCH_STEPCHILD: "one of the stepchildren is not a stepchild of this sponsor on that day",
    Why.NO_SUCH_FORMER: "nobody has the key of the record that is to go",
    Why.KEY_TAKEN: "the new person's key is somebody else's",
    Why.NUMBER_TAKEN: "a number is somebody else's",
    Why.TOO_MUCH: "the record would hold more numbers, ties or times than one may",
    Why.NO_SERVICE: "there is no open service to end on that day",
    Why.DEAD: "one of the two is dead",
    Why.NOT_DEAD: "the person is not dead",
    Why.DEAD_SINCE_ANOTHER_DAY: "the person is dead already, since another day",
    Why.BEFORE_BIRTH: "the day lies before a birth date",
    Why.MARRIED: "one of the two is married to somebody else",
    Why.NOT_MARRIED: "the two are not married on that day",
    Why.NO_CHILD: "the person is no sponsor's child",
    Why.NOT_OLD_ENOUGH: "the child is not old enough",
    Why.INCAPACITATED: "the child is incapacitated, which has no age",
    Why.RELATED: "one of the two records depends on the other",
    Why.ONE_IS_DEAD: "one of the two records is of somebody dead, and the other is not",
}
"""Why a change was not applied, in words without any value of it."""


@click.command("apply")
@click.argument("changes", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Decide everything and write nothing.")
@json_option
@pass_services
def apply_(services: Services, changes: Path, *, dry_run: bool, as_json: bool) -> None:
    """Apply a file of changes: separations, marriages, births, deaths and more. What can be applied is."""
    require_embedded(services)
    try:
        with progress_bar("Applying changes", max(1, changes.stat().st_size)) as progress:
            report = apply.apply_file(services, changes, actor=operator(), dry_run=dry_run, progress=progress)
    except OSError as failed:
        fail(f"{changes} cannot be read: {failed.strerror}")
    except SealBroken:
        fail(
            "A record of the directory cannot be opened with these keys. What was applied before it stays; apply the file again "
            "when the keys are right."
        )
    if as_json:
        echo_json(_as_json(report, dry_run=dry_run))
    else:
        _tell(report, dry_run=dry_run)
    if report.total("refused"):
        raise SystemExit(REFUSED)


def _as_json(report: Report, *, dry_run: bool) -> dict[str, Any]:
    totals = {outcome: report.total(outcome) for outcome in OUTCOMES}
    kinds = {kind: {outcome: counted[outcome] for outcome in OUTCOMES} for kind, counted in _in_order(report)}
    others = [
        {
            "line": one.line,
            "id": one.id,
            "kind": one.kind,
            "outcome": one.outcome,
            "reason": one.why,
            "told": _reason(one),
            "decided_before": one.before,
        }
        for one in report.others
    ]
    return {"dry_run": dry_run, **totals, "kinds": kinds, "not_applied": others}


def _tell(report: Report, *, dry_run: bool) -> None:
    for one in report.others:
        click.echo(f"line {one.line}, {one.id or 'no id'}: {one.kind} {one.outcome}: {_reason(one)}")
    for kind, counted in _in_order(report):
        click.echo(f"{kind}: " + ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES))
    told = ", ".join(f"{report.total(outcome)} {outcome}" for outcome in OUTCOMES)
    click.echo(f"{told}. Nothing was written." if dry_run else f"{told}.")


def _reason(one: Decided) -> str:
    reason = one.fault or REASONS[one.why or Why.UNREADABLE]
    again = one.before and one.outcome == "refused"
    return f"{reason} (refused before, and not tried again under the same id)" if again else reason


def _in_order(report: Report) -> list[tuple[str, Any]]:
    order = [*SHAPES, "unreadable"]
    return sorted(report.counts.items(), key=lambda kind: order.index(kind[0]))
