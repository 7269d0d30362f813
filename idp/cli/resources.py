"""`idp resources`: the resource servers, which take our access tokens."""

from pathlib import Path

import click
from sqlalchemy import Connection

from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services
from idp.cli.jwks import check_address, jwks_options, read_file
from idp.oidc import client_auth, clients, keys, scopes
from idp.oidc import resources as store
from idp.oidc.clients import AuthMethod, Kind
from idp.oidc.resources import ResourceServer
from idp.ports import Services


@click.group()
def resources() -> None:
    """Register resource servers, and look them up."""


@resources.command()
@click.option("--name", required=True, help="What it is called.")
@click.option(
    "--resource", "identifier", required=True, help="Its address: what clients name, and the aud of its tokens."
)
@click.option("--scope", "scope", multiple=True, help="A scope that it understands; repeatable. By default every one.")
@click.option(
    "--alg", type=click.Choice(keys.ALGS), default=keys.RS256, show_default=True, help="How tokens are signed."
)
@click.option(
    "--auth-method",
    type=click.Choice(client_auth.PROVING),
    default=AuthMethod.BASIC.value,
    show_default=True,
    help="How it proves itself when it introspects.",
)
@click.option(
    "--client",
    "client_ids",
    multiple=True,
    metavar="CLIENT_ID",
    help="A client that may have tokens for it; repeatable. A later client names it by its own --resource.",
)
@jwks_options
@json_option
@pass_services
def create(
    services: Services,
    *,
    name: str,
    identifier: str,
    scope: tuple[str, ...],
    alg: str,
    auth_method: str,
    client_ids: tuple[str, ...],
    jwks_file: Path | None,
    jwks_uri: str | None,
    as_json: bool,
) -> None:
    """Register a resource server. The secret by which it introspects is shown now and never again."""
    keys_given, faults = read_file(jwks_file)
    wanted = store.wanted(
        identifier=identifier,
        name=name,
        scopes=tuple(word for given in scope for word in given.split()),
        alg=alg,
        auth_method=AuthMethod(auth_method),
        jwks=keys_given,
        jwks_uri=jwks_uri,
        clients=client_ids,
    )
    faults += check_address(jwks_uri, services.settings)
    if not faults:
        with services.db.read() as conn:
            known = [client.id for client in clients.list_clients(conn) if client.kind != Kind.SERVICE.value]
        faults += store.faults_of(
            wanted,
            issuer=services.settings.issuer,
            known_scopes=scopes.ALL,
            known_algs=keys.ALGS,
            known_clients=known,
        )
    if faults:
        fail("\n".join(["The resource server was not registered:", *(f"  {fault}" for fault in faults)]))

    def write(conn: Connection) -> tuple[ResourceServer, str | None] | None:
        return store.create(conn, wanted, default_scopes=scopes.ALL, actor=operator())

    made = services.db.write(write)
    if made is None:
        fail("There is a resource server of this address already.")
    resource, secret = made
    if as_json:
        shown = store.described(resource)
        echo_json({"client_id": resource.client_id, **({"client_secret": secret} if secret else {}), **shown})
        return
    click.echo(f"Registered {resource.name}.")
    click.echo(f"client_id      {resource.client_id}")
    if secret is not None:
        click.echo(f"client_secret  {secret}")
        click.echo("The secret is not kept and cannot be shown again.")


@resources.command(name="list")
@json_option
@pass_services
def list_(services: Services, *, as_json: bool) -> None:
    """List every resource server, the oldest first."""
    with services.db.read() as conn:
        found = store.list_resources(conn)
    if as_json:
        echo_json([store.described(resource) for resource in found])
        return
    for resource in found:
        click.echo(f"{resource.client_id}  {resource.alg}  {resource.identifier}  {resource.name}")


@resources.command()
@click.argument("identifier", metavar="RESOURCE")
@json_option
@pass_services
def show(services: Services, identifier: str, *, as_json: bool) -> None:
    """Show one resource server, by its address; never its secret."""
    with services.db.read() as conn:
        resource = store.find_resource(conn, identifier)
    if resource is None:
        fail("There is no such resource server.", code=NOT_FOUND)
    described = store.described(resource)
    if as_json:
        echo_json(described)
        return
    for name, value in described.items():
        click.echo(f"{name:<34}  {value}")
