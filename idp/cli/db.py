"""`idp db`: the database's shape."""

import click

from idp import migrations_state
from idp.cli.common import echo_json, fail, json_option, operator, pass_services
from idp.oidc import keys as signing_keys
from idp.ports import Services


@click.group()
def db() -> None:
    """Migrate the database, or see whether it fits this program."""


@db.command()
@json_option
@pass_services
def upgrade(services: Services, *, as_json: bool) -> None:
    """Bring the database to the newest revision and make the signing keys that are missing."""
    before, after = migrations_state.upgrade(services.db)
    made = signing_keys.ensure(services.db, services.keyring, actor=operator())
    if as_json:
        echo_json({"before": before, "after": after, "keys_made": made})
        return
    click.echo(
        f"The database is at revision {after}."
        if before == after
        else f"Migrated from {before or 'nothing'} to {after}."
    )
    for kid in made:
        click.echo(f"Made signing key {kid}.")


@db.command()
@json_option
@pass_services
def check(services: Services, *, as_json: bool) -> None:
    """Say whether the database fits this program; exit 1 when it does not."""
    trouble = migrations_state.trouble(services.db)
    differences = [] if trouble else migrations_state.differences(services.db)
    if as_json:
        echo_json({"ok": not trouble and not differences, "trouble": trouble, "differences": differences})
        raise SystemExit(1 if trouble or differences else 0)
    if trouble:
        fail(trouble)
    if differences:
        fail("The tables differ from what this program declares:\n" + "\n".join(differences))
    click.echo("The database fits.")
