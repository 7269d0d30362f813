"""`idp deers sync`: follow DEERS's feed to its end, as the worker does every few seconds."""

from collections import Counter

import click

from idp.cli.common import echo_json, json_option, operator, pass_services
from idp.journeys import sync as following_feed
from idp.journeys.following import Followed
from idp.ports import Services

_SAYS = {
    Followed.HELD: "accounts held, because DEERS does not vouch for their owner",
    Followed.FREED: "accounts freed, because it vouches for them again",
    Followed.RENUMBERED: "people with another EDIPI",
    Followed.REKEYED: "people with another record",
    Followed.MERGED: "people who are one with another",
    Followed.STOPPED: "registrations that lead nowhere now",
}


@click.command()
@json_option
@pass_services
def sync(services: Services, *, as_json: bool) -> None:
    """Follow what changed at DEERS since the last time, and say what came of it."""
    read, followed = 0, Counter[Followed]()
    while True:
        done = following_feed.step(services, actor=operator())
        read += done.read
        followed.update(done.followed)
        if not done.more:
            break
    if as_json:
        echo_json({"read": read, "followed": {what.value: followed[what] for what in Followed}})
        return
    click.echo(f"Changes read: {read}.")
    for what, count in sorted(followed.items()):
        click.echo(f"{count:>6} {_SAYS[what]}")
