"""`idp accounts`: who has an account, and locking."""

from datetime import datetime

import click
from sqlalchemy import Connection

from idp import audit as audit_log
from idp.accounts import accounts as store
from idp.accounts import disownings
from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level
from idp.audit import Event
from idp.cli import proofing
from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services, yes_option
from idp.credentials import budgets, passwords, second_factor, sessions
from idp.credentials.budgets import Budget
from idp.db import list_rows
from idp.journeys import locking
from idp.ports import Services


@click.group()
def accounts() -> None:
    """See accounts, lock and unlock them."""


@accounts.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at the most.")
@json_option
@pass_services
def list_(services: Services, *, limit: int, as_json: bool) -> None:
    """List accounts, the newest first."""
    with services.db.read() as conn:
        rows = list_rows(conn, Account, order_by=Account.created_at.desc(), limit=limit)
    if as_json:
        echo_json([_shown(row) for row in rows])
        return
    for row in rows:
        click.echo(f"{row.id}  {row.username:<24} {_level(row):<8} {row.state}")
    if not rows:
        click.echo("There are no accounts yet.")


@accounts.command()
@click.argument("account")
@json_option
@pass_services
def show(services: Services, account: str, *, as_json: bool) -> None:
    """Show one account, by its id or username."""
    row = find_account(services, account)
    with services.db.read() as conn:
        live = list_rows(
            conn, sessions.Session, sessions.Session.account_id == row.id, sessions.Session.ended_at.is_(None)
        )
        proof = proofing.described(conn, row, services.settings.policy)
    shown = {**_shown(row), "sessions": len(live)}
    if as_json:
        echo_json({**shown, "proofing": proof})
        return
    for key, value in shown.items():
        click.echo(f"{key:<14} {value if value is not None else '-'}")
    click.echo("why this level:")
    for line in proofing.why(proof):
        click.echo(f"  {line}")


@accounts.command()
@click.argument("account")
@click.option("--reason", required=True, help="A reason code, such as fraud_report; kept with the lock.")
@yes_option
@json_option
@pass_services
def lock(services: Services, account: str, *, reason: str, yes: bool, as_json: bool) -> None:
    """Lock an account: its sessions and tokens are dead at once, and its owner is told by mail."""
    _move(services, account, was=State.ACTIVE, becomes=State.LOCKED, reason=reason, yes=yes, as_json=as_json)


@accounts.command()
@click.argument("account")
@click.option("--reason", required=True, help="Why the lock is lifted, as a reason code.")
@yes_option
@json_option
@pass_services
def unlock(services: Services, account: str, *, reason: str, yes: bool, as_json: bool) -> None:
    """Lift a lock, and let a password or an app for codes work again that too many wrong ones had stopped.

    Nothing that died with the lock comes back: the person signs in anew. Make sure first who asks.

    A reason such as disowned:second_factor.added (see `idp accounts show`) says that somebody opened the link "This was not
    me" in a mail about just that. Then look first at what was changed, together with the owner: somebody else may know the
    password, have an app for codes or recovery codes of this account, or read its mail.
    """
    row = find_account(services, account)
    with services.db.read() as conn:
        password = passwords.find_password(conn, row.id)
        stopped = second_factor.is_stopped(conn, row.id)
    stopped = stopped or (password is not None and password.disabled_at is not None)
    if row.state == State.ACTIVE.value and stopped:
        _revive(services, row, reason=_reason_code(reason), yes=yes, as_json=as_json)
        return
    _move(services, account, was=State.LOCKED, becomes=State.ACTIVE, reason=reason, yes=yes, as_json=as_json)


def _move(
    services: Services, account: str, *, was: State, becomes: State, reason: str, yes: bool, as_json: bool
) -> None:
    row = find_account(services, account)
    _reason_code(reason)
    if row.state != was.value:
        fail(f"The account is {row.state}, not {was.value}: nothing was done.")
    if not yes:
        _say(
            {"account": row.id, "would_become": becomes.value},
            f"{row.username} would become {becomes.value}. Add --yes to do it.",
            as_json,
        )
        return

    def work(conn: Connection) -> bool:
        if becomes is State.LOCKED:
            return locking.lock(conn, services.keyring, row, actor=operator(), why=reason)
        if not store.change_state(conn, row.id, was=was, becomes=becomes, why=None):
            return False
        _let_factors_work(conn, row.id)
        # What its mails told of has been looked into with its owner: an old link must not lock it once more.
        disownings.revoke(conn, row.id)
        audit_log.record(
            conn, Event.ACCOUNT_UNLOCKED, actor=operator(), subject=row.person_id, account=row.id, why=reason
        )
        return True

    if not services.db.write(work):
        fail("The account changed in this moment: nothing was done.")
    _say({"account": row.id, "state": becomes.value}, f"{row.username} is {becomes.value}.", as_json)


def _revive(services: Services, row: Account, *, reason: str, yes: bool, as_json: bool) -> None:
    if not yes:
        says = f"The password and the app of {row.username} would work again. Add --yes to do it."
        _say({"account": row.id, "would_become": "factors_enabled"}, says, as_json)
        return

    def work(conn: Connection) -> None:
        _let_factors_work(conn, row.id)
        audit_log.record(
            conn, Event.ACCOUNT_UNLOCKED, actor=operator(), subject=row.person_id, account=row.id, why=reason
        )

    services.db.write(work)
    _say({"account": row.id, "state": row.state}, f"The password and the app of {row.username} work again.", as_json)


def _let_factors_work(conn: Connection, account_id: str) -> None:
    passwords.enable(conn, account_id)
    budgets.forget(conn, Budget.PASSWORD, account_id)
    second_factor.revive(conn, account_id)


def _reason_code(reason: str) -> str:
    if not reason.replace("_", "").replace("-", "").isalnum() or len(reason) > 64:
        raise click.UsageError("--reason is a short code of letters, digits, - and _, such as fraud_report.")
    return reason


def _say(value: dict[str, object], sentence: str, as_json: bool) -> None:
    if as_json:
        echo_json(value)
    else:
        click.echo(sentence)


def find_account(services: Services, account: str) -> Account:
    """The account of this id or username; where there is none, the command ends with 3."""
    with services.db.read() as conn:
        row = store.find_account(conn, account) or store.find_by_username(conn, account)
    if row is None:
        fail("There is no such account.", code=NOT_FOUND)
    return row


def _shown(row: Account) -> dict[str, object]:
    return {
        "id": row.id,
        "username": row.username,
        "level": row.level,
        "wanted_level": row.wanted_level,
        "state": row.state,
        "state_why": row.state_why,
        "person": row.person_id,
        "created_at": _at(row.created_at),
        "changed_at": _at(row.changed_at),
    }


def _level(row: Account) -> str:
    return Level(row.level).name.capitalize()


def _at(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
