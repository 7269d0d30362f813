"""`idp deers import`: load a directory file."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import click

from idp.cli.common import (
    REFUSED,
    echo_json,
    fail,
    json_option,
    operator,
    pass_services,
    progress_bar,
    require_embedded,
)
from idp.directory import load
from idp.directory.load import Bad, BadFile, Loaded, Step
from idp.directory.reading import Fault, Format, ReaderGone
from idp.ports import Services

_BARS = {
    Step.READING: "Reading people",
    Step.AGAIN: "Reading them once more",
    Step.WRITING: "Writing people",
}


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "written_in",
    type=click.Choice([each.value for each in Format]),
    help="How the file is written; if not given, its name tells: CSV if it ends in .csv, else JSON lines.",
)
@click.option("--skip-bad", is_flag=True, help="Load all but the bad lines, and say which these are.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every bad line's number and reason to this file, as JSON lines.",
)
@json_option
@pass_services
def import_(
    services: Services, file: Path, *, written_in: str | None, skip_bad: bool, report: Path | None, as_json: bool
) -> None:
    """Load a directory file: all of it, or, if one line is bad, nothing."""
    require_embedded(services)
    bad = Bad(skip_bad, None if report is None else lambda faults: _write_report(report, faults))
    try:
        with _bars() as progress:
            loaded = load.load_file(
                services.db,
                services.keyring,
                file,
                actor=operator(),
                written_in=Format(written_in) if written_in else None,
                bad=bad,
                progress=progress,
            )
    except OSError as failed:
        fail(f"{failed.filename or file}: {failed.strerror}. Nothing was loaded.")
    except ReaderGone:
        fail(
            "A process that was reading the file was ended from outside, by want of memory perhaps. Nothing was loaded."
        )
    except BadFile as refused:
        _refuse(file, refused.faults, as_json=as_json)
    _tell(loaded, as_json=as_json)


def _tell(loaded: Loaded, *, as_json: bool) -> None:
    counts = {"added": loaded.added, "changed": loaded.changed, "unchanged": loaded.unchanged}
    if as_json:
        echo_json({"applied": True, **counts, "skipped": loaded.skipped, "faults": _listed(loaded.faults)})
        return
    click.echo(f"People added: {loaded.added}, changed: {loaded.changed}, as they were: {loaded.unchanged}.")
    if loaded.skipped:
        click.echo(f"Lines left out: {loaded.skipped}. These are wrong (the first of them, if there are many):")
        click.echo("\n".join(_told(loaded.faults)))


def _refuse(file: Path, faults: list[Fault], *, as_json: bool) -> NoReturn:
    if as_json:
        echo_json({"applied": False, "faults": _listed(faults)})
        raise SystemExit(REFUSED)
    head = f"Nothing of {file} was loaded. These lines are wrong (the first of them, if there are many):"
    fail("\n".join([head, *_told(faults)]))


def _listed(faults: list[Fault]) -> list[dict[str, int | str]]:
    return [{"line": fault.line, "reason": fault.reason} for fault in faults]


def _told(faults: list[Fault]) -> list[str]:
    return [f"  line {fault.line}: {fault.reason}" for fault in faults]


def _write_report(path: Path, faults: Iterator[Fault]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for fault in faults:
            file.write(json.dumps({"line": fault.line, "reason": fault.reason}) + "\n")


@contextlib.contextmanager
def _bars() -> Iterator[load.Progress]:
    """A bar for each step, one after the other."""
    with contextlib.ExitStack() as showing:
        shown: Step | None = None
        move: Callable[[int], None] = lambda _done: None  # noqa: E731 - there is no bar yet

        def progress(step: Step, done: int, whole: int) -> None:
            nonlocal shown, move
            if step is not shown:
                showing.close()
                shown, move = step, showing.enter_context(progress_bar(_BARS[step], whole))
            move(done)

        yield progress
