"""`idp worker`: the process beside the server."""

import signal
import threading
from types import FrameType

import click

from idp import migrations_state
from idp import worker as work
from idp.cli.common import echo_json, fail, json_option, pass_services
from idp.ports import Services


@click.command()
@json_option
@pass_services
def worker(services: Services, *, as_json: bool) -> None:
    """Deliver mail, sweep what is over and follow what changes at DEERS, until stopped. Any number may run."""
    trouble = migrations_state.trouble(services.db)
    if trouble is not None:
        fail(trouble)
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if as_json:
        echo_json({"running": True})
    else:
        click.echo("The worker is running; stop with Ctrl-C.")
    work.run(services, stop)
