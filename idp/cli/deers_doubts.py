"""`idp deers unresolved`: whom nobody can be matched to until a record is mended."""

from typing import Any

import click

from idp.cli.common import echo_json, json_option, pass_services, progress_bar, require_embedded
from idp.directory import doubts, people
from idp.directory.doubts import Doubt, Why
from idp.ports import Services

_SAYS = {
    Why.CONFLICT: "its numbers may belong to two people; settle the conflict and import the record again",
    Why.SHARED_SSN: "somebody else has the same SSN; correct the one that is wrong and import it again",
}


@click.command()
@json_option
@pass_services
def unresolved(services: Services, *, as_json: bool) -> None:
    """List the records that hold their people up: an open identity conflict, or one SSN for two people.

    Their owner is the office that keeps the directory's source: each is named by the source's own key. It opens every record, which
    takes about half a minute for a million.
    """
    require_embedded(services)
    with services.db.read() as conn, progress_bar("Looking at records", people.count(conn)) as progress:
        found = list(doubts.list_doubts(conn, services.keyring, progress))
    if as_json:
        echo_json([_shown(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.person}  {_masked(one.edipi)}")
        for why in one.why:
            since = f", since {one.conflict_since}" if why is Why.CONFLICT else ""
            click.echo(f"  {why}{since}: {_SAYS[why]}")
    click.echo(f"Records in doubt: {len(found)}.")


def _shown(one: Doubt) -> dict[str, Any]:
    return {
        "person": one.person,
        "edipi": _masked(one.edipi),
        "why": [why.value for why in one.why],
        "conflict_since": one.conflict_since and one.conflict_since.isoformat(),
    }


def _masked(edipi: str) -> str:
    return "•" * 6 + edipi[-4:]
