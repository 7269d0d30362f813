"""Notices: what an account's owner is told of at every address that the account has, in the write that it is about (R50).

Each mail there is stands in one of two tables here. What tells of a change of somebody's account holds a link "This was
not me" that locks the account at once; what does not has a reason.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from idp import outbox
from idp.accounts import addresses, disownings
from idp.accounts.accounts import Account
from idp.audit import Event
from idp.keyring import Keyring

DISOWNABLE: Mapping[str, Event] = {
    "address_code": Event.ADDRESS_CODE_ISSUED,
    "letter_sent": Event.ADDRESS_CODE_ISSUED,
    "passkey_suspect": Event.PASSKEY_SUSPECT,
    "password_changed": Event.PASSWORD_CHANGED,
    "premium_ended": Event.LEVEL_CHANGED,
    "premium_reached": Event.LEVEL_CHANGED,
    "recovery_code_used": Event.RECOVERY_CODE_USED,
    "recovery_codes_made": Event.RECOVERY_CODES_MADE,
    "second_factor_added": Event.FACTOR_ADDED,
    "second_factor_removed": Event.FACTOR_REMOVED,
    "second_factor_stopped": Event.FACTOR_STOPPED,
}
"""The mails with the link, by template, and what each tells of."""

NOT_DISOWNABLE: Mapping[str, str] = {
    "account_closed": "the account is closed, so that nothing is left to lock",
    "account_deceased": "nobody uses the account, and whoever reads it must not find that a click has locked it as well",
    "account_freed": "nobody did anything here: DEERS took back what it had said, and every link from before still works",
    "account_held": "nobody uses the account, and what it waits for is put right at DEERS",
    "account_displaced": "the account is closed, so that nothing is left to lock",
    "account_locked": "the account is locked already",
    "activation_code": "there is no account yet",
    "already_registered": "the account was not touched: a stranger's try must not lead its owner to lock it",
    "no_match": "there is no account",
}
"""The mails without it, and why."""


def tell_owner(
    conn: Connection,
    keyring: Keyring,
    account: Account,
    template: str,
    facts: Mapping[str, str] | None = None,
    *,
    also: Iterable[str] = (),
) -> int:
    """Mail this to each address of the account, and to each of `also` that is not one of them; tell how many.

    `template` names a pair in `templates/mail/`; `facts` fill it and must hold no secret. Raises `LookupError` for a
    template that neither table knows.
    """
    own = addresses.list_emails(conn, keyring, account.id)
    known = {email.strip().casefold(): email for email in (*also, *own)}
    told = {**(facts or {}), **link(conn, account.id, template)} if known else {}
    for email in known.values():
        outbox.enqueue(
            conn,
            keyring,
            template=template,
            to=email,
            facts=told,
            language=account.language,
            subject=account.person_id,
        )
    return len(known)


def link(conn: Connection, account_id: str, template: str) -> dict[str, str]:
    """The fact that a disownable mail needs for its link, made for one notice; nothing for any other mail.

    It is a secret: it goes into the sealed facts of the outbox and nowhere else.
    """
    if (about := DISOWNABLE.get(template)) is not None:
        return {"not_me": disownings.issue(conn, account_id, about)}
    if template not in NOT_DISOWNABLE:
        raise LookupError(f"the mail {template} stands in no table of idp.accounts.notices")
    return {}
