"""The `idp` command: its nouns, and the verbs that stand alone."""

import click

from idp.cli.lazy import LazyGroup

FOUND_IN = {
    "accounts": "accounts:accounts",
    "audit": "audit:audit",
    "clients": "clients:clients",
    "db": "db:db",
    "deers": "deers:deers",
    "demo": "demo:demo",
    "docs": "docs:docs",
    "doctor": "doctor:doctor",
    "keys": "keys:keys",
    "passwords": "passwords:passwords",
    "proofing": "proofing:proofing",
    "resources": "resources:resources",
    "serve": "serve:serve",
    "sessions": "sessions:sessions",
    "worker": "work:worker",
}


@click.group(
    cls=LazyGroup,
    found_in=FOUND_IN,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_name="guidon", message="guidon %(version)s")
def idp() -> None:
    """Run and manage the identity provider.

    Settings come from IDP_… variables or the TOML file that IDP_CONFIG names; docs/settings.md lists them.
    Exit codes: 0 done, 1 refused, 2 usage, 3 not found.
    """
