"""`idp audit`: what happened."""

import json
import time
from collections.abc import Iterator

import click

from idp.audit import AuditEvent
from idp.cli.common import pass_services
from idp.db import list_rows
from idp.ports import Services

_PAUSE = 1.0


@click.group()
def audit() -> None:
    """Read the audit log."""


@audit.command()
@click.option(
    "-n", "--lines", default=20, show_default=True, type=click.IntRange(0, 10_000), help="How many to begin with."
)
@click.option("-f", "--follow", is_flag=True, help="Go on as events happen, until stopped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_services
def tail(services: Services, *, lines: int, follow: bool, as_json: bool) -> None:
    """Show the newest events, the newest last."""
    last = 0
    for row in _newest(services, lines):
        _show(row, as_json=as_json)
        last = row.seq
    try:
        while follow:
            time.sleep(_PAUSE)
            with services.db.read() as conn:
                rows = list_rows(conn, AuditEvent, AuditEvent.seq > last, order_by=AuditEvent.seq)
            for row in rows:
                _show(row, as_json=as_json)
                last = row.seq
    except KeyboardInterrupt:
        return


def _newest(services: Services, lines: int) -> Iterator[AuditEvent]:
    with services.db.read() as conn:
        rows = list_rows(conn, AuditEvent, order_by=AuditEvent.seq.desc(), limit=lines)
    return reversed(rows)


def _show(row: AuditEvent, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "seq": row.seq,
            "at": row.at.isoformat(),
            "event": row.event,
            "actor": row.actor,
            "subject": row.subject,
            "acting_for": row.acting_for,
            "client": row.client,
            "journey": row.journey,
            "request_id": row.request_id,
            "address": row.address,
            "fields": row.fields,
        }
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    fields = " ".join(f"{key}={value}" for key, value in sorted(row.fields.items()))
    who = f"actor={row.actor} subject={row.subject or '-'}"
    click.echo(f"{row.seq:>8}  {row.at:%Y-%m-%d %H:%M:%S}  {row.event:<28} {who} {fields}")
