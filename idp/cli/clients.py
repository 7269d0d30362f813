"""`idp clients`: the relying parties."""

from pathlib import Path

import click
from sqlalchemy import Connection

from idp.accounts.levels import ACRS
from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services
from idp.cli.jwks import check_address, jwks_options, read_file
from idp.oidc import clients as store
from idp.oidc import keys, resources, scopes, subjects
from idp.oidc.clients import AuthMethod, Client, Kind, Pkce, Wanted
from idp.ports import Services


def _choice(values: type[Kind | AuthMethod | Pkce]) -> click.Choice[str]:
    return click.Choice([value.value for value in values])


@click.group()
def clients() -> None:
    """Register relying parties, and look them up."""


@clients.command()
@click.option("--name", required=True, help="What people see on the sign-in and consent pages.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    help="Where answers may go; repeatable. Every type but a service needs one.",
)
@click.option("--type", "kind", type=_choice(Kind), default=Kind.WEB.value, show_default=True, help="What it runs on.")
@click.option("--auth-method", type=_choice(AuthMethod), help="How it proves itself; by default what suits the type.")
@click.option("--scope", "scope", multiple=True, help="A scope it may ask for; repeatable, or several in quotes.")
@click.option(
    "--resource",
    "resource",
    multiple=True,
    metavar="URI",
    help="A resource server it may have tokens for; repeatable. By default none.",
)
@click.option(
    "--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, help="Where a sign-out may end."
)
@click.option("--origin", "origins", multiple=True, help="An origin whose scripts may call the token endpoint.")
@click.option("--public-sub", is_flag=True, help="Give it the same subject for a person as every other such client.")
@click.option("--first-party", is_flag=True, help="Ask no consent, but for access that outlives the session.")
@click.option("--min-acr", type=click.Choice(ACRS), help="The weakest sign-in that it takes.")
@click.option(
    "--default-acr",
    "default_acr_values",
    multiple=True,
    type=click.Choice(ACRS),
    help="What it asks for where a request asks for nothing; repeatable, the first is liked best.",
)
@click.option("--pkce", type=_choice(Pkce), help="Whether PKCE is required of it, whatever IDP_PKCE_REQUIRED says.")
@click.option(
    "--id-token-alg", type=click.Choice(keys.ALGS), default=keys.RS256, show_default=True, help="ES256 is faster."
)
@jwks_options
@json_option
@pass_services
def create(
    services: Services,
    *,
    name: str,
    redirect_uris: tuple[str, ...],
    kind: str,
    auth_method: str | None,
    scope: tuple[str, ...],
    resource: tuple[str, ...],
    post_logout_redirect_uris: tuple[str, ...],
    origins: tuple[str, ...],
    public_sub: bool,
    first_party: bool,
    min_acr: str | None,
    default_acr_values: tuple[str, ...],
    pkce: str | None,
    id_token_alg: str,
    jwks_file: Path | None,
    jwks_uri: str | None,
    as_json: bool,
) -> None:
    """Register a client. Its secret is shown now and never again."""
    if not redirect_uris and kind != Kind.SERVICE.value:
        raise click.UsageError("Missing option '--redirect-uri'.")
    keys_given, faults = read_file(jwks_file)
    wanted = Wanted(
        name=name,
        redirect_uris=redirect_uris,
        kind=Kind(kind),
        auth_method=AuthMethod(auth_method) if auth_method else None,
        scopes=tuple(word for given in scope for word in given.split()),
        resources=resource,
        post_logout_redirect_uris=post_logout_redirect_uris,
        origins=origins,
        subject_type=subjects.PUBLIC if public_sub else subjects.PAIRWISE,
        first_party=first_party,
        min_acr=min_acr,
        default_acr_values=default_acr_values,
        pkce=Pkce(pkce) if pkce else None,
        id_token_alg=id_token_alg,
        jwks=keys_given,
        jwks_uri=jwks_uri,
    )
    faults += check_address(jwks_uri, services.settings)
    if not faults:
        with services.db.read() as conn:
            known = [server.identifier for server in resources.list_resources(conn)]
        faults += store.faults_of(wanted, known_scopes=scopes.ALL, known_algs=keys.ALGS, known_resources=known)
    if faults:
        fail("\n".join(["The client was not registered:", *(f"  {fault}" for fault in faults)]))

    def write(conn: Connection) -> tuple[Client, str | None]:
        return store.create(conn, wanted, default_scopes=scopes.DEFAULT, actor=operator())

    client, secret = services.db.write(write)
    if as_json:
        shown = store.described(client)
        echo_json({"client_id": client.id, **({"client_secret": secret} if secret else {}), **shown})
        return
    click.echo(f"Registered {client.name}.")
    click.echo(f"client_id      {client.id}")
    if secret is not None:
        click.echo(f"client_secret  {secret}")
        click.echo("The secret is not kept and cannot be shown again.")


@clients.command(name="list")
@json_option
@pass_services
def list_(services: Services, *, as_json: bool) -> None:
    """List every client, the oldest first."""
    with services.db.read() as conn:
        found = store.list_clients(conn)
    if as_json:
        echo_json([store.described(client) for client in found])
        return
    for client in found:
        click.echo(f"{client.id}  {client.kind:<6}  {client.auth_method:<19}  {client.name}")


@clients.command()
@click.argument("client_id")
@json_option
@pass_services
def show(services: Services, client_id: str, *, as_json: bool) -> None:
    """Show one client; never its secret."""
    with services.db.read() as conn:
        client = store.find_client(conn, client_id)
    if client is None:
        fail("There is no such client.", code=NOT_FOUND)
    described = store.described(client)
    if as_json:
        echo_json(described)
        return
    for name, value in described.items():
        click.echo(f"{name:<30}  {' '.join(value) if isinstance(value, list) else value}")
