"""Commands that are loaded when they are called: all of them together take seconds, which nobody waits for gladly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group some of whose commands are only known by where they are: `module:name`, in this folder."""

    def __init__(self, *args: Any, found_in: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._found_in = found_in

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, as the help lists them."""
        return sorted({*super().list_commands(ctx), *self._found_in})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None for one that there is not."""
        if cmd_name not in self._found_in:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._found_in[cmd_name].partition(":")
        found: click.Command = getattr(import_module(f"idp.cli.{module}"), name)
        return found
