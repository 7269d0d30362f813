"""`idp worker`: the process beside the server."""

import signal
import threading
from types import FrameType

import click

from idp import migrations_state
from idp import worker as work
from idp.cli.common import fail, pass_services
from idp.ports import Services


@click.command()
@pass_services
def worker(services: Services) -> None:
    """Deliver mail and sweep what is over, until stopped. Any number may run."""
    trouble = migrations_state.trouble(services.db)
    if trouble is not None:
        fail(trouble)
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    click.echo("The worker is running.")
    work.run(services, stop)
