"""The public keys of a client as an operator gives them: a file, or the address of one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from idp.config import Settings
from idp.oidc import client_keys, redirect_uris

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST = 64 * 1024


def jwks_options(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--jwks-file` and `--jwks-uri`, of which `private_key_jwt` needs exactly one."""
    by_file = click.option(
        "--jwks-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Its public keys: a JWKS, or one public JWK.",
    )
    by_uri = click.option("--jwks-uri", help="Where its public keys are fetched from, by https.")
    return by_file(by_uri(command))


def read_file(path: Path | None) -> tuple[dict[str, Any] | None, list[str]]:
    """The key set of a file, and what is wrong with it."""
    if path is None:
        return None, []
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if len(text) <= _LONGEST else None
    except (OSError, ValueError, RecursionError):
        return None, ["the file of keys is not JSON"]
    faults = list(client_keys.read(document).faults)
    return (
        (None, [f"the file of keys: {fault}" for fault in faults]) if faults else (client_keys.registered(document), [])
    )


def check_address(uri: str | None, settings: Settings) -> list[str]:
    """What is wrong with the address of a key set. Plain http is for the demo's own machine (R151)."""
    if uri is None:
        return []
    fault = redirect_uris.fault_of(uri, native=False)
    if fault is None and not uri.startswith("https://") and not settings.demo:
        fault = "must be https"
    return [] if fault is None else [f"{uri} {fault}"]
