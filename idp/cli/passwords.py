"""`idp passwords`: the list of passwords that were stolen elsewhere, and whether one may be chosen."""

import sys
from pathlib import Path

import click

from idp import config
from idp.cli.common import NOT_FOUND, REFUSED, echo_json, fail, json_option, progress_bar
from idp.config import ConfigFault, Settings
from idp.credentials import breached
from idp.credentials import passwords as rules
from idp.credentials.breached import BadList, BreachedFault, BreachedFile
from idp.outcomes import Reason

_WHY = {
    Reason.PASSWORD_TOO_SHORT: "it is too short",
    Reason.PASSWORD_TOO_LONG: "it is too long",
    Reason.PASSWORD_COMMON: "it is among the first that somebody would try",
    Reason.PASSWORD_BREACHED: "it was stolen elsewhere",
}


@click.group()
def passwords() -> None:
    """Which passwords nobody may choose."""


@passwords.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def import_(file: Path, *, as_json: bool) -> None:
    """Make the file that IDP_BREACHED_PASSWORDS names, of a list of stolen passwords.

    FILE is "Pwned Passwords" as its own downloader writes it: SHA-1 digests with counts, ordered by hash. If one line is
    bad, nothing is changed. Servers that run use the new file at once.
    """
    target = _target(_settings())
    try:
        with progress_bar("Reading the list", max(1, file.stat().st_size)) as progress:
            entries = breached.import_list(file, target, progress=progress)
    except BadList as bad:
        if as_json:
            echo_json({"imported": False, "line": bad.line or None, "reason": bad.reason})
            raise SystemExit(REFUSED) from None
        fail(f"Nothing of {file} was imported: {bad}.")
    except OSError as failed:
        fail(f"{failed.filename or target} cannot be read or written: {failed.strerror}")
    if as_json:
        echo_json({"imported": True, "entries": entries, "file": str(target)})
    else:
        click.echo(f"{target} holds {entries} stolen passwords.")


@passwords.command()
@json_option
def show(*, as_json: bool) -> None:
    """Show how many stolen passwords are held, and since when."""
    target = _target(_settings())
    try:
        held = BreachedFile(target).describe()
    except BreachedFault as fault:
        fail(f"{target}: {fault}.")
    if as_json:
        echo_json(
            {"file": str(target), "entries": held.entries, "imported_at": held.made_at.isoformat(timespec="seconds")}
        )
    else:
        click.echo(f"{target} holds {held.entries} stolen passwords, imported on {held.made_at:%Y-%m-%d %H:%M} UTC.")


@passwords.command()
@click.option("--username", default="", help="The username that it would stand beside.")
@click.option("--second-factor", is_flag=True, help="A second factor stands beside it, so that it may be shorter.")
@json_option
def check(*, username: str, second_factor: bool, as_json: bool) -> None:
    """Tell whether a password could be chosen, and if not, why.

    It is asked for, or read from the first line of standard input.
    """
    settings = _settings()
    path = settings.breached_passwords
    try:
        refused = rules.check(
            _read_password(),
            username=username,
            breached=BreachedFile(path) if path is not None else None,
            alone=not second_factor,
        )
    except BreachedFault as fault:
        fail(f"{path}: {fault}.")
    if as_json:
        echo_json({"allowed": refused is None, "reason": refused.reason.value if refused is not None else None})
    elif refused is not None:
        click.echo(f"It could not be chosen: {_WHY[refused.reason]}.")
    else:
        click.echo("It could be chosen.")
    raise SystemExit(REFUSED if refused is not None else 0)


def _settings() -> Settings:
    try:
        return config.load()
    except ConfigFault as wrong:
        fail("\n".join(["The settings cannot be used:", *(f"  {line}" for line in wrong.faults)]))


def _target(settings: Settings) -> Path:
    if settings.breached_passwords is None:
        fail("No file is named: set IDP_BREACHED_PASSWORDS to where it is, or shall be.", code=NOT_FOUND)
    return settings.breached_passwords


def _read_password() -> str:
    """Never an argument, which everybody on the machine could see (R160)."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.readline().decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
