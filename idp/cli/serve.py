"""`idp serve`: the web server."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from idp import migrations_state
from idp.app import create_gateway
from idp.cli.common import echo_json, fail, json_option, pass_services
from idp.cli.serving import SLOWEST, check_pair
from idp.ports import PortDown, Services


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="How many processes.")
@click.option(
    "--threads", default=8, show_default=True, type=click.IntRange(1, 128), help="Requests at once in each process."
)
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate chain, PEM."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its private key, PEM.")
@json_option
@pass_services
def serve(
    services: Services,
    host: str,
    port: int,
    workers: int,
    threads: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    *,
    as_json: bool,
) -> None:
    """Serve the provider's pages and endpoints, until stopped.

    With --tls-cert and --tls-key it terminates TLS itself; without, it stands behind a proxy (see IDP_TRUSTED_HOPS).
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    if tls_cert is not None and tls_key is not None:
        check_pair(tls_cert, tls_key)
    try:
        if services.breached is not None:
            services.breached.check()
    except PortDown as down:
        fail(f"Not started: {down}.")
    trouble = migrations_state.trouble(services.db)
    if trouble is not None:
        fail(trouble)
    services.db.close()  # each worker process opens its own
    where = f"{'https' if tls_cert else 'http'}://{host}:{port}"
    if as_json:
        echo_json({"issuer": services.settings.issuer, "listening": where, "workers": workers, "threads": threads})
    else:
        click.echo(f"Serving {services.settings.issuer} on {where}; stop with Ctrl-C.")
    server = Granian(
        "idp.app:create_gateway",
        interface=Interfaces.RSGI,
        address=host,
        port=port,
        workers=workers,
        # Requests are worked on by the threads of `idp.adapters.gateway`; no one upgrades a connection to a websocket here.
        websockets=False,
        backlog=1024,
        # A connection counts until it is closed, so slow ones must not use up the places: the headers' time limit frees them.
        backpressure=4096,
        # HTTP/1.1 alone. With HTTP/2 the server first waits, without any limit, for what tells the two apart, and its streams know
        # no time limit for headers. Our pages are small, and a proxy in front speaks HTTP/2 to browsers if it likes.
        http=HTTPModes.http1,
        http1_settings=SLOWEST,
        log_level=LogLevels.warning,
        log_access=False,
        ssl_cert=tls_cert,
        ssl_key=tls_key,
        respawn_failed_workers=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.serve(target_loader=partial(_load, threads), wrap_loader=False)


def _load(threads: int) -> Callable[..., Any]:
    """What each worker process answers with; a process of its own calls this, so that it must be found by its name."""
    return create_gateway(threads).__rsgi__
