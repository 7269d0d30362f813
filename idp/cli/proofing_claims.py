"""`idp proofing unresolved` and `reset-tries`: claims that wait for the service center, and letting a number be tried again."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click
from sqlalchemy import Connection

from idp import audit, clock, limits
from idp.audit import AuditEvent, Event
from idp.cli.common import echo_json, json_option, operator, pass_services, yes_option
from idp.db import list_rows
from idp.journeys import match_tries
from idp.limits import Limit
from idp.outcomes import Reason
from idp.ports import IdKind, NoMatch, Services

_OWNED = {
    NoMatch.CONFLICT.value: "the record's numbers may belong to two people: a DEERS office settles it",
    NoMatch.AMBIGUOUS.value: "the number leads to several people whom the claim fits: a DEERS office corrects the number",
    "another_person": "an account's owner claimed to be somebody else: ask them, and think of misuse",
    Reason.TRIES_USED_UP.value: "ten tries with one number: see who asks, then `idp proofing reset-tries`",
}
"""Why a claim waits for somebody, and what they do. Every other no is the applicant's own to correct."""
_REASON = re.compile(r"[A-Za-z0-9_-]{3,64}")
_DIGITS = {IdKind.SSN: 9, IdKind.DOD_ID: 10}


@click.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3_650), help="How far to look back.")
@json_option
@pass_services
def unresolved(services: Services, *, days: int, as_json: bool) -> None:
    """List claims that only somebody else can settle, the newest last: conflicts, ambiguous numbers, tries used up.

    One that was matched later in the same registration or upgrade is settled and not shown. Whether somebody came back in another
    one cannot be told: no event says whose number it was.
    """
    with services.db.read() as conn:
        waiting = list(_waiting(conn, days))
    if as_json:
        echo_json([_shown(row) for row in waiting])
        return
    for row in waiting:
        shown = _shown(row)
        where = f"journey={row.journey} subject={row.subject or '-'} address={row.address or '-'}"
        click.echo(f"{row.at:%Y-%m-%d %H:%M}  {shown['why']:<14} {where}")
    for why in sorted({_why(row) for row in waiting}):
        click.echo(f"  {why}: {_OWNED[why]}")
    click.echo(f"Claims that wait for somebody: {len(waiting)}.")


@click.command("reset-tries")
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in IdKind]), help="Which number it is.")
@click.option("--reason", required=True, help="Why, as a reason code such as owner_checked.")
@yes_option
@json_option
@pass_services
def reset_tries(services: Services, *, kind: str, reason: str, yes: bool, as_json: bool) -> None:
    """Let a number be tried again that was claimed too often. It is asked for, and not shown. Make sure first who asks."""
    if not _REASON.fullmatch(reason):
        raise click.UsageError("--reason is a short code of letters, digits, - and _, such as owner_checked.")
    which = IdKind(kind)
    typed: str = click.prompt("Number", hide_input=True, err=True)
    number = typed.replace("-", "").replace(" ", "")
    if not (number.isascii() and number.isdigit() and len(number) == _DIGITS[which]):
        raise click.UsageError(f"This number has {_DIGITS[which]} digits.")
    key = match_tries.number_key(services.keyring, which, number)

    def work(conn: Connection) -> int:
        tries = limits.count(conn, Limit.MATCH_PERSON_EVER, key)
        if yes:
            match_tries.reset(conn, key)
            audit.record(
                conn, Event.MATCH_TRIES_RESET, actor=operator(), subject=None, id_kind=kind, tries=tries, why=reason
            )
        return tries

    tries = services.db.write(work)
    if as_json:
        echo_json({"id_kind": kind, "tries": tries, "done": yes})
        return
    done = "It can be tried again." if yes else "It could be tried again. Add --yes to do it."
    click.echo(f"{tries} tries of {Limit.MATCH_PERSON_EVER.value.most} were used. {done}")


def _waiting(conn: Connection, days: int) -> Iterator[AuditEvent]:
    """For each journey the newest event, if it waits for somebody."""
    names = (Event.ELIGIBILITY_REFUSED.value.name, Event.ELIGIBILITY_MATCHED.value.name)
    since = clock.now() - timedelta(days=days)
    rows = list_rows(
        conn, AuditEvent, AuditEvent.event.in_(names), AuditEvent.at >= since, order_by=AuditEvent.seq.desc()
    )
    newest: dict[str | None, AuditEvent] = {}
    for row in rows:
        newest.setdefault(row.journey, row)
    return (row for row in reversed(newest.values()) if _why(row) in _OWNED)


def _why(row: AuditEvent) -> str:
    return str(row.fields.get("why"))


def _shown(row: AuditEvent) -> dict[str, Any]:
    return {
        "at": row.at.isoformat(timespec="seconds"),
        "why": _why(row),
        "id_kind": row.fields.get("id_kind"),
        "journey": row.journey,
        "subject": row.subject,
        "address": row.address,
    }
