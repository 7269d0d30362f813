"""`idp demo`: what only the demo has: a mail catcher, people to try, and accounts that are ready to use."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import click
from sqlalchemy import Connection

from idp import clock
from idp.accounts import accounts as account_store
from idp.accounts.levels import Level
from idp.adapters.fake import MailCatcher, StandInRefused
from idp.cli.common import echo_json, fail, json_option, operator, pass_services
from idp.credentials import totp
from idp.credentials.sign_in import Browser
from idp.directory import cast
from idp.directory.records import Record
from idp.journeys import engine, registration, registration_account, registration_code
from idp.journeys.engine import Journey
from idp.outcomes import Refused
from idp.ports import Claimed, IdKind, Services
from idp.proofing import evidence, raising
from idp.proofing.policy import Delivery, Method

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Ready:
    """An account that the demo comes with. Its password is published: it opens nothing but invented data."""

    key: str
    username: str
    password: str
    totp_secret: str | None = None
    """What its app holds; whoever has one is Premium, seen in person."""


READY = (
    Ready(cast.SAM, "sam.dual", "seven quiet herons fly"),
    Ready(cast.VIC, "vic.veteran", "old maps fold badly again"),
    Ready(cast.ALEX, "alex.dual", "ninety small boats at anchor", "GUIDONDEMOGUIDONDEMOGUIDONDEMO23"),
)
"""Everybody else of the cast can still register."""


_STRANGER: dict[str, str | None] = {
    "name": "(any name)",
    "born": "1990-01-01",
    "ssn": cast.NOT_IN_DEERS,
    "dod_id": None,
    "shows": "not in DEERS: refused, and led on",
}


@click.group()
def demo() -> None:
    """The demo's own commands; they refuse to run in production."""


@demo.command()
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--port", default=5025, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@pass_services
def mail(services: Services, *, host: str, port: int) -> None:
    """Catch every mail and show it at /demo/mailbox, until stopped."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        catcher = MailCatcher(services.settings, host=host, port=port)
        catcher.start()
    except StandInRefused as refused:
        fail(str(refused))
    except OSError:
        fail(f"Port {port} is taken: something else is listening there.")
    click.echo(f"Catching mail on {host}:{port}.")
    stop.wait()
    catcher.stop()


@demo.command()
@json_option
@pass_services
def people(services: Services, *, as_json: bool) -> None:
    """List whom to try: people who can register, and accounts that are ready."""
    _only_demo(services)
    ready = {one.key for one in READY}
    held = {record.person: record for record in cast.people(clock.now().date())}
    try_these = [_described(held[part.key], part) for part in cast.PARTS if part.key not in ready]
    try_these.append(_STRANGER)
    accounts_ready: list[dict[str, str | None]] = [
        {
            "username": one.username,
            "password": one.password,
            "person": held[one.key].given_name,
            "level": "Premium" if one.totp_secret else "Basic",
            "totp_secret": one.totp_secret,
        }
        for one in READY
    ]
    if as_json:
        echo_json({"people_to_register": try_these, "ready_accounts": accounts_ready})
        return
    for row in (*try_these, *accounts_ready):
        click.echo("  ".join(str(value) for value in row.values() if value is not None))


@demo.command()
@json_option
@pass_services
def accounts(services: Services, *, as_json: bool) -> None:
    """Make the ready accounts that are not there yet, by the same steps that a person takes."""
    _only_demo(services)
    held = {record.person: record for record in cast.people(clock.now().date())}
    made = [one.username for one in READY if _register(services, one, held[one.key])]
    if as_json:
        echo_json({"made": made})
    else:
        click.echo(f"Made {', '.join(made)}." if made else "The ready accounts are there already.")


def _described(record: Record, part: cast.Part) -> dict[str, str | None]:
    return {
        "name": f"{record.given_name} {record.family_name}",
        "born": record.birth_date.isoformat(),
        "ssn": record.ssn,
        "dod_id": record.edipi,
        "shows": part.shows,
    }


def _register(services: Services, ready: Ready, record: Record) -> bool:
    with services.db.read() as conn:
        if account_store.find_by_username(conn, ready.username) is not None:
            return False
    claimed = Claimed(record.given_name, record.family_name, record.birth_date, IdKind.DOD_ID, record.edipi)
    handle = registration.begin(services, wanted_level=Level.BASIC, request=None, language="en", old_handle=None)

    def step(act: Callable[[Journey], object]) -> None:
        with services.db.read() as conn:
            journey = engine.find(conn, services.keyring, registration.MACHINE, handle)
        outcome = act(journey) if journey is not None else Refused
        if journey is None or isinstance(outcome, Refused | tuple):
            fail(f"The ready account {ready.username} could not be made: {outcome}. Is the cast in the directory?")

    def activate(journey: Journey) -> object:
        code: str = journey.facts["code"]
        return registration_code.redeem(services, code, journey=journey, address=_ADDRESS)

    step(lambda journey: registration.identify(services, journey, claimed, address=_ADDRESS))
    step(lambda journey: registration_code.send_code(services, journey, delivery=Delivery.SCREEN, email=None))
    step(activate)
    step(
        lambda journey: registration_account.finish(
            services, journey, username=ready.username, password=ready.password, browser=Browser(None, None, _ADDRESS)
        )
    )
    if ready.totp_secret is not None:
        _make_premium(services, ready.username, ready.totp_secret)
    return True


def _make_premium(services: Services, username: str, secret: str) -> None:
    """As an operator does who saw the person, once their app is enrolled."""

    def work(conn: Connection) -> None:
        account = account_store.find_by_username(conn, username)
        if account is None:
            fail(f"The ready account {username} is not there.")
        totp.keep(conn, services.keyring, account.id, secret=secret, step=0, old=None)
        policy = services.settings.policy
        evidence.add(conn, account, Method.IN_PERSON, policy=policy, at=clock.now())
        raising.settle(conn, services.keyring, account.id, chosen=policy, actor=operator(), why="in_person")

    services.db.write(work)


def _only_demo(services: Services) -> None:
    if not services.settings.demo:
        fail("This is for the demo alone (IDP_DEMO=1).")
