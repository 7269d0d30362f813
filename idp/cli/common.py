"""What every command shares: the services, `--json`, who the operator is, and the exit codes (0 done, 1 refused, 2
usage, 3 not found).
"""

import contextlib
import functools
import getpass
import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from idp import config, logs
from idp.config import ConfigFault
from idp.db import Unavailable
from idp.keyring import KeyFault
from idp.ports import PortDown, Services
from idp.services import create_services

P = ParamSpec("P")
T = TypeVar("T")

REFUSED = 1
NOT_FOUND = 3


def fail(message: str, *, code: int = REFUSED) -> NoReturn:
    """Say on standard error why nothing was done, and end with this exit code."""
    click.echo(message, err=True)
    raise SystemExit(code)


def pass_services(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the services first. Settings or keys that cannot be used are told, all of them, without any
    value.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> T:
        try:
            settings = config.load()
            logs.set_up(settings.log_level)
            services = create_services(settings)
        except ConfigFault as wrong:
            fail("\n".join(["The settings cannot be used:", *(f"  {line}" for line in wrong.faults)]))
        except KeyFault as wrong:
            fail(f"The keys cannot be used: {wrong}")
        try:
            return command(services, *args, **kwargs)
        except Unavailable:
            fail("The database cannot be used now. Is it there, and migrated? See `idp db check`.")
        except PortDown as down:
            fail(f"Not answering: {down}")
        finally:
            services.db.close()

    return run


def require_embedded(services: Services) -> None:
    """End with a clear sentence where people are not kept here: what would be written or read would be nobody's truth."""
    if services.settings.deers_url:
        fail("This instance asks another directory (IDP_DEERS_URL), and keeps no people of its own. Do this there.")


def json_option(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def yes_option(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--yes`: without it a destructive command only says what it would do."""
    return click.option("--yes", is_flag=True, help="Do it; without this, only say what would be done.")(command)


def echo_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def operator() -> str:
    """The actor of what this command does, for the audit log."""
    return f"operator:{getpass.getuser()}"


@contextlib.contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, gone when done; nothing where no person is looking. It moves by hundredths, so that it costs nothing."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        shown = 0

        def moved(done: int) -> None:
            nonlocal shown
            if (done - shown) * 100 >= total:
                shown = done
                bar.update(task, completed=done)

        yield moved
