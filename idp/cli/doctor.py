"""`idp doctor`: is everything there that the provider needs?"""

from collections.abc import Callable
from datetime import datetime, timedelta

import click
import sqlalchemy as sa

from idp import clock, config, keyring, limits, migrations_state
from idp.audit import AuditEvent
from idp.cli.common import echo_json, json_option
from idp.config import ConfigFault, Settings
from idp.credentials import sign_in
from idp.credentials.breached import BreachedFault, BreachedFile
from idp.db import Unavailable
from idp.journeys import match_tries, sync
from idp.keyring import KeyFault
from idp.limits import Limit
from idp.oidc import keys as signing_keys
from idp.ports import PortDown, Services
from idp.services import create_services

_CLOCK_TOLERANCE = timedelta(seconds=5)
_LOOK_AT = 100  # changes that wait; more are not counted

Finding = tuple[bool, str]


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check settings, keys, database, clock, DEERS, mail, breached passwords and brakes; exit 1 when anything is wrong."""
    findings = dict(_examine())
    ok = all(good for good, _ in findings.values())
    if as_json:
        echo_json({"ok": ok, **{name: {"ok": good, "says": says} for name, (good, says) in findings.items()}})
    else:
        for name, (good, says) in findings.items():
            click.echo(f"{'ok  ' if good else 'BAD '} {name:<10} {says}")
    raise SystemExit(0 if ok else 1)


def _examine() -> list[tuple[str, Finding]]:
    try:
        settings = config.load()
    except ConfigFault as wrong:
        return [("settings", (False, "; ".join(wrong.faults)))]
    found: list[tuple[str, Finding]] = [("settings", (True, "demo" if settings.demo else "production"))]
    found.append(("keys", _keys(settings)))
    if not found[-1][1][0]:
        return found
    services = create_services(settings)
    try:
        checks: tuple[tuple[str, Callable[[Services], Finding]], ...] = (
            ("database", _database),
            ("signing", _signing),
            ("clock", _clock),
            ("deers", _deers),
            ("mail", _mail),
            ("breached", _breached),
            ("limits", _limits),
        )
        found.extend((name, _guarded(check, services)) for name, check in checks)
    finally:
        services.db.close()
    return found


def _guarded(check: Callable[[Services], Finding], services: Services) -> Finding:
    try:
        return check(services)
    except PortDown as down:
        return False, f"not answering ({down})"
    except (Unavailable, sa.exc.SQLAlchemyError) as down:
        return False, f"not answering ({type(down).__name__})"


def _keys(settings: Settings) -> Finding:
    try:
        keyring.load(settings.keys)
    except KeyFault as wrong:
        return False, str(wrong)
    return True, "sealing, pepper and look-up keys are there, for the owner alone"


def _database(services: Services) -> Finding:
    trouble = migrations_state.trouble(services.db)
    return (False, trouble) if trouble else (True, "SQLite" if services.db.is_sqlite else "PostgreSQL")


def _signing(services: Services) -> Finding:
    with services.db.read() as conn:
        held = signing_keys.list_keys(conn)
    algorithms = {key.alg for key in held if key.state == signing_keys.State.CURRENT.value}
    missing = {"RS256", "ES256"} - algorithms
    if missing:
        return False, f"no key for {', '.join(sorted(missing))}: run `idp keys init`"
    return True, ", ".join(sorted(algorithms))


def _clock(services: Services) -> Finding:
    """Only a clock that went back shows from inside: an event from the future says so."""
    with services.db.read() as conn:
        newest: datetime | None = conn.execute(sa.select(sa.func.max(AuditEvent.at))).scalar_one()
    if newest is not None and newest > clock.now() + _CLOCK_TOLERANCE:
        return False, "the newest audit event lies in the future: this machine's clock went back"
    return True, clock.now().isoformat(timespec="seconds")


def _deers(services: Services) -> Finding:
    """Asked as everybody else asks it, so that a certificate which one side does not believe shows here first."""
    count, elsewhere = services.directory.count(), bool(services.settings.deers_url)
    if not count:
        return (
            False,
            "the directory of IDP_DEERS_URL knows nobody" if elsewhere else "knows nobody: run `idp deers import`",
        )
    people = f"{count} people, at IDP_DEERS_URL" if elsewhere else f"{count} people"
    waiting = services.directory.list_changes(sync.find_cursor(services), most=_LOOK_AT)
    if not waiting.changes:
        return True, f"{people}; every change is followed"
    # One is no fault: it may have come this very moment.
    least = "at least " if waiting.more else ""
    return True, f"{people}; {least}{len(waiting.changes)} changes wait for the worker"


def _mail(services: Services) -> Finding:
    services.mailer.check()
    return True, "the mail server answers"


def _limits(services: Services) -> Finding:
    """The brakes for everybody together: one that is on means that somebody guesses on a large scale (R19, R65)."""
    brakes = (
        (Limit.MATCH_GLOBAL, match_tries.EVERYBODY, "nobody can be matched for up to an hour"),
        (Limit.SIGN_IN_GLOBAL, sign_in.EVERYBODY, "only browsers that are known get in for up to an hour"),
    )
    with services.db.read() as conn:
        on = [says for limit, who, says in brakes if limits.is_spent(conn, limit, who)]
    return (False, f"too many tries from everywhere: {'; '.join(on)}") if on else (True, "no brake for everybody is on")


def _breached(services: Services) -> Finding:
    path = services.settings.breached_passwords
    if path is None:
        return True, "no list is named: new passwords are compared with the built-in ones only"
    try:
        held = BreachedFile(path).describe()
    except BreachedFault as fault:
        return False, str(fault)
    return True, f"{held.entries} stolen passwords, of {held.made_at:%Y-%m-%d}"
