"""`idp deers serve`: the embedded directory as a service, for instances that keep no people of their own."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from idp import config, logs, migrations_state
from idp.adapters.deers import EmbeddedDirectory
from idp.adapters.deers_service import LONGEST, DeersService
from idp.adapters.gateway import Gateway
from idp.cli.common import echo_json, fail, json_option, pass_services, require_embedded
from idp.cli.serving import SLOWEST, check_pair
from idp.ports import Services
from idp.services import create_services

_THREADS = 8
"""Requests at once: each is two short reads of the database."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=5010, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--tls-cert", type=_file, help="The service's certificate chain, PEM.")
@click.option("--tls-key", type=_file, help="Its private key, PEM.")
@click.option(
    "--client-ca", type=_file, help="The CA whose client certificates may ask, PEM. Let it be one for this alone."
)
@json_option
@pass_services
def serve(
    services: Services,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    *,
    as_json: bool,
) -> None:
    """Serve the embedded directory over the API of docs/deers-openapi.json, until stopped.

    It takes nobody without a client certificate of --client-ca. Only in the demo, on this machine, it goes without TLS.
    """
    require_embedded(services)
    _check_tls(services, host, tls_cert, tls_key, client_ca)
    trouble = migrations_state.trouble(services.db)
    if trouble is not None:
        fail(trouble)
    services.db.close()  # the worker process opens its own
    where = f"{'https' if tls_cert else 'http'}://{host}:{port}"
    if as_json:
        echo_json({"listening": where, "client_certificates": client_ca is not None})
    else:
        click.echo(f"Serving the directory on {where}; stop with Ctrl-C.")
    server = Granian(
        "idp.cli.deers_serve:_load",
        interface=Interfaces.RSGI,
        address=host,
        port=port,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=SLOWEST,
        log_level=LogLevels.warning,
        log_access=False,
        ssl_cert=tls_cert,
        ssl_key=tls_key,
        ssl_ca=client_ca,
        ssl_client_verify=client_ca is not None,
        respawn_failed_workers=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.serve(target_loader=partial(_load, _THREADS), wrap_loader=False)


def _load(threads: int) -> Callable[..., Any]:
    """What the worker process answers with; it calls this itself, so that it must be found by its name."""
    settings = config.load()
    logs.set_up(settings.log_level)
    services = create_services(settings)
    service = DeersService(EmbeddedDirectory(services.db, services.keyring))
    return Gateway(service, threads=threads, most=LONGEST).__rsgi__


def _check_tls(
    services: Services, host: str, tls_cert: Path | None, tls_key: Path | None, client_ca: Path | None
) -> None:
    """All of TLS or nothing of it, and nothing of it only where no wire is."""
    given = [tls_cert is not None, tls_key is not None, client_ca is not None]
    if any(given) and not all(given):
        raise click.UsageError("--tls-cert, --tls-key and --client-ca go together.")
    if tls_cert is None or tls_key is None or client_ca is None:
        if not (services.settings.demo and host in _LOOPBACK):
            fail("Give --tls-cert, --tls-key and --client-ca: only the demo, on this machine alone, goes without them.")
        return
    check_pair(tls_cert, tls_key)
    try:
        x509.load_pem_x509_certificates(client_ca.read_bytes())
    except (ValueError, OSError):
        fail("--client-ca holds no PEM certificate.")
