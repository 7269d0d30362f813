"""`idp sessions`: where an account is signed in, and ending that."""

import click

from idp.cli.accounts import find_account
from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services, yes_option
from idp.credentials import session_list
from idp.credentials import sessions as held
from idp.credentials.session_list import Kind, Listed
from idp.ports import Services


@click.group()
def sessions() -> None:
    """See where an account is signed in, and end that."""


@sessions.command("list")
@click.argument("account")
@json_option
@pass_services
def list_(services: Services, account: str, *, as_json: bool) -> None:
    """List the live sessions of an account, by its id or username, the last used first."""
    row = find_account(services, account)
    live = _list(services, row.id)
    if as_json:
        echo_json([_shown(one) for one in live])
        return
    for one in live:
        used = one.last_seen_at.isoformat(timespec="seconds")
        click.echo(f"{one.session_id}  {used}  {one.address or '-':<15}  {_words(one.kind)}")
    if not live:
        click.echo(f"{row.username} is signed in nowhere.")


@sessions.command()
@click.argument("session", required=False)
@click.option("--account", help="End every session of this account, and what clients hold of it for offline use.")
@yes_option
@json_option
@pass_services
def end(services: Services, session: str | None, account: str | None, *, yes: bool, as_json: bool) -> None:
    """End one session, by its id, or with --account all of one account. What clients hold of them is dead at once."""
    if (session is None) == (account is None):
        raise click.UsageError("Name one session, or an account with --account.")
    if session is not None:
        _end_one(services, session, yes=yes, as_json=as_json)
    else:
        _end_all(services, account or "", yes=yes, as_json=as_json)


def _end_one(services: Services, session: str, *, yes: bool, as_json: bool) -> None:
    with services.db.read() as conn:
        live = held.find_account_of(conn, session)
    if live is None:
        fail("There is no such live session.", code=NOT_FOUND)
    if not yes:
        _say({"session": session, "would_end": 1}, "The session would end. Add --yes to do it.", as_json=as_json)
        return
    if not services.db.write(lambda conn: held.end_session(conn, session, actor=operator(), why="ended_by_operator")):
        fail("The session ended in this moment: nothing was done.")
    _say({"session": session, "ended": 1}, "The session has ended.", as_json=as_json)


def _end_all(services: Services, account: str, *, yes: bool, as_json: bool) -> None:
    row = find_account(services, account)
    if not yes:
        count = len(_list(services, row.id))
        says = f"{count} sessions of {row.username} would end. Add --yes to do it."
        _say({"account": row.id, "would_end": count}, says, as_json=as_json)
        return

    ended = services.db.write(
        lambda conn: held.end_everything(conn, row.id, keep=None, actor=operator(), why="ended_by_operator")
    )
    _say({"account": row.id, "ended": ended}, f"{ended} sessions of {row.username} have ended.", as_json=as_json)


def _list(services: Services, account_id: str) -> list[Listed]:
    with services.db.read() as conn:
        return session_list.list_live(conn, services.keyring, account_id)


def _shown(one: Listed) -> dict[str, object]:
    return {
        "id": one.session_id,
        "signed_in_at": one.authenticated_at.isoformat(timespec="seconds"),
        "last_used_at": one.last_seen_at.isoformat(timespec="seconds"),
        "address": one.address,
        "browser": one.kind.browser or None,
        "system": one.kind.system or None,
        "outlives_browser": one.stays,
    }


def _words(kind: Kind) -> str:
    return " on ".join(part for part in (kind.browser, kind.system) if part) or "unknown browser"


def _say(value: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        echo_json(value)
    else:
        click.echo(sentence)
