"""`idp accounts`: who has an account, locking and closing."""

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
from idp.journeys import locking, sync
from idp.journeys.following import Followed, Why
from idp.ports import PortDown, Services


@click.group()
def accounts() -> None:
    """See accounts, lock, unlock and close them."""


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
    """Lock an account: its sessions and tokens are dead at once, and its owner is told by mail.

    An account that is held because of what DEERS tells can be locked too: the lock is what comes back when DEERS takes that back.
    """
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

    An account that is deceased or identity_conflict has no lock to lift: DEERS says so, and it works again when DEERS says
    otherwise.
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
    own, held = store.own_state(row), row.state_before is not None
    if own is not was:
        if held and becomes is State.ACTIVE:
            fail(f"The account is {row.state}: {_WAY_OUT[Why(str(row.state_why))]} Nothing was done.")
        fail(f"The account is {own.value}, not {was.value}: nothing was done.")
    though = f" It stays {row.state} until DEERS takes that back." if held else ""
    if not yes:
        _say(
            {"account": row.id, "would_become": becomes.value, "held": row.state if held else None},
            f"{row.username} would become {becomes.value}.{though} Add --yes to do it.",
            as_json,
        )
        return

    def work(conn: Connection) -> bool:
        if becomes is State.LOCKED:
            return locking.lock(conn, services.keyring, row, actor=operator(), why=reason)
        if not store.change_own_state(conn, row, becomes=becomes, why=None):
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
    state = row.state if held else becomes.value
    _say(
        {"account": row.id, "state": state, "state_before": becomes.value if held else None},
        f"{row.username} is {becomes.value}.{though}",
        as_json,
    )


_WAY_OUT = {
    Why.DECEASED: "DEERS says that its owner has died. If that is wrong, it is corrected at DEERS.",
    Why.CONFLICT: "DEERS is not sure that its numbers belong to one person. That is put right at DEERS.",
    Why.NOT_IN_DEERS: "DEERS does not know its owner. That is put right at DEERS.",
    Why.TWO_ACCOUNTS: "its owner has a second account by another record of DEERS. Close one of the two: `idp accounts close`.",
}


@accounts.command()
@click.argument("account")
@click.option("--reason", required=True, help="A reason code, such as second_account; kept with the account.")
@yes_option
@json_option
@pass_services
def close(services: Services, account: str, *, reason: str, yes: bool, as_json: bool) -> None:
    """Close an account for good: its sessions and tokens are dead at once, and its owner is told by mail.

    Where DEERS made one of two people who have an account each, both are held as identity_conflict with the reason two_accounts.
    Ask their owner which one they want to keep and close the other by its id: the one that stays then works again.
    """
    row = find_account(services, account)
    _reason_code(reason)
    if not yes:
        _say(
            {"account": row.id, "would_become": State.CLOSED.value},
            f"{row.username} would be closed for good. Add --yes to do it.",
            as_json,
        )
        return
    if row.state != State.CLOSED.value and not services.db.write(
        lambda conn: locking.close(conn, services.keyring, row, actor=operator(), why=reason)
    ):
        fail("The account changed in this moment: nothing was done.")
    try:
        followed = sync.look_at_person(services, row.person_id, actor=operator())
    except PortDown:
        fail("The account is closed. DEERS does not answer now: run this again, so that the other account works again.")
    freed = followed.count(Followed.FREED)
    _say(
        {"account": row.id, "state": State.CLOSED.value, "freed": freed},
        f"{row.username} is closed." + (" The owner's other account works again." if freed else ""),
        as_json,
    )


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
        "state_before": row.state_before,
        "state_before_why": row.state_before_why,
        "person": row.person_id,
        "created_at": _at(row.created_at),
        "changed_at": _at(row.changed_at),
    }


def _level(row: Account) -> str:
    return Level(row.level).name.capitalize()


def _at(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
