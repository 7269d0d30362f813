"""`idp keys`: the key files, and the signing keys in the database."""

import click

from idp import config, keyring, migrations_state
from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services, yes_option
from idp.config import ConfigFault, Settings
from idp.db import Unavailable
from idp.keyring import KeyFault
from idp.oidc import keys as store
from idp.ports import Services
from idp.services import create_services


@click.group()
def keys() -> None:
    """Make keys, and see which there are."""


@keys.command()
@json_option
def init(*, as_json: bool) -> None:
    """Make the key files and signing keys that are missing. Existing ones are never touched."""
    try:
        settings = config.load()
        files = keyring.make(settings.keys)
        signing, trouble = _signing_keys(settings)
    except ConfigFault as wrong:
        fail("\n".join(["The settings cannot be used:", *(f"  {line}" for line in wrong.faults)]))
    except KeyFault as wrong:
        fail(f"The keys cannot be used: {wrong}")
    except OSError:
        fail("The keys folder cannot be made or written.")
    if as_json:
        echo_json({"files_made": files, "keys_made": signing, **({"waiting_for": trouble} if trouble else {})})
        return
    for name in files:
        click.echo(f"Made {settings.keys / name}.")
    for kid in signing:
        click.echo(f"Made signing key {kid}.")
    if trouble:
        click.echo(f"Signing keys are made by `idp db upgrade`, or here once the database is ready: {trouble}")
    elif not files and not signing:
        click.echo("Every key is there already.")


def _signing_keys(settings: Settings) -> tuple[list[str], str | None]:
    """The kids made, or why the database cannot hold them yet."""
    services = create_services(settings)
    try:
        trouble = migrations_state.trouble(services.db)
        made = [] if trouble else store.ensure(services.db, services.keyring, actor=operator())
    except Unavailable:
        return [], "it does not answer."
    finally:
        services.db.close()
    return made, trouble


@keys.command(name="list")
@json_option
@pass_services
def list_(services: Services, *, as_json: bool) -> None:
    """List the signing keys, the oldest first; nothing of their private halves."""
    with services.db.read() as conn:
        found = store.list_keys(conn)
    if as_json:
        echo_json([store.described(key) for key in found])
        return
    for key in found:
        click.echo(f"{key.kid}  {key.alg}  {key.state}  {key.created_at:%Y-%m-%d}")


@keys.command()
@click.argument("kid")
@yes_option
@json_option
@pass_services
def retire(services: Services, kid: str, *, yes: bool, as_json: bool) -> None:
    """Take a signing key out of use now, for one that may have been stolen, and put a new one in its place.

    Within seconds, whatever it signed is refused in every process: ID tokens that are shown again, and access tokens that are
    asked about. Whoever checks tokens by itself learns of it when it reads the key set the next time.
    """
    with services.db.read() as conn:
        found = next((key for key in store.list_keys(conn) if key.kid == kid), None)
    if found is None:
        fail("There is no such key.", code=NOT_FOUND)
    if found.state == store.State.RETIRED.value:
        fail("This key is out of use already.")
    if not yes:
        if as_json:
            echo_json({"would_retire": kid, "alg": found.alg})
        else:
            click.echo(f"Would take {kid} ({found.alg}) out of use, and make a new key. Nothing was done: add --yes.")
        return
    new = store.retire(services.db, services.keyring, kid, actor=operator())
    if new is None:
        fail("This key is out of use already.")
    if as_json:
        echo_json({"retired": kid, "alg": new.alg, "made": new.kid})
    else:
        click.echo(f"Took {kid} out of use. {new.alg} is signed by {new.kid} from now on.")
