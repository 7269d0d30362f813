"""Notices: what an account's owner is told of at every address that the account has, in the write that it is about (R50)."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from idp import outbox
from idp.accounts import addresses
from idp.accounts.accounts import Account
from idp.keyring import Keyring


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

    `template` names a pair in `templates/mail/`; `facts` fill it and must hold no secret.
    """
    own = addresses.list_emails(conn, keyring, account.id)
    known = {email.strip().casefold(): email for email in (*also, *own)}
    for email in known.values():
        outbox.enqueue(
            conn,
            keyring,
            template=template,
            to=email,
            facts=dict(facts or {}),
            language=account.language,
            subject=account.person_id,
        )
    return len(known)
