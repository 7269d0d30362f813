"""The `idp` command: its nouns, and the verbs that stand alone."""

from importlib import import_module

import click

FOUND_IN = {
    "accounts": "accounts",
    "audit": "audit",
    "clients": "clients",
    "db": "db",
    "deers": "deers",
    "demo": "demo",
    "docs": "docs",
    "doctor": "doctor",
    "keys": "keys",
    "passwords": "passwords",
    "proofing": "proofing",
    "resources": "resources",
    "serve": "serve",
    "sessions": "sessions",
    "worker": "work",
}
"""Each command, and the module in this folder that has it."""


class _Commands(click.Group):
    """Loads the one command that is called: all of them together take seconds, which nobody waits for gladly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, as the help lists them."""
        del ctx
        return list(FOUND_IN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None for one that there is not."""
        del ctx
        if cmd_name not in FOUND_IN:
            return None
        found: click.Command = getattr(import_module(f"idp.cli.{FOUND_IN[cmd_name]}"), cmd_name)
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="guidon", message="guidon %(version)s")
def idp() -> None:
    """Run and manage the identity provider.

    Settings come from IDP_… variables or the TOML file that IDP_CONFIG names; docs/settings.md lists them.
    Exit codes: 0 done, 1 refused, 2 usage, 3 not found.
    """
