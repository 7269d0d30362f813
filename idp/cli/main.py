"""The `idp` command: its nouns, and the verbs that stand alone."""

import click

from idp.cli.accounts import accounts
from idp.cli.audit import audit
from idp.cli.clients import clients
from idp.cli.db import db
from idp.cli.deers import deers
from idp.cli.demo import demo
from idp.cli.docs import docs
from idp.cli.doctor import doctor
from idp.cli.keys import keys
from idp.cli.passwords import passwords
from idp.cli.proofing import proofing
from idp.cli.resources import resources
from idp.cli.serve import serve
from idp.cli.sessions import sessions
from idp.cli.work import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="guidon", message="guidon %(version)s")
def idp() -> None:
    """Run and manage the identity provider.

    Settings come from IDP_… variables or the TOML file that IDP_CONFIG names; docs/settings.md lists them.
    Exit codes: 0 done, 1 refused, 2 usage, 3 not found.
    """


for command in (
    accounts,
    audit,
    clients,
    db,
    deers,
    demo,
    docs,
    doctor,
    keys,
    passwords,
    proofing,
    resources,
    serve,
    sessions,
    worker,
):
    idp.add_command(command)
