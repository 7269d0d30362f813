"""`idp proofing`: why an account has its level, and what an operator may add or take away."""

import re

import click
from sqlalchemy import Connection

from idp import limits
from idp.accounts import accounts as store
from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level
from idp.audit import Event
from idp.audit import record as record_event
from idp.cli.common import NOT_FOUND, echo_json, fail, json_option, operator, pass_services, yes_option
from idp.cli.proofing_claims import reset_tries, unresolved
from idp.clock import now
from idp.config import PolicyName
from idp.credentials import second_factor
from idp.limits import Limit
from idp.ports import Services
from idp.proofing import authority, evidence, policy, raising
from idp.proofing.policy import POLICIES, Method

_LOOKS_LIKE_A_NUMBER = re.compile(r"[\d.:/-]*\d{3}[\d.:/-]*")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{2,63}")


@click.group()
def proofing() -> None:
    """See what speaks for an account, add what was seen in person, and distrust a method."""


proofing.add_command(unresolved)
proofing.add_command(reset_tries)


@proofing.command()
@click.argument("account")
@json_option
@pass_services
def show(services: Services, account: str, *, as_json: bool) -> None:
    """Show the evidence of one account, by its id or username, and why it has its level."""
    row = find(services, account)
    with services.db.read() as conn:
        shown = described(conn, row, services.settings.policy)
    if as_json:
        echo_json(shown)
        return
    click.echo(f"{row.username}: {Level(row.level).name.capitalize()} (Level {row.level})")
    for line in why(shown):
        click.echo(f"  {line}")


@proofing.command("in-person")
@click.argument("account")
@click.option("--reference", required=True, help="What the record of the visit is filed under; no names or numbers.")
@yes_option
@json_option
@pass_services
def in_person(services: Services, account: str, *, reference: str, yes: bool, as_json: bool) -> None:
    """Record that you saw the account's owner and their papers. Premium follows as soon as there is a second factor.

    Make sure first: two documents with a photo or the name, one of them an ID card that DEERS issued, and that they name the
    person whom DEERS shows for this account (`idp deers show`).
    """
    row = find(services, account)
    if not _REFERENCE.fullmatch(reference) or _LOOKS_LIKE_A_NUMBER.fullmatch(reference):
        raise click.UsageError(
            "--reference is 3 to 64 letters, digits, dots, dashes, colons or slashes; no one's number."
        )
    if row.state != State.ACTIVE.value:
        fail(f"The account is {row.state}: nothing was done.")
    if not yes:
        say = f"{row.username} would be recorded as seen in person. Add --yes to do it."
        _say({"account": row.id, "would_record": Method.IN_PERSON.value}, say, as_json=as_json)
        return

    also = authority.list_emails(services, row.person_id)

    def work(conn: Connection) -> Level | None:
        held = store.hold(conn, row.id)
        if held is None or held.state != State.ACTIVE.value:
            return None
        evidence.add(conn, held, Method.IN_PERSON, policy=services.settings.policy, at=now())
        record_event(
            conn,
            Event.PROVED_IN_PERSON,
            actor=operator(),
            subject=row.person_id,
            account=row.id,
            reference=reference,
        )
        return raising.settle(
            conn,
            services.keyring,
            row.id,
            chosen=services.settings.policy,
            actor=operator(),
            why=Method.IN_PERSON.value,
            also=also,
        )

    level = services.db.write(work)
    if level is None:
        fail("The account changed in this moment: nothing was done.")
    _say(
        {"account": row.id, "recorded": Method.IN_PERSON.value, "level": int(level)},
        f"Recorded. {row.username} is {level.name.capitalize()}"
        + ("." if level is Level.PREMIUM else ", and becomes Premium with a second factor."),
        as_json=as_json,
    )


@proofing.command()
@click.argument("method", type=click.Choice([method.value for method in Method]))
@yes_option
@json_option
@pass_services
def distrust(services: Services, method: str, *, yes: bool, as_json: bool) -> None:
    """Take away everything that rests on one method: list the accounts, and with --yes lower those that need it."""
    chosen = Method(method)
    with services.db.read() as conn:
        ids = evidence.list_accounts_with(conn, chosen)
        found = [row for id_ in ids if (row := store.find_account(conn, id_)) is not None]
    rows = [row for row in found if row.state != State.CLOSED.value]
    changed: list[dict[str, object]] = []
    for row in rows:
        after = _distrust(services, row, chosen) if yes else None
        changed.append(
            {"account": row.id, "username": row.username, "was": row.level, **({"level": int(after)} if after else {})}
        )
    if as_json:
        echo_json({"method": method, "done": yes, "accounts": changed})
        return
    for one in changed:
        click.echo("  ".join(str(value) for value in one.values()))
    done = "lost it" if yes else "rely on it. Add --yes to take it away"
    click.echo(f"{len(changed)} accounts {done}.")


def _distrust(services: Services, row: Account, method: Method) -> Level:
    def work(conn: Connection) -> Level:
        evidence.withdraw(conn, row.id, method)
        record_event(
            conn,
            Event.EVIDENCE_DISTRUSTED,
            actor=operator(),
            subject=row.person_id,
            account=row.id,
            method=method.value,
        )
        return raising.settle(
            conn,
            services.keyring,
            row.id,
            chosen=services.settings.policy,
            actor=operator(),
            why=f"distrusted_{method.value}",
        )

    return services.db.write(work)


@proofing.command("reset-questions")
@click.argument("account")
@click.option("--reason", required=True, help="Why, as a reason code such as owner_checked.")
@yes_option
@json_option
@pass_services
def reset_questions(services: Services, account: str, *, reason: str, yes: bool, as_json: bool) -> None:
    """Let a person answer questions again whose three tries are used up. Make sure first who asks."""
    row = find(services, account)
    if not _REFERENCE.fullmatch(reason):
        raise click.UsageError("--reason is a short code of letters, digits, - and _, such as owner_checked.")
    if not yes:
        say = f"{row.username} could answer questions again. Add --yes to do it."
        _say({"account": row.id, "would_reset": Method.KBV.value}, say, as_json=as_json)
        return

    def work(conn: Connection) -> None:
        limits.clear(conn, (Limit.KBV, row.person_id))
        record_event(conn, Event.QUIZ_TRIES_RESET, actor=operator(), subject=row.person_id, account=row.id, why=reason)

    services.db.write(work)
    _say({"account": row.id, "reset": Method.KBV.value}, f"{row.username} can answer questions again.", as_json=as_json)


def described(conn: Connection, row: Account, chosen: PolicyName) -> dict[str, object]:
    """What speaks for an account, and what Premium still misses."""
    held = evidence.list_standing(conn, row.id)
    toward = held if row.level >= Level.PREMIUM else evidence.list_toward(conn, row.id)
    factor = second_factor.has_any(conn, row.id)
    missing = [
        sorted(method.value for method in road) for road in policy.roads_to(POLICIES[chosen], Level.PREMIUM, toward)
    ]
    return {
        "account": row.id,
        "level": row.level,
        "wanted_level": row.wanted_level,
        "policy": chosen.value,
        "second_factor": factor,
        "evidence": [
            {
                "method": one.method,
                "policy": one.policy,
                "verifier": one.verifier,
                "at": one.at.isoformat(timespec="seconds"),
                "counts": one.withdrawn_at is None and Method(one.method) in held,
            }
            for one in evidence.list_all(conn, row.id)
        ],
        "premium_misses": missing,
    }


def why(shown: dict[str, object]) -> list[str]:
    """The same as lines for a person."""
    lines = []
    for one in shown["evidence"]:  # type: ignore[attr-defined]  # what `described` made
        counts = "" if one["counts"] else ", counts no longer"
        lines.append(f"{one['method']} on {one['at']} by {one['verifier']} (policy {one['policy']}{counts})")
    lines.append("second factor: " + ("yes" if shown["second_factor"] else "none"))
    roads: list[list[str]] = shown["premium_misses"]  # type: ignore[assignment]  # as above
    if shown["level"] != int(Level.PREMIUM):
        needs = " or ".join(" and ".join(road) if road else "nothing more" for road in roads)
        lines.append(f"Premium still needs: {needs}" + ("" if shown["second_factor"] else "; and a second factor"))
    return lines


def find(services: Services, account: str) -> Account:
    """The account of this id or username; ends the command when there is none."""
    with services.db.read() as conn:
        row = store.find_account(conn, account) or store.find_by_username(conn, account)
    if row is None:
        fail("There is no such account.", code=NOT_FOUND)
    return row


def _say(value: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        echo_json(value)
    else:
        click.echo(sentence)
